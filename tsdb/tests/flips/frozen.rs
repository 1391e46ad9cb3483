//! A file system of files that never change.

use bytes::Bytes;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use tsdb::fs::{AppendFile, DirEntry, Fs, LockGuard, ReadFile};

/// A few files by their paths.
#[derive(Debug, Clone)]
pub(crate) struct Frozen(pub(crate) Vec<(PathBuf, Bytes)>);

#[derive(Debug)]
struct Content(Bytes);

impl Frozen {
    fn find(&self, path: &Path) -> io::Result<Bytes> {
        let found = self.0.iter().find(|(at, _)| at == path);
        found.map(|(_, content)| content.clone()).ok_or(ErrorKind::NotFound.into())
    }

    /// The same with a bit of one of them flipped.
    pub(crate) fn flipped(&self, file: usize, at: usize, bit: u8) -> Self {
        let mut flipped = self.clone();
        let mut bytes = flipped.0[file].1.to_vec();
        bytes[at] ^= 1 << bit;
        flipped.0[file].1 = bytes.into();
        flipped
    }
}

fn refused<T>() -> io::Result<T> {
    Err(ErrorKind::ReadOnlyFilesystem.into())
}

impl Fs for Frozen {
    fn create_new(&self, _: &Path) -> io::Result<Box<dyn AppendFile>> {
        refused()
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        Ok(Box::new(Content(self.find(path)?)))
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        self.find(path)
    }

    fn sync_file(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn truncate(&self, _: &Path, _: u64) -> io::Result<()> {
        refused()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        refused()
    }

    fn hard_link(&self, _: &Path, _: &Path) -> io::Result<()> {
        refused()
    }

    fn remove_file(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn remove_dir_all(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let files = self.0.iter().filter(|(at, _)| at.parent() == Some(path));
        let entry = |(at, content): &(PathBuf, Bytes)| DirEntry {
            path: at.clone(),
            name: at.file_name().unwrap().to_str().unwrap().to_owned(),
            is_dir: false,
            size_bytes: content.len() as u64,
        };
        Ok(files.map(entry).collect())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        refused()
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn LockGuard>> {
        refused()
    }
}

impl ReadFile for Content {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let part = self.0.get(offset as usize..offset as usize + buf.len()).ok_or(ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(part);
        Ok(())
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}
