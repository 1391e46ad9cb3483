//! Samples of one series, as columns.

use crate::{HistogramColumn, HistogramRef};

/// Samples of one series in columns, timestamps rising strictly.
///
/// A decoder fills it, the engine's kernels read its slices, and the next series reuses it: the columns keep their
/// capacity when cleared. Most series hold floats only, and then times and values are all there is; a histogram has its sum
/// among the values (so one test finds the stale markers of both kinds) and the rest in a row of its own.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct SampleColumns {
    /// Milliseconds since the epoch.
    pub timestamps_ms: Vec<i64>,
    /// The value at the same position, of a histogram its sum; NaN payloads (the stale marker among them) are kept bit for
    /// bit.
    pub values: Vec<f64>,
    /// The histograms, in order.
    pub histograms: HistogramColumn,
    /// Which samples they are: a position for each, rising.
    pub histogram_at: Vec<u32>,
    /// When the counter behind each sample began, 0 where that is not known; empty if it is known of none.
    pub starts_ms: Vec<i64>,
}

impl SampleColumns {
    /// Appends one float.
    #[inline]
    pub fn push(&mut self, timestamp_ms: i64, value: f64) {
        self.timestamps_ms.push(timestamp_ms);
        self.values.push(value);
        if !self.starts_ms.is_empty() {
            self.starts_ms.push(0);
        }
    }

    /// Appends one histogram.
    pub fn push_histogram(&mut self, timestamp_ms: i64, histogram: HistogramRef<'_>) {
        self.histogram_at.push(u32::try_from(self.len()).unwrap_or(u32::MAX));
        self.histograms.push(histogram);
        self.push(timestamp_ms, histogram.sum);
    }

    /// Says when the counter behind the newest sample began; 0: that is not known.
    pub fn set_start(&mut self, start_ms: i64) {
        if start_ms != 0 && self.starts_ms.is_empty() {
            self.starts_ms.resize(self.len(), 0);
        }
        if let Some(newest) = self.starts_ms.last_mut() {
            *newest = start_ms;
        }
    }

    /// Appends sample `at` of `other`, whatever it is.
    pub fn push_from(&mut self, other: &Self, at: usize) {
        let (Some(&timestamp_ms), Some(&value)) = (other.timestamps_ms.get(at), other.values.get(at)) else { return };
        match other.histogram(at) {
            Some(histogram) => self.push_histogram(timestamp_ms, histogram),
            None => self.push(timestamp_ms, value),
        }
        self.set_start(other.start_ms(at));
    }

    /// The histogram that sample `at` is; `None`: it is a float.
    #[inline]
    pub fn histogram(&self, at: usize) -> Option<HistogramRef<'_>> {
        self.histograms.get(self.histogram_row(at)?)
    }

    /// The row of the histogram that sample `at` is; `None`: it is a float.
    #[inline]
    pub fn histogram_row(&self, at: usize) -> Option<usize> {
        // Where all are histograms, rows and samples have the same numbers.
        match self.histogram_at.get(at).is_some_and(|&sample| sample as usize == at) {
            true => Some(at),
            false => self.histogram_at.binary_search(&u32::try_from(at).ok()?).ok(),
        }
    }

    /// When the counter behind sample `at` began; 0: that is not known.
    pub fn start_ms(&self, at: usize) -> i64 {
        self.starts_ms.get(at).copied().unwrap_or(0)
    }

    /// Whether there is a histogram among the samples.
    pub fn has_histograms(&self) -> bool {
        !self.histogram_at.is_empty()
    }

    /// Drops all samples from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.timestamps_ms.truncate(len);
        self.values.truncate(len);
        self.starts_ms.truncate(len);
        let rows = self.histogram_at.partition_point(|&at| (at as usize) < len);
        self.histogram_at.truncate(rows);
        self.histograms.truncate(rows);
    }

    /// Forgets all samples, keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps_ms.clear();
        self.values.clear();
        self.histograms.clear();
        self.histogram_at.clear();
        self.starts_ms.clear();
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.timestamps_ms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.timestamps_ms.is_empty()
    }
}

#[cfg(test)]
mod tests;
