//! Sums over a window.

use super::sums::totals;
use super::windows::Windows;
use super::{Kahan, KernelScratch, Mean};
use crate::column::FloatColumn;

/// The sum.
pub(crate) fn sum(windows: Windows<'_>, scratch: &mut KernelScratch) -> FloatColumn {
    let exactly = |values: &[f64]| values.iter().fold(Kahan::default(), |sum, value| sum.add(*value)).total();
    totals(windows, scratch, |sum, _| sum.total(), exactly)
}

/// The mean.
pub(crate) fn average(windows: Windows<'_>, scratch: &mut KernelScratch) -> FloatColumn {
    let exactly = |values: &[f64]| values.iter().fold(Mean::default(), |mean, value| mean.add(*value)).value();
    totals(windows, scratch, Mean::of, exactly)
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
    windows.fold_at(|_| start, add, |(_, squares, count), _| Some(result(squares.total() / count)))
}
