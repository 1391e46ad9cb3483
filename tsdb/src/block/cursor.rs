//! The walk over selected series of a block.

use super::{BlockFiles, trim};
use crate::deleted::{self, Deleted};
use crate::index::{ChunkMeta, SeriesEntry};
use crate::series::{Chunk, ChunkSeriesBatch, SeriesCursor, SourceError};
use model::{PackedBuilder, SampleColumns, TimeRange};
use std::sync::Arc;

/// Reads entries and chunks of series in the order of their ids, which is that of their labels.
#[derive(Debug)]
pub(super) struct BlockCursor {
    block: Arc<BlockFiles>,
    ids: std::vec::IntoIter<u32>,
    range: TimeRange,
    entry: SeriesEntry,
    packed: PackedBuilder,
    chunks: Vec<Chunk>,
    columns: SampleColumns,
}

impl BlockCursor {
    pub(super) fn new(block: Arc<BlockFiles>, ids: Vec<u32>, range: TimeRange) -> Self {
        Self {
            block,
            ids: ids.into_iter(),
            range,
            entry: SeriesEntry::default(),
            packed: PackedBuilder::default(),
            chunks: Vec::new(),
            columns: SampleColumns::default(),
        }
    }

    fn fill(&mut self, max_series: usize, skip_chunks: bool, batch: &mut ChunkSeriesBatch) -> Result<(), SourceError> {
        while batch.len() < max_series {
            let Some(id) = self.ids.next() else { break };
            self.block.index.series(id, &mut self.entry)?;
            let range = self.range;
            self.entry.chunks.retain(|chunk| chunk.min_ms <= range.max_ms() && range.min_ms() <= chunk.max_ms);
            let stones = self.block.tombstones.of_series(id);
            self.entry.chunks.retain(|chunk| !deleted::cover(stones, chunk.min_ms, chunk.max_ms));
            if self.entry.chunks.is_empty() {
                continue;
            }
            self.chunks.clear();
            if !skip_chunks {
                for meta in &self.entry.chunks {
                    read_chunk(&self.block, meta, stones, &mut self.columns, &mut self.chunks)?;
                }
                if self.chunks.is_empty() {
                    continue;
                }
            }
            let labels = self.block.index.pack_labels(&self.entry.labels, &mut self.packed)?;
            batch.push(labels, self.chunks.drain(..));
        }
        Ok(())
    }
}

impl SeriesCursor for BlockCursor {
    fn next_batch(
        &mut self,
        max_series: usize,
        skip_chunks: bool,
        batch: &mut ChunkSeriesBatch,
    ) -> Result<(), SourceError> {
        batch.clear();
        let filled = self.fill(max_series, skip_chunks, batch);
        if filled.is_err() {
            self.ids = Vec::new().into_iter();
            batch.clear();
        }
        filled
    }
}

/// Adds the chunk without what was deleted of it to `chunks`.
fn read_chunk(
    block: &BlockFiles,
    meta: &ChunkMeta,
    stones: &[Deleted],
    columns: &mut SampleColumns,
    chunks: &mut Vec<Chunk>,
) -> Result<(), SourceError> {
    let (encoding, data) = block.segments.chunk(meta.place)?;
    let chunk = Chunk::raw(meta.min_ms, meta.max_ms, encoding, data);
    if !deleted::reach(stones, meta.min_ms, meta.max_ms) {
        chunks.push(chunk);
        return Ok(());
    }
    let keep = |timestamp_ms| !deleted::holds(stones, timestamp_ms);
    let kept = trim::retain(&chunk, columns, keep);
    chunks.extend(kept.map_err(|fault| block.segments.fault(meta.place, fault.to_string()))?);
    Ok(())
}
