//! What an encoder must know to go on with a chunk of floats, so that nobody has to decode the chunk first.
//!
//! It stands where Prometheus once had three samples and the time of a fourth: that program writes zeros there now and
//! passes over what it reads.

use crate::cursor::{Corruption, Cursor};

/// How an open chunk of floats ends, beyond what its last sample says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkEnd {
    /// Chunks ended at multiples of this when it was written.
    pub chunk_range_ms: i64,
    /// The time of the last sample less that of the one before; 0 if there is but one.
    pub delta_ms: u32,
    /// A sample so long after the last one, or longer, begins the next chunk.
    pub left_ms: u32,
    /// How many bits of the last byte hold nothing, 0 to 7.
    pub spare_bits: u8,
    /// The window of significant bits, as in [`XorState`](crate::chunk::xor::XorState).
    pub leading: u8,
    pub trailing: u8,
}

/// What stood here once: three samples and the time of a fourth.
const PLACEHOLDER_BYTES: usize = 56;
/// Begins ours. As a time it would be far beyond all that are known.
const MAGIC: u64 = u64::from_be_bytes(*b"gauntlet");
const UNUSED_BYTES: usize = PLACEHOLDER_BYTES - 27;

impl ChunkEnd {
    /// Reads what stands there; `None`: another program wrote it.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Option<Self>, Corruption> {
        let mut there = Cursor::new(cursor.bytes(PLACEHOLDER_BYTES)?);
        if there.be_u64()? != MAGIC {
            return Ok(None);
        }
        let chunk_range_ms = there.be_u64()?.cast_signed();
        let (delta_ms, left_ms) = (there.be_u32()?, there.be_u32()?);
        let [spare_bits, leading, trailing] = there.array()?;
        Ok(Some(Self { chunk_range_ms, delta_ms, left_ms, spare_bits, leading, trailing }))
    }

    /// Writes what is to stand there.
    pub(super) fn push(end: Option<&Self>, out: &mut Vec<u8>) {
        let Some(end) = end else { return out.extend_from_slice(&[0; PLACEHOLDER_BYTES]) };
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.extend_from_slice(&end.chunk_range_ms.to_be_bytes());
        out.extend_from_slice(&end.delta_ms.to_be_bytes());
        out.extend_from_slice(&end.left_ms.to_be_bytes());
        out.extend_from_slice(&[end.spare_bits, end.leading, end.trailing]);
        out.extend_from_slice(&[0; UNUSED_BYTES]);
    }
}
