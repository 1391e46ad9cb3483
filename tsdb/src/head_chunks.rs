//! The head's full chunks on disk: `chunks_head/000001` and so on.
//!
//! A chunk that the head has filled is appended here and forgotten there but for its place. [`HeadChunks::append`] is a
//! copy into a buffer and may be called under a lock; [`HeadChunks::flush`] does the I/O and wants to be called without.
//! Reads see a chunk from the moment it was appended: in the buffer, by `pread` in the file that still grows, or in the
//! mapping of one that does not.
//!
//! Nothing is lost with these files as long as the log is there: on opening, what cannot be read is set aside and
//! reported, and the log's samples take its place.

mod buffer;
mod files;
mod frame;
mod newest;
mod recovery;
mod walk;

use crate::cursor::Corruption;
use crate::file_error::FileError;
use crate::fs::Fs;
use crate::series::{Chunk, Encoding, SourceError};
use buffer::Buffer;
use files::{Active, Files};
use model::SeriesRef;
use parking_lot::Mutex;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use frame::HeadFrame;
pub use walk::walk_file;

/// A file ends before it grows beyond this.
pub const MAX_FILE_BYTES: u64 = 128 << 20;

/// Buffered bytes from which on [`HeadChunks::append`] asks for a flush.
const FLUSH_BYTES: usize = 256 << 10;

/// Where a chunk lies: the number of its file, from 1, above 32 bits of byte offset.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeadChunkRef(pub u64);

impl HeadChunkRef {
    /// Before every place: files are numbered from 1.
    pub(crate) const NONE: Self = Self(0);

    /// An offset is below 2^32: files end before they grow beyond that.
    fn new(file: u32, offset: u64) -> Self {
        Self(u64::from(file) << 32 | offset)
    }

    pub(crate) fn file(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) fn offset(self) -> u64 {
        self.0 & 0xffff_ffff
    }
}

/// A chunk found when the directory was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadChunk {
    pub series: SeriesRef,
    pub place: HeadChunkRef,
    /// The range of its samples, both ends inside.
    pub min_ms: i64,
    pub max_ms: i64,
    pub encoding: Encoding,
    pub samples: u16,
    /// Its samples came after newer ones: it may overlap others.
    pub out_of_order: bool,
}

/// A file, for who must know later whether it is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkFile {
    /// Its number.
    pub number: u32,
    /// How long it is; what is appended comes behind.
    pub size_bytes: u64,
    /// The newest sample of its chunks, those of late samples aside: blocks that have all up to it make it useless.
    pub newest_ms: i64,
}

/// A file that could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub path: PathBuf,
    /// The first thing that is wrong; nothing behind it was read.
    pub fault: Corruption,
    /// Where the bytes from the bad chunk on were put.
    pub set_aside: PathBuf,
    /// How many bytes those are.
    pub bytes: u64,
}

/// Why a chunk was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HeadChunkError {
    #[error("head chunks: {buffered_bytes} bytes wait to be written, no more are taken")]
    Full { buffered_bytes: usize },
    #[error("head chunks: a chunk of {size_bytes} bytes does not fit in a file")]
    TooLarge { size_bytes: usize },
    #[error("head chunks: {} could not be synced ({kind}); what it holds stays in doubt", path.display())]
    InDoubt { path: PathBuf, kind: io::ErrorKind },
    #[error("head chunks: {0}")]
    File(#[from] FileError),
}

/// The chunk files of one head.
#[derive(Debug)]
pub struct HeadChunks {
    fs: Arc<dyn Fs>,
    buffer: Mutex<Buffer>,
    files: Files,
    /// The file that grows, none before the first chunk. Held while writing, so that there is one writer.
    active: Mutex<Option<Active>>,
    /// Some chunk may not be readable: there are some that nobody has looked into, or a read met one.
    suspect: AtomicBool,
}

impl HeadChunks {
    /// Opens the files in `dir`, which is created if it is not there, and reports each chunk to `found` in the order of
    /// the files. Damaged parts are set aside in `quarantine`. New chunks go to a new file, of at most `max_file_bytes`
    /// ([`MAX_FILE_BYTES`]).
    ///
    /// # Errors
    /// A file that cannot be read, or set aside.
    pub fn open(
        fs: Arc<dyn Fs>,
        dir: &Path,
        quarantine: &Path,
        max_file_bytes: u64,
        found: &mut dyn FnMut(HeadChunk),
    ) -> Result<(Self, Vec<Damage>), FileError> {
        fs.create_dir_all(dir).map_err(FileError::at(dir))?;
        let parent = dir.parent().unwrap_or(dir);
        fs.sync_dir(parent).map_err(FileError::at(parent))?;
        let mut suspect = false;
        let (scanned, damages) = recovery::recover(&*fs, dir, quarantine, &mut |chunk| {
            suspect = true;
            found(chunk);
        })?;
        // An earlier process may have removed files and ended before it synced that. Were they there again one day, they would
        // have numbers that are given out once more.
        fs.sync_dir(dir).map_err(FileError::at(dir))?;
        let newest = scanned.last().map_or(0, |last| last.number);
        let buffer = Mutex::new(Buffer::new(newest, max_file_bytes));
        let files = Files::new(dir, quarantine, scanned);
        let (active, suspect) = (Mutex::new(None), AtomicBool::new(suspect));
        Ok((Self { fs, buffer, files, active, suspect }, damages))
    }

    /// Takes a chunk into the buffer and gives it its place, where it can be read from now on. No I/O.
    ///
    /// # Errors
    /// [`HeadChunkError::Full`] while the disk takes nothing: the caller keeps the chunk.
    pub fn append(&self, chunk: &HeadFrame<'_>) -> Result<HeadChunkRef, HeadChunkError> {
        self.buffer.lock().append(chunk)
    }

    /// Where the next chunk will be: behind all there are.
    pub fn end(&self) -> HeadChunkRef {
        self.buffer.lock().end()
    }

    /// Whether so much is buffered that [`HeadChunks::flush`] should be called soon.
    pub fn wants_flush(&self) -> bool {
        self.buffer.lock().buffered_bytes() >= FLUSH_BYTES
    }

    /// Bytes that wait to be written.
    pub fn buffered_bytes(&self) -> usize {
        self.buffer.lock().buffered_bytes()
    }

    /// Writes out what is buffered. Nothing is lost on an error: the next flush begins where this one failed.
    ///
    /// # Errors
    /// A file that could not be created or written.
    pub fn flush(&self) -> Result<(), HeadChunkError> {
        let mut active = self.active.lock();
        while let Some(piece) = { self.buffer.lock().next_piece() } {
            self.files.write(&*self.fs, &mut active, &piece)?;
            self.buffer.lock().written();
        }
        Ok(())
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// As [`HeadChunks::flush`], or a file that was not synced, now or earlier: a failed sync cannot be made good, so
    /// that file stays in doubt until it is truncated away.
    pub fn sync(&self) -> Result<(), HeadChunkError> {
        self.flush()?;
        let mut active = self.active.lock();
        if !self.files.sync(&*self.fs, &mut active)? {
            // Chunks to come must not share a file with those in doubt.
            self.buffer.lock().cut();
        }
        self.files.in_doubt().map_or(Ok(()), |(path, kind)| Err(HeadChunkError::InDoubt { path, kind }))
    }

    /// Reads the chunk at `place`; its checksum is computed every time.
    ///
    /// # Errors
    /// A place where no chunk is, a damaged chunk, a file that cannot be read.
    pub fn read(&self, place: HeadChunkRef) -> Result<Chunk, SourceError> {
        self.try_read(place).inspect_err(|_| self.suspect.store(true, Ordering::Relaxed))
    }

    /// Whether all chunks should be read once to see whether they can be. What is written by this process is not doubted
    /// until a read says otherwise.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// They were all read.
    pub(crate) fn clear_suspicion(&self) {
        self.suspect.store(false, Ordering::Relaxed);
    }

    /// Asks for the memory of chunks that will be read.
    pub(crate) fn prefetch(&self, places: impl Iterator<Item = HeadChunkRef>) {
        self.files.prefetch(places);
    }

    fn try_read(&self, place: HeadChunkRef) -> Result<Chunk, SourceError> {
        let buffered = self.buffer.lock().get(place);
        let section = match buffered {
            Some(section) => section,
            None => self.files.section(&*self.fs, place)?,
        };
        let corrupt = |fault| Corruption::in_file(&self.files.path(place), place.offset())(fault);
        let (frame, _) = frame::decode(&section).map_err(corrupt)?;
        let data = section.slice_ref(frame.data);
        Ok(Chunk::raw(frame.min_ms, frame.max_ms, frame.encoding, data))
    }

    /// Copies the bytes of the chunk at `place`, as many as its size says and are there, to a file below `quarantine`, unless
    /// there is such a copy. Returns the paths of both files and how many bytes it was.
    ///
    /// # Errors
    /// The copy could not be written, or the file not be read.
    pub fn copy_aside(&self, place: HeadChunkRef, quarantine: &Path) -> Result<(PathBuf, PathBuf, u64), FileError> {
        let path = self.files.path(place);
        let buffered = self.buffer.lock().get(place);
        let bytes = match buffered {
            Some(bytes) => bytes,
            None => self.files.raw(place)?,
        };
        let offset = usize::try_from(place.offset()).unwrap_or(usize::MAX);
        let copy = recovery::copy_aside(&*self.fs, &path, quarantine, offset, &bytes)?;
        Ok((path, copy, bytes.len() as u64))
    }

    /// Has the files say nothing any more where these chunks, in rising order, are. Only those that were found when the
    /// directory was opened, and before anybody relies on them.
    ///
    /// # Errors
    /// A file could not be written anew; the others before it are done.
    pub fn blank(&self, places: &[HeadChunkRef]) -> Result<(), FileError> {
        self.files.blank(&*self.fs, places)
    }

    /// The chunks of late samples up to the one at `through`, this one inside, are not needed any longer: until then a file
    /// that has one stays.
    pub fn let_go_of_late(&self, through: HeadChunkRef) {
        self.files.let_go_of_late(through);
    }

    /// Removes the files whose chunks all end before `min_ms`, from the oldest on up to the first that must stay, and
    /// lets the next chunk begin a new file, so that the present one can go some day.
    ///
    /// # Errors
    /// A file that could not be removed.
    pub fn truncate(&self, min_ms: i64) -> Result<(), FileError> {
        self.buffer.lock().cut();
        self.files.truncate(&*self.fs, min_ms)
    }

    /// The files as far as they are written, by number.
    pub fn files(&self) -> Vec<ChunkFile> {
        self.files.list()
    }

    /// What stood where a file was to be created, and where it was set aside, since the last call.
    pub fn take_in_the_way(&self) -> Vec<(PathBuf, PathBuf)> {
        self.files.take_in_the_way()
    }

    /// Bytes in files and buffer.
    pub fn size_bytes(&self) -> u64 {
        self.files.size_bytes() + self.buffer.lock().buffered_bytes() as u64
    }
}

/// The number of the file with that name.
pub(crate) fn number(name: &str) -> Option<u32> {
    // As many as Prometheus can count; some are to be left for files to come.
    name.parse().ok().filter(|&number| number <= i32::MAX as u32 && file_name(number) == name)
}

/// The name of the file with that number.
fn file_name(number: u32) -> String {
    format!("{number:06}")
}

#[cfg(test)]
mod tests;
