//! Snapshots of a head of which less is left than they rely on, because it was deleted before it became a block: that is no
//! damage, wherever a crash comes in between. They say less then, and are of use still.

use crate::delete::{of, range};
use crate::rig::{Batch, Contents, NO_LIMITS, append, contents, names, open_on, options, series};
use model::{Matcher, TimeRange};
use std::path::Path;
use std::sync::Arc;
use testkit::{Loss, SimFs};
use tsdb::db::{Db, DbError, DbOptions, Snapshots};
use tsdb::fs::Fs;
use tsdb::head::AppendScratch;
use tsdb::snapshot::SnapshotDirs;

const DIR: &str = "/data";

fn open(fs: &SimFs, snapshots: Snapshots) -> Result<Db, DbError> {
    open_on(Arc::new(fs.clone()), Path::new(DIR), DbOptions { snapshots, ..options() })
}

fn snapshots(fs: &SimFs) -> usize {
    SnapshotDirs::find(fs, Path::new(DIR)).unwrap().published.len()
}

fn chunk_files(fs: &SimFs) -> usize {
    fs.read_dir(&Path::new(DIR).join("chunks_head")).unwrap().len()
}

/// What happens to a head that has samples up to `to_ms`, and a snapshot that relies on a file of its chunks.
struct Story {
    name: &'static str,
    to_ms: i64,
    deleted: TimeRange,
    life: fn(&Db) -> Result<(), DbError>,
}

fn flush(db: &Db) -> Result<(), DbError> {
    db.flush().map(drop)
}

fn maintain(db: &Db) -> Result<(), DbError> {
    db.maintain().map(drop)
}

/// A snapshot is written while a reader still keeps the file.
fn flush_under_a_reader(db: &Db) -> Result<(), DbError> {
    let reader = db.head().reader(TimeRange::ALL);
    flush(db)?;
    maintain(db)?;
    drop(reader);
    maintain(db)
}

fn stories() -> [Story; 5] {
    let all = TimeRange::ALL;
    [
        Story { name: "all goes", to_ms: 145_000, deleted: all, life: flush },
        Story { name: "the end goes", to_ms: 145_000, deleted: range(100_000, i64::MAX), life: flush },
        Story { name: "the end of a block goes", to_ms: 80_000, deleted: range(40_000, i64::MAX), life: flush },
        Story { name: "under a reader", to_ms: 145_000, deleted: all, life: flush_under_a_reader },
        // Nothing that the snapshot relies on.
        Story { name: "a hole", to_ms: 145_000, deleted: range(20_000, 40_000), life: flush },
    ]
}

/// A disk as an orderly end left it, with a snapshot.
fn prepare(to_ms: i64) -> (SimFs, Contents) {
    let (fs, mut all) = (SimFs::new(), Contents::new());
    let db = open(&fs, Snapshots { at_end: true, ..Snapshots::NEVER }).unwrap();
    // Four chunks in a block's range.
    let samples = |number: i64| (0..to_ms).step_by(250).map(|at_ms| (at_ms, number as f64)).collect();
    let batch = Batch { names: names(), series: (0..2).map(|number| (series(number), samples(number))).collect() };
    let (_, commit) = db.append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = commit.wait().unwrap();
    batch.add_to(&mut all);
    db.close().unwrap();
    assert_eq!((snapshots(&fs), chunk_files(&fs)), (1, 1));
    (fs, all)
}

fn live(fs: &SimFs, story: &Story) -> Result<(), DbError> {
    let db = open(fs, Snapshots { every_ms: Some(0), ..Snapshots::NEVER })?;
    let _durable = db.delete(&[] as &[Matcher; 0], story.deleted)?.durable;
    (story.life)(&db)
}

/// Opens what a process left, and checks that nothing is set aside, lost or back.
fn check_next(fs: &SimFs, all: &Contents, story: &Story, crash: Option<(u64, Loss)>) {
    let db = open(fs, Snapshots::default()).unwrap();
    let (at, opened) = (format!("{}, {crash:?}", story.name), db.opened());
    // A torn record at the end of the log is what a crash leaves.
    let aside = opened.set_aside.iter().find(|one| !one.from.starts_with("/data/wal"));
    assert_eq!((aside, opened.snapshots_set_aside), (None, 0), "{at}");
    let (found, is_deleted) = (contents(&db, TimeRange::ALL), |at_ms: &i64| story.deleted.contains(*at_ms));
    assert!(found.iter().all(|(key, bits)| all.get(key) == Some(bits)), "{at}");
    let kept = all.keys().filter(|(_, at_ms)| !is_deleted(at_ms));
    let lost = kept.filter(|key| !found.contains_key(key)).count();
    assert_eq!(lost, 0, "{at}");
    let back = found.keys().filter(|(_, at_ms)| is_deleted(at_ms)).count();
    // A crash may have come before the deletion.
    assert!(back == 0 || crash.is_some(), "{at}: {back}");
}

#[test]
fn a_snapshot_that_relies_on_what_is_gone_is_no_damage() {
    for story in stories() {
        let (fs, all) = prepare(story.to_ms);
        live(&fs, &story).unwrap();
        assert_eq!((snapshots(&fs), chunk_files(&fs)), (1, 0), "{}", story.name);
        check_next(&fs, &all, &story, None);
    }
}

#[test]
fn a_crash_while_goes_what_a_snapshot_relies_on_is_no_damage() {
    for story in stories() {
        let (closed, all) = prepare(story.to_ms);
        let whole = closed.crash(Loss::All);
        let before = whole.steps();
        live(&whole, &story).unwrap();
        for step in 0..=whole.steps() - before {
            for loss in [Loss::All, Loss::Torn(step), Loss::Reordered(step)] {
                let fs = closed.crash(Loss::All);
                fs.stop_after(before + step);
                let _cut_off = live(&fs, &story);
                check_next(&fs.crash(loss), &all, &story, Some((step, loss)));
            }
        }
    }
}

/// The head was cut behind all that the snapshot has: the next start reads it all the same, and only what is behind it in the
/// log.
#[test]
fn a_snapshot_is_of_use_though_the_head_was_cut_behind_it() {
    let (fs, _) = prepare(145_000);
    let db = open(&fs, Snapshots::default()).unwrap();
    let _durable = db.delete(&of(".*"), TimeRange::ALL).unwrap().durable;
    maintain(&db).unwrap();
    flush(&db).unwrap();
    let floor_ms = db.head().floor_ms();
    assert!(floor_ms > 140_000 && db.stats().blocks == 0);
    drop(db);
    let db = open(&fs, Snapshots::default()).unwrap();
    assert!(db.opened().snapshot.is_some() && db.opened().log.samples == 0);
    assert_eq!(db.head().floor_ms(), floor_ms);
    let mut expected = contents(&db, TimeRange::ALL);
    assert!(expected.is_empty());
    append(&db, 5, 200_000, &mut expected);
    crate::rig::check(&db, &expected);
}
