//! A steady log allocates nothing per sample, and an idle one holds next to nothing.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "log_allocations/counting.rs"]
mod counting;

use counting::{Counting, counted};
use model::SeriesRef;
use std::num::NonZeroUsize;
use std::sync::Arc;
use tsdb::fs::StdFs;
use tsdb::wal::{Committers, Log, LogOptions, Records};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn append(log: &Log, records: &mut Records, round: i64, samples: u64) {
    records.clear();
    for number in 0..samples {
        records.sample(SeriesRef(number), round * 15_000, (number * 7) as f64 + round as f64);
    }
    let position = log.sequence(records).unwrap();
    let _durable = log.commit(position).wait().unwrap();
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn a_steady_log_allocates_nothing_per_sample_and_an_idle_one_holds_little() {
    let dir = tempfile::tempdir().unwrap();
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let open =
        |name: &str| Log::open(Arc::new(StdFs), &dir.path().join(name), LogOptions::default(), &committers).unwrap();
    let (log, mut records) = (open("steady"), Records::default());
    (0..20).for_each(|round| append(&log, &mut records, round, 10_000));
    let ((), steady) = counted(|| (20..120).for_each(|round| append(&log, &mut records, round, 10_000)));
    // A million samples in a hundred groups.
    assert!(steady.allocations <= 4, "{steady:?}");

    let logs: Vec<_> = (0..60).map(|number| open(&number.to_string())).collect();
    let ((), idle) = counted(|| logs.iter().for_each(|log| append(log, &mut records, 0, 10_000)));
    // Each had 100 KiB in its buffer; what they gave back for others to use is at most 8 buffers.
    assert!(idle.held_bytes < 60 * 8 * 1024 + 8 * 256 * 1024, "{idle:?}");
    drop(logs);
}
