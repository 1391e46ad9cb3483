//! Chunks with some of their samples left out.

use crate::chunk::{self, ChunkError};
use crate::series::Chunk;
use model::SampleColumns;

/// The chunk without the samples that `keep` refuses: none, if it keeps none, and more than one only where what is left
/// cannot stand in one. The data of a chunk that loses nothing stays as it is; what is left of another has an encoding that
/// every reader knows, and so no start timestamps.
///
/// # Errors
/// Data that cannot be decoded.
pub(crate) fn retain(
    chunk: &Chunk,
    columns: &mut SampleColumns,
    keep: impl Fn(i64) -> bool,
) -> Result<Vec<Chunk>, ChunkError> {
    columns.clear();
    chunk::decode(chunk.encoding, &chunk.data, columns)?;
    let mut kept = SampleColumns::default();
    for (at, &timestamp_ms) in columns.timestamps_ms.iter().enumerate() {
        if keep(timestamp_ms) {
            kept.push_from(columns, at);
        }
    }
    Ok(match (kept.timestamps_ms.first(), kept.timestamps_ms.last()) {
        (Some(&min_ms), Some(&max_ms)) if kept.len() == columns.len() => {
            vec![Chunk { min_ms, max_ms, ..chunk.clone() }]
        }
        _ => chunk::encode_uncut(&kept),
    })
}
