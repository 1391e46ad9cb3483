use crate::fs::StdFs;
use crate::head::Part;
use crate::wal::record::SampleRun;
use crate::wal::replay::{ReplayProgress, ReplayTarget, replay};
use crate::wal::{Committers, Log, LogOptions, Records};
use model::{LabelsRef, SeriesRef};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Panics when it meets a sample of that time in that part.
struct Panicking(i64, usize);

impl ReplayTarget for Panicking {
    type Scratch = ();

    fn series(&self, _series: SeriesRef, _labels: LabelsRef<'_>, (): &mut ()) {}

    fn samples(&self, run: SampleRun<'_>, part: Part, (): &mut ()) {
        let is_there = run.samples.iter().any(|sample| sample.timestamp_ms == self.0);
        assert!(part.index != self.1 || !is_there, "met it");
    }
}

/// Whoever waits for a thread that panicked would wait for ever.
#[test]
fn a_thread_that_panics_ends_the_replay() {
    let dir = tempfile::tempdir().unwrap();
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let log = Log::open(Arc::new(StdFs), dir.path(), LogOptions::default(), &committers).unwrap();
    let mut records = Records::default();
    for round in 0..100 {
        records.begin_batch();
        (0..2000).for_each(|series| records.sample(SeriesRef(series), round, f64::from_bits(series << 40 | 0x9e37)));
        let _durable = log.commit(log.sequence(&records).unwrap()).wait().unwrap();
    }
    log.close().unwrap();
    let threads = NonZeroUsize::new(3).unwrap();
    let run = |target: &Panicking| replay(&StdFs, dir.path(), target, threads, &ReplayProgress::default());
    assert_eq!(run(&Panicking(-1, 0)).unwrap().samples, 200_000);
    for (at_ms, part) in [(0, 0), (50, 1), (99, 2)] {
        let target = Panicking(at_ms, part);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&target)));
        assert!(result.is_err(), "{at_ms} {part}");
    }
}
