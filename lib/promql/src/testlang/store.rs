//! Series in memory, given back as Prometheus' head would give them back.

mod hints;
#[cfg(test)]
mod tests;

use crate::{BatchError, Output, Query, QueryError, SeriesBatch};
use hints::OpenChunk;
use model::{FloatHistogram, HistogramRef, InvalidHistogram, Labels, LabelsRef, Matcher, SampleColumns};
use std::collections::BTreeMap;

/// Series in memory, in label order.
#[derive(Debug, Default, Clone)]
pub struct MemoryStore {
    series: BTreeMap<Labels, Stored>,
}

/// A sample to be stored.
#[derive(Debug, Clone, Copy)]
pub enum Sample<'a> {
    /// A float, or [`STALE_NAN`](model::STALE_NAN).
    Float(f64),
    Histogram(HistogramRef<'a>),
}

/// Why a sample is not stored. The texts of the first two are Prometheus'.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum AppendError {
    #[error("out of order sample")]
    OutOfOrder,
    #[error("duplicate sample for timestamp")]
    Duplicate,
    #[error("invalid histogram: {0}")]
    Invalid(#[from] InvalidHistogram),
}

#[derive(Debug, Default, Clone)]
struct Stored {
    columns: SampleColumns,
    /// The last histogram's, if the newest sample is one.
    open: Option<OpenChunk>,
}

/// Some series of a store.
#[derive(Debug)]
struct Batch<'a>(Vec<(&'a Labels, &'a SampleColumns)>);

/// So many series are evaluated at a time.
const BATCH_SERIES: usize = 64;

impl MemoryStore {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.series.clear();
    }

    /// Appends a sample to the series of `labels`. `start_ms` is when its counter began, 0: that is not known. The hint of a
    /// histogram is kept only as far as Prometheus' chunks keep it. What equals the newest sample is taken without effect.
    ///
    /// # Errors
    /// There is a newer sample, or another one of this time; a histogram that nobody could observe.
    pub fn append(
        &mut self,
        labels: &Labels,
        timestamp_ms: i64,
        sample: Sample<'_>,
        start_ms: i64,
    ) -> Result<(), AppendError> {
        if let Sample::Histogram(histogram) = sample
            && !histogram.is_stale()
        {
            histogram.validate()?;
        }
        let stored = match self.series.get_mut(labels) {
            Some(stored) => stored,
            None => self.series.entry(labels.clone()).or_default(),
        };
        if let Some(newest) = stored.columns.timestamps_ms.last() {
            if *newest > timestamp_ms {
                return Err(AppendError::OutOfOrder);
            }
            if *newest == timestamp_ms {
                return if stored.ends_with(sample) { Ok(()) } else { Err(AppendError::Duplicate) };
            }
        }
        match sample {
            Sample::Float(value) => {
                stored.open = None;
                stored.columns.push(timestamp_ms, value);
            }
            Sample::Histogram(histogram) => {
                let (hint, open) = OpenChunk::append(stored.open.take(), timestamp_ms, histogram);
                stored.open = Some(open);
                stored.columns.push_histogram(timestamp_ms, HistogramRef { hint, ..histogram });
            }
        }
        stored.columns.set_start(start_ms);
        Ok(())
    }

    /// Runs `query` over the series.
    ///
    /// # Errors
    /// Why the query has no answer.
    pub fn run(&self, mut query: Query) -> Result<Output, QueryError> {
        for select in 0..query.selects().len() {
            let series = self.select(&query.selects()[select].matchers);
            for batch in series.chunks(BATCH_SERIES) {
                query.push(select, &Batch(batch.to_vec()))?;
            }
            query.finish(select)?;
        }
        query.into_output()
    }

    /// The series that all of `matchers` accept.
    fn select(&self, matchers: &[Matcher]) -> Vec<(&Labels, &SampleColumns)> {
        let accepts = |labels: &Labels| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
        };
        self.series
            .iter()
            .filter(|(labels, _)| accepts(labels))
            .map(|(labels, stored)| (labels, &stored.columns))
            .collect()
    }
}

impl Stored {
    /// Whether `sample` is the newest there is.
    fn ends_with(&self, sample: Sample<'_>) -> bool {
        let Some(newest) = self.columns.len().checked_sub(1) else { return false };
        match (sample, self.columns.histogram(newest)) {
            (Sample::Float(value), None) => self.columns.values[newest].to_bits() == value.to_bits(),
            (Sample::Histogram(histogram), Some(newest)) => {
                FloatHistogram::from_ref(histogram).as_ref().is_same(&FloatHistogram::from_ref(newest).as_ref())
            }
            _ => false,
        }
    }
}

impl SeriesBatch for Batch<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, index: usize) -> LabelsRef<'_> {
        self.0[index].0.as_ref()
    }

    fn samples(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        columns.clone_from(self.0[index].1);
        Ok(())
    }

    fn size_bytes(&self) -> usize {
        self.0.iter().map(|(_, columns)| columns.len() * 16 + columns.histograms.size_bytes()).sum()
    }
}
