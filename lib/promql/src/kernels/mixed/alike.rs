//! Windows over histograms of a counter that differ in their counts alone: all windows, where nothing happens.

use super::WorkingHistograms;
use crate::column::MixedBuilder;
use crate::kernels::rate::Extrapolation;
use crate::kernels::windows::{Histograms, MixedWindow};
use crate::kernels::{Kernel, RangeCall};
use model::{BUCKET_CELLS, COUNT_CELL, HistogramLayout, Numbers, ResetHint};

/// Which histograms of a series are alike, and what windows over them were stretched by.
#[derive(Debug, Default)]
pub(super) struct Alike {
    /// Of each histogram the first one from which on all up to it share a plain layout and a counter that did not begin anew;
    /// beyond all of them: it has no such layout, or is a gauge. Empty where nobody looked.
    since: Vec<usize>,
    /// How a window lay to its samples, and its factor; most lie as the one before.
    factor: Option<(Position, f64)>,
    /// By what each count of the window grew.
    growth: Vec<f64>,
}

/// All that the factor depends on of a window whose counter was not zero in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    to_first_ms: i64,
    sampled_ms: i64,
    to_end_ms: i64,
    samples: usize,
}

impl Alike {
    /// Forgets the series before.
    pub(super) fn clear(&mut self) {
        self.since.clear();
        self.factor = None;
    }

    /// Looks at the histograms of a counter; `resets` say before which of them it began anew.
    pub(super) fn find(&mut self, histograms: Histograms<'_>, resets: &[bool]) {
        let (mut since, mut before) = (0, None);
        for (at, (histogram, is_reset)) in histograms.iter().zip(resets).enumerate() {
            let layout: &HistogramLayout = histogram.layout;
            let can_be = layout.is_plain() && histogram.hint != ResetHint::Gauge;
            if *is_reset || !before.is_some_and(|before| std::ptr::eq(before, layout)) {
                since = at;
            }
            before = can_be.then_some(layout);
            self.since.push(if can_be { since } else { usize::MAX });
        }
    }

    /// Whether the histograms of a window are.
    fn covers(&self, window: MixedWindow<'_>) -> bool {
        let Some(last) = window.histograms.rows.len().checked_sub(1) else { return false };
        self.since.get(window.first_histogram + last).is_some_and(|since| *since <= window.first_histogram)
    }
}

impl RangeCall {
    /// Sets `rate` or `increase` of a window of histograms that are alike. False: they are not, or some bucket got nothing, and
    /// the result has fewer then.
    pub(super) fn of_alike(
        &self,
        window: MixedWindow<'_>,
        working: &mut WorkingHistograms,
        out: &mut MixedBuilder,
    ) -> bool {
        let alike = &mut working.alike;
        let histograms = window.histograms;
        let Some(end) = histograms.rows.len().checked_sub(1).filter(|end| *end > 0 && alike.covers(window)) else {
            return false;
        };
        let (Some(first), Some(last)) = (histograms.get(0), histograms.get(end)) else { return false };
        let Some(shared) = histograms.rows.first().and_then(|row| histograms.column.layout(*row)) else { return false };
        let cells = last.cells.iter().zip(first.cells);
        alike.growth.clear();
        match (last.numbers, first.numbers) {
            (Numbers::Integer, Numbers::Integer) => {
                alike.growth.extend(cells.map(|(last, first)| *last as f64 - *first as f64));
            }
            (lasts, firsts) => {
                alike.growth.extend(cells.map(|(last, first)| lasts.value(*last) - firsts.value(*first)));
            }
        }
        // Not `any`, which would look at one after the other.
        let buckets = alike.growth.get(BUCKET_CELLS..).unwrap_or_default();
        if buckets.iter().fold(false, |found, growth| found | (*growth == 0.0)) {
            return false;
        }
        let count = alike.growth.get(COUNT_CELL).copied().unwrap_or_default();
        let factor = self.factor_of(window, (first.numbers.value(first.count()), count), &mut alike.factor);
        let counts = alike.growth.iter().map(|growth| growth * factor);
        out.gauge_histogram(window.step, shared, (last.sum - first.sum) * factor, counts);
        true
    }

    /// By what the growth in a window of at least two histograms is multiplied. `counts` are the first one's and what is to be
    /// multiplied.
    fn factor_of(&self, window: MixedWindow<'_>, counts: (f64, f64), usual: &mut Option<(Position, f64)>) -> f64 {
        let times_ms = window.histograms.timestamps_ms;
        let per_seconds = (self.kernel == Kernel::Rate).then_some(self.range_seconds);
        let extrapolation = Extrapolation { is_counter: true, per_seconds };
        if extrapolation.may_reach_zero(times_ms.len(), counts.0, counts.1) {
            return extrapolation.factor(times_ms, window.bounds_ms, counts, None);
        }
        let (first_ms, last_ms) = (times_ms[0], times_ms[times_ms.len() - 1]);
        let position = Position {
            to_first_ms: first_ms - window.bounds_ms.0,
            sampled_ms: last_ms - first_ms,
            to_end_ms: window.bounds_ms.1 - last_ms,
            samples: times_ms.len(),
        };
        match usual {
            Some((same, factor)) if *same == position => *factor,
            _ => usual.insert((position, extrapolation.factor(times_ms, window.bounds_ms, counts, None))).1,
        }
    }
}
