//! The buckets of a histogram one by one, with their bounds.

use super::indexed::Indexed;
use super::{HistogramLayout, HistogramRef, Numbers};
use std::f64::consts::LOG2_E;

/// A bucket, where it lies and what is in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub lower_inclusive: bool,
    pub upper_inclusive: bool,
    pub count: f64,
    /// Its number on its side; 0 for the zero bucket.
    pub index: i32,
}

/// The buckets of one side, from zero outwards.
#[derive(Debug, Clone)]
pub struct SideBuckets<'a> {
    layout: &'a HistogramLayout,
    numbers: Numbers,
    is_negative: bool,
    buckets: Indexed<'a, u64>,
}

/// All buckets, from the lowest to the highest.
#[derive(Debug, Clone)]
pub struct Buckets<'a> {
    negative: SideBuckets<'a>,
    zero: Option<Bucket>,
    positive: SideBuckets<'a>,
}

impl<'a> HistogramRef<'a> {
    /// All buckets in order, empty ones of spans among them, the zero bucket only where something is in it. The neighbours of
    /// the zero bucket begin where it ends.
    pub fn buckets(&self) -> Buckets<'a> {
        let count = self.numbers.value(self.zero_count());
        let width = self.layout.zero_threshold();
        let zero =
            Bucket { lower: -width, upper: width, lower_inclusive: true, upper_inclusive: true, count, index: 0 };
        Buckets {
            negative: self.negative_buckets(),
            zero: (count > 0.0 && !self.layout.has_custom_buckets()).then_some(zero),
            positive: self.positive_buckets(),
        }
    }

    /// The positive buckets, empty ones among them, where their indices put them.
    pub fn positive_buckets(&self) -> SideBuckets<'a> {
        let buckets = Indexed::new(self.layout.positive(), self.positive());
        SideBuckets { layout: self.layout, numbers: self.numbers, is_negative: false, buckets }
    }

    /// The negative buckets, empty ones among them, where their indices put them. Custom buckets are all positive.
    pub fn negative_buckets(&self) -> SideBuckets<'a> {
        let cells = if self.layout.has_custom_buckets() { &[] } else { self.negative() };
        let buckets = Indexed::new(self.layout.negative(), cells);
        SideBuckets { layout: self.layout, numbers: self.numbers, is_negative: true, buckets }
    }
}

impl SideBuckets<'_> {
    fn bucket(&self, (index, cell): (i32, u64)) -> Bucket {
        let (near, far) = (self.layout.bound(index.wrapping_sub(1)), self.layout.bound(index));
        let (lower, upper) = if self.is_negative { (-far, -near) } else { (near, far) };
        let is_custom = self.layout.has_custom_buckets();
        Bucket {
            lower,
            upper,
            lower_inclusive: if is_custom { index == 0 } else { lower < 0.0 },
            upper_inclusive: is_custom || upper > 0.0,
            count: self.numbers.value(cell),
            index,
        }
    }
}

impl Iterator for SideBuckets<'_> {
    type Item = Bucket;

    fn next(&mut self) -> Option<Bucket> {
        let next = self.buckets.next()?;
        Some(self.bucket(next))
    }
}

impl DoubleEndedIterator for SideBuckets<'_> {
    fn next_back(&mut self) -> Option<Bucket> {
        let next = self.buckets.next_back()?;
        Some(self.bucket(next))
    }
}

impl Buckets<'_> {
    /// The bucket, without what the zero bucket covers.
    fn beside_zero(&self, mut bucket: Bucket) -> Bucket {
        let width = self.positive.layout.zero_threshold();
        if bucket.lower > 0.0 && bucket.lower < width {
            bucket.lower = width;
        } else if bucket.upper < 0.0 && bucket.upper > -width {
            bucket.upper = -width;
        }
        bucket
    }
}

impl Iterator for Buckets<'_> {
    type Item = Bucket;

    fn next(&mut self) -> Option<Bucket> {
        if let Some(bucket) = self.negative.next_back() {
            return Some(self.beside_zero(bucket));
        }
        self.zero.take().or_else(|| self.positive.next().map(|bucket| self.beside_zero(bucket)))
    }
}

impl DoubleEndedIterator for Buckets<'_> {
    fn next_back(&mut self) -> Option<Bucket> {
        if let Some(bucket) = self.positive.next_back() {
            return Some(self.beside_zero(bucket));
        }
        self.zero.take().or_else(|| self.negative.next().map(|bucket| self.beside_zero(bucket)))
    }
}

impl Bucket {
    /// Which of its bounds are inside, as the HTTP API says it: 0 the upper, 1 the lower, 2 none, 3 both.
    pub fn boundary_code(&self) -> u8 {
        match (self.lower_inclusive, self.upper_inclusive) {
            (false, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (true, true) => 3,
        }
    }

    /// How much of its width lies up to `value`, which lies between its finite bounds: as numbers if `is_linear` (custom buckets
    /// and the zero bucket), else by their logarithms.
    ///
    /// Source: Prometheus 3.14, `FractionBelow` in `model/histogram/generic.go`.
    pub fn fraction_below(&self, value: f64, is_linear: bool) -> f64 {
        if is_linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let [lower, upper, at] = [self.lower, self.upper, value].map(|bound| log2(bound.abs()));
        if value > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
    }
}

/// The logarithm to base 2 as Go computes it, exact for powers of two.
fn log2(x: f64) -> f64 {
    let (fraction, twos) = libm::frexp(x);
    if fraction == 0.5 {
        return f64::from(twos - 1);
    }
    libm::log(fraction) * LOG2_E + f64::from(twos)
}

#[cfg(test)]
mod tests;
