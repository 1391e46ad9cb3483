//! Series of a store as the engine takes them: labels at hand, samples decoded where they are used.

mod clipped;
mod options;
mod read;

use crate::store::SeriesBatch;
use model::{LabelsRef, SampleColumns};
use promql::BatchError;

pub use options::{DedupFunc, ReadOptions, Reading, aggregates_for};

/// A batch of a `Series` answer as a [`promql::SeriesBatch`].
#[derive(Debug)]
pub struct EngineBatch {
    batch: SeriesBatch,
    options: ReadOptions,
    has_used_labels_only: bool,
}

impl EngineBatch {
    /// Wraps a batch whose series are in label order. The chunks of a series are sorted by their range; the aggregates of a
    /// downsampled one stand next to each other, in the order of [`tsdb::Aggregate`].
    pub fn new(batch: SeriesBatch) -> Self {
        Self { batch, options: ReadOptions::default(), has_used_labels_only: false }
    }

    /// Reads it in another way than by default. Columns that are already filled stay as they are.
    pub fn with(self, options: ReadOptions) -> Self {
        Self { options, ..self }
    }

    /// Of a walk whose series come with used labels only, or not: [`promql::SeriesBatch::has_used_labels_only`].
    pub fn with_used_labels_only(self, has_used_labels_only: bool) -> Self {
        Self { has_used_labels_only, ..self }
    }
}

impl promql::SeriesBatch for EngineBatch {
    fn len(&self) -> usize {
        match &self.batch {
            SeriesBatch::Chunks(batch) => batch.len(),
            SeriesBatch::Columns(batch) => batch.len(),
        }
    }

    fn labels(&self, index: usize) -> LabelsRef<'_> {
        let labels = match &self.batch {
            SeriesBatch::Chunks(batch) => batch.get(index).map(|(labels, _)| labels),
            SeriesBatch::Columns(batch) => batch.get(index).map(|(labels, _)| labels),
        };
        labels.unwrap_or(LabelsRef::from_packed_unchecked(&[]))
    }

    fn samples(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        columns.clear();
        match &self.batch {
            SeriesBatch::Chunks(batch) => match batch.get(index) {
                Some((labels, chunks)) => read::read(chunks, &self.options, columns)
                    .map_err(|fault| BatchError { labels: format!("{labels:?}"), fault: fault.to_string() }),
                None => Ok(()),
            },
            SeriesBatch::Columns(batch) => {
                batch.append_to(index, columns);
                Ok(())
            }
        }
    }

    fn has_used_labels_only(&self) -> bool {
        self.has_used_labels_only
    }

    fn size_bytes(&self) -> usize {
        self.batch.size_bytes()
    }
}

#[cfg(test)]
mod tests;
