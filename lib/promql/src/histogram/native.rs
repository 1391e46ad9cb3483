//! What one native histogram says.
//!
//! Source: Prometheus 3.14, `promql/quantile.go` and `promql/functions.go`; results are the same to the bit.

#[cfg(test)]
mod tests;

use crate::kernels::Kahan;
use crate::maths::{exp2, log2};
use model::{Bucket, HistogramRef};

/// Observations that are no numbers count, but are in no bucket: what that did to a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NanEffect {
    /// It lies among them.
    Result,
    /// It is higher than it would be without them.
    Skew,
}

/// The functions of the language that take each native histogram by itself, by name.
pub(crate) fn function(name: &str) -> Option<fn(&HistogramRef<'_>) -> f64> {
    Some(match name {
        "histogram_count" => count,
        "histogram_sum" => |histogram| histogram.sum,
        "histogram_avg" => |histogram| histogram.sum / count(histogram),
        "histogram_stddev" => |histogram| variance(histogram).sqrt(),
        "histogram_stdvar" => variance,
        _ => return None,
    })
}

/// How many observations there are.
pub(super) fn count(histogram: &HistogramRef<'_>) -> f64 {
    histogram.numbers.value(histogram.count())
}

/// The mean squared distance from the mean, if all observations in a bucket were its middle: the arithmetic mean of custom
/// bounds, the geometric mean of others, 0 in the zero bucket.
fn variance(histogram: &HistogramRef<'_>) -> f64 {
    let layout = histogram.layout;
    let all = count(histogram);
    let mean = histogram.sum / all;
    let mut squares = Kahan::default();
    for Bucket { lower, upper, count, .. } in histogram.buckets().filter(|bucket| bucket.count != 0.0) {
        let middle = if layout.has_custom_buckets() {
            (upper + lower) / 2.0
        } else if lower <= 0.0 && upper >= 0.0 {
            0.0
        } else {
            (upper * lower).sqrt().copysign(upper)
        };
        let distance = middle - mean;
        squares = squares.add(count * distance * distance);
    }
    squares.total() / all
}

/// The `q` quantile. Within a bucket observations are taken to be spread as they would be over ever finer buckets of that
/// kind: evenly in custom ones and in the zero bucket, evenly by their logarithm in others. NaN without observations.
pub(super) fn quantile(q: f64, histogram: &HistogramRef<'_>) -> (f64, Option<NanEffect>) {
    let all = count(histogram);
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if all == 0.0 || q.is_nan() {
        return (f64::NAN, None);
    }
    // From the nearer end; but if some observations are no numbers, it is known only how many there are below.
    let (may_have_nan, layout) = (histogram.sum.is_nan(), histogram.layout);
    let upwards = may_have_nan || q < 0.5;
    let rank = if upwards { q * all } else { (1.0 - q) * all };
    let mut buckets = histogram.buckets();
    let (mut count, mut newest) = (0.0, None);
    while let Some(bucket) = if upwards { buckets.next() } else { buckets.next_back() } {
        newest = Some(bucket);
        if bucket.count != 0.0 {
            count += bucket.count;
            if count >= rank {
                break;
            }
        }
    }
    let parts = |bucket: Bucket| (bucket.lower, bucket.upper, bucket.count);
    let (mut lower, mut upper, mut in_bucket) = newest.map_or((0.0, 0.0, 0.0), parts);
    if layout.has_custom_buckets() {
        if lower == f64::NEG_INFINITY {
            if upper <= 0.0 {
                return (upper, None);
            }
            lower = 0.0;
        } else if upper == f64::INFINITY {
            return (lower, None);
        }
    } else if lower < 0.0 && upper > 0.0 {
        (lower, upper) = zero_bounds(histogram, (lower, upper));
    }
    // Sums of parts may be more than the whole.
    count = if count > all { all } else { count };
    if count < rank {
        return if may_have_nan { (f64::NAN, Some(NanEffect::Result)) } else { (upper, None) };
    }
    let in_rank = if upwards { rank - (count - in_bucket) } else { count - rank };
    let mut is_skewed = false;
    if may_have_nan {
        // As in Prometheus 3.14, which goes on with the last bucket once it has looked whether all are in one.
        for rest in buckets {
            count += rest.count;
            (lower, upper, in_bucket) = parts(rest);
        }
        is_skewed = count < all;
    }
    let fraction = in_rank / in_bucket;
    let value = if layout.has_custom_buckets() || (lower <= 0.0 && upper >= 0.0) {
        lower + (upper - lower) * fraction
    } else {
        let (of_lower, of_upper) = (log2(lower.abs()), log2(upper.abs()));
        if lower > 0.0 {
            exp2(of_lower + (of_upper - of_lower) * fraction)
        } else {
            -exp2(of_upper + (of_lower - of_upper) * (1.0 - fraction))
        }
    };
    (value, is_skewed.then_some(NanEffect::Skew))
}

/// The bounds of the zero bucket: where observations are on one side of 0 only, they are in it as well.
pub(super) fn zero_bounds(histogram: &HistogramRef<'_>, (lower, upper): (f64, f64)) -> (f64, f64) {
    match (histogram.layout.negative_buckets(), histogram.layout.positive_buckets()) {
        (0, 1..) => (0.0, upper),
        (1.., 0) => (lower, 0.0),
        _ => (lower, upper),
    }
}
