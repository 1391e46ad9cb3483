//! Sums over a window.

use super::{Kahan, Mean};

/// The sum.
pub(crate) fn sum(values: &[f64]) -> f64 {
    let sum = values.iter().fold(Kahan::default(), |sum, value| sum.add(*value));
    if sum.sum.is_infinite() { sum.sum } else { sum.total() }
}

/// The mean; `None` of nothing.
pub(crate) fn average(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().fold(Mean::default(), |mean, value| mean.add(*value)).value())
}

/// The variance of the population (Welford).
pub(crate) fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares, mut count) = (Kahan::default(), Kahan::default(), 0.0);
    for value in values {
        count += 1.0;
        let before = value - mean.total();
        mean = mean.add(before / count);
        squares = squares.add(before * (value - mean.total()));
    }
    squares.total() / count
}
