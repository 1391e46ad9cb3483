//! When snapshots are written while samples go on coming.

use crate::rig::{Contents, append, check, open_at, options};
use model::ManualClock;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use testkit::{Fault, SimFs, Step};
use tsdb::db::{Db, DbOptions, Snapshots};

const OPENED_MS: i64 = 1_700_000_000_000;
const EVERY_MS: i64 = 60_000;

/// (since the opening, whether something is logged, whether writing fails, how many snapshots there are then)
const STORY: &[(i64, bool, bool, u64)] = &[
    (0, true, false, 0),
    (EVERY_MS - 1, true, false, 0),
    (EVERY_MS, true, false, 1),
    (EVERY_MS + 1, true, false, 1),
    (2 * EVERY_MS - 1, true, false, 1),
    (2 * EVERY_MS, true, false, 2),
    // Nothing is new; and then the interval is over long since.
    (3 * EVERY_MS, false, false, 2),
    (3 * EVERY_MS + 500, true, false, 3),
    (4 * EVERY_MS + 499, true, false, 3),
    (4 * EVERY_MS + 500, true, false, 4),
    // One that fails is tried again when the interval is over, whether something is new or not.
    (5 * EVERY_MS + 500, true, true, 4),
    (5 * EVERY_MS + 501, true, false, 4),
    (6 * EVERY_MS + 499, false, false, 4),
    (6 * EVERY_MS + 500, false, false, 5),
];

fn open(fs: &SimFs, clock: &Arc<ManualClock>, snapshots: Snapshots) -> Db {
    let options = DbOptions { snapshots, ..options() };
    open_at(Arc::new(fs.clone()), Path::new("/data"), options, Arc::clone(clock) as _).unwrap()
}

/// The next one cannot be written.
fn fail_snapshot(fs: &SimFs) {
    let (path_part, error) = ("chunk_snapshot".to_owned(), ErrorKind::Other);
    fs.fail(Fault { step: Step::Create, path_part, skip: 0, times: 1, error, written_bytes: 0 });
}

#[test]
fn the_next_snapshot_is_due_an_interval_after_the_last() {
    let (fs, clock) = (SimFs::new(), Arc::new(ManualClock::at(OPENED_MS)));
    let db = open(&fs, &clock, Snapshots { every_ms: Some(EVERY_MS), ..Snapshots::NEVER });
    let (mut expected, mut last_ms) = (Contents::new(), None);
    let mut before = 0;
    for (step, &(since_ms, logs, fails, written)) in (0..).zip(STORY) {
        clock.set(OPENED_MS + since_ms);
        if logs {
            append(&db, 5, step * 1000, &mut expected);
        }
        if fails {
            fail_snapshot(&fs);
        }
        assert_eq!(db.maintain().is_err(), fails, "after {since_ms} ms");
        fs.heal();
        if written > before {
            last_ms = Some(OPENED_MS + since_ms);
        }
        let stats = db.stats();
        assert_eq!((stats.snapshots, stats.last_snapshot_ms), (written, last_ms), "after {since_ms} ms");
        before = written;
    }
    drop(db);
    check(&crate::rig::open_on(Arc::new(fs), Path::new("/data"), crate::rig::options()).unwrap(), &expected);
}

/// What a snapshot of the five series takes, about.
const LIKELY_BYTES: u64 = 5 * 512;
/// What one batch takes of the log, at most.
const BATCH_BYTES: u64 = 300;

/// Appends until a snapshot is wanted; says how many bytes were logged for it.
fn append_until_wanted(db: &Db, at_ms: &mut i64, expected: &mut Contents) -> u64 {
    let before = db.stats().log.written_bytes;
    for _ in 0..1000 {
        append(db, 5, *at_ms, expected);
        *at_ms += 1000;
        if db.wants_snapshot() {
            return db.stats().log.written_bytes - before;
        }
    }
    panic!("none is wanted");
}

#[test]
fn a_snapshot_is_due_sooner_when_as_much_was_logged_as_it_takes() {
    for (log_bytes, due_bytes) in [(0, LIKELY_BYTES), (LIKELY_BYTES - 1, LIKELY_BYTES), (6000, 6000)] {
        let (fs, clock) = (SimFs::new(), Arc::new(ManualClock::at(OPENED_MS)));
        let snapshots = Snapshots { at_end: false, every_ms: Some(EVERY_MS), log_bytes };
        let (mut expected, mut at_ms) = (Contents::new(), 0);
        let is_due = |bytes| (due_bytes..due_bytes + BATCH_BYTES).contains(&bytes);
        let db = open(&fs, &clock, snapshots);
        for written in 1..=2 {
            let logged = append_until_wanted(&db, &mut at_ms, &mut expected);
            assert!(is_due(logged), "{logged} bytes, {due_bytes} were due");
            db.write_due_snapshot().unwrap();
            db.write_due_snapshot().unwrap();
            assert_eq!((db.stats().snapshots, db.wants_snapshot()), (written, false));
        }
        // One that fails is tried again when as much was logged again.
        append_until_wanted(&db, &mut at_ms, &mut expected);
        fail_snapshot(&fs);
        db.write_due_snapshot().unwrap_err();
        let logged = append_until_wanted(&db, &mut at_ms, &mut expected);
        assert!(is_due(logged), "{logged} bytes after a failure, {due_bytes} were due");
        db.write_due_snapshot().unwrap();
        // What an earlier process left behind the snapshot counts, too.
        append(&db, 5, at_ms, &mut expected);
        let before = db.stats().log.written_bytes;
        for _ in 0..10 {
            at_ms += 1000;
            append(&db, 5, at_ms, &mut expected);
        }
        let left = db.stats().log.written_bytes - before;
        drop(db);
        let db = open(&fs, &clock, snapshots);
        check(&db, &expected);
        at_ms += 1000;
        let logged = append_until_wanted(&db, &mut at_ms, &mut expected);
        let all = logged + left;
        assert!(
            (due_bytes - BATCH_BYTES..due_bytes + BATCH_BYTES).contains(&all),
            "{logged} + {left}, {due_bytes} due"
        );
    }
}

#[test]
fn where_none_is_wanted_none_is_due_however_much_was_logged() {
    let (fs, clock) = (SimFs::new(), Arc::new(ManualClock::at(OPENED_MS)));
    let db = open(&fs, &clock, Snapshots { at_end: true, every_ms: None, log_bytes: 0 });
    let mut expected = Contents::new();
    for step in 0..100 {
        append(&db, 5, step * 1000, &mut expected);
    }
    clock.set(OPENED_MS + 1000 * EVERY_MS);
    assert!(db.stats().log.written_bytes > LIKELY_BYTES && !db.wants_snapshot());
    db.write_due_snapshot().unwrap();
    assert_eq!(db.stats().snapshots, 0);
}
