//! What the head asks of the allocator.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "allocations/counting.rs"]
mod counting;

use model::{
    Fingerprint, Fingerprinter, HistogramLayout, HistogramRef, Labels, LabelsRef, MatchOp, Matcher, Numbers, ResetHint,
    Span, TimeRange,
};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::head::{AppendScratch, Head, HeadOptions, OutOfOrder};
use tsdb::head_chunks::{HeadChunks, MAX_FILE_BYTES};
use tsdb::wal::{Committers, Durability, Log, LogOptions};
use tsdb::{AppendLimits, AppendSource, ChunkSeriesBatch, SeriesSource};

const LIMITS: AppendLimits = AppendLimits { max_ms: i64::MAX, max_series: u64::MAX };
const SERIES: usize = 4_000;

struct Round<'a> {
    series: &'a [(Labels, Fingerprint)],
    time_ms: i64,
}

impl AppendSource for Round<'_> {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        self.series[index].1
    }

    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)> {
        // Constants, integers and noise, so that chunks grow at different speeds.
        let value = match index % 3 {
            0 => 1.0,
            1 => (self.time_ms / 15_000 * index as i64) as f64,
            _ => (self.time_ms as f64 * (index as f64 + 0.5)).sin(),
        };
        std::iter::once((self.time_ms, value))
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        Some(self.series[index].0.as_ref())
    }
}

/// A histogram for each series, at one time.
struct Histograms<'a> {
    series: &'a [(Labels, Fingerprint)],
    layout: &'a HistogramLayout,
    time_ms: i64,
    cells: &'a [u64],
}

impl AppendSource for Histograms<'_> {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        self.series[index].1
    }

    fn samples(&self, _index: usize) -> impl Iterator<Item = (i64, f64)> {
        std::iter::empty()
    }

    fn histograms(&self, _index: usize) -> impl Iterator<Item = (i64, HistogramRef<'_>)> {
        let (hint, numbers) = (ResetHint::Unknown, Numbers::Integer);
        let histogram = HistogramRef { layout: self.layout, hint, numbers, cells: self.cells, sum: 1.0 };
        std::iter::once((self.time_ms, histogram))
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        Some(self.series[index].0.as_ref())
    }
}

fn named(count: usize) -> Vec<(Labels, Fingerprint)> {
    let fingerprinter = Fingerprinter::new([3; 192]);
    let series = (0..count).map(|number| {
        let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("id", number.to_string())]).unwrap();
        let fingerprint = fingerprinter.of_labels(labels.as_ref(), &mut Vec::new());
        (labels, fingerprint)
    });
    series.collect()
}

fn head(cores: usize) -> (Head, Log, Committers) {
    let fs = Arc::new(SimFs::new());
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let options = LogOptions { durability: Durability::Buffered, ..LogOptions::default() };
    let log = Log::open(fs.clone(), Path::new("/wal"), options, &committers).unwrap();
    let (dir, quarantine) = (Path::new("/chunks_head"), Path::new("/quarantine"));
    let (files, _) = HeadChunks::open(fs, dir, quarantine, MAX_FILE_BYTES, &mut |_| ()).unwrap();
    let options = HeadOptions::new(cores, 7_200_000);
    (Head::new(options, Fingerprinter::new([3; 192]), log.clone(), Arc::new(files)), log, committers)
}

/// Counted on the appending thread. Memory still grows, by segments and for whole buffers; but not with samples: over 100
/// rounds of 4,000 series, chunks cut among them, there are fewer allocations than one in a thousand samples.
#[test]
fn a_steady_append_allocates_nothing_per_sample() {
    let (head, log, _committers) = head(2);
    let series = named(SERIES);
    let mut scratch = AppendScratch::default();
    let mut append = |round: i64| {
        let round = Round { series: &series, time_ms: 1_800_000_000_000 + round * 15_000 };
        let before = counting::allocations();
        let (appended, positions) = head.append(&round, LIMITS, &mut scratch).unwrap();
        let allocations = counting::allocations() - before;
        assert_eq!(appended.accepted, SERIES as u64);
        let _durable = log.commit(positions.log.unwrap()).wait().unwrap();
        allocations
    };
    let creating = append(0);
    assert!(creating > 0, "the counter counts");
    (1..10).map(&mut append).for_each(drop);
    let rounds: Vec<u64> = (10..250).map(&mut append).collect();
    let total: u64 = rounds.iter().sum();
    let quiet = rounds.iter().filter(|&&allocations| allocations == 0).count();
    assert!(quiet > rounds.len() / 2, "rounds without any allocation: {quiet} of {}", rounds.len());
    assert!(total < (SERIES * rounds.len() / 1000) as u64, "{total} allocations");
}

/// Late histograms wait in the slab, over one layout: none is an object of its own, on its way there or at rest.
#[test]
fn late_histograms_wait_without_an_allocation_each() {
    const FEW: usize = 500;
    const BUCKETS: u32 = 20;
    let fs = Arc::new(SimFs::new());
    let (head, _log, committers) = head(2);
    let options = LogOptions { durability: Durability::Buffered, ..LogOptions::default() };
    let late_log = Log::open(fs, Path::new("/wbl"), options, &committers).unwrap();
    let head = head.with_late(OutOfOrder { window_ms: i64::MAX, cap: 255 }, late_log.clone());
    let series = named(FEW);
    let span = Span { offset: 0, length: BUCKETS };
    let layout = HistogramLayout::new(3, 0.0, vec![span], Vec::new(), Vec::new()).unwrap();
    let mut scratch = AppendScratch::default();
    let mut append = |time_ms: i64| {
        let mut cells = vec![time_ms.unsigned_abs() % 1000; layout.cells()];
        cells[0] = cells[2..].iter().sum::<u64>() + cells[1];
        let batch = Histograms { series: &series, layout: &layout, time_ms, cells: &cells };
        let before = counting::allocations();
        let (appended, positions) = head.append(&batch, LIMITS, &mut scratch).unwrap();
        let allocations = counting::allocations() - before;
        assert_eq!((appended.histograms, appended.refused_total), (FEW as u64, 0));
        if let Some(position) = positions.late {
            let _durable = late_log.commit(position).wait().unwrap();
        }
        allocations
    };
    append(1_800_000_000_000);
    // Late ones among each other, too: two steps ahead, one back.
    let mut late = |round: i64| append(1_700_000_000_000 + 15_000 * (round - 3 * (round % 3)));
    (0..12).map(&mut late).for_each(drop);
    let before = counting::live_bytes();
    let rounds: Vec<u64> = (12..124).map(&mut late).collect();
    let (samples, total) = ((rounds.len() * FEW) as u64, rounds.iter().sum::<u64>());
    assert!(total < samples / 500, "{total} allocations for {samples} samples");
    let bytes = (counting::live_bytes() - before) as u64 / samples;
    let numbers = 32 + 8 * layout.cells() as u64;
    assert!(bytes <= numbers * 3 / 2, "{bytes} bytes for each, of {numbers} in numbers");
}

/// A tenant that writes nothing costs next to nothing, whatever the machine.
#[test]
fn an_empty_head_is_small() {
    for cores in [1, 2, 64] {
        let (head, ..) = head(cores);
        let size_bytes = head.size_bytes();
        assert!(size_bytes <= 256 << 10, "{size_bytes} bytes with {cores} cores");
        let before = counting::live_bytes();
        let (_head, _log, _committers) = self::head(cores);
        let live_bytes = counting::live_bytes() - before;
        assert!(live_bytes <= 256 << 10, "{live_bytes} bytes with {cores} cores, on this thread");
    }
}

/// Series of one metric with many labels, some of which tell few apart and one all.
fn labelled(count: usize) -> Vec<(Labels, Fingerprint)> {
    let fingerprinter = Fingerprinter::new([3; 192]);
    let series = (0..count).map(|number| {
        let shared = (0..8).map(|label| (format!("label_{label}"), "shared".to_owned()));
        let own = [("__name__", "m".to_owned()), ("container", (number % 50).to_string()), ("pod", number.to_string())];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        let labels = Labels::from_pairs(own.chain(shared)).unwrap();
        let fingerprint = fingerprinter.of_labels(labels.as_ref(), &mut Vec::new());
        (labels, fingerprint)
    });
    series.collect()
}

/// What a walk over so many series holds at most.
fn walk_bytes(count: usize) -> i64 {
    let (head, log, _committers) = head(2);
    let head = Arc::new(head);
    let series = labelled(count);
    let round = Round { series: &series, time_ms: 1_800_000_000_000 };
    let (_, positions) = head.append(&round, LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = log.commit(positions.log.unwrap()).wait().unwrap();
    let walk = || {
        let matcher = Matcher::new(MatchOp::Equal, "__name__", "m").unwrap();
        let mut cursor = head.reader(TimeRange::ALL).select(&[matcher], TimeRange::ALL).unwrap();
        let (mut batch, mut walked) = (ChunkSeriesBatch::default(), 0);
        loop {
            cursor.next_batch(128, false, &mut batch).unwrap();
            if batch.is_empty() {
                break assert_eq!(walked, count);
            }
            walked += batch.len();
        }
    };
    // The first one leaves the order of labels behind.
    walk();
    counting::growth(walk)
}

/// A walk holds a list of what was found: a few numbers a series, whatever its labels.
#[test]
fn a_walk_takes_a_few_bytes_a_series() {
    let (few, many) = (walk_bytes(10_000), walk_bytes(100_000));
    let each = (many - few) / 90_000;
    assert!(few > 10_000 * 4, "the counter counts");
    assert!(each <= 20, "{each} bytes a series: {few} for 10,000, {many} for 100,000");
}
