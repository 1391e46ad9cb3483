//! Kernels against their plain definitions, over many windows of one series; what one window gives is recorded
//! (`tests/answers.rs`).

use super::windows::advance;
use super::{Kahan, Kernel, KernelScratch, Mean, RangeCall, Samples, newest, quantile};
use crate::annotations::Annotations;
use crate::ast::Span;
use crate::chain::seconds;
use crate::column::{ColumnBuilder, FloatColumn};
use crate::plan::{Reading, ScalarId, Shift};
use crate::{Grid, fixture};
use std::sync::Arc;

/// A series with irregular times, resets, equal values, zeros of both signs, NaN and infinities, from a seed.
fn series(seed: u64, len: usize) -> (Vec<i64>, Vec<f64>) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut time = -40_000;
    let mut points = (Vec::new(), Vec::new());
    for _ in 0..len {
        time += 1 + (next() % 20_000) as i64;
        points.0.push(time);
        points.1.push(match next() % 12 {
            0 => f64::NAN,
            1 => 0.0,
            2 => -0.0,
            3 if seed.is_multiple_of(3) => f64::INFINITY,
            4 => 1e16,
            other => (other as f64 - 6.0) * 1.1,
        });
    }
    points
}

fn grids() -> Vec<(Grid, i64, Shift)> {
    let back = Shift::Back(0);
    vec![
        (Grid::range(-60_000, 500_000, 10_000), 60_000, back),
        (Grid::range(-60_000, 500_000, 1_000), 25_000, Shift::Back(7_000)),
        (Grid::range(-60_000, 500_000, 90_000), 5_000, Shift::Back(-7_000)),
        (Grid::range(0, 50_000, 10_000), 300_000, Shift::Fixed(120_000)),
        (Grid::instant(100_000), 200_000, back),
    ]
}

pub(super) fn run(kernel: Kernel, samples: Samples<'_>, (grid, range_ms, shift): &(Grid, i64, Shift)) -> FloatColumn {
    let span = Span::default();
    let grid = Arc::new(grid.clone());
    let scalars = [97, 89].map(|modulus| {
        let mut out = ColumnBuilder::new(grid.steps());
        let mut slots = out.slots();
        for (step, time_ms) in grid.times_ms().enumerate() {
            slots.set(step, factor(time_ms, modulus));
        }
        Some(Arc::new(out.build()))
    });
    let params = (0..scalars.len()).map(ScalarId).collect();
    let call = RangeCall {
        counted: crate::statistics::Counted::Steps,
        kernel,
        grid,
        range_ms: *range_ms,
        range_seconds: seconds(*range_ms),
        shift: *shift,
        boundary: None,
        lookback_ms: 0,
        use_starts: false,
        typed: false,
        params,
        node: span,
        blamed: span,
    };
    let labels = fixture::labels("__name__=x_total");
    let (mut scratch, mut notes) = (KernelScratch::default(), Annotations::default());
    call.evaluate((samples, None), labels.as_ref(), &scalars, &mut scratch, &mut notes).unwrap().floats
}

/// Between 0 and 1, another one at each step.
fn factor(time_ms: i64, modulus: i64) -> f64 {
    (time_ms.rem_euclid(modulus) + 1) as f64 / 100.0
}

/// Compares `kernel` with `plain`, which is given times and values of one window.
#[track_caller]
fn check(kernel: Kernel, plain: impl Fn(&[i64], &[f64]) -> Option<f64>) {
    check_steps(kernel, |_, times, values| plain(times, values));
}

/// As [`check`], for a `plain` that is told when the step is as well.
#[track_caller]
fn check_steps(kernel: Kernel, plain: impl Fn(i64, &[i64], &[f64]) -> Option<f64>) {
    let mut seen = 0;
    for seed in 0..60 {
        let (times, values) = series(seed, seed as usize);
        let samples = Samples { timestamps_ms: &times, values: &values, starts_ms: &[] };
        for case in grids() {
            let column = run(kernel, samples, &case);
            let (grid, range_ms, shift) = case;
            for (step, time_ms) in grid.times_ms().enumerate() {
                let end_ms = shift.apply(time_ms);
                let first = times.iter().filter(|time| **time <= end_ms - range_ms).count();
                let end = times.iter().filter(|time| **time <= end_ms).count();
                let want = if first < end { plain(time_ms, &times[first..end], &values[first..end]) } else { None };
                let got = column.get(step);
                let same = match (got, want) {
                    (Some(got), Some(want)) => got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(),
                    (got, want) => got == want,
                };
                assert!(same, "{kernel:?} of seed {seed} at step {step}: {got:?}, want {want:?}");
                seen += usize::from(want.is_some());
            }
        }
    }
    assert!(seen > 1000, "{seen}");
}

/// As Prometheus looks for the greatest, with `better` for `>`.
fn extreme(values: &[f64], better: impl Fn(f64, f64) -> bool) -> Option<f64> {
    values.iter().copied().reduce(|best, value| if better(value, best) || best.is_nan() { value } else { best })
}

#[test]
fn extremes_over_windows_that_overlap() {
    check(Kernel::Max, |_, values| extreme(values, |a, b| a > b));
    check(Kernel::Min, |_, values| extreme(values, |a, b| a < b));
}

#[test]
fn pairs_count_where_both_are_in_the_window() {
    check(Kernel::Resets, |_, values| Some(values.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64));
    check(Kernel::Changes, |_, values| {
        let changed = |pair: &&[f64]| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan());
        Some(values.windows(2).filter(changed).count() as f64)
    });
}

#[test]
fn sums_side_by_side_are_sums_one_by_one() {
    check(Kernel::Sum, |_, values| Some(values.iter().fold(Kahan::default(), |sum, value| sum.add(*value)).total()));
    check(Kernel::Avg, |_, values| Some(values.iter().fold(Mean::default(), |mean, value| mean.add(*value)).value()));
    check(Kernel::Count, |_, values| Some(values.len() as f64));
    check(Kernel::Stdvar, |_, values| Some(variance(values)));
}

/// As Prometheus reckons it (Welford).
pub(super) fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (Kahan::default(), Kahan::default());
    for (at, value) in values.iter().enumerate() {
        let before = value - mean.total();
        mean = mean.add(before / (at + 1) as f64);
        squares = squares.add(before * (value - mean.total()));
    }
    squares.total() / values.len() as f64
}

#[test]
fn what_is_smoothed_side_by_side_is_what_is_smoothed_one_by_one() {
    check_steps(Kernel::DoubleExponentialSmoothing, |time_ms, _, values| {
        let (smoothing, trend) = (factor(time_ms, 97), factor(time_ms, 89));
        let [first, second, ..] = values else { return None };
        let (mut before, mut level, mut slope) = (0.0, *first, second - first);
        for (at, value) in values.iter().enumerate().skip(1) {
            if at > 1 {
                slope = trend * (level - before) + (1.0 - trend) * slope;
            }
            (before, level) = (level, smoothing * value + (1.0 - smoothing) * (level + slope));
        }
        Some(level)
    });
}

#[test]
fn ends_of_windows() {
    check(Kernel::First, |_, values| values.first().copied());
    check(Kernel::Last, |_, values| values.last().copied());
    check(Kernel::TsOfFirst, |times, _| times.first().map(|time| seconds(*time)));
    check(Kernel::TsOfLast, |times, _| times.last().map(|time| seconds(*time)));
    check(Kernel::Idelta, |_, values| match values {
        [.., before, last] => Some(last - before),
        _ => None,
    });
}

/// Resets are found once for the series: each window must see its own.
#[test]
fn resets_are_added_back_window_by_window() {
    for seed in 0..60 {
        let (times, values) = series(seed, seed as usize);
        let samples = Samples { timestamps_ms: &times, values: &values, starts_ms: &[] };
        for case in grids() {
            let whole = run(Kernel::Increase, samples, &case);
            let (grid, range_ms, shift) = case;
            for (step, time_ms) in grid.times_ms().enumerate() {
                let alone = run(Kernel::Increase, samples, &(Grid::instant(time_ms), range_ms, shift));
                let bits = |value: Option<f64>| value.map(|value| if value.is_nan() { 0 } else { value.to_bits() });
                assert_eq!(bits(whole.get(step)), bits(alone.get(0)), "seed {seed}, step {step}");
            }
        }
    }
}

#[test]
fn the_newest_sample_is_younger_than_the_lookback() {
    let (times, mut values) = series(5, 50);
    values[20] = model::STALE_NAN;
    let samples = Samples { timestamps_ms: &times, values: &values, starts_ms: &[] };
    for (grid, lookback_ms, shift) in grids() {
        let column = newest(samples, &grid, shift, lookback_ms, Reading::Time);
        for (step, time_ms) in grid.times_ms().enumerate() {
            let end_ms = shift.apply(time_ms);
            let last = times.iter().rposition(|time| *time <= end_ms);
            let last = last.filter(|at| times[*at] > end_ms - lookback_ms && !model::is_stale(values[*at]));
            assert_eq!(column.get(step), last.map(|at| seconds(times[at])));
        }
    }
}

#[test]
fn an_index_advances_however_far() {
    let times: Vec<i64> = (0..1000).map(|n| n * 10).collect();
    for from in [0, 1, 500, 995, 1000] {
        for bound in [-5, 0, 9, 10, 75, 90, 5_000, 9_985, 9_990, 20_000] {
            let want = times.partition_point(|time| *time <= bound).max(from);
            assert_eq!(advance(&times, from, bound), want, "from {from} to {bound}");
        }
    }
}

#[test]
fn few_and_many_values_have_the_same_quantiles() {
    for len in 1..40 {
        let (_, values) = series(7, len);
        let mut sorted: Vec<f64> = values.clone();
        sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan())));
        for q in [0.0, 0.3, 0.5, 0.99, 1.0] {
            let rank = q * (len - 1) as f64;
            let (lower, weight) = (rank.floor() as usize, rank - rank.floor());
            let want = sorted[lower] * (1.0 - weight) + sorted[(len - 1).min(lower + 1)] * weight;
            let got = quantile(q, &mut values.clone());
            assert!(got == want || got.is_nan() && want.is_nan(), "{q} of {len}: {got}, want {want}");
        }
    }
}
