//! Steps of upkeep that fail, or are the last: what `tests/crash.rs` has no room for in one life.

use crate::rig::{Batch, Contents, NO_LIMITS, RANGE_MS, append, check, contents, names, open_on, options, series};
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
