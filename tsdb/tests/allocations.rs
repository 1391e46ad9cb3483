//! What the head asks of the allocator.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "allocations/counting.rs"]
mod counting;

use model::{Fingerprint, Fingerprinter, Labels, LabelsRef};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::head::{AppendScratch, Head, HeadOptions};
use tsdb::head_chunks::{HeadChunks, MAX_FILE_BYTES};
use tsdb::wal::{Committers, Durability, Log, LogOptions};
use tsdb::{AppendLimits, AppendSource};

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
    let fingerprinter = Fingerprinter::new([3; 192]);
    let series: Vec<_> = (0..SERIES)
        .map(|number| {
            let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("id", number.to_string())]).unwrap();
            let fingerprint = fingerprinter.of_labels(labels.as_ref(), &mut Vec::new());
            (labels, fingerprint)
        })
        .collect();
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
