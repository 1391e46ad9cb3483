//! Series of a store as the engine takes them: labels at hand, samples decoded where they are used.

use crate::store::SeriesBatch;
use model::{LabelsRef, SampleColumns};
use promql::BatchError;
use std::cell::RefCell;
use tsdb::Chunk;
use tsdb::chunk::decode;

/// A batch of a `Series` answer as a [`promql::SeriesBatch`].
#[derive(Debug)]
pub struct EngineBatch(SeriesBatch);

/// Where overlapping chunks are decoded before they are joined.
#[derive(Debug, Default)]
struct Scratch {
    chunk: SampleColumns,
    joined: SampleColumns,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl EngineBatch {
    /// Wraps a batch whose series are in label order.
    pub fn new(batch: SeriesBatch) -> Self {
        Self(batch)
    }
}

impl promql::SeriesBatch for EngineBatch {
    fn len(&self) -> usize {
        match &self.0 {
            SeriesBatch::Chunks(batch) => batch.len(),
            SeriesBatch::Columns(series) => series.len(),
        }
    }

    fn labels(&self, index: usize) -> LabelsRef<'_> {
        let labels = match &self.0 {
            SeriesBatch::Chunks(batch) => batch.get(index).map(|(labels, _)| labels),
            SeriesBatch::Columns(series) => series.get(index).map(|(labels, _)| labels.as_ref()),
        };
        labels.unwrap_or(LabelsRef::from_packed_unchecked(&[]))
    }

    fn samples(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        columns.clear();
        match &self.0 {
            SeriesBatch::Chunks(batch) => match batch.get(index) {
                Some((labels, chunks)) => join(chunks, columns)
                    .map_err(|fault| BatchError { labels: format!("{labels:?}"), fault: fault.to_string() }),
                None => Ok(()),
            },
            SeriesBatch::Columns(series) => {
                if let Some((_, samples)) = series.get(index) {
                    columns.clone_from(samples);
                }
                Ok(())
            }
        }
    }

    fn size_bytes(&self) -> usize {
        match &self.0 {
            SeriesBatch::Chunks(batch) => batch.size_bytes(),
            SeriesBatch::Columns(series) => series
                .iter()
                .map(|(labels, samples)| labels.as_ref().as_packed().len() + samples.len() * size_of::<(i64, f64)>())
                .sum(),
        }
    }
}

/// Decodes chunks sorted by their first timestamp, each timestamp once.
fn join(chunks: &[Chunk], columns: &mut SampleColumns) -> Result<(), tsdb::chunk::ChunkError> {
    for chunk in chunks {
        let follows = columns.timestamps_ms.last().is_none_or(|last| *last < chunk.min_ms);
        if follows {
            decode(chunk.encoding, &chunk.data, columns)?;
            continue;
        }
        SCRATCH.with_borrow_mut(|Scratch { chunk: decoded, joined }| {
            decoded.clear();
            decode(chunk.encoding, &chunk.data, decoded)?;
            merge(columns, decoded, joined);
            std::mem::swap(columns, joined);
            Ok(())
        })?;
    }
    Ok(())
}

/// Replaces `joined` by the samples of both, in order; of two at one timestamp that of `first` stays.
fn merge(first: &SampleColumns, second: &SampleColumns, joined: &mut SampleColumns) {
    joined.clear();
    let (mut left, mut right) = (samples(first).peekable(), samples(second).peekable());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(one), Some(other)) if one.0 == other.0 => {
                right.next();
                left.next()
            }
            (Some(one), Some(other)) if other.0 < one.0 => right.next(),
            (Some(_), _) => left.next(),
            (None, _) => right.next(),
        };
        match next {
            Some((timestamp_ms, value)) => joined.push(timestamp_ms, value),
            None => return,
        }
    }
}

fn samples(columns: &SampleColumns) -> impl Iterator<Item = (i64, f64)> {
    columns.timestamps_ms.iter().copied().zip(columns.values.iter().copied())
}

#[cfg(test)]
mod tests;
