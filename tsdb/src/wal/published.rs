//! Directories of segments that appear whole or not at all: checkpoints, snapshots of a head.

use super::assemble::StoredRecords;
use super::codec::{Compression, Packer, Unpacker};
use super::reader::{Damage, ReadReport, SegmentReader};
use super::record::split_records;
use super::segment::{Numbered, SegmentDir, SegmentFile};
use super::writer::{Durability, Group, Writer};
use crate::cursor::Fault;
use crate::file_error::FileError;
use crate::fs::{Fs, publish_dir};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

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
        Ok(Self::new(fs, unfinished, published, compression, segment_bytes))
    }

    /// Where it will be.
    pub(crate) fn dir(&self) -> &Path {
        &self.published
    }

    /// Begins a directory `name` in the one that is being written, to be published with it.
    ///
    /// # Errors
    /// As a file system's.
    pub(crate) fn beside(&self, name: &str, segment_bytes: u64) -> io::Result<Self> {
        let (inside, published) = (self.unfinished.join(name), self.published.join(name));
        self.fs.create_dir_all(&inside)?;
        Ok(Self::new(self.fs, inside, published, self.compression, segment_bytes))
    }

    fn new(
        fs: &'a dyn Fs,
        unfinished: PathBuf,
        published: PathBuf,
        compression: Compression,
        segment_bytes: u64,
    ) -> Self {
        Self {
            fs,
            compression,
            writer: Writer::new(0, segment_bytes, Durability::Written),
            segment: SegmentFile::new(&unfinished),
            unfinished,
            published,
            buffer: Vec::new(),
            packer: Packer::default(),
            group: Group::default(),
        }
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

    /// Gives the directory up: what of it is there goes, as far as that is possible.
    pub(crate) fn give_up(mut self) {
        self.segment.abandon();
        // What stays goes when the directory above is opened.
        let _ = self.fs.remove_dir_all(&self.unfinished);
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

/// Reads a directory of segments from front to back, some records at a time.
#[derive(Debug)]
pub(crate) struct PublishedReader<'a> {
    fs: &'a dyn Fs,
    dir: PathBuf,
    segments: vec::IntoIter<Numbered>,
    /// The number of the next segment.
    expected: u32,
    reader: Option<(SegmentReader, Arc<Path>)>,
    report: ReadReport,
}

/// Some records of one segment, as they are stored.
#[derive(Debug, Default)]
pub(crate) struct PublishedBatch {
    file: Option<Arc<Path>>,
    stored: StoredRecords,
}

impl<'a> PublishedReader<'a> {
    pub(crate) fn open(fs: &'a dyn Fs, dir: &Path) -> Result<Self, PublishedError> {
        let segments = SegmentDir::read(fs, dir).map_err(FileError::at(dir))?.segments.into_iter();
        Ok(Self { fs, dir: dir.to_owned(), segments, expected: 0, reader: None, report: ReadReport::default() })
    }

    /// How many bytes there are to read.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.segments.as_slice().iter().map(|segment| segment.size_bytes).sum()
    }

    /// Replaces `batch` by the next records; `false` at the end.
    ///
    /// # Errors
    /// The first fault.
    pub(crate) fn next(&mut self, batch: &mut PublishedBatch) -> Result<bool, PublishedError> {
        loop {
            if let Some((reader, path)) = &mut self.reader {
                let more = reader.next(&mut batch.stored, &mut self.report).map_err(FileError::at(path))?;
                if let Some(Damage { file, offset, fault, .. }) = self.report.damages.pop() {
                    return Err(PublishedError::Damaged { file, offset, fault });
                }
                if more {
                    batch.file = Some(Arc::clone(path));
                    return Ok(true);
                }
                self.reader = None;
            }
            let Some(segment) = self.segments.next() else { return Ok(false) };
            if segment.number != self.expected {
                return Err(PublishedError::Missing { dir: self.dir.clone(), segment: self.expected });
            }
            self.expected = self.expected.saturating_add(1);
            let reader = SegmentReader::open(self.fs, &segment.path).map_err(FileError::at(&segment.path))?;
            self.reader = Some((reader, segment.path.into()));
        }
    }
}

impl PublishedBatch {
    /// Hands each record, unpacked, to `take`.
    ///
    /// # Errors
    /// The first fault, those that `take` finds among them.
    pub(crate) fn records(
        &self,
        unpacker: &mut Unpacker,
        mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), PublishedError> {
        for (record, coding, offset) in self.stored.iter() {
            unpacker.unpack(record, coding).and_then(&mut take).map_err(|fault| self.damaged(offset, fault))?;
        }
        Ok(())
    }

    /// A fault of this batch that is known when all of it was taken: it is told as one of the last record.
    pub(crate) fn late_fault(&self, fault: Fault) -> PublishedError {
        self.damaged(self.stored.iter().last().map_or(0, |(_, _, offset)| offset), fault)
    }

    fn damaged(&self, offset: u64, fault: Fault) -> PublishedError {
        let file = self.file.as_deref().unwrap_or(Path::new("")).to_owned();
        PublishedError::Damaged { file, offset, fault }
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
    let mut reader = PublishedReader::open(fs, dir)?;
    let (mut batch, mut unpacker) = (PublishedBatch::default(), Unpacker::default());
    while reader.next(&mut batch)? {
        batch.records(&mut unpacker, &mut take)?;
    }
    Ok(())
}
