//! A head on a simulated disk, and what it answers in a form that can be compared.

use super::kinds::{Sample, TestHistogram};
use model::{Fingerprint, Fingerprinter, HistogramRef, Labels, LabelsRef, Matcher, SampleColumns, TimeRange};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::head::{AppendScratch, Head, HeadOptions, HeadReader, LastSamples};
use tsdb::head_chunks::{HeadChunks, MAX_FILE_BYTES};
use tsdb::wal::{Committers, Durability, Log, LogOptions, ReplayProgress, replay};
use tsdb::{AppendLimits, AppendSource, Appended, ChunkSeriesBatch, Encoding, RefusedBecause, SeriesSource, chunk};

/// The range that chunks and blocks are cut by.
pub(crate) const RANGE_MS: i64 = 7_200_000;

pub(crate) struct Bench {
    pub(crate) head: Arc<Head>,
    pub(crate) fs: SimFs,
    pub(crate) fingerprinter: Fingerprinter,
    log: Log,
    files: Arc<HeadChunks>,
    _committers: Committers,
}

#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) series: Vec<BatchSeries>,
}

#[derive(Debug)]
pub(crate) struct BatchSeries {
    pub(crate) labels: Labels,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) samples: Vec<(i64, f64)>,
    pub(crate) histograms: Vec<(i64, TestHistogram)>,
}

/// A batch, with or without its labels.
pub(crate) struct Source<'a> {
    pub(crate) batch: &'a Batch,
    pub(crate) with_labels: bool,
}

impl AppendSource for Source<'_> {
    fn len(&self) -> usize {
        self.batch.series.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        self.batch.series[index].fingerprint
    }

    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)> {
        self.batch.series[index].samples.iter().copied()
    }

    fn histograms(&self, index: usize) -> impl Iterator<Item = (i64, HistogramRef<'_>)> {
        self.batch.series[index].histograms.iter().map(|(time_ms, histogram)| (*time_ms, histogram.as_ref()))
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        self.with_labels.then(|| self.batch.series[index].labels.as_ref())
    }
}

impl Batch {
    pub(crate) fn push(
        &mut self,
        bench: &Bench,
        labels: Labels,
        samples: Vec<(i64, f64)>,
        histograms: Vec<(i64, TestHistogram)>,
    ) {
        let fingerprint = bench.fingerprinter.of_labels(labels.as_ref(), &mut Vec::new());
        self.series.push(BatchSeries { labels, fingerprint, samples, histograms });
    }
}

impl BatchSeries {
    /// Its samples in the order in which they are appended.
    pub(crate) fn all(&self) -> impl Iterator<Item = (i64, Sample)> {
        let floats = self.samples.iter().map(|(time_ms, value)| (*time_ms, Sample::Float(value.to_bits())));
        floats.chain(self.histograms.iter().map(|(time_ms, histogram)| (*time_ms, Sample::of(histogram.as_ref()))))
    }
}

impl Bench {
    pub(crate) fn new(cores: usize) -> Self {
        Self::open(SimFs::new(), cores, i64::MIN)
    }

    /// Ends this life, with what full chunks wait to be written or without, and begins another on the same disk.
    pub(crate) fn restart(&mut self, cores: usize, floor_ms: i64, flush: bool) {
        if flush {
            self.files.flush().unwrap();
        }
        self.log.close().unwrap();
        *self = Self::open(self.fs.clone(), cores, floor_ms);
    }

    fn open(fs: SimFs, cores: usize, floor_ms: i64) -> Self {
        let shared = Arc::new(fs.clone());
        let committers = Committers::start(NonZeroUsize::MIN).unwrap();
        let options = LogOptions { durability: Durability::Buffered, ..LogOptions::default() };
        let log_dir = Path::new("/data/wal");
        let log = Log::open(shared.clone(), log_dir, options, &committers).unwrap();
        let (dir, quarantine) = (Path::new("/data/chunks_head"), Path::new("/data/quarantine"));
        let mut found = Vec::new();
        let (files, damages) =
            HeadChunks::open(shared, dir, quarantine, MAX_FILE_BYTES, &mut |chunk| found.push(chunk)).unwrap();
        assert!(damages.is_empty());
        let (files, fingerprinter) = (Arc::new(files), Fingerprinter::new([7; 192]));
        let options = HeadOptions::new(cores, RANGE_MS);
        let head = Arc::new(Head::new(options, fingerprinter.clone(), log.clone(), files.clone()));
        if floor_ms > i64::MIN {
            head.truncate(floor_ms).unwrap();
        }
        let target = head.replay(found);
        let threads = NonZeroUsize::new(cores).unwrap();
        let replayed = replay(&fs, log_dir, &target, threads, &ReplayProgress::default()).unwrap();
        let stats = target.finish().unwrap();
        assert_eq!(stats.samples + stats.passed_over, replayed.samples + replayed.histograms);
        assert_eq!(stats.orphans, 0);
        Self { head, fs, fingerprinter, log, files, _committers: committers }
    }

    pub(crate) fn append(&self, batch: &Batch, with_labels: bool, limits: AppendLimits) -> Appended {
        let source = Source { batch, with_labels };
        self.head.append(&source, limits, &mut AppendScratch::default()).unwrap().0
    }

    /// Appends as an ingester does: first without labels, then what was missed with them. `refused` is what of the batch is to
    /// be refused.
    pub(crate) fn check_append(
        &self,
        batch: &Batch,
        limits: AppendLimits,
        mut refused: Vec<(u32, i64, RefusedBecause)>,
    ) {
        let appended = self.append(batch, true, limits);
        assert!(appended.missed.is_empty());
        let mut got: Vec<_> =
            appended.refused.iter().map(|refused| (refused.series, refused.timestamp_ms, refused.why)).collect();
        let total: usize = batch.series.iter().map(|series| series.all().count()).sum();
        assert_eq!(appended.refused_total, refused.len() as u64);
        assert_eq!(appended.accepted + appended.histograms, (total - refused.len()) as u64);
        if refused.len() <= Appended::MAX_REFUSED {
            got.sort();
            refused.sort();
            assert_eq!(got, refused);
        }
    }
}

/// All samples of a select, decoded, in `range` and from `floor_ms` on. Checks that series come in order and chunks rise.
pub(crate) fn select(
    reader: &HeadReader,
    matchers: &[Matcher],
    range: TimeRange,
    floor_ms: Option<i64>,
) -> Vec<(Labels, Vec<(i64, Sample)>)> {
    let mut cursor = reader.select(matchers, range).unwrap();
    let (mut batch, mut found) = (ChunkSeriesBatch::default(), Vec::<(Labels, Vec<_>)>::new());
    loop {
        cursor.next_batch(7, false, &mut batch).unwrap();
        if batch.is_empty() {
            return found;
        }
        assert!(batch.len() <= 7);
        for (labels, chunks) in batch.iter() {
            let mut columns = SampleColumns::default();
            for chunk in chunks {
                let before = columns.len();
                chunk::decode(chunk.encoding, &chunk.data, &mut columns).unwrap();
                let times = &columns.timestamps_ms[before..];
                assert_eq!((times.first(), times.last()), (Some(&chunk.min_ms), Some(&chunk.max_ms)));
                let is_small = times.len() <= 240 && chunk.data.len() <= 1024;
                assert!(is_small || chunk.encoding != Encoding::Xor);
            }
            assert!(columns.timestamps_ms.is_sorted_by(|one, other| one < other), "{:?}", columns.timestamps_ms);
            let floor_ms = floor_ms.unwrap_or(i64::MIN).max(range.min_ms());
            let times = (0..).zip(&columns.timestamps_ms);
            let inside = times.filter(|(_, time)| **time >= floor_ms && **time <= range.max_ms());
            let samples: Vec<_> = inside.map(|(at, &time)| (time, Sample::read(&columns, at))).collect();
            assert!(found.last().is_none_or(|(before, _)| before.as_ref() < labels), "{labels:?} is out of order");
            // A chunk may reach into the range without having a sample there.
            if !samples.is_empty() {
                found.push((labels.to_owned(), samples));
            }
        }
    }
}

/// The newest samples of a select.
pub(crate) fn select_last(reader: &HeadReader, matchers: &[Matcher], range: TimeRange) -> Vec<(Labels, (i64, Sample))> {
    let mut cursor = reader.select_last(matchers, range);
    let (mut batch, mut found) = (LastSamples::default(), Vec::new());
    loop {
        cursor.next_batch(5, &mut batch).unwrap();
        if batch.is_empty() {
            return found;
        }
        for (at, (labels, time_ms, _)) in batch.iter().enumerate() {
            found.push((labels.to_owned(), (time_ms, Sample::read(batch.samples(), at))));
        }
    }
}

/// Checks names and values of labels against those of the series that should have been found.
pub(crate) fn check_labels<'a>(
    reader: &HeadReader,
    matchers: &[Matcher],
    series: impl Iterator<Item = &'a Labels> + Clone,
) {
    let names: BTreeSet<_> = series.clone().flat_map(|labels| labels.iter().map(|label| label.name.to_vec())).collect();
    assert_eq!(reader.label_names(matchers).unwrap(), names.into_iter().collect::<Vec<_>>(), "{matchers:?}");
    for name in ["__name__", "id", "a", "zone", "absent"] {
        let values = series.clone().filter_map(|labels| labels.get(name.as_bytes()).map(<[u8]>::to_vec));
        let values: BTreeSet<_> = values.collect();
        let got = reader.label_values(name.as_bytes(), matchers).unwrap();
        assert_eq!(got, values.into_iter().collect::<Vec<_>>(), "{name} of {matchers:?}");
    }
}
