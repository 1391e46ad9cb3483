//! The one way a directory appears under its final name.

use super::Fs;
use std::io;
use std::path::Path;

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

fn sync_tree(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
    for entry in fs.read_dir(dir)? {
        if entry.is_dir { sync_tree(fs, &entry.path)? } else { fs.sync_file(&entry.path)? }
    }
    fs.sync_dir(dir)
}
