//! `anchored` and `smoothed`: the bounds of a window have values of their own, found from samples around it.
//!
//! An anchored window begins with the last sample before it; at the bounds of a smoothed one values lie on the line between
//! the samples on both sides.

use super::rate::{is_change, is_reset};
use super::windows::{Margin, Samples, Window, Windows, advance};
use super::{Kernel, RangeCall};
use crate::ast::Boundary;
use crate::column::{ColumnBuilder, FloatColumn};
use crate::plan::Shift;
use crate::{Grid, QueryError};
use model::SampleColumns;

/// How far around a window samples are looked for.
pub(crate) fn margin(boundary: Option<Boundary>, lookback_ms: i64) -> Margin {
    match boundary {
        None => Margin::default(),
        Some(Boundary::Anchored) => Margin { before_ms: lookback_ms, behind_ms: 0 },
        Some(Boundary::Smoothed) => Margin { before_ms: lookback_ms, behind_ms: lookback_ms },
    }
}

impl RangeCall {
    /// Computes the column of one series of floats; `windows` are wider by their margin.
    pub(super) fn extended(&self, windows: Windows<'_>, boundary: Boundary) -> Result<FloatColumn, QueryError> {
        let per_seconds = (self.kernel == Kernel::Rate).then_some(self.range_seconds);
        let difference = |is_counter| {
            windows.map(|window| {
                if window.timestamps_ms.first().is_some_and(|first_ms| *first_ms > window.end_ms) {
                    return None;
                }
                let ends = Ends::of(window, boundary, is_counter)?;
                let mut result = ends.right - ends.left;
                if is_counter {
                    result += ends.resets(window);
                }
                Some(per_seconds.map_or(result, |seconds| result / seconds))
            })
        };
        Ok(match self.kernel {
            Kernel::Rate | Kernel::Increase => difference(true),
            Kernel::Delta => difference(false),
            Kernel::Resets => count_pairs(windows, is_reset),
            Kernel::Changes => count_pairs(windows, is_change),
            // The plan lets no others through.
            kernel => return Err(QueryError::Internal(format!("{kernel:?} of an extended range"))),
        })
    }
}

/// The values at the bounds of a window, and the samples between them.
#[derive(Debug, Clone, Copy)]
struct Ends {
    left: f64,
    right: f64,
    /// Positions in the window of the samples that are within the bounds: the end is outside.
    within: (usize, usize),
}

impl Ends {
    /// `None`: there is no sample in the window, margins aside.
    fn of(window: Window<'_>, boundary: Boundary, is_counter: bool) -> Option<Self> {
        let samples = window.samples();
        let times = samples.timestamps_ms;
        let smoothed = boundary == Boundary::Smoothed;
        let mut last = times.len().checked_sub(1)?;
        let first = times[..last].partition_point(|time_ms| *time_ms <= window.start_ms).saturating_sub(1);
        if smoothed {
            last = times[..last].partition_point(|time_ms| *time_ms < window.end_ms);
        }
        if times[last] <= window.start_ms {
            return None;
        }
        let left = match times.get(first + 1) {
            Some(_) if smoothed && times[first] < window.start_ms => {
                interpolate(samples, first, window.start_ms, is_counter)
            }
            _ => samples.values[first],
        };
        let right = match last.checked_sub(1) {
            Some(before) if smoothed && times[last] > window.end_ms => {
                interpolate(samples, before, window.end_ms, is_counter)
            }
            _ => samples.values[last],
        };
        let start = first + usize::from(times[first] <= window.start_ms);
        let end = last + usize::from(times[last] < window.end_ms);
        Some(Self { left, right, within: (start, end.max(start)) })
    }

    /// What counters had when they were reset.
    fn resets(self, window: Window<'_>) -> f64 {
        let (start, end) = self.within;
        let mut resets = 0.0;
        let mut before = self.left;
        for value in window.values[start..end].iter().chain([&self.right]) {
            if *value < before {
                resets += before;
            }
            before = *value;
        }
        resets
    }
}

/// The value at `time_ms` on the line from the sample at `at` to the next one. A counter that is reset between them starts
/// at 0.
fn interpolate(samples: Samples<'_>, at: usize, time_ms: i64, is_counter: bool) -> f64 {
    let [from_ms, to_ms] = [samples.timestamps_ms[at], samples.timestamps_ms[at + 1]];
    let [mut from, to] = [samples.values[at], samples.values[at + 1]];
    if is_counter && to < from {
        from = 0.0;
    }
    from + (to - from) * (time_ms - from_ms) as f64 / (to_ms - from_ms) as f64
}

/// How many neighbours are as `is_one` says, from the last sample before the window on.
fn count_pairs(windows: Windows<'_>, is_one: impl Fn(Samples<'_>, usize) -> bool) -> FloatColumn {
    windows.map(|window| {
        let samples = window.samples();
        let before = samples.timestamps_ms.partition_point(|time_ms| *time_ms <= window.start_ms);
        let has_sample = before < samples.values.len();
        let found = (before.max(1)..samples.values.len()).filter(|at| is_one(samples, *at)).count();
        has_sample.then_some(found as f64)
    })
}

/// A smoothed instant selector: at each step the value on the line between the samples on both sides, none further than the
/// lookback; the one before if there is none behind.
pub(crate) fn smoothed(samples: Samples<'_>, grid: &Grid, shift: Shift, lookback_ms: i64) -> FloatColumn {
    let mut out = ColumnBuilder::new(grid.steps());
    let mut end = 0;
    for (step, step_ms) in grid.times_ms().enumerate() {
        let time_ms = shift.apply(step_ms);
        let (first_ms, last_ms) = (time_ms.saturating_sub(lookback_ms), time_ms.saturating_add(lookback_ms));
        end = advance(samples.timestamps_ms, end, time_ms);
        let Some(before) = end.checked_sub(1).filter(|at| samples.timestamps_ms[*at] > first_ms) else { continue };
        let is_exact = samples.timestamps_ms[before] == time_ms;
        let has_next = samples.timestamps_ms.get(end).is_some_and(|next_ms| *next_ms <= last_ms);
        let value = match has_next && !is_exact {
            true => interpolate(samples, before, time_ms, false),
            false => samples.values[before],
        };
        out.set(step, value);
    }
    out.build()
}

/// The samples of an extended range: those within, and values at both bounds.
pub(crate) fn extend(samples: Samples<'_>, (start_ms, end_ms): (i64, i64), boundary: Boundary) -> SampleColumns {
    let mut out = SampleColumns::default();
    let Samples { timestamps_ms, values, starts_ms } = samples;
    let window = Window { step: 0, time_ms: end_ms, start_ms, end_ms, first: 0, timestamps_ms, values, starts_ms };
    let Some(ends) = Ends::of(window, boundary, false) else { return out };
    out.push(start_ms, ends.left);
    for at in ends.within.0..ends.within.1 {
        out.push(timestamps_ms[at], values[at]);
    }
    out.push(end_ms, ends.right);
    out
}
