//! Head chunks whose checksum is right and whose data is not: whoever wrote them was wrong. A data directory opens all the
//! same, and the log has what they should have.

use crate::rig::{Contents, append, append_range, check, open_on, options, series};
use model::TimeRange;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::db::{Db, DbOptions, Snapshots};
use tsdb::head_chunks::{HeadChunks, HeadFrame, MAX_FILE_BYTES, walk_file};
use tsdb::{ChunkSeriesBatch, Encoding};

const DIR: &str = "/data";

/// Says that there are 9 samples, and has none.
const DATA: &[u8] = &[0, 9, 0x80];

fn open(fs: &SimFs) -> Db {
    open_with(fs, Snapshots::default())
}

fn open_with(fs: &SimFs, snapshots: Snapshots) -> Db {
    open_on(Arc::new(fs.clone()), Path::new(DIR), DbOptions { snapshots, ..options() }).unwrap()
}

/// Puts chunks of series 0, 1 and so on into a new file, each with the times that `ranges` says.
fn plant(fs: &SimFs, db: &Db, ranges: &[&[(i64, i64)]]) {
    let (dir, quarantine) = (Path::new(DIR).join("chunks_head"), Path::new(DIR).join("quarantine"));
    let found = HeadChunks::open(Arc::new(fs.clone()), &dir, &quarantine, MAX_FILE_BYTES, &mut |_| {});
    let (files, _) = found.unwrap();
    for (number, ranges) in (0..).zip(ranges) {
        let mut references = Vec::new();
        db.head().for_each_series(|reference, labels| {
            if labels.to_owned() == series(number) {
                references.push(reference);
            }
        });
        for &(min_ms, max_ms) in *ranges {
            let encoding = Encoding::Xor;
            let frame = HeadFrame { series: references[0], min_ms, max_ms, encoding, out_of_order: false, data: DATA };
            files.append(&frame).unwrap();
        }
    }
    files.sync().unwrap();
}

struct Case {
    name: &'static str,
    /// Chunks of series 0, 1 and so on.
    planted: &'static [&'static [(i64, i64)]],
    snapshots: Snapshots,
    /// How many chunks are set aside, and what of the snapshot.
    set_aside: usize,
    used: bool,
}

const NONE: Snapshots = Snapshots::NEVER;
const AT_END: Snapshots = Snapshots { at_end: true, ..Snapshots::NEVER };

const CASES: &[Case] = &[
    Case { name: "all of it", planted: &[&[(0, 49_000)]], snapshots: NONE, set_aside: 1, used: false },
    Case { name: "and beyond", planted: &[&[(0, 77_000)]], snapshots: NONE, set_aside: 1, used: false },
    Case { name: "its end", planted: &[&[], &[(40_000, 49_000)]], snapshots: NONE, set_aside: 1, used: false },
    Case {
        name: "one behind the other",
        planted: &[&[(0, 9_000), (10_000, 29_000), (30_000, 49_000)], &[(0, 49_000)]],
        snapshots: NONE,
        set_aside: 4,
        used: false,
    },
    Case {
        name: "with a snapshot that does not rely on it",
        planted: &[&[(0, 49_000)], &[(10_000, 60_000)]],
        snapshots: AT_END,
        set_aside: 2,
        used: true,
    },
];

#[test]
fn the_newest_chunk_of_a_series_need_not_be_decodable() {
    for &Case { name, planted, snapshots, set_aside, used } in CASES {
        let (fs, mut expected) = (SimFs::new(), Contents::new());
        let db = open_with(&fs, snapshots);
        append_range(&db, 0, 50_000, &mut expected);
        db.close().unwrap();
        plant(&fs, &db, planted);
        drop(db);
        for life in 0..3 {
            let db = open(&fs);
            let opened = db.opened();
            let chunks = opened.set_aside.iter().filter(|one| one.from.to_string_lossy().contains("chunks_head"));
            assert_eq!(chunks.clone().count(), if life == 0 { set_aside } else { 0 }, "{name}: {opened:?}");
            assert_eq!((opened.snapshot.is_some(), opened.snapshots_set_aside), (used, 0), "{name}");
            for one in chunks {
                assert_eq!(fs.read(&one.to).unwrap().len() as u64, one.bytes, "{name}: {one:?}");
            }
            check(&db, &expected);
            append(&db, 5, 80_000 + life, &mut expected);
            check(&db, &expected);
        }
    }
}

/// A head that is not yet to be cut, of four chunks a series and more.
fn chunks(db: &Db, expected: &mut Contents) {
    (0..145_000).step_by(300).for_each(|at_ms| append(db, 5, at_ms, expected));
    assert_eq!(db.maintain().unwrap().len(), 0);
}

/// Another chunk than the newest of its series: the directory opens, and the first upkeep has the log's samples in its place.
#[test]
fn upkeep_sets_aside_what_cannot_be_decoded() {
    let (fs, mut expected) = (SimFs::new(), Contents::new());
    let db = open_with(&fs, NONE);
    chunks(&db, &mut expected);
    db.close().unwrap();
    drop(db);
    let file = Path::new(DIR).join("chunks_head/000001");
    let mut bytes = fs.read(&file).unwrap();
    let mut frames = Vec::new();
    assert!(walk_file(&bytes, &mut |at, frame| frames.push((at as usize, frame.data.len()))).is_none());
    let (at, data_bytes) = frames[0];
    // It says that it has more samples than it can.
    let data = at + 25 + if data_bytes < 0x80 { 1 } else { 2 };
    bytes[data..data + 2].fill(0xff);
    let sum = crc32c::crc32c(&bytes[at..data + data_bytes]).to_be_bytes();
    bytes[data + data_bytes..data + data_bytes + 4].copy_from_slice(&sum);
    fs.plant(&file, &bytes).unwrap();
    for _ in 0..2 {
        let db = open_with(&fs, NONE);
        assert_eq!(db.opened().set_aside, []);
        for _ in 0..2 {
            assert_eq!(db.maintain().unwrap().len(), 0, "a block was cut, the test says nothing");
            check(&db, &expected);
            let aside = db.chunks_set_aside();
            assert_eq!(aside.len(), 1, "{aside:?}");
            assert_eq!(fs.read(&aside[0].to).unwrap().len() as u64, aside[0].bytes);
        }
    }
}

/// A bit that flips while it is open: the query that meets it is an error, the next after upkeep is whole.
#[test]
fn upkeep_sets_aside_what_a_query_could_not_read() {
    let (dir, mut expected) = (tempfile::tempdir().unwrap(), Contents::new());
    let db = crate::rig::open(dir.path());
    (0..145_000).step_by(300).for_each(|at_ms| append(&db, 5, at_ms, &mut expected));
    db.close().unwrap();
    drop(db);
    let db = crate::rig::open(dir.path());
    assert_eq!(db.maintain().unwrap().len(), 0);
    let file = std::fs::OpenOptions::new().write(true).open(dir.path().join("chunks_head/000001")).unwrap();
    file.write_all_at(&[0xff], 40).unwrap();
    let read = || {
        let mut failed = 0;
        for source in db.sources(TimeRange::ALL) {
            let mut cursor = source.select(&[], TimeRange::ALL).unwrap();
            failed += usize::from(cursor.next_batch(10, false, &mut ChunkSeriesBatch::default()).is_err());
        }
        failed
    };
    assert_eq!(db.maintain().unwrap().len(), 0);
    assert_eq!((read(), db.chunks_set_aside().len()), (1, 0), "nobody looks before it is met");
    assert_eq!(db.maintain().unwrap().len(), 0);
    assert_eq!((read(), db.chunks_set_aside().len()), (0, 1));
    check(&db, &expected);
}

/// A chunk that a snapshot relies on: then the whole log is read, and not what is behind the snapshot.
#[test]
fn a_snapshot_that_relies_on_such_a_chunk_is_not_used() {
    let (fs, mut expected) = (SimFs::new(), Contents::new());
    let db = open_with(&fs, AT_END);
    append_range(&db, 0, 145_000, &mut expected);
    db.close().unwrap();
    drop(db);
    let file = Path::new(DIR).join("chunks_head/000001");
    let mut bytes = fs.read(&file).unwrap();
    let mut last = None;
    assert!(walk_file(&bytes, &mut |at, frame| last = Some((at as usize, frame.data.len()))).is_none());
    // It has all times up to the newest, and says that it has more samples than it can.
    let (at, data_bytes) = last.unwrap();
    let data = at + 25 + if data_bytes < 0x80 { 1 } else { 2 };
    bytes[at + 16..at + 24].copy_from_slice(&144_000_i64.to_be_bytes());
    bytes[data..data + 2].fill(0xff);
    let sum = crc32c::crc32c(&bytes[at..data + data_bytes]).to_be_bytes();
    bytes[data + data_bytes..data + data_bytes + 4].copy_from_slice(&sum);
    fs.plant(&file, &bytes).unwrap();
    for set_aside in [2, 0] {
        let db = open(&fs);
        assert_eq!(db.opened().set_aside.len(), set_aside, "{:?}", db.opened());
        assert!(db.opened().snapshot.is_none());
        check(&db, &expected);
    }
}
