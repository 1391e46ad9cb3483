//! The life of a database, cut off after each of its file-system steps.

use crate::rig::{
    Batch, Contents, NO_LIMITS, RANGE_MS, append, batch, check, contents, names, open_on, options, series,
};
use model::TimeRange;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use testkit::{Fault, Loss, SimFs, Step};
use tsdb::db::{Db, DbError, DbOptions};
use tsdb::head::{AppendScratch, OutOfOrder};
use tsdb::wal::LogOptions;

const DIR: &str = "/data";
/// A sample of each series every so often: chunks are cut and blocks span several.
const STEP_MS: i64 = 4_000;
const SERIES: i64 = 3;

/// What was sent, and what of it was acknowledged.
#[derive(Default)]
struct Oracle {
    sent: Contents,
    acked: Contents,
}

fn open(fs: &SimFs) -> Result<Db, DbError> {
    let log = LogOptions { segment_bytes: 32 << 10, ..LogOptions::default() };
    let out_of_order = OutOfOrder { window_ms: 2 * RANGE_MS, cap: 4 };
    let options = DbOptions { log, retention_ms: Some(10 * RANGE_MS), out_of_order, ..options() };
    open_on(Arc::new(fs.clone()), Path::new(DIR), options)
}

/// Late samples of three series, one of them new: some of the last range, some of the one before.
fn late(at_ms: i64) -> Batch {
    let times = |number: i64| [at_ms - RANGE_MS + 7 + number % 3, at_ms - 3 * STEP_MS + 11, at_ms - RANGE_MS / 4 + 13];
    let times = |number: i64| times(number).into_iter().filter(|&late_ms| late_ms >= 0).collect::<Vec<_>>();
    let value = |number: i64, late_ms: i64| (late_ms * 7 + number) as f64 / 4.0;
    let samples = |number| times(number).into_iter().map(|late_ms| (late_ms, value(number, late_ms))).collect();
    Batch { names: names(), series: [0, 2, 100 + at_ms].map(|number| (series(number), samples(number))).into() }
}

/// Opens, appends over four ranges with upkeep, closes; goes on as long as nothing fails.
fn live(fs: &SimFs, oracle: &mut Oracle) -> Result<(), DbError> {
    let db = open(fs)?;
    let send = |batch: fn(i64) -> Batch, at_ms: i64, oracle: &mut Oracle| {
        batch(at_ms).add_to(&mut oracle.sent);
        let (appended, commit) = db.append(&batch(at_ms), NO_LIMITS, &mut AppendScratch::default())?;
        let _durable = commit.wait()?;
        assert_eq!(appended.refused_total, 0);
        batch(at_ms).add_to(&mut oracle.acked);
        Ok::<_, DbError>(())
    };
    for at_ms in (0..4 * RANGE_MS).step_by(STEP_MS as usize) {
        send(|at_ms| batch(SERIES, at_ms), at_ms, oracle)?;
        if at_ms % (4 * STEP_MS) == 0 {
            send(late, at_ms, oracle)?;
        }
        if at_ms % (RANGE_MS / 4) == 0 {
            db.maintain()?;
        }
    }
    db.close()
}

/// Opens what a crash left and checks it, goes on with it, and checks it once more after another.
fn check_after(disk: &SimFs, oracle: &Oracle, when: &str) {
    let db = open(disk).unwrap_or_else(|error| panic!("{when}: {error}"));
    let found = contents(&db, TimeRange::ALL);
    let lost: Vec<_> = oracle.acked.iter().filter(|(key, bits)| found.get(*key) != Some(*bits)).collect();
    assert!(
        lost.is_empty(),
        "{when}: {} of {} acknowledged samples are lost: {:?}",
        lost.len(),
        oracle.acked.len(),
        lost[0]
    );
    let phantom = found.iter().find(|(key, bits)| oracle.sent.get(*key) != Some(*bits));
    assert!(phantom.is_none(), "{when}: nobody sent {phantom:?}");

    let mut expected = found;
    append(&db, SERIES + 1, 4 * RANGE_MS, &mut expected);
    db.maintain().unwrap();
    check(&db, &expected);
    drop(db);
    check(&open(&disk.crash(Loss::All)).unwrap(), &expected);
}

#[test]
fn nothing_acknowledged_is_lost_whatever_step_is_the_last() {
    let whole = SimFs::new();
    live(&whole, &mut Oracle::default()).unwrap();
    let steps = whole.steps();
    assert!(steps > 200, "{steps} steps");
    // All kinds of upkeep are among them.
    let journal = whole.take_journal();
    let upkeep = [
        ("Rename", "checkpoint."),
        ("Remove", "/wal/0"),
        ("Remove", "/wbl/0"),
        ("Rename", ".tmp-for-creation"),
        ("Append", "/chunks_head/0"),
        ("Append", "/wbl/0"),
    ];
    for (step, path_part) in upkeep {
        assert!(
            journal.iter().any(|line| line.starts_with(step) && line.contains(path_part)),
            "no {step} of {path_part}"
        );
    }
    for step in 0..steps {
        let loss = [Loss::All, Loss::Torn(step), Loss::Reordered(step)][step as usize % 3];
        let (fs, mut oracle) = (SimFs::new(), Oracle::default());
        fs.stop_after(step);
        let _cut_off = live(&fs, &mut oracle);
        check_after(&fs.crash(loss), &oracle, &format!("after step {step} of {steps}, {loss:?}"));
    }
}

/// As above, for the end of a process that hands its head on as blocks.
#[test]
fn a_flush_that_is_cut_off_loses_nothing() {
    let prepare = |fs: &SimFs, oracle: &mut Oracle| {
        let db = open(fs).unwrap();
        for at_ms in (0..RANGE_MS + RANGE_MS / 3).step_by(STEP_MS as usize) {
            append(&db, SERIES, at_ms, &mut oracle.sent);
        }
        oracle.acked = oracle.sent.clone();
        db
    };
    let whole = SimFs::new();
    let db = prepare(&whole, &mut Oracle::default());
    let before = whole.steps();
    assert_eq!(db.flush().unwrap().len(), 2);
    db.close().unwrap();
    let steps = whole.steps() - before;
    assert!(steps > 20, "{steps} steps");
    for step in 0..steps {
        for loss in [Loss::All, Loss::Torn(step), Loss::Reordered(step)] {
            let (fs, mut oracle) = (SimFs::new(), Oracle::default());
            let db = prepare(&fs, &mut oracle);
            fs.stop_after(before + step);
            let _cut_off = db.flush().and_then(|_| db.close());
            check_after(&fs.crash(loss), &oracle, &format!("after step {step} of {steps}, {loss:?}"));
        }
    }
}

/// A block that is removed is there whole or is gone, however far its removal came.
#[test]
fn a_crash_while_blocks_are_removed_leaves_no_half_block() {
    let prepare = || {
        let fs = SimFs::new();
        let keep_all = DbOptions { retention_ms: None, ..options() };
        let db = open_on(Arc::new(fs.clone()), Path::new(DIR), keep_all).unwrap();
        let mut expected = Contents::new();
        for at_ms in (0..4 * RANGE_MS).step_by(STEP_MS as usize) {
            append(&db, SERIES, at_ms, &mut expected);
        }
        db.maintain().unwrap();
        db.close().unwrap();
        expected.retain(|(_, at_ms), _| *at_ms >= RANGE_MS);
        (fs, expected)
    };
    let expire = |fs: &SimFs| {
        let options = DbOptions { retention_ms: Some(RANGE_MS + RANGE_MS / 2), ..options() };
        open_on(Arc::new(fs.clone()), Path::new(DIR), options)?.maintain()
    };
    let (whole, _) = prepare();
    let before = whole.steps();
    expire(&whole).unwrap();
    let steps = whole.steps() - before;
    assert!(steps > 8, "{steps} steps");
    for step in 0..steps {
        for loss in [Loss::All, Loss::Torn(step), Loss::Reordered(step), Loss::Reordered(step + 1000)] {
            let (fs, kept) = prepare();
            fs.stop_after(before + step);
            let _cut_off = expire(&fs);
            let db = open(&fs.crash(loss)).unwrap();
            assert_eq!(db.opened().set_aside, [], "step {step}, {loss:?}");
            let found = contents(&db, TimeRange::ALL);
            assert!(kept.iter().all(|(key, bits)| found.get(key) == Some(bits)), "step {step}, {loss:?}");
        }
    }
}

/// The checks above would notice.
#[test]
fn a_disk_that_does_not_sync_loses_acknowledged_samples() {
    for lie in [SimFs::ignore_sync_data, SimFs::ignore_sync_dir] {
        let (fs, mut oracle) = (SimFs::new(), Oracle::default());
        lie(&fs);
        live(&fs, &mut oracle).unwrap();
        assert!(!oracle.acked.is_empty());
        let found = open(&fs.crash(Loss::All)).map(|db| contents(&db, TimeRange::ALL)).unwrap_or_default();
        assert!(oracle.acked.iter().any(|(key, _)| !found.contains_key(key)));
    }
}

/// Every step fails once, or for a while; later calls make good for it.
#[test]
fn upkeep_that_fails_is_made_good_by_the_next() {
    let steps = [
        Step::Create,
        Step::Append,
        Step::SyncData,
        Step::SyncFile,
        Step::SyncDir,
        Step::Rename,
        Step::Remove,
        Step::CreateDir,
    ];
    for (step, skip) in steps.iter().flat_map(|&step| (0..8).map(move |skip| (step, skip))) {
        let fs = SimFs::new();
        let db = open(&fs).unwrap();
        let mut expected = Contents::new();
        for at_ms in (0..3 * RANGE_MS).step_by(STEP_MS as usize) {
            append(&db, SERIES, at_ms, &mut expected);
        }
        let (appended, commit) =
            db.append(&late(3 * RANGE_MS - STEP_MS), NO_LIMITS, &mut AppendScratch::default()).unwrap();
        assert_eq!((appended.late, appended.refused_total), (8, 0));
        let _durable = commit.wait().unwrap();
        late(3 * RANGE_MS - STEP_MS).add_to(&mut expected);
        fs.fail(Fault { step, path_part: "/".into(), skip, times: 2, error: ErrorKind::Other, written_bytes: 3 });
        let mut failures = 0;
        while let Err(error) = db.maintain() {
            failures += 1;
            assert!(failures < 5, "{step:?} {skip}: {error}");
            check(&db, &expected);
        }
        fs.heal();
        check(&db, &expected);
        db.maintain().unwrap();
        // Two ranges, and late samples of two. What was written of these before a fault is written again.
        let (blocks, late) = (db.stats().blocks, db.head().late_range());
        assert!(matches!(blocks, 4..8) && late.is_none(), "{step:?} {skip}: {blocks} blocks, {late:?} left");
        append(&db, SERIES, 3 * RANGE_MS, &mut expected);
        drop(db);
        check(&open(&fs.crash(Loss::All)).unwrap(), &expected);
    }
}
