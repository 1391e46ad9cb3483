//! Records in the making: what a shard logs of one batch.

mod run;

pub(crate) use run::{BasedRun, Run, split_records};

use super::decoded::{HELP_FIELD, UNIT_FIELD};
use super::histogram::push_histogram;
use crate::cursor::{push_uvarint, push_varint};
use crate::head_chunks::HeadChunkRef;
use crate::wal::record::RecordKind;
use model::{ExemplarRef, HistogramRef, LabelsRef, MetadataRef, Numbers, SeriesRef, TimeRange};

/// Whole records of a batch in the layout of the log, uncompressed; reused, so that a steady batch allocates nothing. It
/// begins with [`Records::begin_batch`]; between its shares stands [`Records::next_share`].
///
/// A shard pushes items in any order. In the log series come first, so nothing comes before the series it names; then what
/// is pushed up to a [`Records::barrier`], in the order in which Prometheus logs a commit: markers, metadata, floats,
/// histograms, exemplars, deletions. Of one kind items keep their order.
#[derive(Debug, Default)]
pub struct Records {
    series: Run,
    /// Whole records that come before what is in the runs below.
    sealed: Vec<u8>,
    markers: Run,
    metadata: Run,
    samples: BasedRun,
    histograms: HistogramRuns,
    exemplars: BasedRun,
    deletions: Run,
}

/// Histograms, by the types of their records.
#[derive(Debug, Default)]
struct HistogramRuns {
    integer: BasedRun,
    custom: BasedRun,
    float: BasedRun,
    custom_float: BasedRun,
}

impl Records {
    /// Logs that `series` has these labels.
    pub fn series(&mut self, series: SeriesRef, labels: LabelsRef<'_>) {
        self.series.item(RecordKind::Series as u8, |bytes| {
            bytes.extend_from_slice(&series.0.to_be_bytes());
            push_labels(bytes, labels);
        });
    }

    /// Logs a sample of `series`.
    #[inline]
    pub fn sample(&mut self, series: SeriesRef, timestamp_ms: i64, value: f64) {
        self.samples.sample(RecordKind::Samples as u8, series, timestamp_ms, value);
    }

    /// Logs a histogram of `series`.
    pub fn histogram(&mut self, series: SeriesRef, timestamp_ms: i64, histogram: HistogramRef<'_>) {
        let runs = &mut self.histograms;
        let (run, kind) = match (histogram.numbers, histogram.layout.has_custom_buckets()) {
            (Numbers::Integer, false) => (&mut runs.integer, RecordKind::Histograms),
            (Numbers::Integer, true) => (&mut runs.custom, RecordKind::CustomHistograms),
            (Numbers::Float, false) => (&mut runs.float, RecordKind::FloatHistograms),
            (Numbers::Float, true) => (&mut runs.custom_float, RecordKind::CustomFloatHistograms),
        };
        run.item(kind as u8, (series, timestamp_ms), |bytes| push_histogram(bytes, &histogram));
    }

    /// Logs an exemplar of `series`.
    pub fn exemplar(&mut self, series: SeriesRef, exemplar: ExemplarRef<'_>) {
        push_exemplar(&mut self.exemplars, RecordKind::Exemplars as u8, series, exemplar);
    }

    /// Logs what was said of `series`.
    pub fn metadata(&mut self, series: SeriesRef, metadata: MetadataRef<'_>) {
        self.metadata.item(RecordKind::Metadata as u8, |bytes| {
            push_uvarint(bytes, series.0);
            bytes.push(metadata.kind as u8);
            push_uvarint(bytes, 2);
            for string in [UNIT_FIELD, metadata.unit, HELP_FIELD, metadata.help] {
                push_string(bytes, string);
            }
        });
    }

    /// Logs that samples of `series` in a range are deleted, those logged before.
    pub fn deletion(&mut self, series: SeriesRef, range: TimeRange) {
        self.deletions.item(RecordKind::Tombstones as u8, |bytes| {
            bytes.extend_from_slice(&series.0.to_be_bytes());
            push_stone(bytes, range);
        });
    }

    /// Logs that the out-of-order samples of `series` logged before are in a chunk of `chunks_head`. Only in the log of
    /// such samples.
    pub fn marker(&mut self, series: SeriesRef, chunk: HeadChunkRef) {
        self.markers.item(RecordKind::MmapMarkers as u8, |bytes| {
            bytes.extend_from_slice(&series.0.to_be_bytes());
            bytes.extend_from_slice(&chunk.0.to_be_bytes());
        });
    }

    /// What is pushed from now on comes behind all that was. To be called when a series goes from floats to histograms,
    /// from histograms of one type (of numbers, of buckets) to another, or back, within a batch; before a marker that is of
    /// samples in the batch; behind a deletion.
    pub fn barrier(&mut self) {
        let mut sealed = std::mem::take(&mut self.sealed);
        for run in self.unsealed_mut() {
            run.copy(&mut sealed);
            run.clear();
        }
        self.sealed = sealed;
    }

    /// Forgets all records, keeps the memory.
    pub fn clear(&mut self) {
        self.begin(0);
    }

    /// As [`Records::clear`]; a batch comes, whose references mostly rise.
    pub fn begin_batch(&mut self) {
        // A reference and its differences to those within 64 of it are a byte, whichever way.
        self.begin(64);
    }

    /// Items will count from `lead` references after the first.
    fn begin(&mut self, lead: u64) {
        self.next_share();
        let HistogramRuns { integer, custom, float, custom_float } = &mut self.histograms;
        for run in [&mut self.samples, integer, custom, float, custom_float, &mut self.exemplars] {
            run.begin(lead);
        }
    }

    /// Forgets all records, which are in the log's buffer. What another shard logs of the same batch counts from the same
    /// reference and time, so its samples can go on in the record of this one.
    pub fn next_share(&mut self) {
        self.series.clear();
        self.sealed.clear();
        self.unsealed_mut().into_iter().for_each(Run::clear);
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.size_bytes() == 0
    }

    /// What the records take in the log's buffer.
    pub fn size_bytes(&self) -> usize {
        self.series.size_bytes() + self.sealed.len() + self.unsealed().map(Run::size_bytes).into_iter().sum::<usize>()
    }

    /// Gives back memory beyond `keep_bytes` for each kind of record.
    pub fn shrink_to(&mut self, keep_bytes: usize) {
        self.series.shrink_to(keep_bytes);
        self.sealed.shrink_to(keep_bytes);
        self.unsealed_mut().into_iter().for_each(|run| run.shrink_to(keep_bytes));
    }

    /// The records as they are logged, in their order: copied, for tools and tests.
    pub fn to_records(&self) -> Vec<Vec<u8>> {
        let mut buffer = Vec::with_capacity(self.size_bytes());
        self.copy_series(&mut buffer);
        self.copy_others(&mut buffer, None);
        split_records(&buffer).map(<[u8]>::to_vec).collect()
    }

    /// Appends all records to `out`, each preceded by its size.
    pub(crate) fn copy(&self, out: &mut Vec<u8>) {
        self.copy_series(out);
        self.copy_others(out, None);
    }

    /// Appends the series records to `out`.
    pub(in crate::wal) fn copy_series(&self, out: &mut Vec<u8>) {
        self.series.copy(out);
    }

    /// Appends all others to `out`. Where a record of samples ends `out`, `open` says where it stands: samples go on in it.
    /// Returns the same for what comes next.
    pub(in crate::wal) fn copy_others(&self, out: &mut Vec<u8>, open: Option<usize>) -> Option<usize> {
        let start = out.len();
        out.extend_from_slice(&self.sealed);
        let [markers, metadata, _, behind @ ..] = self.unsealed();
        [markers, metadata].into_iter().for_each(|run| run.copy(out));
        let open = self.samples.copy_onto(out, open.filter(|_| out.len() == start));
        let samples_end = out.len();
        behind.into_iter().for_each(|run| run.copy(out));
        open.filter(|_| out.len() == samples_end)
    }

    /// All but the series, in the order of the log.
    fn unsealed(&self) -> [&Run; 9] {
        let HistogramRuns { integer, custom, float, custom_float } = &self.histograms;
        [
            &self.markers,
            &self.metadata,
            self.samples.run(),
            integer.run(),
            custom.run(),
            float.run(),
            custom_float.run(),
            self.exemplars.run(),
            &self.deletions,
        ]
    }

    fn unsealed_mut(&mut self) -> [&mut Run; 9] {
        let HistogramRuns { integer, custom, float, custom_float } = &mut self.histograms;
        [
            &mut self.markers,
            &mut self.metadata,
            self.samples.run_mut(),
            integer.run_mut(),
            custom.run_mut(),
            float.run_mut(),
            custom_float.run_mut(),
            self.exemplars.run_mut(),
            &mut self.deletions,
        ]
    }
}

/// An item of a record of exemplars.
pub(crate) fn push_exemplar(run: &mut BasedRun, kind: u8, series: SeriesRef, exemplar: ExemplarRef<'_>) {
    let ExemplarRef { labels, timestamp_ms, value } = exemplar;
    run.item(kind, (series, timestamp_ms), |bytes| {
        bytes.extend_from_slice(&value.to_bits().to_be_bytes());
        push_labels(bytes, labels);
    });
}

/// Both ends of a deleted range.
pub(crate) fn push_stone(out: &mut Vec<u8>, range: TimeRange) {
    push_varint(out, range.min_ms());
    push_varint(out, range.max_ms());
}

/// How many there are, then each name and value.
pub(crate) fn push_labels(out: &mut Vec<u8>, labels: LabelsRef<'_>) {
    let (mut count, mut longest) = (0, 0);
    for label in labels.iter() {
        count += 1;
        longest = longest.max(label.name.len()).max(label.value.len());
    }
    push_uvarint(out, count);
    if longest < 0x80 {
        // Packed sizes and varints are the same byte.
        return out.extend_from_slice(labels.as_packed());
    }
    for string in labels.iter().flat_map(|label| [label.name, label.value]) {
        push_string(out, string);
    }
}

fn push_string(out: &mut Vec<u8>, string: &[u8]) {
    push_uvarint(out, string.len() as u64);
    out.extend_from_slice(string);
}
