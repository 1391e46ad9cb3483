use super::Overlay;
use crate::fs::{Fs, StdFs};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Rig {
    dir: tempfile::TempDir,
    before: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

/// All there is below `dir`: files with their content, directories.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in StdFs.read_dir(dir).expect("a directory") {
        if entry.is_dir {
            all.extend(tree(&entry.path));
        }
        all.insert(entry.path.clone(), std::fs::read(&entry.path).ok());
    }
    all
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("base/block/chunks")).expect("a directory");
        std::fs::write(dir.path().join("base/block/index"), b"index").expect("a file");
        std::fs::write(dir.path().join("base/block/chunks/000001"), b"chunks").expect("a file");
        let before = tree(&dir.path().join("base"));
        Self { dir, before }
    }

    fn base(&self) -> PathBuf {
        self.dir.path().join("base")
    }

    fn overlay(&self) -> Overlay {
        Overlay::new(Arc::new(StdFs), self.dir.path().join("scratch"), BTreeSet::new())
    }

    fn nothing_changed(&self) {
        assert_eq!(tree(&self.base()), self.before);
        assert!(!self.dir.path().join("scratch").exists());
    }
}

fn names(fs: &dyn Fs, dir: &Path) -> Vec<String> {
    fs.read_dir(dir).expect("a directory").into_iter().map(|entry| entry.name).collect()
}

fn content(fs: &dyn Fs, path: &Path) -> Vec<u8> {
    fs.map(path).expect("a file").to_vec()
}

#[test]
fn what_is_written_is_seen_through_it_only() {
    let rig = Rig::new();
    {
        let fs = rig.overlay();
        let new = rig.base().join("block/new");
        fs.create_new(&new).expect("a file").append(b"new").expect("written");
        assert_eq!(content(&fs, &new), b"new");
        assert_eq!(names(&fs, &rig.base().join("block")), ["chunks", "index", "new"]);
        let index = rig.base().join("block/index");
        assert_eq!(fs.create_new(&index).expect_err("it is there").kind(), ErrorKind::AlreadyExists);
        fs.truncate(&index, 2).expect("cut");
        assert_eq!(content(&fs, &index), b"in");
        fs.create_dir_all(&rig.base().join("a/b")).expect("a directory");
        assert_eq!(names(&fs, &rig.base()), ["a", "block"]);
        assert_eq!(tree(&rig.base()), rig.before);
    }
    rig.nothing_changed();
}

#[test]
fn a_directory_that_was_renamed_has_what_it_had() {
    let rig = Rig::new();
    {
        let fs = rig.overlay();
        let (from, to) = (rig.base().join("block"), rig.base().join("aside/block"));
        fs.create_new(&from.join("new")).expect("a file").append(b"new").expect("written");
        fs.remove_file(&from.join("index")).expect("removed");
        assert_eq!(fs.rename(&from, &to).expect_err("no such directory").kind(), ErrorKind::NotFound);
        fs.create_dir_all(&rig.base().join("aside")).expect("a directory");
        fs.rename(&from, &to).expect("renamed");
        assert_eq!(names(&fs, &rig.base()), ["aside"]);
        assert_eq!(names(&fs, &to), ["chunks", "new"]);
        assert_eq!(content(&fs, &to.join("chunks/000001")), b"chunks");
        assert_eq!(content(&fs, &to.join("new")), b"new");
        assert_eq!(fs.open(&from.join("chunks/000001")).expect_err("it is gone").kind(), ErrorKind::NotFound);
        assert_eq!(fs.open(&to.join("index")).expect_err("it is gone").kind(), ErrorKind::NotFound);
        fs.remove_dir_all(&to).expect("removed");
        assert_eq!(names(&fs, &rig.base().join("aside")), Vec::<String>::new());
        // What is made where something was is empty.
        fs.create_dir_all(&from.join("chunks")).expect("a directory");
        assert_eq!(names(&fs, &from.join("chunks")), Vec::<String>::new());
    }
    rig.nothing_changed();
}

#[test]
fn a_lock_keeps_nobody_out() {
    let rig = Rig::new();
    let (one, two) = (rig.overlay(), rig.overlay());
    let _held = StdFs.lock(&rig.dir.path().join("lock")).expect("the lock");
    let _one = one.lock(&rig.dir.path().join("lock")).expect("no lock is taken");
    let _two = two.lock(&rig.base().join("lock")).expect("no lock is taken");
    rig.nothing_changed();
}

#[test]
fn a_file_that_grows_is_read() {
    let rig = Rig::new();
    let path = rig.base().join("block/index");
    let fs = Overlay::new(Arc::new(StdFs), rig.dir.path().join("scratch"), BTreeSet::from([path.clone()]));
    let read = fs.map(&path).expect("a file");
    std::fs::write(&path, b"").expect("cut");
    assert_eq!(read, b"index".as_slice());
}
