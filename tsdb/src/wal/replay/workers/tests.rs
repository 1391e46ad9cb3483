use crate::cursor::Fault;
use crate::fs::{Fs, StdFs};
use crate::head::{Head, HeadOptions, Part};
use crate::head_chunks::{HeadChunks, MAX_FILE_BYTES};
use crate::wal::codec::Coding;
use crate::wal::page;
use crate::wal::record::SampleRun;
use crate::wal::replay::{ReplayProgress, ReplayTarget, replay};
use crate::wal::{Committers, Damage, Log, LogOptions, Records};
use model::{Fingerprinter, Labels, LabelsRef, SeriesRef};
use std::num::NonZeroUsize;
use std::path::Path;
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

/// An empty head in `dir`.
fn head(dir: &Path, committers: &Committers) -> Head {
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let quarantine = dir.join("quarantine");
    let chunks = dir.join("chunks_head");
    let (files, _) = HeadChunks::open(Arc::clone(&fs), &chunks, &quarantine, MAX_FILE_BYTES, &mut |_| ()).unwrap();
    let log = Log::open(fs, &dir.join("wal"), LogOptions::default(), committers).unwrap();
    Head::new(HeadOptions::new(1, 1_000_000), Fingerprinter::new([7; 192]), log, Arc::new(files))
}

/// A record of samples is read when it is split; if it turns out to be malformed then, nothing of it was there.
#[test]
fn of_a_malformed_record_nothing_is_applied() {
    let dir = tempfile::tempdir().unwrap();
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let head = head(dir.path(), &committers);
    let mut records = Records::default();
    let labels = Labels::from_pairs([("__name__", "up")]).unwrap();
    records.series(SeriesRef(1), labels.as_ref());
    records.sample(SeriesRef(1), 10, 1.0);
    let sound = records.to_records();
    records.clear();
    // One of a series that is there, and others.
    [1, 2, 3].into_iter().for_each(|series| records.sample(SeriesRef(series), 20, 1.0));
    let mut cut = records.to_records().remove(0);
    cut.pop();
    records.clear();
    records.sample(SeriesRef(1), 30, 1.0);
    let (mut segment, mut offsets) = (Vec::new(), Vec::new());
    for record in sound.iter().chain([&cut]).chain(&records.to_records()) {
        offsets.push(segment.len() as u64);
        page::frame(segment.len() as u64, record, Coding::Plain, &mut segment);
    }
    let log = dir.path().join("damaged");
    StdFs.create_dir_all(&log).unwrap();
    StdFs.create_new(&log.join("00000000")).unwrap().append(&segment).unwrap();

    let (target, progress) = (head.replay(Vec::new()), ReplayProgress::default());
    let replayed = replay(&StdFs, &log, &target, NonZeroUsize::MIN, &progress).unwrap();
    assert_eq!((replayed.series, replayed.samples, replayed.report.records, progress.samples()), (1, 2, 3, 2));
    let [Damage { offset, fault, tail: false, kept: false, .. }] = replayed.report.damages[..] else {
        panic!("{:?}", replayed.report);
    };
    assert_eq!((offset, fault), (offsets[2], Fault::Truncated { want: 8, left: 7 }));
    let stats = target.finish().unwrap();
    assert_eq!((stats.samples, stats.orphans), (2, 0));
}
