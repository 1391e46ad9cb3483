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
    windows.fold(
        |window| Some(([0.0; 5], window.values)),
        |state, value| Spread::from(state).add(value, Kahan::add_finite).into(),
        |state, window| {
            // What is not finite once stays so.
            let is_finite = state.iter().all(|part| part.is_finite());
            let exactly = |spread: Spread, value: &f64| spread.add(*value, Kahan::add);
            let spread = if is_finite { state.into() } else { window.values.iter().fold([0.0; 5].into(), exactly) };
            result(spread.squares.total() / spread.count)
        },
    )
}

/// The mean of some values, and the sum of the squares of their distances from it.
#[derive(Debug, Clone, Copy)]
struct Spread {
    mean: Kahan,
    squares: Kahan,
    count: f64,
}

impl Spread {
    /// Takes in `value`, with `add` for additions.
    #[inline(always)]
    fn add(self, value: f64, add: impl Fn(Kahan, f64) -> Kahan) -> Self {
        let count = self.count + 1.0;
        let before = value - self.mean.total();
        let mean = add(self.mean, before / count);
        let squares = add(self.squares, before * (value - mean.total()));
        Self { mean, squares, count }
    }
}

impl From<[f64; 5]> for Spread {
    #[inline(always)]
    fn from([sum, lost, squares, squares_lost, count]: [f64; 5]) -> Self {
        Self { mean: Kahan { sum, lost }, squares: Kahan { sum: squares, lost: squares_lost }, count }
    }
}

impl From<Spread> for [f64; 5] {
    #[inline(always)]
    fn from(Spread { mean, squares, count }: Spread) -> Self {
        [mean.sum, mean.lost, squares.sum, squares.lost, count]
    }
}
