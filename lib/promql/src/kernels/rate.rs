//! How fast a counter or a gauge changes.

use super::KernelScratch;
use super::windows::{Window, Windows};
use crate::column::FloatColumn;

/// `rate`, `increase` and `delta`: the difference of the ends, for counters with resets added back, extrapolated to the
/// bounds of the window.
pub(crate) fn extrapolated(
    windows: Windows<'_>,
    is_counter: bool,
    per_second: bool,
    scratch: &mut KernelScratch,
) -> FloatColumn {
    let resets = &mut scratch.indices;
    resets.clear();
    if is_counter {
        find_pairs(windows.samples.values, |before, after| after < before, resets);
    }
    let mut next_reset = 0;
    let extrapolation = Extrapolation { is_counter, per_seconds: per_second.then(|| whole_and_rest(windows.range_ms)) };
    windows.map(|window| {
        let (first, last) = (*window.values.first()?, *window.values.last()?);
        if window.values.len() < 2 {
            return None;
        }
        let mut result = last - first;
        while resets.get(next_reset).is_some_and(|at| *at <= window.first) {
            next_reset += 1;
        }
        // A reset at a position is against the sample before it, which has to be in the window as well.
        for at in resets[next_reset..].iter().take_while(|at| **at < window.first + window.values.len()) {
            result += window.values[at - window.first - 1];
        }
        Some(result * extrapolation.factor(window, first, result))
    })
}

/// How the difference of the ends of a window is stretched to its bounds.
#[derive(Debug, Clone, Copy)]
struct Extrapolation {
    is_counter: bool,
    /// The width of the window, if what is wanted is a rate.
    per_seconds: Option<f64>,
}

impl Extrapolation {
    /// By what the difference is multiplied. `first` is the first value, and `result` the difference.
    fn factor(self, window: Window<'_>, first: f64, result: f64) -> f64 {
        let times = window.timestamps_ms;
        let (first_ms, last_ms) = (times[0], times[times.len() - 1]);
        // Side by side, since divisions are slow.
        let [sampled, mut to_start, mut to_end] =
            [last_ms - first_ms, first_ms - window.start_ms, window.end_ms - last_ms].map(|ms| ms as f64 / 1000.0);
        let spacing = sampled / (times.len() - 1) as f64;
        // The window is taken to go on to its bound if a sample is not much further from it than samples are from each other,
        // and else for half of that.
        let threshold = spacing * 1.1;
        if to_start >= threshold {
            to_start = spacing / 2.0;
        }
        // No counter was below zero: how far back that is. It is further than anything that is asked here if the counter
        // has not even doubled.
        let may_reach_zero = times.len() < 3 || first < result;
        if self.is_counter && result > 0.0 && first >= 0.0 && may_reach_zero {
            let to_zero = sampled * (first / result);
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
        if to_end >= threshold {
            to_end = spacing / 2.0;
        }
        let factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
        self.per_seconds.map_or(factor, |seconds| factor / seconds)
    }
}

/// Seconds of a number of milliseconds as Go's `Duration.Seconds` has them: the whole ones and the rest, each rounded.
fn whole_and_rest(ms: i64) -> f64 {
    (ms / 1000) as f64 + (ms % 1000 * 1_000_000) as f64 / 1e9
}

/// `irate` and `idelta`: from the last two samples.
pub(crate) fn of_last_two(windows: Windows<'_>, is_rate: bool) -> FloatColumn {
    windows.map(|window| {
        let [.., before, last] = window.values else { return None };
        let [.., before_ms, last_ms] = window.timestamps_ms else { return None };
        let spacing_ms = last_ms - before_ms;
        let change = if is_rate && last < before { *last } else { last - before };
        let value = if is_rate { change / (spacing_ms as f64 / 1000.0) } else { change };
        (spacing_ms != 0).then_some(value)
    })
}

/// How many neighbours in the window are as `is_one` says.
pub(crate) fn count_pairs(
    windows: Windows<'_>,
    is_one: impl Fn(f64, f64) -> bool,
    scratch: &mut KernelScratch,
) -> FloatColumn {
    let found = &mut scratch.indices;
    found.clear();
    find_pairs(windows.samples.values, is_one, found);
    let (mut first, mut end) = (0, 0);
    windows.map(|window| {
        while found.get(first).is_some_and(|at| *at <= window.first) {
            first += 1;
        }
        end = end.max(first);
        while found.get(end).is_some_and(|at| *at < window.first + window.values.len()) {
            end += 1;
        }
        Some((end - first) as f64)
    })
}

/// The positions of values that, with the one before them, are as `is_one` says.
fn find_pairs(values: &[f64], is_one: impl Fn(f64, f64) -> bool, found: &mut Vec<usize>) {
    for (at, pair) in values.windows(2).enumerate() {
        if is_one(pair[0], pair[1]) {
            found.push(at + 1);
        }
    }
}
