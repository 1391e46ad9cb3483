//! Heads written as snapshots and filled from them: a restart is as if there had been none, whatever became of the snapshot.

use crate::rig::{
    Batch, Contents, NO_LIMITS, RANGE_MS, STEP_MS, append, append_range, check, contents, names, open_on, options,
    series,
};
use model::{MatchOp, Matcher, TimeRange};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use testkit::{Loss, SimFs};
use tsdb::db::{Db, DbOptions, Snapshots};
use tsdb::fs::Fs;
use tsdb::head::AppendScratch;
use tsdb::snapshot::{SnapshotDirs, SnapshotItem, SnapshotWriter, read_snapshot};
use tsdb::wal::{Compression, LogOptions};

const DIR: &str = "/data";
const ALWAYS: Snapshots = Snapshots { at_end: true, every_ms: Some(0), ..Snapshots::NEVER };

fn open_with(fs: &SimFs, snapshots: Snapshots) -> Db {
    open_wide(fs, snapshots, RANGE_MS)
}

fn open_wide(fs: &SimFs, snapshots: Snapshots, block_range_ms: i64) -> Db {
    let log = LogOptions { segment_bytes: 32 << 10, ..LogOptions::default() };
    let options = DbOptions { log, snapshots, block_range_ms, ..options() };
    open_on(Arc::new(fs.clone()), Path::new(DIR), options).unwrap()
}

fn open(fs: &SimFs) -> Db {
    open_with(fs, ALWAYS)
}

/// The snapshots that are there, oldest first.
fn snapshots(fs: &SimFs) -> Vec<PathBuf> {
    SnapshotDirs::find(fs, Path::new(DIR)).unwrap().published.into_iter().map(|found| found.path).collect()
}

fn files(fs: &SimFs, dir: &Path) -> Vec<PathBuf> {
    let entries = fs.read_dir(dir).unwrap().into_iter();
    entries.flat_map(|entry| if entry.is_dir { files(fs, &entry.path) } else { vec![entry.path] }).collect()
}

/// Copies a directory, durably.
fn copy(fs: &SimFs, from: &Path, to_fs: &SimFs, to: &Path) {
    for file in files(fs, from) {
        let copy = to.join(file.strip_prefix(from).unwrap());
        to_fs.create_dir_all(copy.parent().unwrap()).unwrap();
        to_fs.plant(&copy, &fs.read(&file).unwrap()).unwrap();
    }
}

/// The chunks of each series that a head answers with, by their times.
fn chunk_times(db: &Db) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    for source in db.sources(TimeRange::ALL) {
        let (mut cursor, mut batch) = (source.select(&[], TimeRange::ALL).unwrap(), tsdb::ChunkSeriesBatch::default());
        while {
            cursor.next_batch(9, false, &mut batch).unwrap();
            !batch.is_empty()
        } {
            found.extend(batch.iter().flat_map(|(_, chunks)| chunks).map(|chunk| (chunk.min_ms, chunk.max_ms)));
        }
    }
    found
}

#[test]
fn a_restart_is_as_if_there_had_been_none() {
    check_restarts(RANGE_MS, |_| {});
}

/// As those of another program: chunks are decoded to be gone on with.
#[test]
fn a_restart_is_as_if_there_had_been_none_where_nothing_is_said_of_the_ends_of_chunks() {
    check_restarts(RANGE_MS, strike_ends);
    check_restarts(4 * RANGE_MS, strike_ends);
}

/// Chunks end long before blocks do: where they end is told by their first samples.
#[test]
fn a_restart_is_as_if_there_had_been_none_where_chunks_are_shorter_than_blocks() {
    check_restarts(4 * RANGE_MS, |_| {});
}

/// Writes the newest snapshot again, without the ends of chunks.
fn strike_ends(fs: &SimFs) {
    let (dir, scratch) = (newest(fs), SimFs::new());
    let place = SnapshotDirs::find(fs, Path::new(DIR)).unwrap().published[0].place;
    scratch.create_dir_all(Path::new(DIR)).unwrap();
    let mut writer = SnapshotWriter::create(&scratch, Path::new(DIR), place, Compression::Snappy, 1 << 20).unwrap();
    let mut struck = 0;
    read_snapshot(fs, &dir, |item| match item {
        SnapshotItem::Series(mut series) => {
            struck += series.open.iter_mut().filter_map(|open| open.end.take()).count();
            writer.series(&series).unwrap();
        }
        SnapshotItem::Deletion(deletion) => writer.deletion(deletion),
        SnapshotItem::Exemplar(series, exemplar) => writer.exemplar(series, exemplar),
    })
    .unwrap();
    assert!(struck > 0);
    writer.publish().unwrap();
    copy(&scratch, &dir, fs, &dir);
}

fn check_restarts(range_ms: i64, between: fn(&SimFs)) {
    let (with, without) = (SimFs::new(), SimFs::new());
    let mut expected = Contents::new();
    let never_closed = open_wide(&without, Snapshots::default(), range_ms);
    let mut from_ms = 0;
    // In the middle of a chunk, before and behind the place where its end is estimated, and behind a block.
    for to_ms in [12_000, 29_000, 30_000, 31_000, 77_000, 250_000, 261_000] {
        let db = open_wide(&with, ALWAYS, range_ms);
        assert_eq!(db.opened().snapshot.is_some(), from_ms > 0);
        assert_eq!((db.opened().log.samples, db.opened().head.orphans), (0, 0), "{to_ms}");
        check(&db, &expected);
        append_range(&db, from_ms, to_ms, &mut expected);
        append_range(&never_closed, from_ms, to_ms, &mut Contents::new());
        // The newest sample again is no news.
        let repeated = crate::rig::batch(5, to_ms - STEP_MS);
        let (appended, _) = db.append(&repeated, NO_LIMITS, &mut AppendScratch::default()).unwrap();
        assert_eq!((appended.accepted, appended.created, appended.refused_total), (5, 0, 0));
        if to_ms == 250_000 {
            db.maintain().unwrap();
            never_closed.maintain().unwrap();
        }
        assert_eq!(chunk_times(&db), chunk_times(&never_closed), "{to_ms}");
        db.close().unwrap();
        assert_eq!(snapshots(&with).len(), 1, "older ones are gone");
        from_ms = to_ms;
        between(&with);
    }
    check(&open_wide(&with, ALWAYS, range_ms), &expected);
}

/// What is done to a disk between two lives, and what comes of it.
struct Case {
    name: &'static str,
    harm: fn(&SimFs),
    /// How many snapshots are set aside, and whether one is used all the same.
    set_aside: u64,
    used: bool,
}

fn newest(fs: &SimFs) -> PathBuf {
    snapshots(fs).pop().unwrap()
}

fn rename_newest(fs: &SimFs, name: &str) {
    fs.rename(&newest(fs), &Path::new(DIR).join(name)).unwrap();
    fs.sync_dir(Path::new(DIR)).unwrap();
}

fn flip(fs: &SimFs, file: &Path, at: usize) {
    let mut content = fs.read(file).unwrap();
    content[at] ^= 0x10;
    fs.plant(file, &content).unwrap();
}

/// A snapshot of another database, in the place of this one's.
fn exchange(fs: &SimFs) {
    let other = SimFs::new();
    let db = open(&other);
    let series = (0..5).map(|number| (series(1000 - number), vec![(150_000, 7.0)])).collect();
    let (_, commit) = db.append(&Batch { names: names(), series }, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = commit.wait().unwrap();
    db.close().unwrap();
    let ours = newest(fs);
    fs.remove_dir_all(&ours).unwrap();
    // Of an early place, so that the log has something to say behind it.
    copy(&other, &newest(&other), fs, &Path::new(DIR).join("chunk_snapshot.000000.0000000000"));
}

const CASES: &[Case] = &[
    Case { name: "nothing", harm: |_| {}, set_aside: 0, used: true },
    Case {
        name: "a flipped bit in it",
        harm: |fs| flip(fs, &newest(fs).join("00000000"), 100),
        set_aside: 1,
        used: false,
    },
    Case {
        name: "its end is torn off",
        harm: |fs| fs.truncate(&newest(fs).join("00000000"), 300).unwrap(),
        set_aside: 1,
        used: false,
    },
    Case {
        name: "it is empty",
        harm: |fs| fs.truncate(&newest(fs).join("00000000"), 0).unwrap(),
        set_aside: 1,
        used: false,
    },
    Case {
        name: "its segment is missing",
        harm: |fs| fs.remove_file(&newest(fs).join("00000000")).unwrap(),
        set_aside: 1,
        used: false,
    },
    Case {
        name: "a flipped bit beside it",
        harm: |fs| flip(fs, &newest(fs).join("beside/00000000"), 9),
        set_aside: 1,
        used: false,
    },
    Case {
        name: "nothing beside it, as with another program",
        harm: |fs| fs.remove_dir_all(&newest(fs).join("beside")).unwrap(),
        set_aside: 0,
        used: true,
    },
    Case {
        name: "of the future",
        harm: |fs| rename_newest(fs, "chunk_snapshot.000077.0000000001"),
        set_aside: 1,
        used: false,
    },
    Case {
        name: "of a place before, so that all comes again",
        harm: |fs| rename_newest(fs, "chunk_snapshot.000000.0000000000"),
        set_aside: 0,
        used: true,
    },
    Case { name: "of another database", harm: exchange, set_aside: 1, used: false },
    Case {
        name: "a chunk file that it relies on is missing",
        harm: |fs| fs.remove_file(&files(fs, Path::new("/data/chunks_head"))[0]).unwrap(),
        set_aside: 1,
        used: false,
    },
    Case {
        name: "a chunk file that it relies on is damaged",
        harm: |fs| flip(fs, &files(fs, Path::new("/data/chunks_head"))[0], 60),
        set_aside: 1,
        used: false,
    },
    Case {
        name: "a chunk file is damaged behind what it relies on",
        harm: |fs| {
            let file = &files(fs, Path::new("/data/chunks_head"))[0];
            let torn = [fs.read(file).unwrap(), vec![7; 20]].concat();
            fs.plant(file, &torn).unwrap();
        },
        set_aside: 0,
        used: true,
    },
    Case {
        name: "a newer one that is torn",
        harm: |fs| {
            let begin = fs.read(&newest(fs).join("00000000")).unwrap()[..200].to_vec();
            let torn = Path::new(DIR).join("chunk_snapshot.000001.0000000000");
            fs.create_dir_all(&torn).unwrap();
            fs.plant(&torn.join("00000000"), &begin).unwrap();
        },
        set_aside: 1,
        used: true,
    },
    Case {
        name: "one that was never finished",
        harm: |fs| {
            let unfinished = Path::new(DIR).join("chunk_snapshot.000001.0000000000.tmp");
            fs.create_dir_all(&unfinished).unwrap();
            fs.plant(&unfinished.join("00000000"), b"half").unwrap();
        },
        set_aside: 0,
        used: true,
    },
];

#[test]
fn whatever_became_of_a_snapshot_nothing_is_lost() {
    for Case { name, harm, set_aside, used } in CASES {
        let (fs, mut expected) = (SimFs::new(), Contents::new());
        let db = open(&fs);
        append_range(&db, 0, 145_000, &mut expected);
        db.close().unwrap();
        drop(db);
        harm(&fs);
        for life in 0..3 {
            let db = open_with(&fs, if life == 1 { ALWAYS } else { Snapshots::default() });
            let opened = db.opened();
            let told = (opened.snapshots_set_aside, opened.snapshot.is_some());
            // The second life writes a sound one, which the third one reads.
            let want = [(*set_aside, *used), (0, *used), (0, true)][life as usize];
            assert_eq!(told, want, "{name}, life {life}: {:?}", opened.set_aside);
            let aside = opened.set_aside.iter().filter(|one| one.from.to_string_lossy().contains("chunk_snapshot"));
            assert_eq!(aside.filter(|one| !files(&fs, &one.to).is_empty()).count() as u64, want.0, "{name}");
            check(&db, &expected);
            append(&db, 6, 150_000 + life, &mut expected);
            check(&db, &expected);
            db.close().unwrap();
            assert!(fs.read_dir(Path::new(DIR)).unwrap().iter().all(|entry| !entry.name.ends_with(".tmp")), "{name}");
        }
    }
}

/// A snapshot comes back that is older than blocks which were cut since, than the log that is left, than series that died.
#[test]
fn a_snapshot_older_than_the_newest_truncation_brings_nothing_back() {
    let (fs, mut expected) = (SimFs::new(), Contents::new());
    let db = open(&fs);
    append_range(&db, 0, 80_000, &mut expected);
    // Series that end here, and are deleted.
    let goes = |number: i64| (series(number), vec![(80_000, 1.0)]);
    let batch = Batch { names: names(), series: (50..60).map(goes).collect() };
    let (_, commit) = db.append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = commit.wait().unwrap();
    db.maintain().unwrap();
    let old = newest(&fs);
    let kept = SimFs::new();
    kept.create_dir_all(Path::new(DIR)).unwrap();
    copy(&fs, &old, &kept, &old);
    let matcher = Matcher::new(MatchOp::Regex, "n", "5.").unwrap();
    let _deleted = db.delete(&[matcher], TimeRange::ALL).unwrap();
    // Long enough that the log is cut behind the blocks.
    for from_ms in [80_000, 200_000, 300_000, 400_000] {
        append_range(&db, from_ms, (from_ms + 100_000).clamp(200_000, 470_000), &mut expected);
        db.maintain().unwrap();
    }
    assert!(!fs.read_dir(Path::new("/data/wal")).unwrap().iter().any(|entry| entry.name == "00000000"));
    // One of the series that died comes again, under another reference.
    let again = Batch { names: names(), series: vec![(series(55), vec![(470_000, 2.0)])] };
    let (appended, commit) = db.append(&again, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = commit.wait().unwrap();
    assert_eq!(appended.created, 1);
    again.add_to(&mut expected);
    check(&db, &expected);
    drop(db);
    let fs = fs.crash(Loss::All);
    snapshots(&fs).iter().for_each(|newer| fs.remove_dir_all(newer).unwrap());
    copy(&kept, &old, &fs, &old);
    for life in 0..2 {
        let db = open_with(&fs, Snapshots::default());
        assert_eq!(db.opened().snapshot.as_ref().unwrap().path, old, "{:?}", db.opened().set_aside);
        check(&db, &expected);
        assert_eq!(db.head().series(), 6);
        append(&db, 5, 480_000 + life, &mut expected);
        db.close().unwrap();
    }
}

/// References are given out once, though no snapshot and no log behind one names those that are gone.
#[test]
fn a_reference_that_is_gone_is_not_given_out_again() {
    let (fs, mut expected) = (SimFs::new(), Contents::new());
    let db = open(&fs);
    append(&db, 5, 0, &mut expected);
    // The last one, so that no other has a higher reference.
    let goes = Batch { names: names(), series: vec![(series(77), vec![(1_000, 1.0)])] };
    let (_, commit) = db.append(&goes, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = commit.wait().unwrap();
    goes.add_to(&mut expected);
    // The block is cut before the log is marked: the records of the first samples stay.
    append_range(&db, 2_000, 260_000, &mut expected);
    db.maintain().unwrap();
    assert_eq!(db.head().series(), 5);
    db.close().unwrap();
    drop(db);
    assert_eq!(fs.read_dir(Path::new("/data/wal")).unwrap()[0].name, "00000000", "the log has it still");

    let db = open_with(&fs, Snapshots::default());
    assert!(db.opened().snapshot.is_some() && db.opened().log.report.records == 0);
    let comes = Batch { names: names(), series: vec![(series(88), vec![(260_000, 8.0)])] };
    let (appended, commit) = db.append(&comes, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = commit.wait().unwrap();
    assert_eq!(appended.created, 1);
    comes.add_to(&mut expected);
    let mut references = Vec::new();
    db.head().for_each_series(|reference, _| references.push(reference.0));
    references.sort_unstable();
    assert_eq!(references.last(), Some(&7), "{references:?}");
    drop(db);
    // Were it the one of the series that is gone, the log alone would now give its samples to that.
    snapshots(&fs).iter().for_each(|newer| fs.remove_dir_all(newer).unwrap());
    let db = open_with(&fs, Snapshots::default());
    assert!(db.opened().snapshot.is_none());
    check(&db, &expected);
}

/// Samples that are appended while a snapshot is written are in it, or in the log behind it.
#[test]
fn samples_that_come_while_a_snapshot_is_written_are_not_lost() {
    const WRITERS: i64 = 3;
    for loss in [Loss::All, Loss::Torn(3), Loss::Reordered(5)] {
        let fs = SimFs::new();
        let db = open(&fs);
        let (done, acked) = (AtomicBool::new(false), [const { AtomicI64::new(-1) }; WRITERS as usize]);
        thread::scope(|scope| {
            for (writer, acked) in (0..WRITERS).zip(&acked) {
                let (db, done) = (&db, &done);
                scope.spawn(move || {
                    let mut scratch = AppendScratch::default();
                    for at_ms in 0..40_000 {
                        let all = (0..40).map(|number| (series(writer * 1000 + number), vec![(at_ms, at_ms as f64)]));
                        // Some series come, all the time.
                        let new = (series(writer * 1000 + 100 + at_ms % 700), vec![(at_ms, -1.0)]);
                        let batch = Batch { names: names(), series: all.chain([new]).collect() };
                        let (appended, commit) = db.append(&batch, NO_LIMITS, &mut scratch).unwrap();
                        let _durable = commit.wait().unwrap();
                        assert_eq!(appended.refused_total, 0);
                        acked.store(at_ms, Ordering::Release);
                        if done.load(Ordering::Acquire) {
                            break;
                        }
                    }
                });
            }
            // As many of both as it takes, however busy the machine is.
            let is_enough = || {
                let slowest = acked.iter().map(|acked| acked.load(Ordering::Acquire)).min();
                db.stats().snapshots > 15 && slowest > Some(30)
            };
            for _ in 0..10_000 {
                if is_enough() {
                    break;
                }
                db.maintain().unwrap();
                thread::sleep(std::time::Duration::from_millis(3));
            }
            done.store(true, Ordering::Release);
        });
        assert!(db.stats().snapshots > 15, "{:?}", db.stats());
        let fs = fs.crash(loss);
        let db = open_with(&fs, Snapshots::default());
        let opened = db.opened();
        assert!(opened.snapshot.is_some() && opened.snapshots_set_aside == 0, "{opened:?}");
        let found = contents(&db, TimeRange::ALL);
        for (writer, acked) in (0..WRITERS).zip(&acked) {
            let acked = acked.load(Ordering::Acquire);
            assert!(acked > 30, "{acked}");
            for at_ms in 0..=acked {
                let there = |number: i64| found.contains_key(&(series(writer * 1000 + number), at_ms));
                assert!((0..40).all(there) && there(100 + at_ms % 700), "{loss:?}: {writer} at {at_ms}");
            }
        }
    }
}

#[test]
fn a_snapshot_that_cannot_be_written_is_written_later() {
    let fs = SimFs::new();
    let db = open(&fs);
    let mut expected = Contents::new();
    append_range(&db, 0, 20_000, &mut expected);
    fs.fail(testkit::Fault {
        step: testkit::Step::SyncFile,
        path_part: "chunk_snapshot".into(),
        skip: 0,
        times: 1,
        error: std::io::ErrorKind::StorageFull,
        written_bytes: 0,
    });
    assert!(db.maintain().is_err());
    assert!(snapshots(&fs).is_empty());
    // What failed is tried again when it is time, and nothing of it stays.
    append(&db, 5, 20_000, &mut expected);
    db.maintain().unwrap();
    assert_eq!(snapshots(&fs).len(), 1);
    drop(db);
    let fs = fs.crash(Loss::All);
    check(&open(&fs), &expected);
    assert!(fs.read_dir(Path::new(DIR)).unwrap().iter().all(|entry| !entry.name.ends_with(".tmp")));
}
