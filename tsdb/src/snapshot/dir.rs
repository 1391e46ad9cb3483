//! The directories of snapshots, and what their names say.

use crate::fs::Fs;
use crate::wal::LogPlace;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A snapshot that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotDir {
    /// It stands for what was logged up to here.
    pub place: LogPlace,
    pub path: PathBuf,
}

/// The snapshots in a data directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotDirs {
    /// By place: the last is the one to read.
    pub published: Vec<SnapshotDir>,
    /// Never finished: to be removed.
    pub unfinished: Vec<PathBuf>,
}

const PREFIX: &str = "chunk_snapshot.";
const UNFINISHED_SUFFIX: &str = ".tmp";

pub(super) fn snapshot_path(dir: &Path, LogPlace { segment, offset_bytes }: LogPlace) -> PathBuf {
    dir.join(format!("{PREFIX}{segment:06}.{offset_bytes:010}"))
}

pub(super) fn unfinished_path(dir: &Path, place: LogPlace) -> PathBuf {
    let mut path = snapshot_path(dir, place).into_os_string();
    path.push(UNFINISHED_SUFFIX);
    path.into()
}

impl SnapshotDirs {
    /// Lists the data directory `dir`; other names are left alone.
    ///
    /// # Errors
    /// As a file system's.
    pub fn find(fs: &dyn Fs, dir: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        for entry in fs.read_dir(dir)?.into_iter().filter(|entry| entry.is_dir) {
            let Some(name) = entry.name.strip_prefix(PREFIX) else { continue };
            match (place(name), name.strip_suffix(UNFINISHED_SUFFIX).and_then(place)) {
                (Some(place), _) => found.published.push(SnapshotDir { place, path: entry.path }),
                (None, Some(_)) => found.unfinished.push(entry.path),
                (None, None) => {}
            }
        }
        found.published.sort_unstable_by_key(|snapshot| snapshot.place);
        Ok(found)
    }

    /// Removes what was never finished, and the snapshots of places before `place`.
    ///
    /// # Errors
    /// The first directory that cannot be removed.
    pub fn remove_before(&self, fs: &dyn Fs, place: LogPlace) -> io::Result<()> {
        let old = self.published.iter().filter(|snapshot| snapshot.place < place).map(|snapshot| &snapshot.path);
        old.chain(&self.unfinished).try_for_each(|path| fs.remove_dir_all(path))
    }
}

/// The place at the end of what the log in `dir` has before `segment`: Prometheus does not take a snapshot of a segment that
/// is not there yet.
///
/// # Errors
/// As a file system's.
pub fn place_before(fs: &dyn Fs, dir: &Path, segment: u32) -> io::Result<LogPlace> {
    let Some(before) = segment.checked_sub(1) else { return Ok(LogPlace { segment, offset_bytes: 0 }) };
    match fs.open(&dir.join(format!("{before:08}"))).and_then(|file| file.size_bytes()) {
        Ok(offset_bytes) => Ok(LogPlace { segment: before, offset_bytes }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(LogPlace { segment, offset_bytes: 0 }),
        Err(error) => Err(error),
    }
}

/// What a name says behind the prefix.
fn place(name: &str) -> Option<LogPlace> {
    let (segment, offset) = name.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(segment) || !digits(offset) {
        return None;
    }
    Some(LogPlace { segment: segment.parse().ok()?, offset_bytes: offset.parse().ok()? })
}
