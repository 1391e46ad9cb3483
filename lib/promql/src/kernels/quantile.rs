//! Quantiles of plain values.

use std::cmp::Ordering;

/// So few values are sorted, in a way that keeps the order of equal ones (0 and −0), as Go does with so few.
const SORTED_WHOLE: usize = 12;

/// The `q` quantile of `values`, interpolated; they are put in another order. NaN of nothing.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let last = values.len() - 1;
    let rank = q * last as f64;
    let lower = rank.floor() as usize;
    let weight = rank - rank.floor();
    if values.len() <= SORTED_WHOLE {
        values.sort_by(nan_first);
        return values[lower] * (1.0 - weight) + values[last.min(lower + 1)] * weight;
    }
    // Only the two places that count are sorted.
    let (_, low, above) = values.select_nth_unstable_by(lower.min(last), nan_first);
    let low = *low;
    let high = above.iter().copied().min_by(nan_first).unwrap_or(low);
    low * (1.0 - weight) + high * weight
}

/// The median distance from the median; NaN if any value is.
pub(crate) fn deviation(values: &[f64], scratch: &mut Vec<f64>) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    scratch.clear();
    scratch.extend_from_slice(values);
    let median = quantile(0.5, scratch);
    for value in scratch.iter_mut() {
        *value = (*value - median).abs();
    }
    quantile(0.5, scratch)
}

/// NaN is less than everything.
fn nan_first(a: &f64, b: &f64) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}
