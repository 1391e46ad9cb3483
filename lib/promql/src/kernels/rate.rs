//! How fast a counter or a gauge changes.

use super::regular::Alike;
use super::windows::{Samples, Windows};
use super::{Kernel, KernelScratch};
use crate::column::{FloatColumn, Slots};

/// What windows were extrapolated to.
pub(crate) struct Extrapolated {
    pub(crate) column: FloatColumn,
    /// In how many windows a counter began before the sample before was taken, and not where that one's did.
    pub(crate) overlaps: u64,
}

/// `rate`, `increase` and `delta`: the difference of the ends, for counters with resets added back, extrapolated to the
/// bounds of the window. A counter that is known to have begun in the window was 0 then.
pub(crate) fn extrapolated(
    windows: Windows<'_>,
    kernel: Kernel,
    range_seconds: f64,
    scratch: &mut KernelScratch,
) -> Extrapolated {
    let is_counter = kernel != Kernel::Delta;
    let KernelScratch { indices: resets, values: results, .. } = scratch;
    resets.clear();
    if is_counter && may_have_resets(windows.samples) {
        find_pairs(windows.samples, is_reset, resets);
    }
    let mut next_reset = 0;
    let per_seconds = (kernel == Kernel::Rate).then_some(range_seconds);
    let extrapolation = Extrapolation { is_counter, per_seconds };
    let mut overlaps = 0;
    let alike = |row: Alike, slots: &mut Slots<'_>| {
        results.clear();
        row.differences(windows.samples.values, resets, results);
        extrapolation.stretch(row, results, windows, slots);
    };
    let column = windows.map_rows(alike, |window| {
        let (first, last) = (*window.values.first()?, *window.values.last()?);
        let began_ms = began_ms(window.starts_ms, window.timestamps_ms, window.start_ms).filter(|_| is_counter);
        if is_counter && !window.starts_ms.is_empty() {
            overlaps += u64::from(has_overlap(window.starts_ms, window.timestamps_ms));
        }
        if window.values.len() < 2 && began_ms.is_none() {
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
        if began_ms.is_some() {
            result += first;
        }
        let bounds_ms = (window.start_ms, window.end_ms);
        Some(result * extrapolation.factor(window.timestamps_ms, bounds_ms, (first, result), began_ms))
    });
    Extrapolated { column, overlaps }
}

impl Alike {
    /// Appends the difference of the ends of each window, with `resets` added back; none if they have one sample.
    fn differences(self, values: &[f64], resets: &[usize], results: &mut Vec<f64>) {
        let Self { first, stride, len, count, .. } = self;
        if len < 2 {
            return;
        }
        let ends = self.each_of(&values[first..]).zip(self.each_of(&values[first + len - 1..]));
        results.extend(ends.map(|(first, last)| last - first));
        // A reset at a position is against the sample before it: it is seen by windows that begin before the one and end
        // behind the other.
        for at in resets {
            let Some(behind) = at.checked_sub(first + 1) else { continue };
            let until = count.min(behind / stride + 1);
            let from = (behind + 1).checked_sub(len).map_or(0, |out| out / stride + 1);
            let seen = results.get_mut(from..until).unwrap_or_default();
            seen.iter_mut().for_each(|result| *result += values[at - 1]);
        }
    }
}

/// When the counter of the first sample began, if that was after `from_ms`, where the window starts.
pub(super) fn began_ms(starts_ms: &[i64], timestamps_ms: &[i64], from_ms: i64) -> Option<i64> {
    let (start_ms, first_ms) = (*starts_ms.first()?, *timestamps_ms.first()?);
    (start_ms != 0 && start_ms > from_ms && start_ms < first_ms).then_some(start_ms)
}

/// Whether a counter began before the sample before was taken, and not where that one's did.
pub(super) fn has_overlap(starts_ms: &[i64], timestamps_ms: &[i64]) -> bool {
    starts_ms.windows(2).zip(timestamps_ms).any(|(starts, before_ms)| {
        let [before, start] = [starts[0], starts[1]];
        start != 0 && start < *before_ms && start != before
    })
}

/// How the difference of the ends of a window is stretched to its bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extrapolation {
    pub(super) is_counter: bool,
    /// The width of the window, if what is wanted is a rate.
    pub(super) per_seconds: Option<f64>,
}

impl Extrapolation {
    /// By what the difference is multiplied; `times` are those of the samples in the window, `result` is that difference (of
    /// histograms of their counts), and `began_ms` when the counter began, if that was in the window.
    pub(super) fn factor(
        self,
        times: &[i64],
        (start_ms, end_ms): (i64, i64),
        (first, result): (f64, f64),
        began_ms: Option<i64>,
    ) -> f64 {
        let (first_ms, last_ms) = (times[0], times[times.len() - 1]);
        // Side by side, since divisions are slow.
        let [sampled, mut to_start, mut to_end] =
            [last_ms - first_ms, first_ms - start_ms, end_ms - last_ms].map(|ms| ms as f64 / 1000.0);
        let spacing = if times.len() > 1 { sampled / (times.len() - 1) as f64 } else { 0.0 };
        // The window is taken to go on to its bound if a sample is not much further from it than samples are from each other,
        // and else for half of that.
        let threshold = spacing * 1.1;
        if to_end >= threshold {
            to_end = spacing / 2.0;
        }
        if let Some(began_ms) = began_ms {
            let sampled = (last_ms - began_ms) as f64 / 1000.0;
            return self.of((sampled + to_end) / sampled);
        }
        if to_start >= threshold {
            to_start = spacing / 2.0;
        }
        // No counter was below zero: how far back that is.
        if self.may_reach_zero(times.len(), first, result) {
            let to_zero = sampled * (first / result);
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
        let factor = if sampled == 0.0 { 1.0 } else { (sampled + to_start + to_end) / sampled };
        self.of(factor)
    }

    /// Multiplies the differences of windows that are alike.
    fn stretch(self, row: Alike, differences: &[f64], windows: Windows<'_>, slots: &mut Slots<'_>) {
        if differences.is_empty() {
            return;
        }
        let Samples { timestamps_ms, values, .. } = windows.samples;
        let times = &timestamps_ms[row.first..row.first + row.len];
        let bounds_ms = windows.bounds_ms(row.step);
        let usual = self.factor(times, bounds_ms, (0.0, 0.0), None);
        let firsts = row.each_of(&values[row.first..]);
        for ((slot, first), result) in slots.row(row.places()).zip(firsts).zip(differences) {
            let factor = match self.may_reach_zero(row.len, *first, *result) {
                true => self.factor(times, bounds_ms, (*first, *result), None),
                false => usual,
            };
            *slot = result * factor;
        }
        slots.set_row(row.places());
    }

    /// Whether the counter could have been zero on the way back to the start of the window: it was further back than anything
    /// that is asked here if it has not even doubled.
    pub(super) fn may_reach_zero(self, samples: usize, first: f64, result: f64) -> bool {
        self.is_counter && result > 0.0 && first >= 0.0 && (samples < 3 || first < result)
    }

    fn of(self, factor: f64) -> f64 {
        self.per_seconds.map_or(factor, |seconds| factor / seconds)
    }
}

/// `irate` and `idelta`: from the last two samples.
pub(crate) fn of_last_two(windows: Windows<'_>, is_rate: bool) -> FloatColumn {
    windows.map(|window| {
        let [.., before, last] = window.values else { return None };
        let [.., before_ms, last_ms] = window.timestamps_ms else { return None };
        let spacing_ms = last_ms - before_ms;
        let anew = is_rate && is_reset(windows.samples, window.first + window.values.len() - 1);
        let change = if anew { *last } else { last - before };
        let value = if is_rate { change / (spacing_ms as f64 / 1000.0) } else { change };
        (spacing_ms != 0).then_some(value)
    })
}

/// How many neighbours in the window are as `is_one` says of the samples and the position of the later one.
pub(crate) fn count_pairs(
    windows: Windows<'_>,
    is_one: impl Fn(Samples<'_>, usize) -> bool,
    scratch: &mut KernelScratch,
) -> FloatColumn {
    let found = &mut scratch.indices;
    found.clear();
    find_pairs(windows.samples, is_one, found);
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

/// The positions of samples that, with the one before them, are as `is_one` says.
fn find_pairs(samples: Samples<'_>, is_one: impl Fn(Samples<'_>, usize) -> bool, found: &mut Vec<usize>) {
    found.extend((1..samples.values.len()).filter(|at| is_one(samples, *at)));
}

/// Most counters have none, and that is seen at a glance: not `any`, which would look at one pair after the other.
fn may_have_resets(samples: Samples<'_>) -> bool {
    let Samples { values, starts_ms, .. } = samples;
    let falls = values.iter().zip(values.get(1..).unwrap_or_default());
    !starts_ms.is_empty() || falls.fold(false, |found, (before, after)| found | (after < before))
}

/// Whether the counter of the sample at `at`, which is not the first, began anew after the one before it.
#[inline]
pub(crate) fn is_reset(samples: Samples<'_>, at: usize) -> bool {
    let Samples { timestamps_ms, values, starts_ms } = samples;
    let pair = |of: &[i64]| [of[at - 1], of[at]];
    values[at] < values[at - 1] || (!starts_ms.is_empty() && began_between(pair(starts_ms), pair(timestamps_ms)))
}

/// Whether the value of the sample at `at`, which is not the first, is another than that of the one before it.
pub(crate) fn is_change(samples: Samples<'_>, at: usize) -> bool {
    let (before, after) = (samples.values[at - 1], samples.values[at]);
    before != after && !(before.is_nan() && after.is_nan())
}

/// Whether the counter behind the later of two samples is known to have begun after the earlier one was taken. A start at
/// the very time of a sample means that it is not known; at that of the sample before it is one only if that one's is known.
pub(crate) fn began_between([before_start, start]: [i64; 2], [before_ms, time_ms]: [i64; 2]) -> bool {
    if start == 0 || start >= time_ms || start < before_ms {
        return false;
    }
    start > before_ms || (before_start != 0 && before_start < before_ms)
}
