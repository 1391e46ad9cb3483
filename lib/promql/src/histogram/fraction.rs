//! How much of a histogram lies between two numbers.
//!
//! Source: Prometheus 3.14, `promql/quantile.go`; results are the same to the bit.

#[cfg(test)]
mod tests;

use super::classic::{self, Bucket};
use super::native::{count, zero_bounds};
use crate::maths::log2;
use model::HistogramRef;

/// Two numbers, and how many observations are found to be below each.
#[derive(Debug, Clone, Copy)]
struct Between {
    values: (f64, f64),
    ranks: (Option<f64>, Option<f64>),
}

impl Between {
    /// Takes the next bucket, with `below` observations under it; `within` says how many are below a number inside. Answers
    /// whether all is known.
    fn bucket(&mut self, (lower, upper): (f64, f64), below: f64, within: impl Fn(f64) -> f64) -> bool {
        let rank = |value| {
            if lower >= value {
                Some(below)
            } else if lower < value && upper > value {
                Some(within(value))
            } else {
                None
            }
        };
        self.ranks = (self.ranks.0.or_else(|| rank(self.values.0)), self.ranks.1.or_else(|| rank(self.values.1)));
        self.ranks.0.is_some() && self.ranks.1.is_some()
    }

    /// How many of `count` observations are between the two.
    fn count(self, count: f64) -> f64 {
        let bounded = |rank: Option<f64>| rank.map_or(count, |rank| if rank > count { count } else { rank });
        bounded(self.ranks.1) - bounded(self.ranks.0)
    }
}

/// What of the observations of a native histogram is between two numbers; and whether it has some that are no numbers, which
/// are nowhere. NaN without observations.
pub(super) fn of_native((lower, upper): (f64, f64), histogram: &HistogramRef<'_>) -> (f64, bool) {
    let (all, layout) = (count(histogram), histogram.layout);
    if all == 0.0 || lower.is_nan() || upper.is_nan() {
        return (f64::NAN, false);
    }
    if lower >= upper {
        return (0.0, false);
    }
    let mut between = Between { values: (lower, upper), ranks: (None, None) };
    let (mut count, mut below) = (0.0, 0.0);
    let mut buckets = histogram.buckets();
    for bucket in buckets.by_ref() {
        let (mut bounds, in_bucket) = ((bucket.lower, bucket.upper), bucket.count);
        count += in_bucket;
        let is_zero = bounds.0 <= 0.0 && bounds.1 >= 0.0;
        if is_zero {
            bounds = zero_bounds(histogram, bounds);
        }
        let within = |value: f64| match layout.has_custom_buckets() || is_zero {
            // Nothing is known of where they are in a bucket without a lower bound: as if it were all empty.
            true if bounds.0 == f64::NEG_INFINITY => in_bucket,
            true => below + in_bucket * ((value - bounds.0) / (bounds.1 - bounds.0)),
            false => below + in_bucket * by_logarithm(value, bounds),
        };
        if between.bucket(bounds, below, within) {
            break;
        }
        below += in_bucket;
    }
    if !histogram.sum.is_nan() {
        return (between.count(all) / all, false);
    }
    let in_buckets = buckets.map(|bucket| bucket.count).fold(count, |sum, next| sum + next);
    (between.count(in_buckets) / all, in_buckets < all)
}

/// What part of a bucket is below `value`, if observations are spread evenly by their logarithm.
fn by_logarithm(value: f64, (lower, upper): (f64, f64)) -> f64 {
    let (of_lower, of_upper, of_value) = (log2(lower.abs()), log2(upper.abs()), log2(value.abs()));
    if value > 0.0 {
        (of_value - of_lower) / (of_upper - of_lower)
    } else {
        1.0 - ((of_value - of_upper) / (of_lower - of_upper))
    }
}

/// What of the observations of a classic histogram is between two numbers; the buckets are put in order. NaN without
/// observations, or without a bucket up to +Inf.
pub(super) fn of_classic((lower, upper): (f64, f64), buckets: &mut [Bucket]) -> f64 {
    let Some(buckets) = classic::in_order(buckets) else { return f64::NAN };
    let ([first, ..], [.., last]) = (&*buckets, &*buckets) else { return f64::NAN };
    let all = last.count;
    if all == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut between = Between { values: (lower, upper), ranks: (None, None) };
    let (mut start, mut below) = (if first.bound <= 0.0 { f64::NEG_INFINITY } else { 0.0 }, 0.0);
    for Bucket { bound, count } in buckets.iter().copied() {
        let within = |value: f64| match start == f64::NEG_INFINITY {
            true => count,
            false => below + (count - below) * (value - start) / (bound - start),
        };
        if between.bucket((start, bound), below, within) {
            break;
        }
        (start, below) = (bound, count);
    }
    between.count(all) / all
}
