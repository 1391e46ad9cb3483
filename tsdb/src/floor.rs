//! `head_floor`: up to where the head was cut, where no block says so.
//!
//! Most of the time the newest block does: what lies before its end left the head for it. But of a range all samples may have
//! been deleted, or its last ones, and the block that says it may be removed. Whoever opens the directory then takes that time
//! for the head's once more, with what was deleted of it, and without what has been removed since. So the floor is written down
//! first: when and by whom is in [`db`](crate::db), byte tables and order of steps are in `docs/format/head_floor.md`.
//!
//! A floor belongs to a log, of which it says that something in it is of the past. Beside a log that is shorter than the one
//! that it was written beside, an older one that was put back, it says nothing.

use crate::cursor::{Corruption, Cursor, Fault};
use crate::fs::{Fs, replace_file};
use crate::series::SourceError;
use crate::wal::LogPlace;
use std::io;
use std::path::{Path, PathBuf};

/// The name of the file, in a data directory.
pub(crate) const FLOOR: &str = "head_floor";

const MAGIC: u32 = 0x4746_4c52;
const VERSION: u8 = 1;
/// With magic number, version and checksum.
const FILE_BYTES: usize = 29;

/// What the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// Samples before it that came in order are no longer the head's.
    pub at_ms: i64,
    /// How long the log was when it was written, at least.
    pub log: LogPlace,
}

impl Floor {
    /// Reads a file.
    ///
    /// # Errors
    /// Another file, a wrong checksum, another size.
    pub fn decode(file: &[u8]) -> Result<Self, Corruption> {
        let mut cursor = Cursor::new(file);
        cursor.header(MAGIC, &[VERSION])?;
        let at_ms = cursor.be_u64()?.cast_signed();
        let log = LogPlace { segment: cursor.be_u32()?, offset_bytes: cursor.be_u64()? };
        let (said, sum) = (file.get(..cursor.offset()).unwrap_or_default(), cursor.clone());
        let (stored, computed) = (cursor.be_u32()?, crc32c::crc32c(said));
        if stored != computed {
            return Err(sum.fault(Fault::Checksum { stored, computed }));
        }
        match cursor.is_empty() {
            true => Ok(Self { at_ms, log }),
            false => Err(cursor.fault(Fault::Malformed("something follows the checksum"))),
        }
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(FILE_BYTES);
        file.extend_from_slice(&MAGIC.to_be_bytes());
        file.push(VERSION);
        file.extend_from_slice(&self.at_ms.to_be_bytes());
        file.extend_from_slice(&self.log.segment.to_be_bytes());
        file.extend_from_slice(&self.log.offset_bytes.to_be_bytes());
        file.extend_from_slice(&crc32c::crc32c(&file).to_be_bytes());
        file
    }

    /// Reads that of the data directory `dir`; `None`: there is none.
    ///
    /// # Errors
    /// It cannot be read, or is damaged, or of a longer log than the one in `dir`.
    pub(crate) fn read(fs: &dyn Fs, dir: &Path) -> Result<Option<Self>, SourceError> {
        let path = path(dir);
        let io = |source| SourceError::Io { file: path.display().to_string(), source };
        // What is no file, and no directory, is not listed: who opens a pipe waits for its other end.
        if !fs.read_dir(dir).map_err(io)?.iter().any(|entry| entry.name == FLOOR) {
            return Ok(None);
        }
        let floor = Self::decode(&fs.map(&path).map_err(io)?).map_err(Corruption::in_file(&path, 0))?;
        if floor.log > LogPlace::end_of_log(fs, &dir.join("wal")).map_err(io)? {
            let fault = Fault::Malformed("it was written beside a longer log than this one");
            return Err(Corruption::in_file(&path, 0)(Corruption { offset: 0, fault }));
        }
        Ok(Some(floor))
    }

    /// Writes it, durably, in the place of the one that may be there.
    ///
    /// # Errors
    /// As a file system's. Then there is the one or the other.
    pub(crate) fn write(&self, fs: &dyn Fs, dir: &Path) -> io::Result<()> {
        replace_file(fs, &path(dir), |file| file.append(&self.encode()))
    }
}

pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(FLOOR)
}

#[cfg(test)]
mod tests;
