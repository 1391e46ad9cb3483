//! Series in memory, given back as Prometheus' head would give them back.

mod hints;
#[cfg(test)]
mod tests;

use crate::{BatchError, Output, Query, QueryError, Select, SeriesBatch, UsedLabels};
use hints::OpenChunk;
use model::{FloatHistogram, HistogramRef, InvalidHistogram, Labels, LabelsRef, Matcher, SampleColumns};
use std::borrow::Cow;
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

/// Series that were selected.
#[derive(Debug, Clone)]
struct Selected<'a> {
    labels: Cow<'a, Labels>,
    columns: &'a SampleColumns,
}

/// Some of them.
#[derive(Debug)]
struct Batch<'a> {
    series: &'a [Selected<'a>],
    has_used_labels_only: bool,
}

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
            let Select { matchers, labels, .. } = &query.selects()[select];
            let all = self.select(matchers);
            let used = labels.as_ref().and_then(|used| all.iter().map(|one| one.of_used(used)).collect());
            let has_used_labels_only = used.is_some();
            for series in used.unwrap_or(all).chunks(BATCH_SERIES) {
                query.push(select, &Batch { series, has_used_labels_only })?;
            }
            query.finish(select)?;
        }
        query.into_output()
    }

    /// The series that all of `matchers` accept.
    fn select(&self, matchers: &[Matcher]) -> Vec<Selected<'_>> {
        let accepts = |labels: &Labels| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
        };
        let accepted = self.series.iter().filter(|(labels, _)| accepts(labels));
        accepted.map(|(labels, Stored { columns, .. })| Selected { labels: Cow::Borrowed(labels), columns }).collect()
    }
}

impl Selected<'_> {
    /// The same with its used labels only; `None` if it has one of those that must be absent then.
    fn of_used(&self, used: &UsedLabels) -> Option<Self> {
        Some(Self { labels: Cow::Owned(used.of(&self.labels)?), ..*self })
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
        self.series.len()
    }

    fn labels(&self, index: usize) -> LabelsRef<'_> {
        (*self.series[index].labels).as_ref()
    }

    fn samples(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        columns.clone_from(self.series[index].columns);
        Ok(())
    }

    fn has_used_labels_only(&self) -> bool {
        self.has_used_labels_only
    }

    fn size_bytes(&self) -> usize {
        self.series.iter().map(|Selected { columns, .. }| columns.len() * 16 + columns.histograms.size_bytes()).sum()
    }
}
