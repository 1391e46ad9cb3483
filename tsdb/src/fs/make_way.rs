//! What stands where something of ours is to be made is moved out of the way.

use super::Fs;
use std::io;
use std::path::{Path, PathBuf};

/// Moves what has the name `path`, whatever it is, to a free name below `quarantine`, which is made if it is not there, and
/// says where it is now. It is not opened: whoever opens a pipe waits for its other end.
///
/// # Errors
/// As a file system's; `NotFound` if nothing has that name.
pub(crate) fn make_way(fs: &dyn Fs, path: &Path, quarantine: &Path) -> io::Result<PathBuf> {
    let parent = path.parent().unwrap_or(path);
    let of = parent.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{of}-{}", path.file_name().unwrap_or_default().to_string_lossy());
    fs.create_dir_all(quarantine)?;
    fs.sync_dir(quarantine.parent().unwrap_or(quarantine))?;
    let taken = fs.read_dir(quarantine)?;
    let is_free = |name: &String| taken.iter().all(|entry| entry.name != *name);
    let mut names = std::iter::once(name.clone()).chain((1..).map(|again: u32| format!("{name}.{again}")));
    let to = quarantine.join(names.find(is_free).unwrap_or_default());
    fs.rename(path, &to)?;
    fs.sync_dir(quarantine)?;
    fs.sync_dir(parent)?;
    Ok(to)
}
