//! Series with their samples, out of several sources as if they were one.
//!
//! The sources may overlap: in series (a head and blocks have the same ones), in time (late samples, blocks that were not
//! compacted yet). Whatever was written twice comes out once.

use crate::chunk::{self, ChunkError};
use crate::series::{ChunkSeriesBatch, SeriesCursor, SourceError};
use model::{LabelsRef, SampleColumns, TimeRange};

/// So many series are asked of a source at once.
const BATCH_SERIES: usize = 64;

/// A walk over the series of all sources, sorted by labels, each label set once.
pub struct SampleCursor {
    inputs: Vec<Input>,
    range: TimeRange,
    labels_only: bool,
    labels: Vec<u8>,
    /// What the chunks hold, in their order.
    decoded: SampleColumns,
    order: Vec<u32>,
}

struct Input {
    cursor: Box<dyn SeriesCursor>,
    batch: ChunkSeriesBatch,
    next: usize,
}

/// Why samples could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("series {labels}: {source}")]
    Chunk { labels: String, source: ChunkError },
}

impl SampleCursor {
    /// Over what `cursors` walk over, samples in `range`. Of samples of one series at one time, that of the first cursor
    /// counts.
    pub fn new(cursors: Vec<Box<dyn SeriesCursor>>, range: TimeRange) -> Self {
        let input = |cursor| Input { cursor, batch: ChunkSeriesBatch::default(), next: 0 };
        Self {
            inputs: cursors.into_iter().map(input).collect(),
            range,
            labels_only: false,
            labels: Vec::new(),
            decoded: SampleColumns::default(),
            order: Vec::new(),
        }
    }

    /// Reads no samples: all columns stay empty.
    #[must_use]
    pub fn labels_only(self) -> Self {
        Self { labels_only: true, ..self }
    }

    /// The next series; its samples replace those in `columns`. A series whose chunks reach into the range though none of
    /// its samples lies there comes with none. `None` at the end.
    ///
    /// # Errors
    /// A corrupt or unreadable file, a chunk that cannot be decoded.
    pub fn next(&mut self, columns: &mut SampleColumns) -> Result<Option<LabelsRef<'_>>, SampleError> {
        columns.clear();
        for input in &mut self.inputs {
            input.fill(self.labels_only)?;
        }
        let Some(first) = self.inputs.iter().filter_map(Input::labels).min() else { return Ok(None) };
        self.labels.clear();
        self.labels.extend_from_slice(first.as_packed());
        self.decoded.clear();
        for input in &mut self.inputs {
            if input.labels().is_none_or(|labels| labels.as_packed() != self.labels) {
                continue;
            }
            for chunk in input.batch.get(input.next).map(|(_, chunks)| chunks).unwrap_or_default() {
                let decoded = chunk::decode(chunk.encoding, &chunk.data, &mut self.decoded);
                decoded.map_err(|source| {
                    let labels = LabelsRef::from_packed_unchecked(&self.labels);
                    SampleError::Chunk { labels: format!("{labels:?}"), source }
                })?;
            }
            input.next += 1;
        }
        self.sort(columns);
        Ok(Some(LabelsRef::from_packed_unchecked(&self.labels)))
    }

    /// Puts what was decoded into order, and leaves out what is outside the range.
    fn sort(&mut self, columns: &mut SampleColumns) {
        let times = &self.decoded.timestamps_ms;
        let is_sorted = times.windows(2).all(|pair| matches!(pair, [left, right] if left < right));
        let inside = times.iter().all(|&timestamp_ms| self.range.contains(timestamp_ms));
        if is_sorted && inside {
            std::mem::swap(&mut self.decoded, columns);
            return;
        }
        self.order.clear();
        // Chunks of one series hold fewer samples than that.
        let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
        self.order
            .extend((0..count).filter(|&at| times.get(at as usize).is_some_and(|&time| self.range.contains(time))));
        let time_of = |at: &u32| times.get(*at as usize).copied();
        self.order.sort_by_key(time_of);
        self.order.dedup_by_key(|at| time_of(at));
        for &at in &self.order {
            columns.push_from(&self.decoded, at as usize);
        }
    }
}

impl Input {
    fn fill(&mut self, labels_only: bool) -> Result<(), SourceError> {
        if self.next >= self.batch.len() {
            self.cursor.next_batch(BATCH_SERIES, labels_only, &mut self.batch)?;
            self.next = 0;
        }
        Ok(())
    }

    /// The labels of its next series, once it was filled.
    fn labels(&self) -> Option<LabelsRef<'_>> {
        self.batch.get(self.next).map(|(labels, _)| labels)
    }
}

impl std::fmt::Debug for SampleCursor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SampleCursor")
            .field("inputs", &self.inputs.len())
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
