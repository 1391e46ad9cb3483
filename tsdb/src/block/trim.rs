//! Chunks with some of their samples left out.

use crate::chunk::{self, ChunkError, xor::XorState};
use crate::series::{Chunk, Encoding};
use model::SampleColumns;

/// The chunk without the samples that `keep` refuses; `None` if it keeps none. The
/// data of a chunk that loses nothing stays as it is.
///
/// # Errors
/// Data that cannot be decoded, or samples other than floats.
pub(crate) fn retain(
    chunk: &Chunk,
    columns: &mut SampleColumns,
    keep: impl Fn(i64) -> bool,
) -> Result<Option<Chunk>, ChunkError> {
    if chunk.encoding != Encoding::Xor {
        return Err(ChunkError::Unsupported { encoding: chunk.encoding });
    }
    columns.clear();
    chunk::decode(chunk.encoding, &chunk.data, columns)?;
    let (mut state, mut words) = (XorState::default(), Vec::new());
    let mut range_ms = None;
    for (&timestamp_ms, &value) in columns.timestamps_ms.iter().zip(&columns.values) {
        if keep(timestamp_ms) {
            state.append(timestamp_ms, value, &mut words);
            range_ms = Some((range_ms.map_or(timestamp_ms, |(min_ms, _)| min_ms), timestamp_ms));
        }
    }
    Ok(range_ms.map(|(min_ms, max_ms)| match usize::from(state.count) == columns.len() {
        true => Chunk { min_ms, max_ms, ..chunk.clone() },
        false => Chunk::raw(min_ms, max_ms, Encoding::Xor, state.finish(&words)),
    }))
}
