//! What records say, in columns.

mod runs;

pub use runs::{HistogramRun, Run, SampleRun};
use runs::{RunEnd, RunKind};

use super::histogram::HistogramReader;
use super::{PackedSamples, read_labels};
use crate::cursor::{Corruption, Cursor, Fault};
use crate::head_chunks::HeadChunkRef;
use model::{
    ExemplarRef, HistogramColumn, LabelsRef, MetadataRef, MetricKind, Numbers, PackedBuilder, SeriesRef, TimeRange,
};
use std::ops::Range;

/// What some records of the log said, each kind in its order; reused.
///
/// Samples, histograms, deletions and markers are also there as they followed each other: see [`Decoded::runs`].
#[derive(Debug, Default)]
pub struct Decoded {
    builder: PackedBuilder,
    histogram_reader: HistogramReader,
    /// Packed labels of series and exemplars.
    labels: Vec<u8>,
    /// Units and help texts.
    texts: Vec<u8>,
    series: Vec<SeriesEntry>,
    exemplars: Vec<ExemplarEntry>,
    metadata: Vec<MetadataEntry>,
    /// Where the kinds change.
    runs: Vec<RunEnd>,
    /// Float samples in the order they were logged.
    pub samples: Vec<LoggedSample>,
    /// Records of samples that were left as they are, and behind them room for others.
    packed: Vec<PackedSamples>,
    packed_len: usize,
    /// When the counters behind `samples` began, 0 where that is not known; ends behind the last one that is known.
    pub starts_ms: Vec<i64>,
    /// Histograms in the order they were logged; the rows of `histogram_rows`.
    pub histograms: Vec<LoggedHistogram>,
    pub histogram_rows: HistogramColumn,
    /// Deletions in the order they were logged.
    pub tombstones: Vec<Tombstone>,
    /// Chunks of out-of-order samples in the order they were logged.
    pub markers: Vec<MmapMarker>,
    /// What was read and checked, but is not kept.
    pub left_out: LeftOut,
}

/// A logged sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedSample {
    pub series: SeriesRef,
    pub timestamp_ms: i64,
    pub value: f64,
}

/// A logged histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedHistogram {
    pub series: SeriesRef,
    pub timestamp_ms: i64,
    /// When its counter began; 0: that is not known.
    pub start_ms: i64,
    /// Which row of [`Decoded::histogram_rows`] it is.
    pub row: u32,
}

/// A logged series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedSeries<'a> {
    pub series: SeriesRef,
    pub labels: LabelsRef<'a>,
}

/// A logged deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    pub series: SeriesRef,
    pub range: TimeRange,
}

/// The out-of-order samples of a series that were logged before are in this chunk of `chunks_head`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MmapMarker {
    pub series: SeriesRef,
    pub chunk: HeadChunkRef,
}

impl MmapMarker {
    /// A marker of this reference, which no series has, says that blocks have all out-of-order chunks up to `chunk`, this one
    /// inside. Prometheus passes over it.
    pub const HANDED_OVER: SeriesRef = SeriesRef(0);
}

/// Items that were read and checked, and then left out.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// Histograms of a schema that is not known, or that the target does not take.
    pub histograms: u64,
    /// Exemplars whose labels are none, or that the target does not take.
    pub exemplars: u64,
    /// What the target does not take.
    pub metadata: u64,
    /// What the target does not take.
    pub mmap_markers: u64,
    /// Deletions that the target did not carry out.
    pub deletions: u64,
    /// Samples and histograms that were taken without their start timestamp.
    pub start_timestamps: u64,
    /// Records of a type that is not known.
    pub unknown_records: u64,
}

#[derive(Debug, Clone, Copy)]
struct SeriesEntry {
    series: SeriesRef,
    labels_start: usize,
    labels_end: usize,
}

#[derive(Debug, Clone, Copy)]
struct ExemplarEntry {
    series: SeriesRef,
    timestamp_ms: i64,
    value: f64,
    labels_start: usize,
    labels_end: usize,
}

#[derive(Debug, Clone, Copy)]
struct MetadataEntry {
    series: SeriesRef,
    kind: MetricKind,
    unit_start: usize,
    help_start: usize,
    help_end: usize,
}

/// A place to go back to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    labels: usize,
    texts: usize,
    series: usize,
    exemplars: usize,
    metadata: usize,
    samples: usize,
    packed: usize,
    histograms: usize,
    tombstones: usize,
    markers: usize,
    left_out: LeftOut,
}

impl Decoded {
    /// The series in the order they were logged.
    pub fn series(&self) -> impl Iterator<Item = LoggedSeries<'_>> {
        self.series.iter().map_while(move |entry| {
            let labels = self.labels(entry.labels_start..entry.labels_end)?;
            Some(LoggedSeries { series: entry.series, labels })
        })
    }

    /// How many series there are.
    pub fn series_len(&self) -> usize {
        self.series.len()
    }

    /// The exemplars in the order they were logged.
    pub fn exemplars(&self) -> impl Iterator<Item = (SeriesRef, ExemplarRef<'_>)> {
        self.exemplars.iter().map_while(|entry| {
            let labels = self.labels(entry.labels_start..entry.labels_end)?;
            Some((entry.series, ExemplarRef { labels, timestamp_ms: entry.timestamp_ms, value: entry.value }))
        })
    }

    /// How many exemplars there are.
    pub fn exemplars_len(&self) -> usize {
        self.exemplars.len()
    }

    /// What was said of series, in the order it was logged: of a series the last counts.
    pub fn metadata(&self) -> impl Iterator<Item = (SeriesRef, MetadataRef<'_>)> {
        self.metadata.iter().map_while(|entry| {
            let unit = self.texts.get(entry.unit_start..entry.help_start)?;
            let help = self.texts.get(entry.help_start..entry.help_end)?;
            Some((entry.series, MetadataRef { kind: entry.kind, unit, help }))
        })
    }

    /// How many times something was said of a series.
    pub fn metadata_len(&self) -> usize {
        self.metadata.len()
    }

    /// When the counter behind sample `at` began; 0: that is not known.
    pub fn start_ms(&self, at: usize) -> i64 {
        self.starts_ms.get(at).copied().unwrap_or(0)
    }

    /// Of how many samples and histograms it is known when their counters began.
    pub fn starts(&self) -> u64 {
        let samples = self.starts_ms.iter().filter(|&&start_ms| start_ms != 0).count();
        (samples + self.histograms.iter().filter(|histogram| histogram.start_ms != 0).count()) as u64
    }

    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.reset(Mark::default());
        self.runs.clear();
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            labels: self.labels.len(),
            texts: self.texts.len(),
            series: self.series.len(),
            exemplars: self.exemplars.len(),
            metadata: self.metadata.len(),
            samples: self.samples.len(),
            packed: self.packed_len,
            histograms: self.histograms.len(),
            tombstones: self.tombstones.len(),
            markers: self.markers.len(),
            left_out: self.left_out,
        }
    }

    pub(super) fn reset(&mut self, mark: Mark) {
        self.labels.truncate(mark.labels);
        self.texts.truncate(mark.texts);
        self.series.truncate(mark.series);
        self.exemplars.truncate(mark.exemplars);
        self.metadata.truncate(mark.metadata);
        self.samples.truncate(mark.samples);
        self.starts_ms.truncate(mark.samples);
        self.packed_len = mark.packed;
        self.histograms.truncate(mark.histograms);
        match mark.histograms {
            // Keeps the memory of layouts.
            0 => self.histogram_rows.clear(),
            rows => self.histogram_rows.truncate(rows),
        }
        self.histogram_reader.forget_beyond(&self.histogram_rows);
        self.tombstones.truncate(mark.tombstones);
        self.markers.truncate(mark.markers);
        self.left_out = mark.left_out;
    }

    /// A record was read that began at `mark`: what it added follows what was there.
    pub(super) fn end_record(&mut self, mark: &Mark) {
        let added = [
            (RunKind::Samples, mark.samples, self.samples.len()),
            (RunKind::Packed, mark.packed, self.packed_len),
            (RunKind::Histograms, mark.histograms, self.histograms.len()),
            (RunKind::Deletions, mark.tombstones, self.tombstones.len()),
            (RunKind::Markers, mark.markers, self.markers.len()),
        ];
        // A record is of one kind.
        let Some((kind, _, end)) = added.into_iter().find(|(_, before, after)| before < after) else { return };
        match self.runs.last_mut() {
            Some(last) if last.kind == kind => last.end = end,
            _ => self.runs.push(RunEnd { kind, end }),
        }
    }

    /// Takes a record of samples as it is: the first `size` bytes of `unpacked`, for which it leaves other room. The record
    /// begins at `offset` of its segment.
    pub fn keep_samples(&mut self, unpacked: &mut Vec<u8>, size: usize, offset: u64) {
        let before = self.mark();
        let room = self.packed.get_mut(self.packed_len).map(PackedSamples::take_room).unwrap_or_default();
        let record = PackedSamples::new(std::mem::replace(unpacked, room), size, offset);
        match self.packed.get_mut(self.packed_len) {
            Some(place) => *place = record,
            None => self.packed.push(record),
        }
        self.packed_len += 1;
        self.end_record(&before);
    }

    #[inline]
    pub(super) fn push_sample(&mut self, sample: LoggedSample) {
        self.samples.push(sample);
    }

    /// Says when the counter behind the newest sample began.
    pub(super) fn set_start(&mut self, start_ms: i64) {
        if start_ms != 0 {
            self.starts_ms.resize(self.samples.len().saturating_sub(1), 0);
            self.starts_ms.push(start_ms);
        }
    }

    /// Reads a histogram and adds it, if its schema is known.
    pub(super) fn push_histogram(
        &mut self,
        series: SeriesRef,
        (timestamp_ms, start_ms): (i64, i64),
        numbers: Numbers,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Corruption> {
        let row = u32::try_from(self.histograms.len()).unwrap_or(u32::MAX);
        match self.histogram_reader.read(cursor, numbers, &mut self.histogram_rows)? {
            true => self.histograms.push(LoggedHistogram { series, timestamp_ms, start_ms, row }),
            false => self.left_out.histograms += 1,
        }
        Ok(())
    }

    /// Reads labels and adds the series.
    pub(super) fn push_series(&mut self, series: SeriesRef, cursor: &mut Cursor<'_>) -> Result<(), Corruption> {
        let Some(Range { start, end }) = self.push_labels(cursor)? else {
            return Err(cursor.fault(Fault::Malformed("label names are empty, repeated or too long")));
        };
        self.series.push(SeriesEntry { series, labels_start: start, labels_end: end });
        Ok(())
    }

    /// Reads labels and adds an exemplar that has them.
    pub(super) fn push_exemplar(
        &mut self,
        series: SeriesRef,
        timestamp_ms: i64,
        value: f64,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Corruption> {
        // Prometheus does not look at the names of an exemplar's labels, so it may have logged any.
        match self.push_labels(cursor)? {
            Some(Range { start, end }) => {
                let (labels_start, labels_end) = (start, end);
                self.exemplars.push(ExemplarEntry { series, timestamp_ms, value, labels_start, labels_end });
            }
            None => self.left_out.exemplars += 1,
        }
        Ok(())
    }

    /// Reads fields (a count, then names and values) and adds what they say of a series. Fields that are not known are
    /// passed over.
    pub(super) fn push_metadata(
        &mut self,
        series: SeriesRef,
        kind: MetricKind,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), Corruption> {
        let (mut unit, mut help): (&[u8], &[u8]) = (&[], &[]);
        for _ in 0..cursor.uvarint()? {
            match (cursor.string()?, cursor.string()?) {
                (UNIT_FIELD, value) => unit = value,
                (HELP_FIELD, value) => help = value,
                _ => {}
            }
        }
        let unit_start = self.texts.len();
        let help_start = unit_start + unit.len();
        self.texts.extend_from_slice(unit);
        self.texts.extend_from_slice(help);
        self.metadata.push(MetadataEntry { series, kind, unit_start, help_start, help_end: self.texts.len() });
        Ok(())
    }

    /// Reads labels and keeps them. `None`: their names are not those of labels.
    fn push_labels(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Range<usize>>, Corruption> {
        let labels = read_labels(&mut self.builder, cursor)?;
        Ok(labels.map(|labels| {
            let start = self.labels.len();
            self.labels.extend_from_slice(labels.as_packed());
            start..self.labels.len()
        }))
    }

    fn labels(&self, at: Range<usize>) -> Option<LabelsRef<'_>> {
        self.labels.get(at).map(LabelsRef::from_packed_unchecked)
    }
}

/// The names of metadata's fields.
pub(super) const UNIT_FIELD: &[u8] = b"UNIT";
pub(super) const HELP_FIELD: &[u8] = b"HELP";

impl LeftOut {
    /// Adds what another part of the log left out.
    pub fn add(&mut self, other: &LeftOut) {
        self.histograms += other.histograms;
        self.exemplars += other.exemplars;
        self.metadata += other.metadata;
        self.mmap_markers += other.mmap_markers;
        self.deletions += other.deletions;
        self.start_timestamps += other.start_timestamps;
        self.unknown_records += other.unknown_records;
    }
}
