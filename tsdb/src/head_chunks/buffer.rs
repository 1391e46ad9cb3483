//! Chunks that have a place but are not in their file yet.

use super::frame::{self, HEADER, HeadFrame};
use super::newest::Newest;
use super::{HeadChunkError, HeadChunkRef};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// Buffered bytes from which on chunks are refused: a disk that takes nothing must not fill the memory.
const MAX_BUFFERED_BYTES: usize = 64 << 20;

/// A queue of pieces, each for the end of one file as it is once the pieces before were written.
#[derive(Debug)]
pub(super) struct Buffer {
    max_file_bytes: u64,
    pieces: VecDeque<Piece>,
    /// The piece being written; it can still be read.
    in_flight: Option<Arc<Piece>>,
    buffered_bytes: usize,
    /// Where the next chunk goes, unless a new file is begun.
    file: u32,
    offset: u64,
    cut: bool,
}

/// Bytes for one file.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) file: u32,
    /// Where they begin in it; 0 if they begin it, header included.
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) newest: Newest,
}

impl Buffer {
    /// Begins behind the file numbered `newest`.
    pub(super) fn new(newest: u32, max_file_bytes: u64) -> Self {
        let max_file_bytes = max_file_bytes.min(u64::from(u32::MAX));
        let (pieces, in_flight) = (VecDeque::new(), None);
        Self { max_file_bytes, pieces, in_flight, buffered_bytes: 0, file: newest, offset: 0, cut: true }
    }

    pub(super) fn append(&mut self, chunk: &HeadFrame<'_>) -> Result<HeadChunkRef, HeadChunkError> {
        let size = frame::frame_bytes(chunk.data.len());
        if HEADER.len() as u64 + size > self.max_file_bytes {
            return Err(HeadChunkError::TooLarge { size_bytes: chunk.data.len() });
        }
        if self.buffered_bytes >= MAX_BUFFERED_BYTES {
            return Err(HeadChunkError::Full { buffered_bytes: self.buffered_bytes });
        }
        if self.cut || self.offset + size > self.max_file_bytes {
            self.begin_file();
        }
        if self.pieces.is_empty() {
            self.push_piece(Vec::new());
        }
        let place = HeadChunkRef::new(self.file, self.offset);
        if let Some(piece) = self.pieces.back_mut() {
            frame::encode(chunk, &mut piece.bytes);
            piece.newest.include(chunk, place);
        }
        self.offset += size;
        self.buffered_bytes += size as usize;
        Ok(place)
    }

    /// Behind all chunks that were taken; files are given out in rising order.
    pub(super) fn end(&self) -> HeadChunkRef {
        let begins_file = HeadChunkRef::new(self.file.saturating_add(1), 0);
        if self.cut { begins_file } else { HeadChunkRef::new(self.file, self.offset) }
    }

    /// Lets the next chunk begin a new file.
    pub(super) fn cut(&mut self) {
        self.cut = true;
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.buffered_bytes
    }

    /// The bytes to be written next; again the same ones until [`Buffer::written`] is called.
    pub(super) fn next_piece(&mut self) -> Option<Arc<Piece>> {
        if self.in_flight.is_none() {
            self.in_flight = self.pieces.pop_front().map(Arc::new);
        }
        self.in_flight.clone()
    }

    /// The bytes handed out are in their file, where readers find them.
    pub(super) fn written(&mut self) {
        if let Some(piece) = self.in_flight.take() {
            self.buffered_bytes -= piece.bytes.len();
        }
    }

    /// The frame at `place`, if it is here.
    pub(super) fn get(&self, place: HeadChunkRef) -> Option<Bytes> {
        let mut pieces = self.in_flight.as_deref().into_iter().chain(&self.pieces);
        let piece = pieces.find(|piece| piece.contains(place))?;
        let section = piece.bytes.get((place.offset() - piece.offset) as usize..)?;
        let size = frame::size_of(section).ok()? as usize;
        Some(Bytes::copy_from_slice(section.get(..size)?))
    }

    fn begin_file(&mut self) {
        self.file += 1;
        self.offset = 0;
        self.cut = false;
        self.push_piece(HEADER.to_vec());
        self.offset = HEADER.len() as u64;
        self.buffered_bytes += HEADER.len();
    }

    fn push_piece(&mut self, bytes: Vec<u8>) {
        self.pieces.push_back(Piece { file: self.file, offset: self.offset, bytes, newest: Newest::NONE });
    }
}

impl Piece {
    fn contains(&self, place: HeadChunkRef) -> bool {
        let end = self.offset + self.bytes.len() as u64;
        self.file == place.file() && (self.offset..end).contains(&place.offset())
    }
}
