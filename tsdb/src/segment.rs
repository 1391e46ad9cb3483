//! The chunk files of a block: `chunks/000001` and so on, each chunk in a frame with its size, encoding and checksum.
//!
//! Format: `tsdb/docs/format/chunks.md`.

use crate::cursor::{Corruption, Cursor, Fault, push_uvarint, uvarint_bytes};
use crate::file_error::FileError;
use crate::fs::{AppendFile, Fs};
use crate::series::{Encoding, SourceError};
use bytes::Bytes;
use std::path::{Path, PathBuf};

/// The size that a chunk file does not grow beyond, unless one chunk alone does.
pub const MAX_SEGMENT_BYTES: u64 = 512 << 20;

const MAGIC: u32 = 0x85BD_40DD;
const VERSION: u8 = 1;
/// Magic number, version, three bytes of padding.
const HEADER_BYTES: usize = 8;
const CRC_BYTES: usize = 4;
/// Frames are handed to the file in pieces of about this size.
const WRITE_BYTES: usize = 1 << 20;

/// Where a chunk lies in its block: the index of its file, **from 0**, above 32 bits of byte offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkRef(pub u64);

impl ChunkRef {
    /// The chunk at `offset` of file `index`, which is named `index + 1`.
    pub fn new(index: u32, offset: u32) -> Self {
        Self(u64::from(index) << 32 | u64::from(offset))
    }

    /// The index of the file, from 0.
    pub fn file_index(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Where the frame begins in it.
    pub fn offset(self) -> u32 {
        self.0 as u32
    }
}

// === bytes ===

/// A chunk as its file holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub encoding: Encoding,
    pub data: &'a [u8],
    /// With size, encoding and checksum.
    pub frame_bytes: usize,
}

/// Checks the header of a chunk file.
///
/// # Errors
/// Another file, another version, or too short.
pub fn decode_header(file: &[u8]) -> Result<(), Corruption> {
    let mut cursor = Cursor::new(file);
    cursor.header(MAGIC, &[VERSION])?;
    cursor.array::<3>()?;
    Ok(())
}

/// A chunk as its file holds it, whatever its encoding may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawFrame<'a> {
    /// The number of an [`Encoding`], or [`crate::downsample::ENCODING`], or one that is not known.
    pub encoding: u8,
    pub data: &'a [u8],
    /// With size, encoding and checksum.
    pub frame_bytes: usize,
}

/// Reads the frame that `section` begins with and checks its sum. [`Fault::Truncated`] tells how many bytes are needed
/// where `section` is too short.
///
/// # Errors
/// A frame cut short, a wrong checksum, an encoding that is not known.
pub fn decode_frame(section: &[u8]) -> Result<Frame<'_>, Corruption> {
    let RawFrame { encoding: byte, data, frame_bytes } = decode_raw_frame(section)?;
    let at_encoding = (frame_bytes - data.len() - 1 - CRC_BYTES) as u64;
    let unknown = Corruption { offset: at_encoding, fault: Fault::Encoding(byte) };
    Ok(Frame { encoding: Encoding::from_byte(byte).ok_or(unknown)?, data, frame_bytes })
}

/// As [`decode_frame`], but the encoding is not looked at: chunks of downsampled blocks have one of their own.
///
/// # Errors
/// A frame cut short, a wrong checksum.
pub fn decode_raw_frame(section: &[u8]) -> Result<RawFrame<'_>, Corruption> {
    let mut cursor = Cursor::new(section);
    let size = cursor.uvarint()?;
    let wanted = size.saturating_add(1 + CRC_BYTES as u64);
    let left = cursor.rest().len() as u64;
    if left < wanted {
        return Err(cursor.fault(Fault::Truncated { want: wanted, left }));
    }
    // `left` is a length in memory, so `size` is one as well.
    let size = size as usize;
    let sum_over = cursor.clone().bytes(size + 1)?;
    let encoding = cursor.u8()?;
    let data = cursor.bytes(size)?;
    let at_crc = cursor.clone();
    let (stored, computed) = (cursor.be_u32()?, crc32c::crc32c(sum_over));
    if stored != computed {
        return Err(at_crc.fault(Fault::Checksum { stored, computed }));
    }
    Ok(RawFrame { encoding, data, frame_bytes: cursor.offset() })
}

/// The size of the frame around `data_bytes` of data.
pub fn frame_bytes(data_bytes: usize) -> u64 {
    (uvarint_bytes(data_bytes as u64) + 1 + data_bytes + CRC_BYTES) as u64
}

/// Appends the frame of a chunk to `out`.
pub fn encode_frame(encoding: Encoding, data: &[u8], out: &mut Vec<u8>) {
    push_uvarint(out, data.len() as u64);
    let byte = encoding as u8;
    out.push(byte);
    out.extend_from_slice(data);
    let sum = crc32c::crc32c_append(crc32c::crc32c(&[byte]), data);
    out.extend_from_slice(&sum.to_be_bytes());
}

// === writing ===

/// A finished chunk file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFile {
    /// Its name in `chunks/`.
    pub name: String,
    pub size_bytes: u64,
}

/// Writes chunk files, one after the other.
#[derive(Debug)]
pub struct SegmentWriter<'f> {
    fs: &'f dyn Fs,
    dir: PathBuf,
    max_bytes: u64,
    done: Vec<SegmentFile>,
    open: Option<OpenSegment>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct OpenSegment {
    file: Box<dyn AppendFile>,
    path: PathBuf,
    /// With what is still in the buffer.
    size_bytes: u64,
}

impl<'f> SegmentWriter<'f> {
    /// Writes into `dir`, which exists and is empty; files of at most `max_bytes`, which is at most 4 GiB.
    pub fn new(fs: &'f dyn Fs, dir: &Path, max_bytes: u64) -> Self {
        let max_bytes = max_bytes.min(u64::from(u32::MAX));
        Self { fs, dir: dir.to_owned(), max_bytes, done: Vec::new(), open: None, buffer: Vec::new() }
    }

    /// Appends a chunk and tells where it lies. Places only rise.
    ///
    /// # Errors
    /// A file that could not be created or written.
    pub fn append(&mut self, encoding: Encoding, data: &[u8]) -> Result<ChunkRef, FileError> {
        let frame_bytes = frame_bytes(data.len());
        let fits = |open: &OpenSegment| open.size_bytes + frame_bytes <= self.max_bytes;
        if !self.open.as_ref().is_some_and(fits) {
            self.close()?;
            self.create()?;
        }
        encode_frame(encoding, data, &mut self.buffer);
        let index = self.done.len() as u32;
        let Some(open) = &mut self.open else { return Ok(ChunkRef::new(index, 0)) };
        let place = ChunkRef::new(index, open.size_bytes as u32);
        open.size_bytes += frame_bytes;
        if self.buffer.len() >= WRITE_BYTES {
            open.file.append(&self.buffer).map_err(FileError::at(&open.path))?;
            self.buffer.clear();
        }
        Ok(place)
    }

    /// Writes out and syncs what is left.
    ///
    /// # Errors
    /// As [`SegmentWriter::append`].
    pub fn finish(mut self) -> Result<Vec<SegmentFile>, FileError> {
        self.close()?;
        Ok(self.done)
    }

    fn create(&mut self) -> Result<(), FileError> {
        let path = self.dir.join(file_name(self.done.len() as u32));
        let file = self.fs.create_new(&path).map_err(FileError::at(&path))?;
        self.buffer.extend_from_slice(&MAGIC.to_be_bytes());
        self.buffer.extend_from_slice(&[VERSION, 0, 0, 0]);
        self.open = Some(OpenSegment { file, path, size_bytes: HEADER_BYTES as u64 });
        Ok(())
    }

    fn close(&mut self) -> Result<(), FileError> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.file.append(&self.buffer).map_err(FileError::at(&open.path))?;
        open.file.sync_data().map_err(FileError::at(&open.path))?;
        self.buffer.clear();
        let name = file_name(self.done.len() as u32);
        self.done.push(SegmentFile { name, size_bytes: open.size_bytes });
        Ok(())
    }
}

/// The name of the chunk file with that index, from 0.
pub fn file_name(index: u32) -> String {
    format!("{:06}", u64::from(index) + 1)
}

// === reading ===

/// The chunk files of a block, mapped.
#[derive(Debug)]
pub struct Segments {
    dir: PathBuf,
    files: Vec<Bytes>,
}

impl Segments {
    /// Maps the chunk files in `dir`, of which there may be none.
    ///
    /// # Errors
    /// A file that is missing between others, cannot be mapped, or has another header.
    pub fn open(fs: &dyn Fs, dir: &Path) -> Result<Self, SourceError> {
        let mut files = Vec::new();
        for entry in fs.read_dir(dir).map_err(FileError::at(dir))? {
            if entry.name.parse::<u32>().is_err() {
                continue;
            }
            if entry.is_dir {
                return Err(FileError::at(&entry.path)(std::io::ErrorKind::IsADirectory.into()).into());
            }
            let wanted = file_name(files.len() as u32);
            if entry.name != wanted {
                let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
                return Err(FileError::at(&dir.join(wanted))(missing).into());
            }
            let file = fs.map(&entry.path).map_err(FileError::at(&entry.path))?;
            decode_header(&file).map_err(Corruption::in_file(&entry.path, 0))?;
            files.push(file);
        }
        Ok(Self { dir: dir.to_owned(), files })
    }

    /// The encoding and data of the chunk at `place`; its checksum is computed every time.
    ///
    /// # Errors
    /// A place where no chunk is, or a damaged one.
    pub fn chunk(&self, place: ChunkRef) -> Result<(Encoding, Bytes), SourceError> {
        let offset = place.offset();
        let path = || self.dir.join(file_name(place.file_index()));
        let nothing = || Corruption { offset: 0, fault: Fault::Malformed("no chunk can be here") };
        let file = self.files.get(place.file_index() as usize);
        let section = file.and_then(|file| file.get(offset as usize..));
        match section.ok_or_else(nothing).and_then(decode_frame) {
            Ok(frame) => Ok((frame.encoding, file.map(|file| file.slice_ref(frame.data)).unwrap_or_default())),
            Err(corruption) => Err(Corruption::in_file(&path(), u64::from(offset))(corruption)),
        }
    }

    /// The error that says what is wrong with the chunk at `place`.
    pub(crate) fn fault(&self, place: ChunkRef, fault: String) -> SourceError {
        let file = self.dir.join(file_name(place.file_index())).display().to_string();
        SourceError::Corrupt { file, offset: u64::from(place.offset()), fault }
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Bytes of all files.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len() as u64).sum()
    }
}

#[cfg(test)]
mod tests;
