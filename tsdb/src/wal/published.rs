//! Directories of segments that appear whole or not at all: checkpoints, snapshots of a head.

use super::assemble::StoredRecords;
use super::codec::{Compression, Packer, Unpacker};
use super::reader::{Damage, ReadReport, SegmentReader};
use super::record::split_records;
use super::segment::{SegmentDir, SegmentFile};
use super::writer::{Durability, Group, Writer};
use crate::cursor::Fault;
use crate::file_error::FileError;
use crate::fs::{Fs, publish_dir};
use std::io;
use std::path::{Path, PathBuf};

/// Why a directory of segments is not whole.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{file} at byte {offset}: {fault}", file = file.display())]
    Damaged { file: PathBuf, offset: u64, fault: Fault },
    #[error("{dir}: segment {segment} is missing", dir = dir.display())]
    Missing { dir: PathBuf, segment: u32 },
}

/// A directory of segments that is being written. Dropped before it is published, it leaves `unfinished`.
#[derive(Debug)]
pub(crate) struct SegmentsWriter<'a> {
    fs: &'a dyn Fs,
    unfinished: PathBuf,
    published: PathBuf,
    compression: Compression,
    writer: Writer,
    segment: SegmentFile,
    buffer: Vec<u8>,
    packer: Packer,
    group: Group,
}

impl<'a> SegmentsWriter<'a> {
    /// Begins a directory `published`, under the name `unfinished` for now; what a crash left there goes.
    ///
    /// # Errors
    /// `AlreadyExists` if there is `published`.
    pub(crate) fn create(
        fs: &'a dyn Fs,
        unfinished: PathBuf,
        published: PathBuf,
        compression: Compression,
        segment_bytes: u64,
    ) -> io::Result<Self> {
        if fs.read_dir(&published).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        match fs.remove_dir_all(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs.create_dir_all(&unfinished)?,
        }
        Ok(Self {
            fs,
            compression,
            writer: Writer::new(0, segment_bytes, Durability::Written),
            segment: SegmentFile::new(&unfinished),
            unfinished,
            published,
            buffer: Vec::new(),
            packer: Packer::default(),
            group: Group::default(),
        })
    }

    /// Writes records that `copy` puts into a buffer, each preceded by its size.
    ///
    /// # Errors
    /// As a file system's.
    pub(crate) fn write(&mut self, copy: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.buffer.clear();
        copy(&mut self.buffer);
        self.writer.begin(&mut self.group);
        for record in split_records(&self.buffer) {
            let (stored, coding) = self.packer.pack(record, self.compression);
            self.writer.add(stored, coding, &mut self.group);
        }
        self.writer.finish(false, &mut self.group);
        for effect in self.group.effects() {
            self.segment.perform(self.fs, effect, &self.group)?;
            self.writer.done(effect);
        }
        Ok(())
    }

    /// Makes the directory durable, then visible.
    ///
    /// # Errors
    /// As a file system's.
    pub(crate) fn publish(mut self) -> io::Result<()> {
        self.segment.abandon();
        publish_dir(self.fs, &self.unfinished, &self.published)
    }
}

/// Hands each record in the directory `dir`, unpacked, to `take`.
///
/// # Errors
/// The first fault, those that `take` finds among them.
pub(crate) fn read_published(
    fs: &dyn Fs,
    dir: &Path,
    mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<(), PublishedError> {
    let found = SegmentDir::read(fs, dir).map_err(FileError::at(dir))?;
    let (mut stored, mut unpacker) = (StoredRecords::default(), Unpacker::default());
    let mut report = ReadReport::default();
    for (expected, segment) in (0..).zip(&found.segments) {
        if segment.number != expected {
            return Err(PublishedError::Missing { dir: dir.to_owned(), segment: expected });
        }
        let path = &segment.path;
        let mut reader = SegmentReader::open(fs, path).map_err(FileError::at(path))?;
        while reader.next(&mut stored, &mut report).map_err(FileError::at(path))? {
            for (record, coding, offset) in stored.iter() {
                let taken = unpacker.unpack(record, coding).and_then(&mut take);
                taken.map_err(|fault| PublishedError::Damaged { file: path.clone(), offset, fault })?;
            }
            if let Some(Damage { file, offset, fault, .. }) = report.damages.pop() {
                return Err(PublishedError::Damaged { file, offset, fault });
            }
        }
    }
    Ok(())
}
