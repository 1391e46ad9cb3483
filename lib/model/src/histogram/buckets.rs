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
    layout: &'a HistogramLayout,
    places: BucketPlaces<'a>,
}

/// Which bucket of a layout it is. Where it begins and ends follows from that: [`HistogramLayout::bucket`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BucketPlace {
    Negative(i32),
    Zero,
    Positive(i32),
}

/// The places of [`Buckets`] and what is in each, for those who know the bounds.
#[derive(Debug, Clone)]
pub struct BucketPlaces<'a> {
    numbers: Numbers,
    negative: Indexed<'a, u64>,
    zero: Option<f64>,
    positive: Indexed<'a, u64>,
}

impl<'a> HistogramRef<'a> {
    /// All buckets in order, empty ones of spans among them, the zero bucket only where something is in it. The neighbours of
    /// the zero bucket begin where it ends.
    pub fn buckets(&self) -> Buckets<'a> {
        Buckets { layout: self.layout, places: self.bucket_places() }
    }

    /// Where the buckets of [`HistogramRef::buckets`] lie, without their bounds.
    pub fn bucket_places(&self) -> BucketPlaces<'a> {
        let zero = self.numbers.value(self.zero_count());
        BucketPlaces {
            numbers: self.numbers,
            negative: self.negative_buckets().buckets,
            zero: (zero > 0.0 && !self.layout.has_custom_buckets()).then_some(zero),
            positive: self.positive_buckets().buckets,
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

impl HistogramLayout {
    /// The bucket at `place` with `count` in it. Beside the zero bucket it begins where that one ends.
    pub fn bucket(&self, place: BucketPlace, count: f64) -> Bucket {
        match place {
            BucketPlace::Negative(index) => self.beside_zero(self.side_bucket(true, index, count)),
            BucketPlace::Zero => self.zero_bucket(count),
            BucketPlace::Positive(index) => self.beside_zero(self.side_bucket(false, index, count)),
        }
    }

    fn zero_bucket(&self, count: f64) -> Bucket {
        let width = self.zero_threshold();
        Bucket { lower: -width, upper: width, lower_inclusive: true, upper_inclusive: true, count, index: 0 }
    }

    /// The bucket where its index puts it.
    fn side_bucket(&self, is_negative: bool, index: i32, count: f64) -> Bucket {
        let (near, far) = (self.bound(index.wrapping_sub(1)), self.bound(index));
        let (lower, upper) = if is_negative { (-far, -near) } else { (near, far) };
        let is_custom = self.has_custom_buckets();
        Bucket {
            lower,
            upper,
            lower_inclusive: if is_custom { index == 0 } else { lower < 0.0 },
            upper_inclusive: is_custom || upper > 0.0,
            count,
            index,
        }
    }

    /// The bucket, without what the zero bucket covers.
    fn beside_zero(&self, mut bucket: Bucket) -> Bucket {
        let width = self.zero_threshold();
        if bucket.lower > 0.0 && bucket.lower < width {
            bucket.lower = width;
        } else if bucket.upper < 0.0 && bucket.upper > -width {
            bucket.upper = -width;
        }
        bucket
    }
}

impl SideBuckets<'_> {
    fn bucket(&self, (index, cell): (i32, u64)) -> Bucket {
        self.layout.side_bucket(self.is_negative, index, self.numbers.value(cell))
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

impl Iterator for Buckets<'_> {
    type Item = Bucket;

    fn next(&mut self) -> Option<Bucket> {
        let (place, count) = self.places.next()?;
        Some(self.layout.bucket(place, count))
    }
}

impl DoubleEndedIterator for Buckets<'_> {
    fn next_back(&mut self) -> Option<Bucket> {
        let (place, count) = self.places.next_back()?;
        Some(self.layout.bucket(place, count))
    }
}

impl BucketPlaces<'_> {
    fn zero(&mut self) -> Option<(BucketPlace, f64)> {
        self.zero.take().map(|count| (BucketPlace::Zero, count))
    }
}

impl Iterator for BucketPlaces<'_> {
    type Item = (BucketPlace, f64);

    #[inline]
    fn next(&mut self) -> Option<(BucketPlace, f64)> {
        if let Some((index, cell)) = self.negative.next_back() {
            return Some((BucketPlace::Negative(index), self.numbers.value(cell)));
        }
        self.zero().or_else(|| {
            let (index, cell) = self.positive.next()?;
            Some((BucketPlace::Positive(index), self.numbers.value(cell)))
        })
    }
}

impl DoubleEndedIterator for BucketPlaces<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<(BucketPlace, f64)> {
        if let Some((index, cell)) = self.positive.next_back() {
            return Some((BucketPlace::Positive(index), self.numbers.value(cell)));
        }
        self.zero().or_else(|| {
            let (index, cell) = self.negative.next()?;
            Some((BucketPlace::Negative(index), self.numbers.value(cell)))
        })
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
