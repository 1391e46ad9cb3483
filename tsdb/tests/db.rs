//! A data directory from its first sample to its last block.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "db/backup.rs"]
mod backup;
#[path = "db/clean.rs"]
mod clean;
#[path = "db/crash.rs"]
mod crash;
#[path = "db/delete.rs"]
mod delete;
#[path = "db/floor.rs"]
mod floor;
#[path = "db/many.rs"]
mod many;
#[path = "db/outdated.rs"]
mod outdated;
#[path = "db/periodic.rs"]
mod periodic;
#[path = "db/prometheus.rs"]
mod prometheus;
#[path = "db/rig.rs"]
mod rig;
#[path = "db/snapshot.rs"]
mod snapshot;
#[path = "db/statistics.rs"]
mod statistics;
#[path = "db/strange.rs"]
mod strange;
#[path = "db/unblocked.rs"]
mod unblocked;
#[path = "db/undecodable.rs"]
mod undecodable;

use model::{Fingerprint, LabelsRef, TimeRange};
use rig::{Batch, Contents, NO_LIMITS, RANGE_MS, append, append_range, check, contents, names, open, series, try_open};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tsdb::AppendSource;
use tsdb::db::{Db, DbError};
use tsdb::head::AppendScratch;

fn blocks(db: &Db) -> u64 {
    db.stats().blocks
}

#[test]
fn what_was_durable_is_there_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    for life in 0..4 {
        let db = open(dir.path());
        check(&db, &expected);
        append_range(&db, life * 30_000, (life + 1) * 30_000, &mut expected);
        check(&db, &expected);
        if life == 2 {
            db.close().unwrap();
        }
    }
    check(&open(dir.path()), &expected);
}

#[test]
fn answers_are_the_same_before_and_after_blocks_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append_range(&db, 0, 3 * RANGE_MS, &mut expected);
    let border = TimeRange::new(RANGE_MS - 3_500, RANGE_MS + 3_500).unwrap();
    let across = contents(&db, border);
    assert_eq!(across.len(), 5 * 7);
    let cut = db.maintain().unwrap();
    assert_eq!(
        cut.iter().map(|block| (block.min_ms, block.max_ms)).collect::<Vec<_>>(),
        [(0, RANGE_MS), (RANGE_MS, 2 * RANGE_MS)]
    );
    assert_eq!(blocks(&db), 2);
    check(&db, &expected);
    assert_eq!(contents(&db, border), across);
    append_range(&db, 3 * RANGE_MS, 4 * RANGE_MS, &mut expected);
    db.maintain().unwrap();
    check(&db, &expected);
    drop(db);
    let db = open(dir.path());
    check(&db, &expected);
    assert_eq!(contents(&db, border), across);
    assert!(db.stats().head_min_ms >= 2 * RANGE_MS, "the head took samples that blocks have");
    let meta = std::fs::read_to_string(first_block(dir.path()).join("meta.json")).unwrap();
    assert!(meta.contains(r#""replica": "r""#) && meta.contains(r#""source": "receive""#), "{meta}");
}

fn first_block(dir: &Path) -> std::path::PathBuf {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.join("meta.json").exists()).min().unwrap()
}

#[test]
fn the_log_behind_blocks_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    for range in 0..8 {
        append_range(&db, range * RANGE_MS, (range + 1) * RANGE_MS, &mut expected);
        db.maintain().unwrap();
    }
    let names: Vec<String> = std::fs::read_dir(dir.path().join("wal"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().any(|name| name.starts_with("checkpoint.")), "{names:?}");
    assert!(!names.contains(&"00000000".to_owned()) && names.len() < 8, "{names:?}");
    drop(db);
    let db = open(dir.path());
    check(&db, &expected);
    append_range(&db, 8 * RANGE_MS, 9 * RANGE_MS, &mut expected);
    check(&db, &expected);
}

#[test]
fn a_second_opening_names_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let error = try_open(dir.path(), None).unwrap_err();
    assert!(matches!(&error, DbError::Locked(path) if path.ends_with("lock")), "{error}");
    assert!(error.to_string().contains("another process"), "{error}");
}

#[test]
fn blocks_past_their_retention_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = try_open(dir.path(), Some(2 * RANGE_MS)).unwrap();
    append_range(&db, 0, 6 * RANGE_MS, &mut expected);
    db.maintain().unwrap();
    expected.retain(|(_, at_ms), _| *at_ms >= 2 * RANGE_MS);
    check(&db, &expected);
    assert_eq!(blocks(&db), 3);
}

#[test]
fn blocks_that_may_not_go_stay() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = try_open(dir.path(), Some(2 * RANGE_MS)).unwrap();
    append_range(&db, 0, 6 * RANGE_MS, &mut expected);
    db.maintain_where(&|_| false).unwrap();
    check(&db, &expected);
    let is_first = |block: ulid::Ulid| {
        let meta = tsdb::block::read_meta(&tsdb::fs::StdFs, &dir.path().join(block.to_string())).unwrap();
        meta.min_ms == 0
    };
    db.maintain_where(&is_first).unwrap();
    expected.retain(|(_, at_ms), _| *at_ms >= RANGE_MS);
    check(&db, &expected);
}

#[test]
fn a_flush_leaves_nothing_in_the_head() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    assert_eq!(db.flush().unwrap().len(), 0);
    let half = RANGE_MS / 2;
    append_range(&db, half, 2 * RANGE_MS + half, &mut expected);
    let cut = db.flush().unwrap();
    let newest_ms = expected.keys().map(|(_, at_ms)| *at_ms).max().unwrap();
    assert_eq!(
        cut.iter().map(|block| (block.min_ms, block.max_ms)).collect::<Vec<_>>(),
        [(half, RANGE_MS), (RANGE_MS, 2 * RANGE_MS), (2 * RANGE_MS, newest_ms + 1)]
    );
    assert_eq!((db.head().time_range(), blocks(&db)), (None, 3));
    check(&db, &expected);
    assert_eq!(db.flush().unwrap().len(), 0);
    append_range(&db, 2 * RANGE_MS + half, 3 * RANGE_MS, &mut expected);
    check(&db, &expected);
    db.close().unwrap();
    drop(db);
    let db = open(dir.path());
    check(&db, &expected);
    // Samples far apart: what lies between them is no block.
    append_range(&db, 1000 * RANGE_MS, 1000 * RANGE_MS + half, &mut expected);
    assert!(db.flush().unwrap().len() < 5);
    check(&db, &expected);
}

#[test]
fn a_damaged_block_is_set_aside_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append_range(&db, 0, 3 * RANGE_MS, &mut expected);
    db.maintain().unwrap();
    drop(db);
    let block = first_block(dir.path());
    let index = block.join("index");
    let mut bytes = std::fs::read(&index).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::remove_file(&index).unwrap();
    std::fs::write(&index, bytes).unwrap();
    let db = open(dir.path());
    let [set_aside] = &db.opened().set_aside[..] else { panic!("{:?}", db.opened().set_aside) };
    assert!(set_aside.fault.contains("index") && set_aside.to.join("meta.json").exists(), "{set_aside:?}");
    assert_eq!(blocks(&db), 1);
    let lost = if block.ends_with(set_aside.from.file_name().unwrap()) { 1 } else { 0 };
    assert_eq!(lost, 1);
    assert!(contents(&db, TimeRange::ALL).len() >= expected.len() - 5 * 100);
    // Put back as it was, it is set aside again, beside the first.
    let (first, bytes) = (set_aside.to.clone(), set_aside.bytes);
    drop(db);
    std::fs::create_dir(&block).unwrap();
    std::fs::copy(first.join("meta.json"), block.join("meta.json")).unwrap();
    let db = open(dir.path());
    let [again] = &db.opened().set_aside[..] else { panic!("{:?}", db.opened().set_aside) };
    assert!(first.join("index").exists() && again.to != first && again.to.join("meta.json").exists(), "{again:?}");
    assert!(bytes > again.bytes && again.bytes > 0);
}

#[test]
fn leftovers_of_unfinished_work_are_removed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let leftover = dir.path().join("01ARZ3NDEKTSV4RRFFQ69G5FAV.tmp-for-creation");
    let foreign = dir.path().join("mine.tmp-for-creation");
    for path in [&leftover, &foreign] {
        std::fs::create_dir_all(path.join("chunks")).unwrap();
    }
    let _db = open(dir.path());
    assert!(!leftover.exists() && foreign.exists());
}

#[test]
fn a_gap_of_decades_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append(&db, 2, 1, &mut expected);
    let now_ms = 1_700_000_000_000;
    append_range(&db, now_ms, now_ms + 2 * RANGE_MS, &mut expected);
    let cut = db.maintain().unwrap();
    assert!(cut.len() < 6, "{} ranges were looked at", cut.len());
    check(&db, &expected);
}

#[test]
fn writers_go_on_while_blocks_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let done = AtomicBool::new(false);
    let mut expected = Contents::new();
    std::thread::scope(|scope| {
        let upkeep = scope.spawn(|| {
            let mut cut = 0;
            while !done.load(Ordering::Relaxed) {
                cut += db.maintain().unwrap().len();
            }
            cut + db.maintain().unwrap().len()
        });
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                scope.spawn({
                    let db = &db;
                    move || write_all(db, writer)
                })
            })
            .collect();
        for writer in writers {
            expected.extend(writer.join().unwrap());
        }
        done.store(true, Ordering::Relaxed);
        assert!(upkeep.join().unwrap() > 2, "no block was cut meanwhile");
    });
    check(&db, &expected);
    drop(db);
    check(&open(dir.path()), &expected);
}

/// A batch that stops in the middle until it may go on.
struct Paused<'a> {
    batch: Batch,
    reached: &'a AtomicBool,
    may_go_on: &'a AtomicBool,
}

impl AppendSource for Paused<'_> {
    fn len(&self) -> usize {
        self.batch.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        self.batch.fingerprint(index)
    }

    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)> {
        self.reached.store(true, Ordering::Relaxed);
        while !self.may_go_on.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        self.batch.samples(index)
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        self.batch.labels(index)
    }
}

#[test]
fn what_is_closed_waits_for_batches_under_way_and_takes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    append(&db, 1, RANGE_MS, &mut Contents::new());
    let (reached, may_go_on, closed) = (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
    let one = |number, at_ms| Batch { names: names(), series: vec![(series(number), vec![(at_ms, 1.0)])] };
    std::thread::scope(|scope| {
        let paused = Paused { batch: one(1, RANGE_MS), reached: &reached, may_go_on: &may_go_on };
        let slow = scope.spawn(|| db.append(&{ paused }, NO_LIMITS, &mut AppendScratch::default()).unwrap().0.accepted);
        while !reached.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let closing = scope.spawn(|| {
            db.head().close_before(RANGE_MS + 1);
            closed.store(true, Ordering::Relaxed);
        });
        std::thread::sleep(std::time::Duration::from_millis(50));
        let too_early = closed.load(Ordering::Relaxed);
        may_go_on.store(true, Ordering::Relaxed);
        assert_eq!(slow.join().unwrap(), 1);
        closing.join().unwrap();
        assert!(!too_early, "closed under a batch with the old bounds");
    });
    for (at_ms, accepted) in [(RANGE_MS, 0), (RANGE_MS + 1, 1)] {
        let (appended, _) = db.append(&one(2, at_ms), NO_LIMITS, &mut AppendScratch::default()).unwrap();
        assert_eq!(appended.accepted, accepted, "at {at_ms}");
    }
}

/// A batch that has learned the head's bounds and takes its time.
struct Slow<'a>(Paused<'a>);

impl AppendSource for Slow<'_> {
    fn len(&self) -> usize {
        self.0.batch.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        let _waits = self.0.samples(index).count();
        self.0.fingerprint(index)
    }

    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)> {
        self.0.batch.samples(index)
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        self.0.batch.labels(index)
    }
}

#[test]
fn a_cut_waits_for_batches_that_know_older_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut expected = Contents::new();
    append_range(&db, 0, RANGE_MS / 2, &mut expected);
    let (reached, may_go_on, cut) = (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
    let late = Batch { names: names(), series: vec![(series(99), vec![(RANGE_MS / 2, 1.0)])] };
    std::thread::scope(|scope| {
        let slow = Slow(Paused { batch: late, reached: &reached, may_go_on: &may_go_on });
        let appending =
            scope.spawn(|| db.append(&{ slow }, NO_LIMITS, &mut AppendScratch::default()).unwrap().0.accepted);
        while !reached.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        append_range(&db, RANGE_MS / 2, 2 * RANGE_MS, &mut expected);
        let upkeep = scope.spawn(|| {
            let blocks = db.maintain().unwrap().len();
            cut.store(true, Ordering::Relaxed);
            blocks
        });
        std::thread::sleep(std::time::Duration::from_millis(100));
        let early = cut.load(Ordering::Relaxed);
        may_go_on.store(true, Ordering::Relaxed);
        assert!(!early, "a block was cut under a batch that may still add to it");
        if appending.join().unwrap() == 1 {
            expected.insert((series(99), RANGE_MS / 2), 1.0_f64.to_bits());
        }
        assert_eq!(upkeep.join().unwrap(), 1);
    });
    check(&db, &expected);
}

/// Writes a series of its own; what was accepted is expected.
fn write_all(db: &Db, writer: i64) -> Contents {
    let mut expected = Contents::new();
    let mut scratch = AppendScratch::default();
    for at_ms in (0..6 * RANGE_MS).step_by(997) {
        let batch = Batch { names: names(), series: vec![(series(writer), vec![(at_ms, at_ms as f64)])] };
        let (appended, commit) = db.append(&batch, NO_LIMITS, &mut scratch).unwrap();
        let _durable = commit.wait().unwrap();
        if appended.accepted == 1 {
            expected.insert((series(writer), at_ms), (at_ms as f64).to_bits());
        }
    }
    expected
}
