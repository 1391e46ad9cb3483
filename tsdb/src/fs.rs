//! The seam to the file system.
//!
//! Everything that decides what a crash leaves behind is a step of its own here: `append`, `sync_data`, `rename`,
//! `sync_dir`. A test can stop after any of them and drop what was not synced.

mod make_way;
mod mapped;
mod overlay;
mod publish;
mod std_fs;

pub(crate) use make_way::make_way;
pub use overlay::Overlay;
pub(crate) use overlay::read;
pub use publish::{publish_dir, replace_cache_file, replace_file};
pub use std_fs::StdFs;

use bytes::Bytes;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

/// A file system. Paths are whole paths; nothing here knows a working directory.
///
/// Contract: what was appended is durable after `sync_data` of that file (or `sync_file` of its path); that a file or a
/// name exists at all is durable after `sync_dir` of its directory. Nothing else promises anything. A failed sync leaves
/// in doubt what it was to make durable, and a later sync of the same file does not mend that.
pub trait Fs: Debug + Send + Sync {
    /// Creates a file that must not exist yet, open for appending.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn AppendFile>>;
    /// Opens an existing file for reading at offsets.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>>;
    /// The whole of a sealed file: mapped, or read where mapping is not to be had. Never used on a file that still grows.
    fn map(&self, path: &Path) -> io::Result<Bytes>;
    /// Makes the content of a file that is no longer written durable.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Cuts an existing file to `size_bytes`. Durable after `sync_file`.
    fn truncate(&self, path: &Path, size_bytes: u64) -> io::Result<()>;
    /// Renames a file or directory, replacing a file of that name. Durable after `sync_dir` of both parents.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name, in place of none; each outlives the other. Durable after `sync_dir` of the new one's parent.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes one file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory with all it holds.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and its parents; no error if it is there.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The entries of a directory, sorted by name; `NotFound` if there is no such directory.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// Bytes an unprivileged process may still write below `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
    /// Takes the exclusive lock on `path`, creating the file; it is held until the guard is dropped or the process ends.
    /// `WouldBlock` if another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>>;
}

/// A file that grows at its end.
pub trait AppendFile: Debug + Send {
    /// Writes all of `bytes` at the end. On an error, how much was written is unknown.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything appended so far durable (`fdatasync`).
    fn sync_data(&mut self) -> io::Result<()>;
    /// A handle that reads what was appended.
    fn reader(&self) -> io::Result<Box<dyn ReadFile>>;
}

/// A file read at offsets, by any number of threads at once.
pub trait ReadFile: Debug + Send + Sync {
    /// Fills `buf` from `offset`; `UnexpectedEof` if the file is too short.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;
    /// The size now, in bytes.
    fn size_bytes(&self) -> io::Result<u64>;
}

/// Holds a lock until dropped.
pub trait LockGuard: Debug + Send + Sync {}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    pub path: PathBuf,
    /// The last part of the path. Names that are not UTF-8 are not ours and are left out.
    pub name: String,
    pub is_dir: bool,
    /// 0 for directories.
    pub size_bytes: u64,
}
