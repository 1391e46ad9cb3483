//! Names in a data directory that stand for something else than they should: it opens all the same, tells what is in the way,
//! and goes on taking samples.

use crate::rig::{Contents, NO_LIMITS, RANGE_MS, append, append_range, batch, contents, open};
use model::TimeRange;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::ops::RangeInclusive;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tsdb::block::read_meta;
use tsdb::fs::StdFs;
use tsdb::head::AppendScratch;
use tsdb::verify::{Findings, directory};

/// Blocks, a log, a file of head chunks.
fn data(dir: &Path) -> Contents {
    let mut expected = Contents::new();
    let db = open(dir);
    append_range(&db, 0, 4 * RANGE_MS, &mut expected);
    db.maintain().unwrap();
    assert_eq!(db.stats().blocks, 3);
    db.close().unwrap();
    drop(db);
    expected
}

/// The block of the first range.
fn first_block(dir: &Path) -> PathBuf {
    let mut entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let begins = |path: &PathBuf| read_meta(&StdFs, path).is_ok_and(|meta| meta.min_ms == 0);
    entries.find(begins).unwrap()
}

fn replace_by_file(path: &Path) {
    std::fs::remove_dir_all(path).unwrap();
    std::fs::write(path, "something").unwrap();
}

fn replace_by_dir(path: &Path) {
    std::fs::remove_file(path).unwrap();
    std::fs::create_dir(path).unwrap();
}

fn pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Where the next file after the last of `dir` would be.
fn next(dir: &Path, width: usize) -> PathBuf {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let last: u32 = names.filter_map(|name| name.parse().ok()).max().unwrap();
    dir.join(format!("{:0width$}", last + 1))
}

/// What is lost, and how much of it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    Nothing,
    /// The first range, with its block.
    Block,
    /// What the blocks do not have, with the log.
    Head,
}

#[track_caller]
fn check(strange: impl FnOnce(&Path), set_aside: usize, lost: Lost) {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = data(dir.path());
    strange(dir.path());
    let verified = {
        let mut findings = Findings::new(9);
        directory(&StdFs, dir.path(), &mut findings).unwrap();
        findings.is_sound()
    };
    let db = open(dir.path());
    assert_eq!(db.opened().set_aside.len(), set_aside, "{:?}", db.opened().set_aside);
    assert!(db.opened().log.report.missing_segments.is_empty());
    let head_ms = db.head().floor_ms();
    expected.retain(|(_, at_ms), _| match lost {
        Lost::Nothing => true,
        Lost::Block => *at_ms >= RANGE_MS,
        Lost::Head => *at_ms < head_ms,
    });
    let found = contents(&db, TimeRange::ALL);
    let lacking: Vec<_> = expected.keys().filter(|key| !found.contains_key(key)).take(3).collect();
    let more: Vec<_> = found.keys().filter(|key| !expected.contains_key(key)).take(3).collect();
    assert!(found == expected, "{} of {}: {lacking:?} {more:?}", found.len(), expected.len());
    assert_eq!(verified, set_aside == 0, "whether verify finds nothing");
    // Where the name of the next segment is taken, the first batch is refused, and not the second.
    let (_, commit) = db.append(&batch(5, 4 * RANGE_MS + 1), NO_LIMITS, &mut AppendScratch::default()).unwrap();
    drop(commit.wait());
    append(&db, 5, 4 * RANGE_MS + 1, &mut expected);
    append_range(&db, 5 * RANGE_MS, 8 * RANGE_MS, &mut expected);
    db.maintain().unwrap();
    db.close().unwrap();
    drop(db);
    let db = open(dir.path());
    assert_eq!(db.opened().set_aside, []);
    assert!(contents(&db, TimeRange::ALL) == expected);
}

#[test]
fn files_instead_of_directories() {
    check(|dir| replace_by_file(&dir.join("wal")), 1, Lost::Head);
    check(|dir| replace_by_file(&dir.join("chunks_head")), 1, Lost::Nothing);
    check(|dir| std::fs::write(dir.join("wbl"), "").unwrap(), 1, Lost::Nothing);
    // Of a name that nobody looks for.
    check(|dir| std::fs::write(dir.join("01KDY024X0S00G9RYGK2K2SJZZ"), "").unwrap(), 0, Lost::Nothing);
}

#[test]
fn directories_instead_of_files() {
    for name in ["meta.json", "index", "chunks/000001"] {
        check(|dir| replace_by_dir(&first_block(dir).join(name)), 1, Lost::Block);
    }
    check(|dir| std::fs::create_dir(next(&dir.join("wal"), 8)).unwrap(), 1, Lost::Nothing);
    check(|dir| std::fs::create_dir(next(&dir.join("chunks_head"), 6)).unwrap(), 1, Lost::Nothing);
}

#[test]
fn pipes_and_links_to_themselves() {
    check(|dir| pipe(&next(&dir.join("wal"), 8)), 0, Lost::Nothing);
    check(|dir| pipe(&dir.join("chunks_head/000123")), 0, Lost::Nothing);
    check(|dir| pipe(&first_block(dir).join("chunks/000002")), 0, Lost::Nothing);
    check(
        |dir| {
            let link = dir.join("01KDY024X0S00G9RYGK2K2SJZZ");
            symlink(&link, &link).unwrap();
        },
        0,
        Lost::Nothing,
    );
}

/// Prometheus writes numbers with zeros before them; what has none is somebody else's.
#[test]
fn numbers_written_in_another_way() {
    for name in ["wal/7", "wal/+0000007", "wal/000000007", "wal/4294967295", "chunks_head/7", "chunks_head/4294967295"]
    {
        check(|dir| std::fs::write(dir.join(name), "not ours").unwrap(), 0, Lost::Nothing);
    }
}

/// No gap is filled that is wider than the disk.
#[test]
fn a_file_of_head_chunks_far_behind_the_others() {
    check(|dir| drop(std::fs::copy(dir.join("chunks_head/000001"), dir.join("chunks_head/2000000"))), 1, Lost::Nothing);
}

fn checkpoints(dir: &Path) -> usize {
    let names = std::fs::read_dir(dir.join("wal")).unwrap().map(|entry| entry.unwrap());
    names
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("checkpoint.") && entry.path().is_dir())
        .count()
}

/// Something comes to stand where the open database will create its next file. It goes on, and tells.
#[track_caller]
fn check_meanwhile(strange: impl FnOnce(&Path), told: RangeInclusive<usize>) {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = data(dir.path());
    let db = open(dir.path());
    strange(dir.path());
    for range in (4..8).step_by(2) {
        append_range(&db, range * RANGE_MS, (range + 2) * RANGE_MS, &mut expected);
        db.maintain().unwrap();
    }
    let in_the_way = db.in_the_way();
    assert!(told.contains(&in_the_way.len()), "{in_the_way:?}");
    assert_eq!(db.stats().in_the_way, in_the_way.len() as u64);
    for aside in in_the_way {
        assert!(std::fs::symlink_metadata(&aside.to).is_ok(), "{aside:?}");
        // What was made in its place may be gone again.
        let ours = std::fs::symlink_metadata(&aside.from).map(|ours| ours.is_file() || ours.is_dir());
        assert!(ours.unwrap_or(true), "{aside:?}");
    }
    assert_eq!(checkpoints(dir.path()), 1);
    db.close().unwrap();
    drop(db);
    let db = open(dir.path());
    assert_eq!(db.opened().set_aside, []);
    assert!(contents(&db, TimeRange::ALL) == expected);
}

#[test]
fn names_that_are_taken_while_it_is_open() {
    // The first went with its blocks.
    let chunks = |dir: &Path| dir.join("chunks_head/000002");
    check_meanwhile(|dir| pipe(&chunks(dir)), 1..=1);
    check_meanwhile(|dir| std::fs::create_dir(chunks(dir)).unwrap(), 1..=1);
    check_meanwhile(|dir| symlink(chunks(dir), chunks(dir)).unwrap(), 1..=1);
    // Whichever number it has.
    let checkpoints = |dir: &Path, suffix: &str, make: &dyn Fn(&Path)| {
        let paths = (0..40).map(|number| dir.join(format!("wal/checkpoint.{number:08}{suffix}")));
        paths.filter(|path| std::fs::symlink_metadata(path).is_err()).for_each(|path| make(&path));
    };
    check_meanwhile(|dir| checkpoints(dir, "", &pipe), 1..=40);
    check_meanwhile(|dir| checkpoints(dir, ".tmp", &|path| std::fs::write(path, "not ours").unwrap()), 1..=40);
}
