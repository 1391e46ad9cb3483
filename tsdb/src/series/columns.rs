//! Series whose samples are decoded already.

use super::ChunkSeriesBatch;
use crate::chunk::encode;
use model::{HistogramRef, LabelsRef, SampleColumns};
use std::ops::Range;

/// Whole series with their samples, in order of their labels. Label sets lie packed in one buffer, the samples of all series
/// one behind the other in one set of columns.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct ColumnSeriesBatch {
    labels: Vec<u8>,
    samples: SampleColumns,
    ends: Vec<SeriesEnd>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct SeriesEnd {
    labels: usize,
    samples: usize,
}

impl ColumnSeriesBatch {
    /// Adds a series, whose labels must not sort before those of the last one.
    pub fn push(&mut self, labels: LabelsRef<'_>, samples: &SampleColumns) {
        self.push_from(labels, samples, 0..samples.len());
    }

    /// The same for a series that has some of the samples.
    pub fn push_from(&mut self, labels: LabelsRef<'_>, samples: &SampleColumns, range: Range<usize>) {
        range.for_each(|at| self.samples.push_from(samples, at));
        self.end(labels);
    }

    /// The same for a series that is one float.
    pub fn push_float(&mut self, labels: LabelsRef<'_>, timestamp_ms: i64, value: f64) {
        self.samples.push(timestamp_ms, value);
        self.end(labels);
    }

    /// The same for a series that is one histogram.
    pub fn push_histogram(&mut self, labels: LabelsRef<'_>, timestamp_ms: i64, histogram: HistogramRef<'_>) {
        self.samples.push_histogram(timestamp_ms, histogram);
        self.end(labels);
    }

    fn end(&mut self, labels: LabelsRef<'_>) {
        self.labels.extend_from_slice(labels.as_packed());
        self.ends.push(SeriesEnd { labels: self.labels.len(), samples: self.samples.len() });
    }

    /// Forgets all series, keeps the memory.
    pub fn clear(&mut self) {
        self.labels.clear();
        self.samples.clear();
        self.ends.clear();
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The labels of series `index`, and where its samples are in [`ColumnSeriesBatch::samples`]; `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<(LabelsRef<'_>, Range<usize>)> {
        let end = self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let packed = self.labels.get(start.labels..end.labels)?;
        Some((LabelsRef::from_packed_unchecked(packed), start.samples..end.samples))
    }

    /// The series in order.
    pub fn iter(&self) -> impl Iterator<Item = (LabelsRef<'_>, Range<usize>)> {
        (0..self.len()).map_while(|index| self.get(index))
    }

    /// The samples of all series. Only those of one are in the order of their times.
    pub fn samples(&self) -> &SampleColumns {
        &self.samples
    }

    /// Appends the samples of series `index` to `columns`; nothing beyond the end.
    pub fn append_to(&self, index: usize, columns: &mut SampleColumns) {
        let range = self.get(index).map_or(0..0, |(_, range)| range);
        range.for_each(|at| columns.push_from(&self.samples, at));
    }

    /// The same series with chunks.
    pub fn encoded(&self) -> ChunkSeriesBatch {
        let (mut batch, mut columns) = (ChunkSeriesBatch::default(), SampleColumns::default());
        for (index, (labels, _)) in self.iter().enumerate() {
            columns.clear();
            self.append_to(index, &mut columns);
            batch.push(labels, encode(&columns));
        }
        batch
    }

    /// Bytes of labels and samples held.
    pub fn size_bytes(&self) -> usize {
        let samples = self.samples.len() * size_of::<(i64, f64)>();
        self.labels.len() + samples + self.samples.histograms.cells() * size_of::<u64>()
    }
}

#[cfg(test)]
mod tests;
