//! A file written from front to back, whose sections carry checksums.

use crate::file_error::FileError;
use crate::fs::{AppendFile, Fs};
use std::path::{Path, PathBuf};

/// Bytes are handed to the file in pieces of about this size.
const WRITE_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Sink {
    file: Box<dyn AppendFile>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes of the section so far that already left the buffer are in this sum.
    sum: u32,
    /// Where in the buffer the bytes begin that are not in it yet.
    summed: usize,
    flushed_bytes: u64,
}

impl Sink {
    pub(super) fn create(fs: &dyn Fs, path: &Path) -> Result<Self, FileError> {
        let file = fs.create_new(path).map_err(FileError::at(path))?;
        Ok(Self { file, path: path.to_owned(), buffer: Vec::new(), sum: 0, summed: 0, flushed_bytes: 0 })
    }

    /// Where the next byte goes.
    pub(super) fn at(&self) -> u64 {
        self.flushed_bytes + self.buffer.len() as u64
    }

    /// Lets `write` append bytes.
    pub(super) fn put(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), FileError> {
        write(&mut self.buffer);
        if self.buffer.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    /// Fills with zeros up to a multiple of `alignment`.
    pub(super) fn align(&mut self, alignment: u64) {
        let size = self.at().next_multiple_of(alignment) - self.at();
        self.buffer.resize(self.buffer.len() + size as usize, 0);
    }

    /// Begins what [`Sink::put_sum`] sums up.
    pub(super) fn begin_sum(&mut self) {
        self.sum = 0;
        self.summed = self.buffer.len();
    }

    /// Appends the checksum of everything since [`Sink::begin_sum`].
    pub(super) fn put_sum(&mut self) {
        self.add_to_sum();
        let sum = self.sum.to_be_bytes();
        self.buffer.extend_from_slice(&sum);
    }

    /// Writes out and syncs what is left.
    pub(super) fn finish(mut self) -> Result<u64, FileError> {
        self.flush()?;
        self.file.sync_data().map_err(FileError::at(&self.path))?;
        Ok(self.flushed_bytes)
    }

    fn flush(&mut self) -> Result<(), FileError> {
        self.add_to_sum();
        self.file.append(&self.buffer).map_err(FileError::at(&self.path))?;
        self.flushed_bytes += self.buffer.len() as u64;
        self.buffer.clear();
        self.summed = 0;
        Ok(())
    }

    fn add_to_sum(&mut self) {
        self.sum = crc32c::crc32c_append(self.sum, self.buffer.get(self.summed..).unwrap_or_default());
        self.summed = self.buffer.len();
    }
}
