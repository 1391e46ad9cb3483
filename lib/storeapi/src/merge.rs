//! Many sorted walks over series made one.

mod chunks;
mod frames;

pub(crate) use chunks::order_chunks;
pub(crate) use frames::merge_frames;
pub use frames::merge_frames_within;

use crate::loser_tree::LoserTree;
use crate::sort_key::write_sort_key;
use chunks::are_ordered;
use tsdb::{Chunk, ChunkSeriesBatch, SeriesCursor, SourceError};

/// How many series a source is asked for at a time.
const READ_SERIES: usize = 128;

/// Merges sorted cursors. Equal label sets become one series with the chunks of all, ordered by time; a chunk that two
/// sources hold byte for byte is kept once. Chunks may still overlap; whoever decodes joins their samples.
pub struct MergedCursor {
    sources: Vec<Source>,
    /// Made at the first batch, when the first keys are read.
    tree: Option<LoserTree>,
    key: Vec<u8>,
    chunks: Vec<Chunk>,
}

struct Source {
    cursor: Box<dyn SeriesCursor>,
    batch: ChunkSeriesBatch,
    at: usize,
}

impl MergedCursor {
    /// Merges `cursors`. Where label sets are equal, labels come from the first that has them.
    pub fn new(cursors: Vec<Box<dyn SeriesCursor>>) -> Self {
        let sources = cursors.into_iter().map(|cursor| Source { cursor, batch: ChunkSeriesBatch::default(), at: 0 });
        Self { sources: sources.collect(), tree: None, key: Vec::new(), chunks: Vec::new() }
    }

    /// The next series of the only source: there is nothing to merge them with.
    fn read_alone(
        source: &mut Source,
        max_series: usize,
        skip_chunks: bool,
        batch: &mut ChunkSeriesBatch,
    ) -> Result<(), SourceError> {
        source.cursor.next_batch(max_series, skip_chunks, batch)?;
        if !batch.iter().all(|(_, chunks)| are_ordered(chunks)) {
            let read = std::mem::take(batch);
            for (labels, chunks) in read.iter() {
                let mut chunks = chunks.to_vec();
                order_chunks(&mut chunks);
                batch.push(labels, chunks);
            }
        }
        Ok(())
    }

    fn start(&mut self, skip_chunks: bool) -> Result<LoserTree, SourceError> {
        let mut keys = Vec::with_capacity(self.sources.len());
        for source in &mut self.sources {
            let mut key = Vec::new();
            keys.push(source.read_key(skip_chunks, &mut key)?.then_some(key));
        }
        Ok(LoserTree::new(keys))
    }

    /// Moves the next label set and the chunks of all its sources to `batch`; `false` at the end.
    fn take_series(
        &mut self,
        tree: &mut LoserTree,
        skip_chunks: bool,
        batch: &mut ChunkSeriesBatch,
    ) -> Result<bool, SourceError> {
        let Some((first, key)) = tree.winner() else {
            return Ok(false);
        };
        self.key.clear();
        self.key.extend_from_slice(key);
        let labels = self.sources[first].labels().map(model::LabelsRef::to_owned);
        self.chunks.clear();
        while let Some((source, _)) = tree.winner().filter(|(_, key)| *key == self.key) {
            let source = &mut self.sources[source];
            self.chunks.extend_from_slice(source.chunks());
            source.at += 1;
            let mut read = Ok(());
            tree.advance(|key| {
                let more = source.read_key(skip_chunks, key);
                more.unwrap_or_else(|error| {
                    read = Err(error);
                    false
                })
            });
            read?;
        }
        order_chunks(&mut self.chunks);
        if let Some(labels) = labels {
            batch.push(labels.as_ref(), self.chunks.drain(..));
        }
        Ok(true)
    }
}

impl SeriesCursor for MergedCursor {
    fn next_batch(
        &mut self,
        max_series: usize,
        skip_chunks: bool,
        batch: &mut ChunkSeriesBatch,
    ) -> Result<(), SourceError> {
        batch.clear();
        if let [source] = self.sources.as_mut_slice() {
            return Self::read_alone(source, max_series, skip_chunks, batch);
        }
        let mut tree = match self.tree.take() {
            Some(tree) => tree,
            None => self.start(skip_chunks)?,
        };
        while batch.len() < max_series {
            match self.take_series(&mut tree, skip_chunks, batch) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.sources.clear();
                    self.tree = Some(LoserTree::new(Vec::new()));
                    return Err(error);
                }
            }
        }
        self.tree = Some(tree);
        Ok(())
    }
}

impl Source {
    /// Replaces `key` by that of the current series, reading on where the batch is used up; `false` at the end.
    fn read_key(&mut self, skip_chunks: bool, key: &mut Vec<u8>) -> Result<bool, SourceError> {
        if self.at == self.batch.len() {
            self.cursor.next_batch(READ_SERIES, skip_chunks, &mut self.batch)?;
            self.at = 0;
        }
        let Some((labels, _)) = self.batch.get(self.at) else {
            return Ok(false);
        };
        write_sort_key(labels, key);
        Ok(true)
    }

    fn labels(&self) -> Option<model::LabelsRef<'_>> {
        self.batch.get(self.at).map(|(labels, _)| labels)
    }

    fn chunks(&self) -> &[Chunk] {
        self.batch.get(self.at).map_or(&[], |(_, chunks)| chunks)
    }
}

impl std::fmt::Debug for MergedCursor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("MergedCursor").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
