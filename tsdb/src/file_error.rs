//! Errors that name their file.

use crate::cursor::Corruption;
use crate::series::SourceError;
use std::io;
use std::path::{Path, PathBuf};

/// A step of the file system that failed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct FileError {
    pub path: PathBuf,
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: an I/O error at `path`.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }
}

impl From<FileError> for SourceError {
    fn from(error: FileError) -> Self {
        Self::Io { file: error.path.display().to_string(), source: error.source }
    }
}

impl Corruption {
    /// For `map_err`: what is wrong with bytes that stand at `base` in the file at `path`.
    pub fn in_file(path: &Path, base: u64) -> impl FnOnce(Self) -> SourceError {
        move |corruption| SourceError::Corrupt {
            file: path.display().to_string(),
            offset: base.saturating_add(corruption.offset),
            fault: corruption.fault.to_string(),
        }
    }
}
