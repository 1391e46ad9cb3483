//! Classic histograms at one step: a list of buckets.
//!
//! Source: Prometheus 3.14, `promql/quantile.go`; results are the same to the bit.

#[cfg(test)]
mod tests;

use crate::annotations::Repair;
use std::cmp::Ordering;

/// Relative differences of counts up to this are taken for rounding.
const SMALL_DELTA: f64 = 1e-12;

/// A bucket at one step: how many observations were at most `bound`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    pub(super) bound: f64,
    pub(super) count: f64,
}

/// The `q` quantile of a histogram, and how its counts had to be repaired; the buckets are put in order, and stay repaired.
///
/// Within a bucket observations are taken to be spread evenly; the lowest starts at 0 unless its bound is below; in the
/// highest it is the bound before. NaN without observations, with fewer than two bounds, or without one that is +Inf.
pub(super) fn quantile(q: f64, buckets: &mut [Bucket]) -> (f64, Option<Repair>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    let Some(buckets) = in_order(buckets) else { return (f64::NAN, None) };
    let repair = force_monotonic(buckets);
    (interpolate(q, buckets), repair)
}

/// The buckets in the order of their bounds, those of one bound as one; `None` unless the last bound is +Inf.
///
/// What is left over behind them stays as it is, and is found again by who looks at the whole list another time: as in
/// Prometheus 3.14, which for a second quantile counts the last buckets once more if two bounds were equal.
pub(super) fn in_order(buckets: &mut [Bucket]) -> Option<&mut [Bucket]> {
    buckets.sort_by(|a, b| a.bound.partial_cmp(&b.bound).unwrap_or(Ordering::Equal));
    if buckets.last()?.bound != f64::INFINITY {
        return None;
    }
    let mut newest = 0;
    for at in 1..buckets.len() {
        let Bucket { bound, count } = buckets[at];
        if bound == buckets[newest].bound {
            buckets[newest].count += count;
        } else {
            newest += 1;
            buckets[newest] = Bucket { bound, count };
        }
    }
    buckets.get_mut(..=newest)
}

fn interpolate(q: f64, buckets: &[Bucket]) -> f64 {
    let ([first, ..], [.., before_last, last]) = (buckets, buckets) else { return f64::NAN };
    if last.count == 0.0 {
        return f64::NAN;
    }
    let rank = q * last.count;
    let below_last = &buckets[..buckets.len() - 1];
    let at = search(below_last, |bucket| bucket.count >= rank);
    if at == below_last.len() {
        return before_last.bound;
    }
    if at == 0 && first.bound <= 0.0 {
        return first.bound;
    }
    let Bucket { bound, count } = buckets[at];
    let (start, count, rank) = match at.checked_sub(1).map(|below| buckets[below]) {
        Some(below) => (below.bound, count - below.count, rank - below.count),
        None => (0.0, count, rank),
    };
    start + (bound - start) * (rank / count)
}

/// The first bucket that `is_reached` accepts, by halving as Go does it: with NaN among the counts that is what is found.
fn search(buckets: &[Bucket], is_reached: impl Fn(&Bucket) -> bool) -> usize {
    let (mut low, mut high) = (0, buckets.len());
    while low < high {
        let middle = low.midpoint(high);
        if is_reached(&buckets[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Makes counts rise from bucket to bucket; says what had to be done, but for what is taken for rounding.
fn force_monotonic(buckets: &mut [Bucket]) -> Option<Repair> {
    let mut repair: Option<Repair> = None;
    let mut before = buckets.first()?.count;
    for bucket in buckets.iter_mut().skip(1) {
        let count = bucket.count;
        if count == before {
            continue;
        }
        if nearly_equal(before, count) {
            bucket.count = before;
        } else if count < before {
            bucket.count = before;
            let none = Repair {
                min_bucket: f64::INFINITY,
                max_bucket: f64::NEG_INFINITY,
                max_diff: 0.0,
                first_ms: 0,
                last_ms: 0,
                more_samples: 0,
            };
            let repair = repair.get_or_insert(none);
            repair.min_bucket = repair.min_bucket.min(bucket.bound);
            repair.max_bucket = repair.max_bucket.max(bucket.bound);
            repair.max_diff = repair.max_diff.max(before - count);
        } else {
            before = count;
        }
    }
    repair
}

/// Whether two numbers differ by no more than [`SMALL_DELTA`] of their sum.
fn nearly_equal(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DELTA
}
