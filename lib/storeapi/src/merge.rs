//! Many sorted walks over series made one.

mod chunks;
mod frames;
mod source;

pub(crate) use chunks::order_chunks;
pub(crate) use frames::merge_answers;
pub use frames::merge_frames_within;
pub(crate) use source::Answer;

use crate::loser_tree::LoserTree;
use chunks::are_ordered;
use model::LabelsRef;
use tsdb::{Chunk, ChunkSeriesBatch, SeriesCursor, SourceError};

/// How many series a source is asked for at a time.
const READ_SERIES: usize = 128;

/// Merges sorted cursors. Equal label sets become one series with the chunks of all, ordered by time; a chunk that two
/// sources hold byte for byte is kept once. Chunks may still overlap; whoever decodes joins their samples.
pub struct MergedCursor {
    sources: Vec<Source>,
    /// Made at the first batch, when the first series are read.
    tree: Option<LoserTree>,
    /// The labels of the series that is being put together, packed.
    packed: Vec<u8>,
    chunks: Vec<Chunk>,
}

struct Source {
    cursor: Box<dyn SeriesCursor>,
    batch: ChunkSeriesBatch,
    at: usize,
}

impl MergedCursor {
    /// Merges `cursors`.
    pub fn new(cursors: Vec<Box<dyn SeriesCursor>>) -> Self {
        let sources = cursors.into_iter().map(|cursor| Source { cursor, batch: ChunkSeriesBatch::default(), at: 0 });
        Self { sources: sources.collect(), tree: None, packed: Vec::new(), chunks: Vec::new() }
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
            let labels = source.read(skip_chunks)?;
            keys.push(labels.map(|labels| labels.as_packed().to_vec()));
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
        let Some((_, packed)) = tree.winner() else {
            return Ok(false);
        };
        self.packed.clear();
        self.packed.extend_from_slice(packed);
        self.chunks.clear();
        while let Some((source, _)) = tree.winner().filter(|(_, packed)| *packed == self.packed) {
            let source = &mut self.sources[source];
            self.chunks.extend_from_slice(source.chunks());
            source.at += 1;
            tree.advance(source.read(skip_chunks)?);
        }
        order_chunks(&mut self.chunks);
        batch.push(LabelsRef::from_packed_unchecked(&self.packed), self.chunks.drain(..));
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
    /// The labels of the current series, reading on where the batch is used up; `None` at the end.
    fn read(&mut self, skip_chunks: bool) -> Result<Option<LabelsRef<'_>>, SourceError> {
        if self.at == self.batch.len() {
            self.cursor.next_batch(READ_SERIES, skip_chunks, &mut self.batch)?;
            self.at = 0;
        }
        Ok(self.batch.get(self.at).map(|(labels, _)| labels))
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
