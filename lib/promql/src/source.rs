//! What the engine reads from: batches of series, in label order, whose samples are decoded where they are used.

use model::{LabelsRef, SampleColumns};

/// Whole series of one select. Batches of a select arrive in label order, and so do the series within.
///
/// The one who pushes has merged and deduplicated; decoding is left to the worker that evaluates the batch.
pub trait SeriesBatch: Send + Sync + std::fmt::Debug {
    /// How many series there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The labels of series `index`, which is below [`SeriesBatch::len`].
    fn labels(&self, index: usize) -> LabelsRef<'_>;

    /// Replaces `columns` by the samples of series `index`: ascending, each timestamp once, stale markers included.
    /// Samples outside the select's range may be among them.
    ///
    /// # Errors
    /// A chunk that cannot be decoded.
    fn samples(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError>;

    /// Whether the labels are only those of [`crate::Select::labels`], of series no two of which have the same labels but for
    /// metadata.
    fn has_used_labels_only(&self) -> bool {
        false
    }

    /// Bytes held, for the query's budget.
    fn size_bytes(&self) -> usize;
}

/// Why the samples of a series could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("series {labels}: {fault}")]
pub struct BatchError {
    pub labels: String,
    pub fault: String,
}
