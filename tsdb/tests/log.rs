//! The log on a simulated disk: groups, failures, turns.

#![allow(clippy::unwrap_used, reason = "test code")]

use model::{Durable, Labels, SeriesRef};
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use testkit::{Fault, SimFs, Step};
use tsdb::wal::{Commit, Committers, Compression, Durability, Log, LogError, LogOptions, Position, Records};

struct Bench {
    fs: SimFs,
    committers: Committers,
    log: Log,
}

fn dir() -> &'static Path {
    Path::new("/wal")
}

/// Without compression, so that sizes can be told beforehand.
fn plain() -> LogOptions {
    LogOptions { compression: Compression::None, ..LogOptions::default() }
}

impl Bench {
    fn new(options: LogOptions) -> Self {
        Self::on(SimFs::new(), options)
    }

    fn on(fs: SimFs, options: LogOptions) -> Self {
        let committers = Committers::start(NonZeroUsize::new(2).unwrap()).unwrap();
        let log = Log::open(Arc::new(fs.clone()), dir(), options, &committers).unwrap();
        fs.take_journal();
        Self { fs, committers, log }
    }

    fn sequence(&self, number: u64) -> Result<Position, LogError> {
        let mut records = Records::default();
        records.series(SeriesRef(number), Labels::empty().as_ref());
        records.sample(SeriesRef(number), 1000, 1.0);
        self.log.sequence(&records)
    }

    fn append(&self, number: u64) -> Result<(), LogError> {
        self.log.commit(self.sequence(number)?).wait().map(drop)
    }

    /// Waits until no committer has anything to do for the log.
    fn settle(&self) {
        let (mut before, mut calm) = (self.log.stats(), 0);
        while calm < 20 {
            std::thread::sleep(Duration::from_millis(1));
            let now = self.log.stats();
            calm = if now == before { calm + 1 } else { 0 };
            before = now;
        }
    }

    fn files(&self) -> Vec<String> {
        use tsdb::fs::Fs;
        self.fs
            .read_dir(dir())
            .unwrap()
            .into_iter()
            .map(|entry| format!("{} {}", entry.name, entry.size_bytes))
            .collect()
    }

    fn fail(&self, step: Step, skip: u32, times: u32, written_bytes: usize) {
        let (path_part, error) = (String::new(), ErrorKind::StorageFull);
        self.fs.fail(Fault { step, path_part, skip, times, error, written_bytes });
    }
}

/// The outcome of a commit, which must come soon.
fn wait(commit: Commit) -> Result<Durable, LogError> {
    let (mut commit, mut context) = (std::pin::pin!(commit), Context::from_waker(Waker::noop()));
    for _ in 0..10_000 {
        if let Poll::Ready(outcome) = commit.as_mut().poll(&mut context) {
            return outcome;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("a commit is never answered");
}

/// One appended series with a sample: two records of 10 and 27 bytes, each with a header of 7.
const APPENDED: u64 = 51;

#[test]
fn a_commit_is_answered_when_its_group_is_synced() {
    let bench = Bench::new(plain());
    assert_eq!(bench.files(), Vec::<String>::new(), "an idle log has no segment");
    bench.append(1).unwrap();
    let steps = ["Create /wal/00000000", "SyncDir /wal", "Append /wal/00000000 51", "SyncData /wal/00000000"];
    assert_eq!(bench.fs.take_journal(), steps);
    bench.append(2).unwrap();
    assert_eq!(bench.fs.take_journal(), steps[2..]);
    assert_eq!(bench.log.stats().groups, 2);
}

#[test]
fn what_comes_during_a_sync_is_one_group() {
    let bench = Bench::new(plain());
    bench.append(0).unwrap();
    bench.fs.take_journal();
    bench.fs.hold_syncs(true);
    let first = bench.log.commit(bench.sequence(1).unwrap());
    while bench.fs.take_journal().is_empty() {
        std::thread::yield_now();
    }
    let others: Vec<_> = (2..100).map(|number| bench.log.commit(bench.sequence(number).unwrap())).collect();
    bench.fs.hold_syncs(false);
    for commit in std::iter::once(first).chain(others) {
        let _durable = commit.wait().unwrap();
    }
    let appends = format!("Append /wal/00000000 {}", 98 * APPENDED);
    assert_eq!(bench.fs.take_journal(), ["SyncData /wal/00000000", &appends, "SyncData /wal/00000000"]);
}

#[test]
fn the_lower_levels_do_not_sync() {
    let written = Bench::new(LogOptions { durability: Durability::Written, ..plain() });
    written.append(1).unwrap();
    assert_eq!(written.fs.take_journal().last().unwrap(), "Append /wal/00000000 51");

    let buffered = Bench::new(LogOptions { durability: Durability::Buffered, ..plain() });
    buffered.fail(Step::Create, 0, 1, 0);
    buffered.append(1).unwrap();
    buffered.log.close().unwrap_err();
    let buffered = Bench::new(LogOptions { durability: Durability::Buffered, ..plain() });
    buffered.append(1).unwrap();
    buffered.log.close().unwrap();
    assert_eq!(buffered.files(), ["00000000 51"]);
    assert_eq!(buffered.fs.take_journal().last().unwrap(), "SyncData /wal/00000000");
}

#[test]
fn an_opened_log_never_writes_an_old_segment() {
    let bench = Bench::new(plain());
    bench.append(1).unwrap();
    bench.log.close().unwrap();
    let again = Bench::on(bench.fs.clone(), plain());
    again.append(2).unwrap();
    assert_eq!(again.files(), ["00000000 51", "00000001 51"]);
}

#[test]
fn w03_a_failed_group_goes_first_into_the_next_segment() {
    for step in [Step::Append, Step::SyncData] {
        let bench = Bench::new(plain());
        bench.append(1).unwrap();
        bench.fail(step, 0, 1, 13);
        let error = bench.append(2).unwrap_err();
        assert!(matches!(&error, LogError::Failed { .. }), "{error}");
        assert_eq!(bench.files(), ["00000000 51"], "cut behind what was confirmed");
        bench.append(3).unwrap();
        assert_eq!(bench.files(), ["00000000 51", "00000001 102"], "both are there");
        let stats = bench.log.stats();
        assert_eq!((stats.failed_groups, stats.failed_repairs, stats.buffered_bytes), (1, 0, 0));
    }
}

#[test]
fn a_segment_that_never_held_anything_leaves_no_gap() {
    let bench = Bench::new(plain());
    for step in [Step::Create, Step::SyncDir, Step::Append, Step::SyncData] {
        bench.fail(step, 0, 1, 5);
        bench.append(1).unwrap_err();
        bench.fs.heal();
        assert_eq!(bench.files(), Vec::<String>::new(), "{step:?}");
    }
    bench.append(2).unwrap();
    assert_eq!(bench.files(), ["00000000 255"]);
}

#[test]
fn a_segment_that_cannot_be_cut_is_left_behind() {
    let bench = Bench::new(plain());
    bench.append(1).unwrap();
    bench.fail(Step::Append, 0, 1, 13);
    bench.fail(Step::Truncate, 0, 1, 0);
    bench.append(2).unwrap_err();
    bench.append(3).unwrap();
    assert_eq!(bench.files(), ["00000000 64", "00000001 102"]);
    assert_eq!(bench.log.stats().failed_repairs, 1);
}

#[test]
fn a_full_buffer_refuses_samples_until_the_disk_is_back() {
    let bench = Bench::new(LogOptions { buffer_bytes: 200, ..plain() });
    bench.fail(Step::Append, 0, u32::MAX, 0);
    let mut failed = 0;
    while let Err(LogError::Failed { .. }) = bench.append(failed) {
        failed += 1;
        assert!(failed < 100, "never full");
    }
    let error = bench.append(failed).unwrap_err();
    assert!(matches!(&error, LogError::Full { limit_bytes: 200, .. }), "{error}");
    assert!((4..6).contains(&failed), "{failed}");
    let before = bench.log.stats().buffered_bytes;
    bench.sequence(99).unwrap_err();
    assert!(bench.log.stats().buffered_bytes > before, "the series record is kept");
    bench.settle();
    bench.fs.heal();
    // One refusal asks for the flush that finds the disk well.
    bench.sequence(100).unwrap_err();
    bench.settle();
    assert_eq!(bench.log.stats().buffered_bytes, 0);
    bench.append(101).unwrap();
}

#[test]
fn asking_a_full_log_whether_it_accepts_has_it_try_again() {
    let bench = Bench::new(LogOptions { buffer_bytes: 10, ..plain() });
    bench.log.accepts().unwrap();
    bench.fail(Step::Append, 0, 1, 0);
    bench.append(1).unwrap_err();
    bench.log.accepts().unwrap_err();
    bench.settle();
    bench.log.accepts().unwrap();
}

#[test]
fn w14_a_failed_group_stays_before_what_came_later() {
    let bench = Bench::new(plain());
    bench.fail(Step::SyncData, 0, 1, 0);
    bench.append(1).unwrap_err();
    let mut records = Records::default();
    records.sample(SeriesRef(1), 2000, 2.0);
    let _durable = wait(bench.log.commit(bench.log.sequence(&records).unwrap())).unwrap();
    let mut seen = Vec::new();
    let segment = dir().join("00000000");
    tsdb::wal::read_segment(&bench.fs, &segment, |_, record| seen.push((record[0], record.len()))).unwrap();
    assert_eq!(seen, [(1, 10), (2, 27), (2, 27)], "series, its sample, the later sample");
}

#[test]
fn a_cut_separates_before_from_after() {
    let bench = Bench::new(plain());
    assert_eq!(bench.log.cut().unwrap(), 0, "nothing to cut");
    bench.append(1).unwrap();
    let _position = bench.sequence(2).unwrap();
    assert_eq!(bench.log.cut().unwrap(), 1);
    assert_eq!(bench.files(), ["00000000 102"], "a cut writes what was sequenced before");
    bench.append(3).unwrap();
    assert_eq!(bench.files(), ["00000000 102", "00000001 51"]);
    bench.fail(Step::Append, 0, 1, 3);
    let _position = bench.sequence(4).unwrap();
    assert_eq!(bench.log.cut().unwrap(), 2, "a failure ends the segment as well");
    bench.append(5).unwrap();
    bench.log.truncate(1).unwrap();
    assert_eq!(bench.files(), ["00000001 51", "00000002 102"]);
}

#[test]
fn a_closed_log_refuses_and_says_what_failed() {
    let bench = Bench::new(plain());
    let position = bench.sequence(1).unwrap();
    bench.log.close().unwrap();
    let _durable = bench.log.commit(position).wait().unwrap();
    assert!(matches!(bench.append(2), Err(LogError::Closed { .. })));
    assert!(matches!(bench.log.cut(), Err(LogError::Closed { .. })));
    assert!(matches!(bench.log.close(), Err(LogError::Closed { .. })));

    let bench = Bench::new(plain());
    let _position = bench.sequence(1).unwrap();
    bench.fail(Step::SyncData, 0, 1, 0);
    assert!(matches!(bench.log.close(), Err(LogError::Failed { .. })));
}

#[test]
fn shutdown_writes_what_is_queued_and_then_nothing_hangs() {
    let bench = Bench::new(plain());
    let commit = bench.log.commit(bench.sequence(1).unwrap());
    bench.committers.shutdown();
    let _durable = commit.wait().unwrap();
    let late = bench.log.commit(bench.sequence(2).unwrap());
    assert!(matches!(wait(late), Err(LogError::Closed { .. })));
    assert!(matches!(bench.log.cut(), Err(LogError::Closed { .. })));
}

#[test]
fn many_threads_are_answered_each_once() {
    let bench = Bench::new(LogOptions { segment_bytes: 32 << 10, ..plain() });
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let bench = &bench;
            scope.spawn(move || (0..500).for_each(|number| bench.append(thread * 1000 + number).unwrap()));
        }
        for _ in 0..20 {
            bench.log.cut().unwrap();
        }
    });
    let stats = bench.log.stats();
    assert_eq!(stats.written_bytes, 4000 * APPENDED);
    assert!(stats.groups <= 4000 + 20);
}
