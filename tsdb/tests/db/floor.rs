//! Where the head was cut though no block says so: found again after any crash, and as little trusted as any file.

use crate::delete::{delete, of, range};
use crate::rig::{Batch, Contents, NO_LIMITS, RANGE_MS, append, append_range, check, names, open_on, options, series};
use model::TimeRange;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use testkit::{Fault, Loss, SimFs, Step};
use tsdb::RefusedBecause;
use tsdb::db::{Db, DbError, DbOptions};
use tsdb::fs::{Fs, Overlay};
use tsdb::head::{AppendScratch, OutOfOrder};

const DIR: &str = "/data";
const FLOOR: &str = "/data/head_floor";

fn try_open(fs: &SimFs) -> Result<Db, DbError> {
    open_on(Arc::new(fs.clone()), Path::new(DIR), options())
}

fn open(fs: &SimFs) -> Db {
    try_open(fs).unwrap()
}

/// A head of which all that is not before `from_ms` was deleted. A flush moves its floor to 60,001.
fn prepare(from_ms: i64) -> (SimFs, Db, Contents) {
    let (fs, mut expected) = (SimFs::new(), Contents::new());
    let db = open(&fs);
    append_range(&db, 0, 60_001, &mut expected);
    let _durable = db.delete(&of(".*"), range(from_ms, i64::MAX)).unwrap().durable;
    expected.retain(|(_, at_ms), _| *at_ms < from_ms);
    check(&db, &expected);
    (fs, db, expected)
}

/// As [`prepare`], flushed, and gone without a word.
fn flushed(from_ms: i64) -> (SimFs, Contents) {
    let (fs, db, expected) = prepare(from_ms);
    db.flush().unwrap();
    (fs, expected)
}

/// Sends a sample of another series; says why it was refused, if it was.
fn send(db: &Db, at_ms: i64) -> Option<RefusedBecause> {
    let batch = Batch { names: names(), series: vec![(series(99), vec![(at_ms, 1.0)])] };
    let (appended, commit) = db.append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = commit.wait().unwrap();
    appended.refused.first().map(|refused| refused.why)
}

#[test]
fn a_cut_of_which_a_block_says_less_is_known() {
    // Of nothing there is a block, of half of it, and of all of it: that one says it by itself.
    for (from_ms, is_kept) in [(0, true), (30_000, true), (60_001, false)] {
        let (fs, expected) = flushed(from_ms);
        assert_eq!(fs.read(Path::new(FLOOR)).is_ok(), is_kept, "{from_ms}");
        for _ in 0..2 {
            let db = open(&fs.crash(Loss::All));
            assert_eq!((db.head().floor_ms(), db.opened().set_aside.len()), (60_001, 0));
            check(&db, &expected);
            assert_eq!(send(&db, 60_000), Some(RefusedBecause::OutOfBounds));
            assert_eq!(send(&db, 60_001), None);
        }
    }
}

/// It is done, or ends where its block says, or never began; and what is taken afterwards stays.
#[test]
fn a_crash_at_any_step_of_a_cut_leaves_one_that_is_done_or_never_began() {
    for from_ms in [0, 30_000] {
        let (whole, db, _) = prepare(from_ms);
        let before = whole.steps();
        db.flush().unwrap();
        let mut floors = BTreeSet::new();
        for step in 0..=whole.steps() - before {
            for loss in [Loss::All, Loss::Torn(step), Loss::Reordered(step)] {
                let (fs, db, mut expected) = prepare(from_ms);
                fs.stop_after(before + step);
                let _cut_off = db.flush();
                let fs = fs.crash(loss);
                let db = open(&fs);
                let floor_ms = db.head().floor_ms();
                floors.insert(floor_ms);
                check(&db, &expected);
                if send(&db, 60_000).is_none() {
                    expected.insert((series(99), 60_000), 1_f64.to_bits());
                }
                check(&db, &expected);
                drop(db);
                check(&open(&fs.crash(loss)), &expected);
            }
        }
        let never = if from_ms == 0 { [i64::MIN, 60_001].to_vec() } else { [i64::MIN, 29_001, 60_001].to_vec() };
        assert_eq!(floors.into_iter().collect::<Vec<_>>(), never);
    }
}

/// The floor stays where it was, nothing is dropped, and the next attempt writes no block twice.
#[test]
fn a_floor_that_cannot_be_written_is_tried_again() {
    for step in [Step::Create, Step::Append, Step::SyncData, Step::Rename] {
        let (fs, db, expected) = prepare(30_000);
        fs.fail(Fault {
            step,
            path_part: "head_floor".to_owned(),
            skip: 0,
            times: 1,
            error: ErrorKind::StorageFull,
            written_bytes: 3,
        });
        let error = db.flush().unwrap_err().to_string();
        assert!(error.contains(FLOOR), "{error}");
        assert_eq!((db.head().floor_ms(), db.stats().blocks), (i64::MIN, 1), "{step:?}");
        check(&db, &expected);
        db.flush().unwrap();
        assert_eq!((db.head().floor_ms(), db.stats().blocks), (60_001, 1), "{step:?}");
        check(&db, &expected);
        let db = open(&fs.crash(Loss::All));
        assert_eq!((db.head().floor_ms(), db.stats().blocks), (60_001, 1), "{step:?}");
        check(&db, &expected);
    }
}

/// Blocks alone say then what was cut. Nobody who only looks changes anything.
#[test]
fn a_damaged_floor_is_set_aside() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [Damage; 4] = [|file| file[9] ^= 4, |file| file.truncate(20), Vec::clear, |file| file.push(0)];
    for damage in damages {
        let (fs, _) = flushed(30_000);
        let mut file = fs.read(Path::new(FLOOR)).unwrap();
        damage(&mut file);
        fs.plant(Path::new(FLOOR), &file).unwrap();
        let overlay = Overlay::new(Arc::new(fs.clone()), "/scratch".into(), BTreeSet::new());
        let db = open_on(Arc::new(overlay), Path::new(DIR), options()).unwrap();
        assert_eq!((db.head().floor_ms(), db.opened().set_aside.len()), (29_001, 1));
        assert_eq!(fs.read(Path::new(FLOOR)).unwrap(), file);
        let db = open(&fs);
        let [aside] = &db.opened().set_aside[..] else { panic!("{:?}", db.opened().set_aside) };
        assert_eq!((aside.from.as_path(), aside.bytes), (Path::new(FLOOR), file.len() as u64));
        assert_eq!((db.head().floor_ms(), fs.read(&aside.to).unwrap()), (29_001, file));
        drop(db);
        assert_eq!(open(&fs).opened().set_aside, []);
    }
}

#[test]
fn a_directory_in_the_place_of_a_floor_is_set_aside() {
    let (fs, _) = flushed(0);
    fs.remove_file(Path::new(FLOOR)).unwrap();
    fs.create_dir_all(Path::new(FLOOR)).unwrap();
    let db = open(&fs);
    assert_eq!((db.head().floor_ms(), db.opened().set_aside.len()), (i64::MIN, 1));
}

/// What a reader that changes nothing sees.
#[test]
fn who_only_looks_knows_the_floor() {
    let (fs, expected) = flushed(0);
    let overlay = Overlay::new(Arc::new(fs.clone()), "/scratch".into(), BTreeSet::new());
    let db = open_on(Arc::new(overlay), Path::new(DIR), options()).unwrap();
    assert_eq!(db.head().floor_ms(), 60_001);
    check(&db, &expected);
}

fn copy(fs: &SimFs, dir: &Path, to: &SimFs) {
    to.create_dir_all(dir).unwrap();
    for entry in fs.read_dir(dir).unwrap() {
        match entry.is_dir {
            true => copy(fs, &entry.path, to),
            false => to.plant(&entry.path, &fs.read(&entry.path).unwrap()).unwrap(),
        }
    }
}

/// Somebody wants back what was deleted, and puts back a log of before.
#[test]
fn a_floor_says_nothing_of_an_older_log() {
    let (fs, mut all) = (SimFs::new(), Contents::new());
    let db = open(&fs);
    append_range(&db, 0, 60_001, &mut all);
    let backup = SimFs::new();
    copy(&fs, Path::new(DIR), &backup);
    let _durable = db.delete(&of(".*"), TimeRange::ALL).unwrap().durable;
    db.flush().unwrap();
    drop(db);
    backup.plant(Path::new(FLOOR), &fs.read(Path::new(FLOOR)).unwrap()).unwrap();
    let db = open(&backup);
    assert!(db.opened().set_aside[0].fault.contains("longer log"), "{:?}", db.opened().set_aside);
    assert_eq!(db.head().floor_ms(), i64::MIN);
    check(&db, &all);
}

/// A log from which something damaged was taken is the same log.
#[test]
fn a_floor_outlives_damage_to_the_end_of_its_log() {
    let (fs, expected) = flushed(0);
    let log = Path::new("/data/wal/00000000");
    fs.damage(log, |bytes| *bytes.last_mut().unwrap() ^= 1).unwrap();
    let size = fs.read(log).unwrap().len();
    for _ in 0..2 {
        let db = open(&fs);
        assert_eq!(db.head().floor_ms(), 60_001);
        check(&db, &expected);
        assert!(fs.read(log).unwrap().len() < size);
    }
}

/// The block that alone said it is past its retention: one of late samples ends so long after it. The log has its samples still.
#[test]
fn a_floor_outlives_the_block_that_said_it() {
    let (fs, mut expected) = (SimFs::new(), Contents::new());
    let out_of_order = OutOfOrder { window_ms: 2 * RANGE_MS, cap: 4 };
    let options = || DbOptions { out_of_order, retention_ms: Some(RANGE_MS), ..options() };
    let open = || open_on(Arc::new(fs.clone()), Path::new(DIR), options()).unwrap();
    let db = open();
    append_range(&db, 0, 2 * RANGE_MS + RANGE_MS / 2, &mut expected);
    append(&db, 5, 2 * RANGE_MS + RANGE_MS / 5 + 500, &mut expected);
    db.maintain().unwrap();
    expected.retain(|(_, at_ms), _| *at_ms >= RANGE_MS);
    assert_eq!((db.stats().blocks, db.head().floor_ms()), (1, RANGE_MS));
    check(&db, &expected);
    drop(db);
    let db = open();
    assert_eq!(db.head().floor_ms(), RANGE_MS);
    check(&db, &expected);
}

/// The floor was lost, and a block says a later end than the head is cut to now. Rewritten it would take that time from the head.
#[test]
fn a_block_that_says_more_than_the_floor_is_not_rewritten() {
    let (fs, mut expected) = flushed(30_000);
    fs.remove_file(Path::new(FLOOR)).unwrap();
    let db = open(&fs);
    assert_eq!(db.head().floor_ms(), 29_001);
    assert_eq!(send(&db, 40_000), None);
    expected.insert((series(99), 40_000), 1_f64.to_bits());
    delete(&db, "0", range(0, 5_000), &mut expected);
    assert_eq!(db.clean_tombstones().unwrap(), []);
    drop(db);
    let db = open(&fs);
    check(&db, &expected);
    db.flush().unwrap();
    assert_eq!(db.clean_tombstones().unwrap().len(), 1);
    drop(db);
    check(&open(&fs), &expected);
}
