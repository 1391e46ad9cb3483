//! The aggregates that lie in one chunk of a downsampled block.

use crate::chunk::ChunkError;
use crate::cursor::{Corruption, Cursor, Fault};
use crate::series::{Aggregate, Chunk, Encoding};
use bytes::Bytes;

/// The number that stands in place of an encoding where a chunk holds aggregates.
pub const ENCODING: u8 = 0xff;

/// The aggregates in the order in which they lie in a chunk.
pub const AGGREGATES: [Aggregate; 5] =
    [Aggregate::Count, Aggregate::Sum, Aggregate::Min, Aggregate::Max, Aggregate::Counter];

/// Takes a chunk of encoding [`ENCODING`] apart: its aggregates in the order of [`AGGREGATES`], `None` for one that it does
/// not hold. Each has the range of the whole, both ends inside; their data are slices of `data`. The samples are not
/// looked at.
///
/// # Errors
/// [`ChunkError::Aggregate`]: data that ends too early or goes on after the last aggregate, an encoding that is not known.
pub fn split_aggregates(min_ms: i64, max_ms: i64, data: &Bytes) -> Result<[Option<Chunk>; 5], ChunkError> {
    let mut cursor = Cursor::new(data);
    let mut chunks = [const { None }; 5];
    for (slot, aggregate) in chunks.iter_mut().zip(AGGREGATES) {
        let part = next_part(&mut cursor).map_err(|fault| ChunkError::Aggregate { aggregate, fault })?;
        *slot = part.map(|(encoding, part)| {
            let data = data.slice_ref(part);
            Chunk { min_ms, max_ms, aggregate, encoding, data }
        });
    }
    if !cursor.is_empty() {
        let fault = cursor.fault(Fault::Malformed("bytes follow the last aggregate"));
        return Err(ChunkError::Aggregate { aggregate: Aggregate::Counter, fault });
    }
    Ok(chunks)
}

/// The encoding and data of the aggregate where the cursor stands; `None` if it is marked as absent.
fn next_part<'a>(cursor: &mut Cursor<'a>) -> Result<Option<(Encoding, &'a [u8])>, Corruption> {
    let size = cursor.uvarint_usize()?;
    if size == 0 {
        return Ok(None);
    }
    let at_encoding = cursor.clone();
    let byte = cursor.u8()?;
    let encoding = Encoding::from_byte(byte).ok_or_else(|| at_encoding.fault(Fault::Encoding(byte)))?;
    Ok(Some((encoding, cursor.bytes(size)?)))
}

#[cfg(test)]
mod tests;
