//! Samples and chunks within a range, for who hands them on instead of evaluating them.

use super::EngineBatch;
use super::read::clip;
use crate::store::SeriesBatch;
use model::{SampleColumns, TimeRange};
use promql::{BatchError, SeriesBatch as _};
use tsdb::chunk::{decode, encode};
use tsdb::{Aggregate, Chunk};

impl EngineBatch {
    /// Fills `columns` with the samples of series `index` in the range of the options.
    ///
    /// # Errors
    /// As [`promql::SeriesBatch::samples`].
    pub fn samples_within(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        self.samples(index, columns)?;
        clip(columns, self.options.range);
        Ok(())
    }

    /// The chunks of series `index` with the samples in the range of the options: chunks that lie inside as they are, all else
    /// written anew, without start timestamps.
    ///
    /// # Errors
    /// As [`promql::SeriesBatch::samples`].
    pub fn chunks_within(&self, index: usize) -> Result<Vec<Chunk>, BatchError> {
        if let SeriesBatch::Chunks(batch) = &self.batch
            && let Some((labels, chunks)) = batch.get(index)
            && chunks.windows(2).all(|pair| matches!(pair, [left, right] if left.max_ms < right.min_ms))
            && chunks.iter().all(|chunk| chunk.aggregate == Aggregate::Raw)
        {
            let fault =
                |fault: tsdb::chunk::ChunkError| BatchError { labels: format!("{labels:?}"), fault: fault.to_string() };
            return within(chunks, self.options.range).map_err(fault);
        }
        let mut columns = SampleColumns::default();
        self.samples_within(index, &mut columns)?;
        Ok(encode(&columns))
    }
}

/// Of chunks that follow each other.
fn within(chunks: &[Chunk], range: TimeRange) -> Result<Vec<Chunk>, tsdb::chunk::ChunkError> {
    let mut inside = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        if range.min_ms() <= chunk.min_ms && chunk.max_ms <= range.max_ms() {
            inside.push(chunk.clone());
        } else if chunk.min_ms <= range.max_ms() && range.min_ms() <= chunk.max_ms {
            let mut columns = SampleColumns::default();
            decode(chunk.encoding, &chunk.data, &mut columns)?;
            clip(&mut columns, range);
            inside.extend(encode(&columns));
        }
    }
    Ok(inside)
}
