//! Sums over a window.

use super::windows::Windows;
use super::{Kahan, Mean};
use crate::column::FloatColumn;

/// The sum.
pub(crate) fn sum(windows: Windows<'_>) -> FloatColumn {
    let values = windows.samples.values;
    // Once the sum is infinite nothing is lost any more, and the total is the sum.
    windows.fold(|_| Kahan::default(), |sum, at| sum.add(values[at]), |sum, _| Some(sum.total()))
}

/// The mean.
pub(crate) fn average(windows: Windows<'_>) -> FloatColumn {
    let values = windows.samples.values;
    windows.fold(|_| Mean::default(), |mean, at| mean.add(values[at]), |mean, _| Some(mean.value()))
}

/// What `result` makes of the variance of the population (Welford).
pub(crate) fn variance(windows: Windows<'_>, result: impl Fn(f64) -> f64) -> FloatColumn {
    let values = windows.samples.values;
    let add = |(mean, squares, count): (Kahan, Kahan, f64), at: usize| {
        let count = count + 1.0;
        let before = values[at] - mean.total();
        let mean = mean.add(before / count);
        let squares = squares.add(before * (values[at] - mean.total()));
        (mean, squares, count)
    };
    let start = (Kahan::default(), Kahan::default(), 0.0);
    windows.fold(|_| start, add, |(_, squares, count), _| Some(result(squares.total() / count)))
}
