//! What every file system must do, as checks that any of them can be put through.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::io::ErrorKind;
use std::path::Path;
use tsdb::fs::{Fs, publish_dir, replace_cache_file, replace_file};

/// All checks, in fresh directories below `root`, which exists and is empty.
pub fn check(fs: &dyn Fs, root: &Path) {
    appended_bytes_are_read(fs, &fresh(fs, root, "append"));
    creation_is_exclusive(fs, &fresh(fs, root, "create"));
    files_are_cut_and_removed(fs, &fresh(fs, root, "cut"));
    directories_are_listed_in_order(fs, &fresh(fs, root, "list"));
    a_rename_replaces_files_only(fs, &fresh(fs, root, "rename"));
    a_second_name_is_as_good_as_the_first(fs, &fresh(fs, root, "link"));
    open_files_outlive_their_names(fs, &fresh(fs, root, "open"));
    a_lock_is_exclusive_until_dropped(fs, &fresh(fs, root, "lock"));
    a_directory_is_published_whole(fs, &fresh(fs, root, "publish"));
    a_file_is_replaced_whole(fs, &fresh(fs, root, "replace"));
    assert!(fs.free_bytes(root).unwrap() > 0);
}

fn fresh(fs: &dyn Fs, root: &Path, name: &str) -> std::path::PathBuf {
    let dir = root.join(name);
    fs.create_dir_all(&dir).unwrap();
    dir
}

fn write(fs: &dyn Fs, path: &Path, content: &[u8]) {
    fs.create_new(path).unwrap().append(content).unwrap();
}

fn content(fs: &dyn Fs, path: &Path) -> Vec<u8> {
    let file = fs.open(path).unwrap();
    let mut content = vec![0; usize::try_from(file.size_bytes().unwrap()).unwrap()];
    file.read_exact_at(&mut content, 0).unwrap();
    assert_eq!(fs.map(path).unwrap(), content, "mapped and read");
    content
}

fn appended_bytes_are_read(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("file");
    let mut file = fs.create_new(&path).unwrap();
    assert_eq!(content(fs, &path), b"");
    file.append(b"one").unwrap();
    let reader = file.reader().unwrap();
    file.append(b"two").unwrap();
    file.sync_data().unwrap();
    let mut middle = [0; 3];
    reader.read_exact_at(&mut middle, 2).unwrap();
    assert_eq!(&middle, b"etw");
    assert_eq!(reader.size_bytes().unwrap(), 6);
    assert_eq!(reader.read_exact_at(&mut middle, 4).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(content(fs, &path), b"onetwo");
}

fn creation_is_exclusive(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("file");
    write(fs, &path, b"first");
    assert_eq!(fs.create_new(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(content(fs, &path), b"first");
    assert_eq!(fs.create_new(&dir.join("no/file")).unwrap_err().kind(), ErrorKind::NotFound);
}

fn files_are_cut_and_removed(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("file");
    let mut file = fs.create_new(&path).unwrap();
    file.append(b"abcdef").unwrap();
    fs.truncate(&path, 2).unwrap();
    file.append(b"X").unwrap();
    fs.sync_file(&path).unwrap();
    assert_eq!(content(fs, &path), b"abX");
    fs.remove_file(&path).unwrap();
    assert_eq!(fs.open(&path).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs.remove_file(&path).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs.truncate(&path, 0).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs.sync_file(&path).unwrap_err().kind(), ErrorKind::NotFound);
    fs.sync_dir(dir).unwrap();
}

fn directories_are_listed_in_order(fs: &dyn Fs, dir: &Path) {
    fs.create_dir_all(&dir.join("b/deep")).unwrap();
    fs.create_dir_all(&dir.join("b/deep")).unwrap();
    write(fs, &dir.join("c"), b"123");
    write(fs, &dir.join("a"), b"");
    let entries = fs.read_dir(dir).unwrap();
    let seen: Vec<_> = entries.iter().map(|e| (e.name.as_str(), e.is_dir, e.size_bytes)).collect();
    assert_eq!(seen, [("a", false, 0), ("b", true, 0), ("c", false, 3)]);
    assert_eq!(entries[2].path, dir.join("c"));
    assert_eq!(fs.read_dir(&dir.join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    fs.remove_dir_all(&dir.join("b")).unwrap();
    assert_eq!(fs.read_dir(dir).unwrap().len(), 2);
}

fn a_rename_replaces_files_only(fs: &dyn Fs, dir: &Path) {
    let [from, to] = ["from", "to"].map(|name| dir.join(name));
    write(fs, &from, b"new");
    write(fs, &to, b"old");
    fs.rename(&from, &to).unwrap();
    assert_eq!(content(fs, &to), b"new");
    assert_eq!(fs.rename(&from, &to).unwrap_err().kind(), ErrorKind::NotFound);

    let [full, other] = ["full", "other"].map(|name| dir.join(name));
    fs.create_dir_all(&full.join("sub")).unwrap();
    fs.create_dir_all(&other.join("sub")).unwrap();
    assert_eq!(fs.rename(&other, &full).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
    fs.rename(&other, &dir.join("moved")).unwrap();
    assert!(fs.read_dir(&dir.join("moved/sub")).unwrap().is_empty());
    fs.rename(&dir.join("moved"), &full.join("moved")).unwrap();
    assert_eq!(fs.read_dir(&full).unwrap().len(), 2);
}

fn a_second_name_is_as_good_as_the_first(fs: &dyn Fs, dir: &Path) {
    let (first, second) = (dir.join("first"), dir.join("second"));
    write(fs, &first, b"same");
    fs.hard_link(&first, &second).unwrap();
    assert_eq!(fs.hard_link(&first, &second).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs.hard_link(&dir.join("none"), &dir.join("third")).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(fs.hard_link(dir, &dir.join("third")).is_err(), "a directory has one name");
    assert!(fs.hard_link(&first, &dir.join("none/third")).is_err());
    assert_eq!((content(fs, &first), content(fs, &second)), (b"same".to_vec(), b"same".to_vec()));
    fs.remove_file(&first).unwrap();
    assert_eq!(content(fs, &second), b"same");
    assert_eq!(fs.open(&first).unwrap_err().kind(), ErrorKind::NotFound);
}

fn open_files_outlive_their_names(fs: &dyn Fs, dir: &Path) {
    let [path, renamed] = ["file", "renamed"].map(|name| dir.join(name));
    let mut file = fs.create_new(&path).unwrap();
    file.append(b"1").unwrap();
    fs.rename(&path, &renamed).unwrap();
    file.append(b"2").unwrap();
    assert_eq!(content(fs, &renamed), b"12");
    let (reader, mapped) = (fs.open(&renamed).unwrap(), fs.map(&renamed).unwrap());
    fs.remove_file(&renamed).unwrap();
    let mut both = [0; 2];
    reader.read_exact_at(&mut both, 0).unwrap();
    assert_eq!((&both, mapped.as_ref()), (b"12", b"12".as_ref()));
}

fn a_lock_is_exclusive_until_dropped(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("lock");
    let guard = fs.lock(&path).unwrap();
    assert_eq!(fs.lock(&path).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(guard);
    assert_eq!(content(fs, &path), b"", "the file stays");
    let _again = fs.lock(&path).unwrap();
}

fn a_directory_is_published_whole(fs: &dyn Fs, dir: &Path) {
    let [tmp, to] = ["block.tmp", "block"].map(|name| dir.join(name));
    fs.create_dir_all(&tmp.join("chunks")).unwrap();
    write(fs, &tmp.join("chunks/000001"), b"chunks");
    write(fs, &tmp.join("index"), b"index");
    publish_dir(fs, &tmp, &to).unwrap();
    assert_eq!(content(fs, &to.join("chunks/000001")), b"chunks");
    assert_eq!(fs.read_dir(&tmp).unwrap_err().kind(), ErrorKind::NotFound);
    fs.create_dir_all(&tmp).unwrap();
    assert_eq!(publish_dir(fs, &tmp, &to).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty, "never over another");
}

fn a_file_is_replaced_whole(fs: &dyn Fs, dir: &Path) {
    let path = dir.join("list.json");
    // What a crash left of an earlier attempt is in nobody's way.
    write(fs, &dir.join("list.json.tmp"), b"half");
    replace_file(fs, &path, |file| file.append(b"one")).unwrap();
    assert_eq!(content(fs, &path), b"one");
    let failed = replace_file(fs, &path, |file| file.append(b"tw").and(Err(ErrorKind::Other.into())));
    assert_eq!((failed.unwrap_err().kind(), content(fs, &path)), (ErrorKind::Other, b"one".to_vec()));
    replace_cache_file(fs, &path, b"three").unwrap();
    assert_eq!(content(fs, &path), b"three");
    assert_eq!(fs.read_dir(dir).unwrap().len(), 1);
}
