//! The one way a directory, and the one way a file, appears under its final name.

use super::{AppendFile, Fs};
use std::io;
use std::path::{Path, PathBuf};

/// Makes the directory `tmp` with all it holds durable, renames it to `to`, and makes the rename durable.
///
/// After a crash there is `tmp`, perhaps incomplete, or `to`, complete: never `to` with a hole. `to` must not exist.
///
/// # Errors
/// The first step that failed. Before the rename nothing is visible under `to`; after it, `to` may be visible but not
/// yet durable.
pub fn publish_dir(fs: &dyn Fs, tmp: &Path, to: &Path) -> io::Result<()> {
    let (Some(parent), Some(tmp_parent)) = (to.parent(), tmp.parent()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a published directory needs a parent"));
    };
    sync_tree(fs, tmp)?;
    fs.rename(tmp, to)?;
    if parent != tmp_parent {
        fs.sync_dir(tmp_parent)?;
    }
    fs.sync_dir(parent)
}

/// Puts a file at `path`, in one step, instead of the one that may be there, durably: after a crash there is the old one or
/// this one. It is written by `fill` under the same name with `.tmp` behind it; one that a crash left there is in the way
/// and goes.
///
/// # Errors
/// The first step that failed. Before the rename the old file stands; after it the new one may be visible but not yet
/// durable.
pub fn replace_file(
    fs: &dyn Fs,
    path: &Path,
    fill: impl FnOnce(&mut dyn AppendFile) -> io::Result<()>,
) -> io::Result<()> {
    let unfinished = unfinished(path);
    remove_if_there(fs, &unfinished)?;
    let mut file = fs.create_new(&unfinished)?;
    fill(&mut *file)?;
    file.sync_data()?;
    fs.rename(&unfinished, path)?;
    fs.sync_dir(path.parent().unwrap_or(path))
}

/// As [`replace_file`], but nothing of it is synced: for what can be made again, and is found out when a crash left only
/// some of it.
///
/// # Errors
/// The first step that failed.
pub fn replace_cache_file(fs: &dyn Fs, path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = unfinished(path);
    remove_if_there(fs, &unfinished)?;
    fs.create_new(&unfinished)?.append(content)?;
    fs.rename(&unfinished, path)
}

fn unfinished(path: &Path) -> PathBuf {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".tmp");
    unfinished.into()
}

fn remove_if_there(fs: &dyn Fs, path: &Path) -> io::Result<()> {
    match fs.remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_tree(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
    for entry in fs.read_dir(dir)? {
        if entry.is_dir { sync_tree(fs, &entry.path)? } else { fs.sync_file(&entry.path)? }
    }
    fs.sync_dir(dir)
}
