//! Sums of the values of windows, as they are if the values are added in order.

use super::windows::{Window, Windows};
use super::{Kahan, KernelScratch};
use crate::column::{ColumnBuilder, FloatColumn};

/// So many windows are added up side by side: each addition has to wait for the one before it.
const LANES: usize = 4;

/// What `done` makes of the sum of each window; what it makes of a sum that is not finite, `exactly` makes of the values.
pub(super) fn totals(
    windows: Windows<'_>,
    scratch: &mut KernelScratch,
    done: impl Fn(Kahan, f64) -> f64,
    exactly: impl Fn(&[f64]) -> f64,
) -> FloatColumn {
    if whole_sums(windows.samples.values, &mut scratch.values) {
        let sums = &scratch.values;
        return windows.map(|window| {
            let sum = sums[window.first + window.values.len()] - sums[window.first];
            Some(done(Kahan { sum, lost: 0.0 }, window.values.len() as f64))
        });
    }
    let mut out = ColumnBuilder::new(windows.grid.steps());
    let mut slots = out.slots();
    let mut finish = |step: usize, values: &[f64], sum: Kahan| {
        let is_finite = sum.sum.is_finite() && sum.lost.is_finite();
        slots.set(step, if is_finite { done(sum, values.len() as f64) } else { exactly(values) });
    };
    let mut waiting: [(usize, &[f64]); LANES] = [(0, &[]); LANES];
    let mut count = 0;
    windows.each(|Window { step, values, .. }| {
        waiting[count] = (step, values);
        count += 1;
        if count == LANES {
            count = 0;
            for (sum, (step, values)) in side_by_side(waiting.map(|(_, values)| values)).into_iter().zip(waiting) {
                finish(step, values, sum);
            }
        }
    });
    for (step, values) in &waiting[..count] {
        finish(*step, values, Kahan::default().add_all(values));
    }
    out.build()
}

/// The sum of each, as long as it is finite.
fn side_by_side(windows: [&[f64]; LANES]) -> [Kahan; LANES] {
    let common = windows.iter().map(|values| values.len()).fold(usize::MAX, usize::min);
    let (mut sums, mut lost) = ([0.0; LANES], [0.0; LANES]);
    let common_parts = windows.map(|values| &values[..common]);
    for at in 0..common {
        let values: [f64; LANES] = common_parts.map(|values| values[at]);
        for lane in 0..LANES {
            let next = Kahan { sum: sums[lane], lost: lost[lane] }.add_finite(values[lane]);
            (sums[lane], lost[lane]) = (next.sum, next.lost);
        }
    }
    std::array::from_fn(|lane| Kahan { sum: sums[lane], lost: lost[lane] }.add_all(&windows[lane][common..]))
}

impl Kahan {
    /// As [`Kahan::add`], as long as the sum is finite: then what rounding took is the same whichever of the two is greater.
    #[inline(always)]
    pub(super) fn add_finite(self, value: f64) -> Self {
        let sum = self.sum + value;
        let added = sum - self.sum;
        let lost = self.lost + ((self.sum - (sum - added)) + (value - added));
        Self { sum, lost }
    }

    fn add_all(self, values: &[f64]) -> Self {
        values.iter().fold(self, |sum, value| sum.add_finite(*value))
    }
}

/// The sums of all values before each, and of all, if they are whole numbers and so small that nothing is ever rounded:
/// then the order makes no difference.
fn whole_sums(values: &[f64], sums: &mut Vec<f64>) -> bool {
    const BLOCK: usize = 4;
    /// Added to a number and taken away again this leaves it whole.
    const ROUNDS: f64 = 6_755_399_441_055_744.0;
    /// Below that, all whole numbers are there.
    const MOST: f64 = 4_503_599_627_370_496.0;
    sums.clear();
    sums.reserve(values.len() + BLOCK);
    sums.push(0.0);
    let (mut sum, mut sizes) = (0.0, [0.0; BLOCK]);
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    let mut last = [0.0; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    for block in blocks.iter().chain([&last]) {
        if block.iter().any(|value| (value + ROUNDS) - ROUNDS != *value) {
            return false;
        }
        for (size, value) in sizes.iter_mut().zip(block) {
            *size += value.abs();
        }
        let [a, b, c, d] = *block;
        let pair = a + b;
        sums.extend([sum + a, sum + pair, sum + (pair + c), sum + (pair + (c + d))]);
        sum += pair + (c + d);
    }
    sizes.iter().sum::<f64>() < MOST
}
