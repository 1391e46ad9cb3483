//! The series of an index to be, in as few bytes as it takes to write them later.

use crate::cursor::{Cursor, push_uvarint};
use crate::index::series::{ChunkMeta, encode_chunks};

/// Series in the order they came. Each is what its pairs do not share with those of the series before, and what its entry
/// will say of chunks.
///
/// A record: count of pairs; a bit for each, set where it is not that of the series before; the numbers of those; bytes
/// of chunks, and these. Counts and numbers are varints. No record crosses from one piece to the next.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pieces: Vec<Vec<u8>>,
    last: Vec<u32>,
    record: Vec<u8>,
    chunks: Vec<u8>,
    len: usize,
}

/// A walk over collected series.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pieces: std::slice::Iter<'a, Vec<u8>>,
    rest: Cursor<'a>,
    pairs: Vec<u32>,
}

/// Pieces do not grow: growing by copies would take twice as much at times.
const PIECE_BYTES: usize = 1 << 20;

impl Collected {
    /// Adds a series.
    pub(super) fn push(&mut self, pairs: &[u32], chunks: &[ChunkMeta]) {
        self.record.clear();
        push_uvarint(&mut self.record, pairs.len() as u64);
        let differs = |at: usize| self.last.get(at) != pairs.get(at);
        for eight in (0..pairs.len()).step_by(8) {
            let bits = (eight..pairs.len().min(eight + 8)).map(|at| u8::from(differs(at)) << (at - eight));
            self.record.push(bits.fold(0, |byte, bit| byte | bit));
        }
        for (at, &pair) in pairs.iter().enumerate() {
            if differs(at) {
                push_uvarint(&mut self.record, u64::from(pair));
            }
        }
        self.chunks.clear();
        encode_chunks(chunks, &mut self.chunks);
        push_uvarint(&mut self.record, self.chunks.len() as u64);
        let size = self.record.len() + self.chunks.len();
        let piece = match self.pieces.last_mut().filter(|piece| piece.capacity() - piece.len() >= size) {
            Some(piece) => piece,
            None => self.pieces.push_mut(Vec::with_capacity(PIECE_BYTES.max(size))),
        };
        piece.extend_from_slice(&self.record);
        piece.extend_from_slice(&self.chunks);
        self.last.clear();
        self.last.extend_from_slice(pairs);
        self.len += 1;
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The pairs of the last series; none before the first.
    pub(super) fn last(&self) -> &[u32] {
        &self.last
    }

    /// Bytes held.
    pub(super) fn size_bytes(&self) -> usize {
        self.pieces.iter().map(Vec::capacity).sum()
    }

    /// Walks over the series from the first.
    pub(super) fn walk(&self) -> Walk<'_> {
        Walk { pieces: self.pieces.iter(), rest: Cursor::new(&[]), pairs: Vec::new() }
    }
}

impl Walk<'_> {
    /// The pairs of the next series, and what its entry says of chunks.
    pub(super) fn next(&mut self) -> Option<(&[u32], &[u8])> {
        while self.rest.is_empty() {
            self.rest = Cursor::new(self.pieces.next()?);
        }
        // It was written here: it can be read.
        let count = self.rest.uvarint_usize().ok()?;
        let differs = self.rest.bytes(count.div_ceil(8)).ok()?;
        self.pairs.resize(count, 0);
        for (eight, &bits) in self.pairs.chunks_mut(8).zip(differs) {
            let mut left = bits;
            while left != 0 {
                let pair = self.rest.uvarint().ok()? as u32;
                if let Some(place) = eight.get_mut(left.trailing_zeros() as usize) {
                    *place = pair;
                }
                left &= left - 1;
            }
        }
        let chunks = self.rest.string().ok()?;
        Some((&self.pairs, chunks))
    }
}

#[cfg(test)]
mod tests;
