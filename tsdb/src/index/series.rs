//! Series entries: the labels of a series as symbols, and its chunks.

use super::{CRC_BYTES, Corruption, Cursor, Fault};
use crate::cursor::{push_uvarint, push_varint};
use crate::segment::ChunkRef;

/// One chunk of a series. Both ends of its range are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkMeta {
    pub min_ms: i64,
    pub max_ms: i64,
    pub place: ChunkRef,
}

/// A decoded entry; reused for many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeriesEntry {
    /// The numbers of the symbols of name and value, names strictly rising.
    pub labels: Vec<(u32, u32)>,
    /// In order of time.
    pub chunks: Vec<ChunkMeta>,
}

impl SeriesEntry {
    /// Replaces this entry by the one that `bytes` begins with: its size as uvarint, the body, its checksum, which is
    /// checked.
    ///
    /// # Errors
    /// An entry cut short ([`Fault::Truncated`] says how much is needed), a wrong checksum, a body that is none.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<(), Corruption> {
        let mut cursor = Cursor::new(bytes);
        let size = cursor.uvarint()?;
        let base = cursor.offset() as u64;
        let (wanted, left) = (size.saturating_add(CRC_BYTES as u64), cursor.rest().len() as u64);
        if left < wanted {
            return Err(cursor.fault(Fault::Truncated { want: wanted, left }));
        }
        // `left` is a length in memory, so `size` is one as well.
        let body = cursor.bytes(size as usize)?;
        let at_crc = cursor.clone();
        let (stored, computed) = (cursor.be_u32()?, crc32c::crc32c(body));
        if stored != computed {
            return Err(at_crc.fault(Fault::Checksum { stored, computed }));
        }
        self.decode_body(body).map_err(|fault| Corruption { offset: base + fault.offset, ..fault })
    }

    fn decode_body(&mut self, body: &[u8]) -> Result<(), Corruption> {
        let mut cursor = Cursor::new(body);
        self.labels.clear();
        self.chunks.clear();
        let labels = count(&mut cursor, 2, "count of labels")?;
        for _ in 0..labels {
            let at = cursor.clone();
            let (name, value) = (symbol(&mut cursor)?, symbol(&mut cursor)?);
            if self.labels.last().is_some_and(|&(previous, _)| previous >= name) {
                return Err(at.fault(Fault::Malformed("label names are not sorted")));
            }
            self.labels.push((name, value));
        }
        let chunks = count(&mut cursor, 3, "count of chunks")?;
        let mut previous = ChunkMeta { min_ms: 0, max_ms: 0, place: ChunkRef(0) };
        for index in 0..chunks {
            previous = decode_chunk(&mut cursor, (index > 0).then_some(previous))?;
            self.chunks.push(previous);
        }
        if cursor.is_empty() { Ok(()) } else { Err(cursor.fault(Fault::Malformed("bytes after the last chunk"))) }
    }
}

/// Appends the part of a body that tells of chunks. They are in order of time and do not overlap, but for a shared
/// border.
pub(super) fn encode_chunks(chunks: &[ChunkMeta], out: &mut Vec<u8>) {
    push_uvarint(out, chunks.len() as u64);
    let mut previous: Option<ChunkMeta> = None;
    for chunk in chunks {
        match previous {
            None => push_varint(out, chunk.min_ms),
            Some(before) => push_uvarint(out, distance(before.max_ms, chunk.min_ms)),
        }
        push_uvarint(out, distance(chunk.min_ms, chunk.max_ms));
        match previous {
            None => push_uvarint(out, chunk.place.0),
            Some(before) => push_varint(out, chunk.place.0.wrapping_sub(before.place.0).cast_signed()),
        }
        previous = Some(*chunk);
    }
}

fn distance(from_ms: i64, to_ms: i64) -> u64 {
    to_ms.wrapping_sub(from_ms).cast_unsigned()
}

fn decode_chunk(cursor: &mut Cursor<'_>, previous: Option<ChunkMeta>) -> Result<ChunkMeta, Corruption> {
    let at = cursor.clone();
    let backwards = || at.fault(Fault::Malformed("a chunk's time runs backwards"));
    let min_ms = match previous {
        None => cursor.varint()?,
        Some(before) => before.max_ms.checked_add_unsigned(cursor.uvarint()?).ok_or_else(backwards)?,
    };
    let max_ms = min_ms.checked_add_unsigned(cursor.uvarint()?).ok_or_else(backwards)?;
    let place = match previous {
        None => cursor.uvarint()?,
        Some(before) => before.place.0.wrapping_add_signed(cursor.varint()?),
    };
    Ok(ChunkMeta { min_ms, max_ms, place: ChunkRef(place) })
}

/// A count of things of at least `item_bytes` each, all of which must still follow.
fn count(cursor: &mut Cursor<'_>, item_bytes: u64, what: &'static str) -> Result<u64, Corruption> {
    let at = cursor.clone();
    let (got, limit) = (cursor.uvarint()?, cursor.rest().len() as u64 / item_bytes);
    if got <= limit { Ok(got) } else { Err(at.fault(Fault::TooLarge { what, got, limit })) }
}

fn symbol(cursor: &mut Cursor<'_>) -> Result<u32, Corruption> {
    let at = cursor.clone();
    u32::try_from(cursor.uvarint()?).map_err(|_| at.fault(Fault::Malformed("a symbol number has more than 32 bits")))
}

#[cfg(test)]
mod tests;
