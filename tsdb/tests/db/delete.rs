//! What is deleted from a database is gone at once, after restarts, and from the blocks that are cut; nothing else is.

use crate::rig::{
    Batch, Contents, NO_LIMITS, RANGE_MS, STEP_MS, append, append_range, check, contents, names, open, open_on,
    options, series,
};
use model::{MatchOp, Matcher, TimeRange};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use testkit::{Fault, Loss, SimFs, Step};
use tsdb::ColumnSeriesBatch;
use tsdb::db::{Db, DbOptions};
use tsdb::fs::StdFs;
use tsdb::head::{AppendScratch, OutOfOrder};
use tsdb::{ChunkSeriesBatch, SeriesSource};

pub(crate) fn of(numbers: &str) -> [Matcher; 1] {
    [Matcher::new(MatchOp::Regex, "n", numbers).unwrap()]
}

pub(crate) fn range(min_ms: i64, max_ms: i64) -> TimeRange {
    TimeRange::new(min_ms, max_ms).unwrap()
}

/// What goes from `contents` when the series of these numbers are deleted in `range`.
fn forget(contents: &mut Contents, numbers: &str, range: TimeRange) {
    let is_meant = |n: &[u8]| numbers.as_bytes().split(|byte| *byte == b'|').any(|number| number == n);
    contents.retain(|(labels, at_ms), _| !(labels.get(b"n").is_some_and(is_meant) && range.contains(*at_ms)));
}

pub(crate) fn delete(db: &Db, numbers: &str, range: TimeRange, expected: &mut Contents) {
    let _durable = db.delete(&of(numbers), range).unwrap().durable;
    forget(expected, numbers, range);
    check(db, expected);
}

#[test]
fn what_is_deleted_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append_range(&db, 0, RANGE_MS + RANGE_MS / 4, &mut expected);
    // In the middle of a chunk, across several, the newest sample, and a series as a whole.
    delete(&db, "0", range(3_000, 5_500), &mut expected);
    delete(&db, "1", range(10_000, RANGE_MS), &mut expected);
    delete(&db, "2", range(RANGE_MS, i64::MAX), &mut expected);
    delete(&db, "3", TimeRange::ALL, &mut expected);
    drop(db);
    let db = open(dir.path());
    check(&db, &expected);
    assert_eq!(db.opened().log.left_out.deletions, 0);
    // Cut away from what comes later.
    append_range(&db, RANGE_MS + RANGE_MS / 4, 2 * RANGE_MS, &mut expected);
    check(&db, &expected);
    assert_eq!(db.maintain().unwrap().len(), 1);
    check(&db, &expected);
    delete(&db, "0|4", range(RANGE_MS - 20_000, RANGE_MS + 20_000), &mut expected);
    db.close().unwrap();
    drop(db);
    check(&open(dir.path()), &expected);
}

#[test]
fn a_deletion_outlives_the_segment_it_was_logged_in() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append_range(&db, 0, RANGE_MS, &mut expected);
    delete(&db, "0|1", range(RANGE_MS / 2, RANGE_MS - 7 * STEP_MS), &mut expected);
    // Nothing of these ranges is left for a block, so that none says that they were cut.
    let gone = range(0, 3 * RANGE_MS);
    for at in 1..8 {
        append_range(&db, at * RANGE_MS, (at + 1) * RANGE_MS, &mut expected);
        if at == 3 {
            delete(&db, "0|1|2|3|4", gone, &mut expected);
        }
        db.maintain().unwrap();
        check(&db, &expected);
        drop(open_copy(dir.path(), &expected));
    }
    let wal = std::fs::read_dir(dir.path().join("wal")).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = wal.map(|name| name.into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("checkpoint.")) && !names.contains(&"00000000".to_owned()));
}

/// The chunk files still have what was deleted, the checkpoint has the series, and no block says that its range was cut.
#[test]
fn ranges_of_which_nothing_is_left_stay_deleted_without_a_block() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    for at in 0..8 {
        append_range(&db, at * RANGE_MS, (at + 1) * RANGE_MS, &mut expected);
        if at > 0 {
            delete(&db, "0|1|2|3|4", range(0, at * RANGE_MS - 1), &mut expected);
        }
        let cut = db.maintain().unwrap();
        assert!(cut.iter().all(|block| block.meta.is_none()));
        check(&db, &expected);
        drop(open_copy(dir.path(), &expected));
    }
    assert!(db.head().floor_ms() > RANGE_MS && !dir.path().join("wal/00000000").exists());
}

/// A copy of the directory, as a crash leaves it, opened and looked at.
fn open_copy(dir: &Path, expected: &Contents) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_tree(dir, copy.path());
    check(&open(copy.path()), expected);
    copy
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_series_that_comes_again_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append_range(&db, 0, RANGE_MS, &mut expected);
    delete(&db, "4", TimeRange::ALL, &mut expected);
    // It falls out of the head, and is created anew.
    for at_ms in (RANGE_MS..4 * RANGE_MS).step_by(STEP_MS as usize) {
        append(&db, 4, at_ms, &mut expected);
    }
    db.maintain().unwrap();
    assert_eq!(db.head().series(), 4);
    append_range(&db, 4 * RANGE_MS, 4 * RANGE_MS + 30_000, &mut expected);
    check(&db, &expected);
    drop(db);
    check(&open(dir.path()), &expected);
}

#[test]
fn names_and_values_stay_until_the_series_go_and_selects_pass_over_what_is_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append_range(&db, 0, 60_000, &mut expected);
    delete(&db, "0", TimeRange::ALL, &mut expected);
    delete(&db, "1", range(55_000, i64::MAX), &mut expected);
    let reader = db.head().reader(TimeRange::ALL);
    // As in Prometheus, whose postings know no tombstones.
    assert_eq!(reader.label_values(b"n", &[]).unwrap().len(), 5);
    let (mut batch, mut found) = (ChunkSeriesBatch::default(), 0);
    let mut cursor = reader.select(&[], TimeRange::ALL).unwrap();
    while {
        cursor.next_batch(2, true, &mut batch).unwrap();
        !batch.is_empty()
    } {
        found += batch.len();
    }
    assert_eq!(found, 4);
}

#[test]
fn the_newest_samples_are_those_that_were_not_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Contents::new();
    let db = open(dir.path());
    append_range(&db, 0, 60_000, &mut expected);
    delete(&db, "0", range(59_000, 59_000), &mut expected);
    delete(&db, "1", range(50_500, i64::MAX), &mut expected);
    delete(&db, "2", range(0, 58_000), &mut expected);
    delete(&db, "3", range(20_000, i64::MAX), &mut expected);
    check_newest(&db, range(40_000, 60_000), &expected);
    check_newest(&db, range(40_000, 55_000), &expected);
    check_newest(&db, TimeRange::ALL, &expected);
}

#[test]
fn late_samples_are_deleted_like_others() {
    let dir = tempfile::tempdir().unwrap();
    let late = OutOfOrder { window_ms: 10 * RANGE_MS, cap: 8 };
    let open = || open_on(Arc::new(StdFs), dir.path(), DbOptions { out_of_order: late, ..options() }).unwrap();
    let mut expected = Contents::new();
    let db = open();
    append_range(&db, RANGE_MS, RANGE_MS + 60_000, &mut expected);
    for at_ms in (50_500..RANGE_MS + 50_000).step_by(3_000) {
        append(&db, 5, at_ms, &mut expected);
    }
    delete(&db, "0|1", range(60_000, RANGE_MS + 20_000), &mut expected);
    delete(&db, "2", TimeRange::ALL, &mut expected);
    delete(&db, "3", range(0, RANGE_MS - 1), &mut expected);
    drop(db);
    let db = open();
    check(&db, &expected);
    append_range(&db, RANGE_MS + 60_000, 4 * RANGE_MS, &mut expected);
    assert!(db.maintain().unwrap().len() > 2);
    check(&db, &expected);
    drop(db);
    let db = open();
    check(&db, &expected);
    db.clean_tombstones().unwrap();
    check(&db, &expected);
}

/// They are there still, and so is their log, though the next process takes none.
#[test]
fn late_samples_are_deleted_where_no_more_are_taken() {
    let fs = SimFs::new();
    let open = |window_ms: i64| {
        let out_of_order = OutOfOrder { window_ms, cap: 8 };
        open_on(Arc::new(fs.clone()), Path::new("/data"), DbOptions { out_of_order, ..options() }).unwrap()
    };
    let mut expected = Contents::new();
    let db = open(10 * RANGE_MS);
    append_range(&db, RANGE_MS, RANGE_MS + 60_000, &mut expected);
    append(&db, 5, 50_500, &mut expected);
    drop(db);
    let db = open(0);
    delete(&db, "0|1", range(0, RANGE_MS), &mut expected);
    drop(db);
    check(&open(0), &expected);
    check(&open(10 * RANGE_MS), &expected);
}

/// Of the series only something else was deleted, which came in order.
#[test]
fn late_samples_are_seen_where_others_were_deleted() {
    let fs = SimFs::new();
    let out_of_order = OutOfOrder { window_ms: 10 * RANGE_MS, cap: 8 };
    let open = || open_on(Arc::new(fs.clone()), Path::new("/data"), DbOptions { out_of_order, ..options() }).unwrap();
    let mut expected = Contents::new();
    let db = open();
    append_range(&db, RANGE_MS, RANGE_MS + 60_000, &mut expected);
    delete(&db, "0|1", range(RANGE_MS + 10_000, RANGE_MS + 20_000), &mut expected);
    append(&db, 5, RANGE_MS + 15_500, &mut expected);
    check(&db, &expected);
    delete(&db, "1", range(RANGE_MS + 15_500, RANGE_MS + 15_500), &mut expected);
    drop(db);
    let db = open();
    check(&db, &expected);
    append_range(&db, RANGE_MS + 60_000, 4 * RANGE_MS, &mut expected);
    assert!(db.maintain().unwrap().len() > 1);
    check(&db, &expected);
    // Blocks have all that was late, so nothing of it is hidden any more.
    append(&db, 5, RANGE_MS + 15_500, &mut expected);
    check(&db, &expected);
    drop(db);
    check(&open(), &expected);
}

/// The newest sample of each series in `range` is what the head says.
fn check_newest(db: &Db, range: TimeRange, expected: &Contents) {
    let mut newest = BTreeMap::new();
    for ((labels, at_ms), bits) in expected.iter().filter(|((_, at_ms), _)| range.contains(*at_ms)) {
        newest.insert(labels.clone(), (*at_ms, *bits));
    }
    let (mut cursor, mut batch) = (db.head().reader(range).select_last(&[], range), ColumnSeriesBatch::default());
    let mut found = BTreeMap::new();
    while {
        cursor.next_batch(2, &mut batch).unwrap();
        !batch.is_empty()
    } {
        let sample = |at: usize| (batch.samples().timestamps_ms[at], batch.samples().values[at].to_bits());
        found.extend(batch.iter().map(|(labels, range)| (labels.to_owned(), sample(range.start))));
    }
    assert_eq!(found, newest, "{range:?}");
}

/// A late sample that comes while late samples become blocks is in the log behind the cut or in these blocks, not in both: what
/// is deleted from a block must not be in a log that is read at the next start.
#[test]
fn late_samples_that_come_while_others_are_cut_do_not_come_back_when_they_are_deleted() {
    const ROUNDS: u64 = 30;
    let out_of_order = OutOfOrder { window_ms: 2 * RANGE_MS, cap: 4 };
    let open = |fs: &SimFs| open_on(Arc::new(fs.clone()), Path::new("/data"), DbOptions { out_of_order, ..options() });
    for round in 0..ROUNDS {
        let (fs, mut expected) = (SimFs::new(), Contents::new());
        let db = open(&fs).unwrap();
        append(&db, 5, RANGE_MS, &mut expected);
        let done = AtomicBool::new(false);
        let late = thread::scope(|scope| {
            let (db, done) = (&db, &done);
            let writer = scope.spawn(move || {
                let (mut scratch, mut count) = (AppendScratch::default(), 0);
                // Each time another series, so that the head knows nothing of those that blocks have.
                while !done.load(Ordering::Acquire) || count < 200 {
                    let late = (series(1_000 + count), vec![(RANGE_MS / 4, 1.0)]);
                    let batch = Batch { names: names(), series: vec![late] };
                    let (appended, commit) = db.append(&batch, NO_LIMITS, &mut scratch).unwrap();
                    let _durable = commit.wait().unwrap();
                    assert_eq!((appended.accepted, appended.refused_total), (1, 0));
                    count += 1;
                }
                count
            });
            thread::sleep(std::time::Duration::from_millis(2 + round % 5));
            db.flush().unwrap();
            done.store(true, Ordering::Release);
            writer.join().unwrap()
        });
        assert_eq!(contents(&db, TimeRange::ALL).len(), 5 + late as usize);
        // However many came: each has a number of four digits or more, and no other series has.
        let _durable = db.delete(&of(".{4,}"), TimeRange::ALL).unwrap().durable;
        check(&db, &expected);
        drop(db);
        // The chunks that the log could be compared with are lost: nobody waited for them.
        check(&open(&fs.crash(Loss::All)).unwrap(), &expected);
    }
}

/// Blocks have late samples, and the process ends before their log is cut. The next one finds them in a chunk as well, and passes
/// over both; what it deletes is deleted from the block. It must not come back when the chunk goes, wherever that process ends.
#[test]
fn late_samples_of_a_cut_that_was_not_finished_stay_deleted() {
    let out_of_order = OutOfOrder { window_ms: 10 * RANGE_MS, cap: 2 };
    let open = |fs: &SimFs| {
        open_on(Arc::new(fs.clone()), Path::new("/data"), DbOptions { out_of_order, ..options() }).unwrap()
    };
    let unfinished = || {
        let (fs, mut expected) = (SimFs::new(), Contents::new());
        let db = open(&fs);
        append_range(&db, 3 * RANGE_MS, 3 * RANGE_MS + 60_000, &mut expected);
        // Two fill a buffer and become a chunk, the third is in the log alone.
        [500, 1_500, 2_500].into_iter().for_each(|at_ms| append(&db, 1, at_ms, &mut expected));
        fs.fail(Fault {
            step: Step::Remove,
            path_part: "/wbl/".to_owned(),
            skip: 0,
            times: 9,
            error: ErrorKind::PermissionDenied,
            written_bytes: 0,
        });
        assert!(db.flush().is_err());
        db.head().reclaim().unwrap();
        db.close().unwrap();
        drop(db);
        let fs = fs.crash(Loss::All);
        let db = open(&fs);
        delete(&db, "0", range(0, 2_000), &mut expected);
        for at_ms in (4 * RANGE_MS..8 * RANGE_MS).step_by(20_000) {
            append(&db, 5, at_ms, &mut expected);
        }
        (fs, db, expected)
    };
    let (whole, db, _) = unfinished();
    let before = whole.steps();
    db.maintain().unwrap();
    for step in 0..=whole.steps() - before {
        let (fs, db, expected) = unfinished();
        fs.stop_after(before + step);
        let _cut_off = db.maintain();
        check(&open(&fs.crash(Loss::All)), &expected);
    }
}
