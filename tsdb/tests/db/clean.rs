//! Blocks rewritten without what was deleted: what they hold, what they say of themselves, and what a crash leaves.

use super::delete::{delete, of, range};
use crate::rig::{Contents, RANGE_MS, append, append_range, check, contents, open, open_on, options};
use model::TimeRange;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use testkit::{Loss, SimFs};
use tsdb::block::{Meta, read_meta};
use tsdb::db::{CleanedBlock, Db, DbError};
use tsdb::fs::{Fs, StdFs};
use ulid::Ulid;

const DIR: &str = "/data";

fn meta(fs: &dyn Fs, dir: &Path, block: Ulid) -> Meta {
    read_meta(fs, &dir.join(block.to_string())).unwrap()
}

fn blocks(fs: &dyn Fs, dir: &Path) -> BTreeSet<Ulid> {
    let entries = fs.read_dir(dir).unwrap();
    entries.iter().filter_map(|entry| tsdb::block::parse_name(&entry.name)).collect()
}

#[test]
fn a_cleaned_block_holds_what_is_left_and_names_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append_range(&db, 0, 4 * RANGE_MS, &mut expected);
    db.maintain().unwrap();
    let before = blocks(&StdFs, dir.path());
    assert_eq!(db.clean_tombstones().unwrap(), []);
    delete(&db, "0|1", range(RANGE_MS / 2, RANGE_MS - 1), &mut expected);
    delete(&db, "4", range(0, RANGE_MS / 2), &mut expected);
    let reader = db.sources(TimeRange::ALL);
    let [CleanedBlock { from, to: Some(to) }] = db.clean_tombstones().unwrap()[..] else { panic!() };
    check(&db, &expected);
    drop(reader);
    let mut after = before.clone();
    assert!(after.remove(&from) && after.insert(to));
    assert_eq!(blocks(&StdFs, dir.path()), after);
    let meta = meta(&StdFs, dir.path(), to);
    assert_eq!((meta.min_ms, meta.max_ms, meta.compaction.level), (0, RANGE_MS, 1));
    assert_eq!(meta.compaction.sources, [to]);
    let parents: Vec<_> = meta.compaction.parents.iter().map(|each| (each.ulid, each.min_ms, each.max_ms)).collect();
    assert_eq!(parents, [(from, 0, RANGE_MS)]);
    let left = expected.keys().filter(|(_, at_ms)| *at_ms < RANGE_MS).count() as u64;
    assert_eq!((meta.stats.num_samples, meta.stats.num_tombstones), (left, 0));
    let thanos = meta.thanos.unwrap();
    assert_eq!((thanos.source.as_str(), thanos.labels["replica"].as_str()), ("receive", "r"));
    assert_eq!(db.clean_tombstones().unwrap(), []);
    drop(db);
    check(&open(dir.path()), &expected);
}

/// The newest, too: it said where the head was cut, and then a file says so. Else a restart would take samples of the log for new
/// that were cut, and deleted, long ago.
#[test]
fn a_block_of_which_nothing_is_left_goes() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append_range(&db, 0, 4 * RANGE_MS, &mut expected);
    db.maintain().unwrap();
    assert_eq!(db.stats().blocks, 3);
    delete(&db, "0|1|2|3|4", range(RANGE_MS, 3 * RANGE_MS - 1), &mut expected);
    let cleaned = db.clean_tombstones().unwrap();
    assert!(matches!(cleaned[..], [CleanedBlock { to: None, .. }, CleanedBlock { to: None, .. }]), "{cleaned:?}");
    assert_eq!(db.stats().blocks, 1);
    check(&db, &expected);
    drop(db);
    let db = open(dir.path());
    assert_eq!(db.head().floor_ms(), 3 * RANGE_MS);
    check(&db, &expected);
    append_range(&db, 4 * RANGE_MS, 6 * RANGE_MS, &mut expected);
    db.maintain().unwrap();
    check(&db, &expected);
}

#[test]
fn a_block_whose_tombstones_cannot_be_read_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append_range(&db, 0, 3 * RANGE_MS, &mut expected);
    db.maintain().unwrap();
    delete(&db, "0", range(0, RANGE_MS - 1), &mut expected);
    delete(&db, "1", range(RANGE_MS, 2 * RANGE_MS - 1), &mut expected);
    drop(db);
    let mut damaged = dir.path().to_owned();
    for block in blocks(&StdFs, dir.path()) {
        if meta(&StdFs, dir.path(), block).min_ms == 0 {
            damaged = dir.path().join(block.to_string());
        }
    }
    let mut bytes = std::fs::read(damaged.join("tombstones")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(damaged.join("tombstones"), &bytes).unwrap();
    let db = open(dir.path());
    let error = db.delete(&of("1"), TimeRange::ALL).unwrap_err().to_string();
    assert!(error.contains("tombstones"), "{error}");
    let cleaned = db.clean_tombstones().unwrap();
    assert_eq!(cleaned.len(), 1);
    assert_eq!(std::fs::read(damaged.join("tombstones")).unwrap(), bytes);
}

fn open_sim(fs: &SimFs) -> Result<Db, DbError> {
    open_on(Arc::new(fs.clone()), Path::new(DIR), options())
}

/// Three blocks, of each of which something is deleted: something, a series, all.
fn prepared() -> (SimFs, Db, Contents) {
    let (fs, mut expected) = (SimFs::new(), Contents::new());
    let db = open_sim(&fs).unwrap();
    for at_ms in (0..5 * RANGE_MS).step_by(8_000) {
        append(&db, 3, at_ms, &mut expected);
    }
    db.maintain().unwrap();
    delete(&db, "1", range(0, RANGE_MS / 2), &mut expected);
    delete(&db, "0", range(RANGE_MS, 2 * RANGE_MS - 1), &mut expected);
    delete(&db, "0|1|2", range(2 * RANGE_MS, 3 * RANGE_MS - 1), &mut expected);
    (fs, db, expected)
}

#[test]
fn a_crash_while_cleaning_leaves_the_old_block_or_the_new_one() {
    let (whole, db, _) = prepared();
    let before = whole.steps();
    assert_eq!(db.clean_tombstones().unwrap().len(), 3);
    let steps = whole.steps() - before;
    assert!(steps > 40, "{steps} steps");
    let mut superseded = 0;
    for step in 0..=steps {
        for loss in [Loss::All, [Loss::Torn, Loss::Reordered][step as usize % 2](step)] {
            let when = format!("step {step} of {steps}, {loss:?}");
            let (fs, db, mut expected) = prepared();
            fs.stop_after(before + step);
            let _cut_off = db.clean_tombstones();
            let disk = fs.crash(loss);
            let there = blocks(&disk, Path::new(DIR)).len();
            superseded += usize::from(there > 4);
            let db = open_sim(&disk).unwrap_or_else(|error| panic!("{when}: {error}"));
            let is_block = |path: &Path| !path.starts_with("/data/chunks_head");
            assert!(
                !db.opened().set_aside.iter().any(|each| is_block(&each.from)),
                "{when}: {:?}",
                db.opened().set_aside
            );
            assert!(contents(&db, TimeRange::ALL) == expected, "{when}");
            // The old one and the new one are not there together.
            assert!((3..=4).contains(&db.stats().blocks), "{when}: {} blocks", db.stats().blocks);
            db.clean_tombstones().unwrap();
            check(&db, &expected);
            append(&db, 3, 5 * RANGE_MS, &mut expected);
            check(&db, &expected);
        }
    }
    assert!(superseded > 3, "{superseded}");
}
