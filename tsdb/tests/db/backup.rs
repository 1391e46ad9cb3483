//! Backups: a directory of blocks with all there was.

use crate::rig::{Contents, RANGE_MS, append, append_range, check, contents, open, open_on, options};
use model::TimeRange;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use testkit::{Fault, SimFs, Step};
use tsdb::fs::Fs;

const DIR: &str = "/data";

/// The names below a directory that lead to files.
fn tree(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        match entry.path().is_dir() {
            true => found.extend(tree(&entry.path()).into_iter().map(|below| format!("{name}/{below}"))),
            false => drop(found.insert(name)),
        }
    }
    found
}

#[test]
fn a_backup_has_all_there_was() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut expected = Contents::new();
    append_range(&db, 0, 2 * RANGE_MS + RANGE_MS / 2, &mut expected);
    assert_eq!(db.maintain().unwrap().len(), 1);
    let (with_head, without) = (db.back_up(true).unwrap(), db.back_up(false).unwrap());
    // As Prometheus writes times and numbers.
    let (time, number) = with_head.split_once('-').unwrap();
    assert_eq!((time, number.len()), ("20231114T221320Z", 16));
    assert!(number.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()), "{number}");
    append(&db, 5, 3 * RANGE_MS, &mut Contents::new());
    // What becomes of the data directory is nothing to it.
    db.maintain().unwrap();
    drop(db);
    let backups = dir.path().join("snapshots");
    assert_eq!(tree(&backups.join(&without)).len(), 4, "{:?}", tree(&backups));
    check(&open(&backups.join(&with_head)), &expected);
    expected.retain(|(_, at_ms), _| *at_ms < RANGE_MS);
    check(&open(&backups.join(&without)), &expected);
}

/// What the log has of a chunk that cannot be read takes its place in the backup, too.
#[test]
fn a_backup_goes_past_a_chunk_that_cannot_be_read() {
    let (dir, mut expected) = (tempfile::tempdir().unwrap(), Contents::new());
    let db = open(dir.path());
    (0..145_000).step_by(300).for_each(|at_ms| append(&db, 5, at_ms, &mut expected));
    db.close().unwrap();
    drop(db);
    let db = open(dir.path());
    let file = std::fs::OpenOptions::new().write(true).open(dir.path().join("chunks_head/000001")).unwrap();
    file.write_all_at(&[0xff], 40).unwrap();
    let name = db.back_up(true).unwrap();
    assert_eq!(db.chunks_set_aside().len(), 1);
    check(&open(&dir.path().join("snapshots").join(name)), &expected);
    check(&db, &expected);
}

#[test]
fn a_backup_that_fails_leaves_nothing_behind() {
    let mut failed = 0;
    for (step, skip) in [Step::Link, Step::CreateDir, Step::Create, Step::SyncFile, Step::SyncDir, Step::Rename]
        .into_iter()
        .flat_map(|step| (0..6).map(move |skip| (step, skip)))
    {
        let fs = SimFs::new();
        let db = open_on(Arc::new(fs.clone()), Path::new(DIR), options()).unwrap();
        let mut expected = Contents::new();
        append_range(&db, 0, 2 * RANGE_MS + RANGE_MS / 2, &mut expected);
        db.maintain().unwrap();
        fs.fail(Fault { step, path_part: "/".into(), skip, times: 1, error: ErrorKind::Other, written_bytes: 0 });
        let done = db.back_up(true);
        fs.heal();
        let there: Vec<_> = fs.read_dir(&Path::new(DIR).join("snapshots")).unwrap_or_default();
        assert_eq!(there.len(), usize::from(done.is_ok()), "{step:?} {skip}: {there:?}");
        failed += usize::from(done.is_err());
        check(&db, &expected);
    }
    assert!(failed > 15, "{failed}");
}

#[test]
fn a_backup_that_a_crash_ended_goes_with_the_next_start() {
    let backups = Path::new(DIR).join("snapshots");
    let mut steps = 0;
    loop {
        let fs = SimFs::new();
        let db = open_on(Arc::new(fs.clone()), Path::new(DIR), options()).unwrap();
        let mut expected = Contents::new();
        append_range(&db, 0, 2 * RANGE_MS + RANGE_MS / 2, &mut expected);
        db.maintain().unwrap();
        fs.stop_after(fs.steps() + steps);
        let done = db.back_up(true);
        drop(db);
        let fs = fs.crash(testkit::Loss::Reordered(steps));
        let db = open_on(Arc::new(fs.clone()), Path::new(DIR), options()).unwrap();
        check(&db, &expected);
        for backup in fs.read_dir(&backups).unwrap_or_default() {
            assert!(!backup.name.ends_with(".tmp"));
            let backup = open_on(Arc::new(fs.clone()), &backup.path, options()).unwrap();
            assert_eq!(contents(&backup, TimeRange::ALL), expected, "after step {steps}");
        }
        if done.is_ok() {
            assert_eq!(fs.read_dir(&backups).unwrap().len(), 1);
            break;
        }
        steps += 1;
    }
    assert!(steps > 20, "{steps}");
}
