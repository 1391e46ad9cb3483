//! Classic histograms made native ones with custom buckets.

use super::{
    BUCKET_CELLS, CUSTOM_BUCKETS_SCHEMA, FloatHistogram, HistogramLayout, HistogramRef, Numbers, ResetHint, Span,
    TooManyBuckets,
};
use crate::ShortFloat;

/// One sample of a classic histogram, as its series are read: bounds with cumulative counts in any order, count, sum.
///
/// Source: Prometheus 3.14, `util/convertnhcb`.
#[derive(Debug, Clone, Default)]
pub struct ClassicHistogram {
    /// Upper bounds, rising, and the counts up to them.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
    fault: Option<InvalidClassicHistogram>,
}

/// Why a classic histogram is none. The texts are Prometheus'.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidClassicHistogram {
    #[error("bucket boundary must not be NaN")]
    BoundNotANumber,
    #[error("bucket count must be non-negative: le={}, count={}", ShortFloat(*.bound), ShortFloat(*.count))]
    NegativeBucket { bound: f64, count: f64 },
    #[error("count must be non-negative: count={}", ShortFloat(*.0))]
    NegativeCount(f64),
    #[error("count is not cumulative: {} < {}", ShortFloat(*.count), ShortFloat(*.before))]
    BelowOneBefore { count: f64, before: f64 },
    #[error("count is not cumulative: {} > {}", ShortFloat(*.count), ShortFloat(*.behind))]
    AboveOneBehind { count: f64, behind: f64 },
    #[error("count mismatch: count={} != le={} count={}", count_text(*.count, *.numbers), ShortFloat(*.bound), ShortFloat(*.last))]
    CountMismatch { numbers: Numbers, count: f64, bound: f64, last: f64 },
    #[error(transparent)]
    TooMany(#[from] TooManyBuckets),
}

impl ClassicHistogram {
    /// Takes the count of observations up to `bound`, which is inside. A bound that came before keeps its first count.
    ///
    /// # Errors
    /// A bound that is not a number, or a count that is below zero, above one of a higher bound, or below one of a lower bound:
    /// this one, or one before. There is no histogram then.
    pub fn set_bucket(&mut self, bound: f64, count: f64) -> Result<(), InvalidClassicHistogram> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let placed = self.place(bound, count);
        match placed {
            Ok(Some(at)) => self.buckets.insert(at, (bound, count)),
            Ok(None) => {}
            Err(fault) => self.fault = Some(fault),
        }
        placed.map(|_| ())
    }

    /// Where a bucket belongs; `None`: it is there.
    fn place(&self, bound: f64, count: f64) -> Result<Option<usize>, InvalidClassicHistogram> {
        if bound.is_nan() {
            return Err(InvalidClassicHistogram::BoundNotANumber);
        }
        if count < 0.0 {
            return Err(InvalidClassicHistogram::NegativeBucket { bound, count });
        }
        let at = self.buckets.partition_point(|(other, _)| *other < bound);
        let behind = self.buckets.get(at);
        if behind.is_some_and(|(other, _)| *other == bound) {
            return Ok(None);
        }
        match at.checked_sub(1).and_then(|before| self.buckets.get(before)) {
            Some(&(_, before)) if count < before => {
                return Err(InvalidClassicHistogram::BelowOneBefore { count, before });
            }
            _ => {}
        }
        match behind {
            Some(&(_, behind)) if count > behind => Err(InvalidClassicHistogram::AboveOneBehind { count, behind }),
            _ => Ok(Some(at)),
        }
    }

    /// Takes the count of all observations; without one it is that up to the highest bound.
    ///
    /// # Errors
    /// A count below zero, now or before. There is no histogram then.
    pub fn set_count(&mut self, count: f64) -> Result<(), InvalidClassicHistogram> {
        if self.fault.is_none() && count < 0.0 {
            self.fault = Some(InvalidClassicHistogram::NegativeCount(count));
        }
        self.count = Some(count);
        self.fault.map_or(Ok(()), Err)
    }

    /// Takes the sum of all observations.
    pub fn set_sum(&mut self, sum: f64) {
        self.sum = sum;
    }

    /// The native histogram, and what its counts are: integers, if all of them are whole.
    ///
    /// # Errors
    /// The first that was wrong; a count that is not that up to +Inf; more buckets than there may be.
    pub fn convert(&self) -> Result<(FloatHistogram, Numbers), InvalidClassicHistogram> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let count = self.count.or(self.buckets.last().map(|(_, count)| *count)).unwrap_or(0.0);
        let mut buckets = self.buckets.clone();
        if buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
            buckets.push((f64::INFINITY, count));
        }
        let is_whole = |count: f64| count.fract() == 0.0 && count.abs() < (1_u64 << 63) as f64;
        let numbers = match buckets.iter().all(|(_, count)| is_whole(*count)) && is_whole(count) {
            true => Numbers::Integer,
            false => Numbers::Float,
        };
        let (bound, last) = buckets.last().copied().unwrap_or_default();
        if count != last {
            return Err(InvalidClassicHistogram::CountMismatch { numbers, count, bound, last });
        }
        let mut before = 0.0;
        let each = buckets.iter().map(|(_, count)| {
            let value = match numbers {
                Numbers::Integer => (*count as i64).wrapping_sub(before as i64) as f64,
                Numbers::Float => count - before,
            };
            before = *count;
            value
        });
        let cells: Vec<u64> = [count, 0.0].into_iter().chain(each).map(f64::to_bits).collect();
        let span = Span { offset: 0, length: u32::try_from(cells.len() - BUCKET_CELLS).unwrap_or(u32::MAX) };
        let bounds = buckets.iter().map(|(bound, _)| *bound).filter(|bound| *bound != f64::INFINITY).collect();
        let layout = HistogramLayout::new(CUSTOM_BUCKETS_SCHEMA, 0.0, vec![span], Vec::new(), bounds)?;
        let (hint, numbers_of_cells) = (ResetHint::Unknown, Numbers::Float);
        let view = HistogramRef { layout: &layout, hint, numbers: numbers_of_cells, cells: &cells, sum: self.sum };
        let mut histogram = FloatHistogram::from_ref(view);
        // Few empty buckets in between are worth less than the spans they save, where counts are stored as differences.
        histogram.compact(if numbers == Numbers::Integer { 2 } else { 0 });
        Ok((histogram, numbers))
    }
}

fn count_text(count: f64, numbers: Numbers) -> String {
    match numbers {
        Numbers::Integer => (count as u64).to_string(),
        Numbers::Float => ShortFloat(count).to_string(),
    }
}

#[cfg(test)]
mod tests;
