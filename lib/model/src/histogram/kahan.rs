//! Sums and means of histograms, with what rounding takes from them kept.

use super::float::{Added, FloatHistogram, IncompatibleBuckets};
use super::runs::Runs;
use super::sum::{Addition, Sum};
use super::working::Working;
use super::{HistogramRef, ResetHint};

/// A sum of histograms, and beside it what rounding took from each of its counts.
///
/// Source: Prometheus 3.14, `KahanAdd` in `model/histogram/float_histogram.go`.
#[derive(Debug, Default)]
pub struct KahanHistogram {
    value: FloatHistogram,
    /// As many as the value has cells; none before anything was added.
    lost: Vec<f64>,
    lost_of_sum: f64,
}

/// A mean of histograms: their sum by their number, or, once a sum would be beyond all floats, a running mean.
///
/// Source: Prometheus 3.14, `avg` and `avg_over_time` in `promql/`.
#[derive(Debug, Default)]
pub struct HistogramMean {
    sum: KahanHistogram,
    count: f64,
    is_running: bool,
    /// The sum as it was, should it be needed again, or a term divided.
    spare: KahanHistogram,
}

impl Clone for KahanHistogram {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), lost: self.lost.clone(), lost_of_sum: self.lost_of_sum }
    }

    fn clone_from(&mut self, other: &Self) {
        self.value.clone_from(&other.value);
        self.lost.clone_from(&other.lost);
        self.lost_of_sum = other.lost_of_sum;
    }
}

impl Clone for HistogramMean {
    fn clone(&self) -> Self {
        Self { sum: self.sum.clone(), count: self.count, is_running: self.is_running, spare: KahanHistogram::default() }
    }
}

impl KahanHistogram {
    /// The sum of `first` alone.
    pub fn new(first: FloatHistogram) -> Self {
        Self { value: first, ..Self::default() }
    }

    /// A sum with what each of its cells has lost, or nothing before anything was added.
    pub(super) fn from_parts(value: FloatHistogram, lost: Vec<f64>, lost_of_sum: f64) -> Self {
        Self { value, lost, lost_of_sum }
    }

    /// Becomes the sum of `first` alone, in the memory it has.
    pub fn assign(&mut self, first: HistogramRef<'_>) {
        self.value.assign(first);
        self.lost.clear();
        self.lost_of_sum = 0.0;
    }

    /// The sum without what it lost.
    pub fn value(&self) -> &FloatHistogram {
        &self.value
    }

    /// Says what the sum knows of the one before it.
    pub fn set_hint(&mut self, hint: ResetHint) {
        self.value.hint = hint;
    }

    /// Adds `other`, as [`FloatHistogram::add`] does.
    ///
    /// # Errors
    /// As there.
    pub fn add(&mut self, other: HistogramRef<'_>) -> Result<Added, IncompatibleBuckets> {
        let mut added = Added::default();
        let runs = Runs::new(&self.value.layout, other)?;
        self.lost.resize(self.value.cells.len(), 0.0);
        match runs {
            Some(runs) => {
                runs.each(other.layout, |to, from, len| {
                    let (sums, lost) = (self.value.cells.get_mut(to..to + len), self.lost.get_mut(to..to + len));
                    let terms = other.cells.get(from..from + len).unwrap_or_default();
                    let sums = sums.unwrap_or_default().iter_mut().zip(lost.unwrap_or_default());
                    for ((value, lost), term) in sums.zip(terms) {
                        let sum = Sum { value: f64::from_bits(*value), lost: *lost }.kahan(other.numbers.value(*term));
                        (*value, *lost) = (sum.value.to_bits(), sum.lost);
                    }
                });
                let sum = Sum { value: self.value.sum, lost: self.lost_of_sum }.kahan(other.sum);
                (self.value.sum, self.lost_of_sum) = (sum.value, sum.lost);
            }
            None => {
                let mut working = Working::new(self.value.as_ref(), 1.0);
                working.set_lost(&self.lost, self.lost_of_sum);
                added.bounds_reconciled = working.add(Working::new(other, 1.0), Addition::Kahan);
                let lost = working.sums().map(|sum| sum.lost).collect();
                let lost_of_sum = working.sum.lost;
                self.value.become_working(working)?;
                (self.lost, self.lost_of_sum) = (lost, lost_of_sum);
            }
        }
        (self.value.hint, added.reset_collision) = self.value.hint.combine(other.hint);
        Ok(added)
    }

    /// Multiplies it by `factor`, which is positive.
    fn scale(&mut self, factor: f64) {
        self.value.scale(factor);
        self.lost.iter_mut().for_each(|lost| *lost *= factor);
        self.lost_of_sum *= factor;
    }

    /// Divides it by `divisor`, which is positive.
    fn divide(&mut self, divisor: f64) {
        self.value.divide(divisor);
        self.lost.iter_mut().for_each(|lost| *lost /= divisor);
        self.lost_of_sum /= divisor;
    }

    /// The sum together with what it lost.
    pub fn total(&self) -> FloatHistogram {
        let mut total = self.value.clone();
        if self.lost.len() == total.cells.len() {
            let lost = FloatHistogram {
                layout: total.layout.clone(),
                hint: total.hint,
                sum: self.lost_of_sum,
                cells: self.lost.iter().map(|lost| lost.to_bits()).collect(),
            };
            // It has the same layout.
            let _same = total.add(lost.as_ref());
        }
        total
    }
}

impl HistogramMean {
    /// The mean of `first` alone.
    pub fn new(first: FloatHistogram) -> Self {
        Self { sum: KahanHistogram::new(first), count: 1.0, ..Self::default() }
    }

    /// Becomes the mean of `first` alone, in the memory it has.
    pub fn assign(&mut self, first: HistogramRef<'_>) {
        self.sum.assign(first);
        (self.count, self.is_running) = (1.0, false);
    }

    /// How many histograms it is the mean of.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Takes `other` into the mean.
    ///
    /// # Errors
    /// As [`FloatHistogram::add`]; the mean is of no use then.
    pub fn add(&mut self, other: HistogramRef<'_>) -> Result<Added, IncompatibleBuckets> {
        self.count += 1.0;
        if !self.is_running {
            self.spare.clone_from(&self.sum);
            let added = self.sum.add(other)?;
            if !self.sum.value.as_ref().has_overflow() {
                return Ok(added);
            }
            std::mem::swap(&mut self.sum, &mut self.spare);
            self.sum.divide(self.count - 1.0);
            self.is_running = true;
        }
        self.sum.scale((self.count - 1.0) / self.count);
        self.spare.value.assign(other);
        self.spare.value.divide(self.count);
        self.sum.add(self.spare.value.as_ref())
    }

    /// The mean.
    pub fn mean(&self) -> FloatHistogram {
        if self.is_running {
            return self.sum.total();
        }
        let mut sum = self.sum.clone();
        sum.divide(self.count);
        sum.total()
    }
}

#[cfg(test)]
mod tests;
