//! What is reckoned against what is searched for: a step alone is too few to reckon with.

use super::super::tests::{run, variance};
use super::super::{Kahan, Kernel, Mean, Samples, newest};
use super::{Pieces, Stretch};
use crate::Grid;
use crate::column::FloatColumn;
use crate::kernels::windows::Ends;
use crate::plan::{Reading, Shift};
use proptest::prelude::*;

/// Times and values of a series, and windows over it.
#[derive(Debug, Clone)]
struct Case {
    times_ms: Vec<i64>,
    values: Vec<f64>,
    grid: Grid,
    range_ms: i64,
    shift: Shift,
}

/// All but the quantile, whose numbers would have to be quantiles.
const KERNELS: [Kernel; 25] = [
    Kernel::Rate,
    Kernel::Increase,
    Kernel::Delta,
    Kernel::Irate,
    Kernel::Idelta,
    Kernel::Resets,
    Kernel::Changes,
    Kernel::Deriv,
    Kernel::PredictLinear,
    Kernel::DoubleExponentialSmoothing,
    Kernel::Sum,
    Kernel::Avg,
    Kernel::Min,
    Kernel::Max,
    Kernel::Count,
    Kernel::Present,
    Kernel::First,
    Kernel::Last,
    Kernel::Stddev,
    Kernel::Stdvar,
    Kernel::Mad,
    Kernel::TsOfFirst,
    Kernel::TsOfLast,
    Kernel::TsOfMin,
    Kernel::TsOfMax,
];

impl Case {
    fn samples(&self) -> Samples<'_> {
        Samples { timestamps_ms: &self.times_ms, values: &self.values, starts_ms: &[] }
    }

    /// Compares what `of` makes of all steps with what it makes of each one alone.
    #[track_caller]
    fn check(&self, what: &str, of: impl Fn(&(Grid, i64, Shift)) -> FloatColumn) {
        let whole = of(&(self.grid.clone(), self.range_ms, self.shift));
        for (step, time_ms) in self.grid.times_ms().enumerate() {
            let alone = of(&(Grid::instant(time_ms), self.range_ms, self.shift));
            assert_eq!(bits(whole.get(step)), bits(alone.get(0)), "{what} at step {step} of {self:?}");
        }
    }

    /// The values in the window of the step at `time_ms`.
    fn window(&self, time_ms: i64) -> &[f64] {
        let end_ms = self.shift.apply(time_ms);
        let start_ms = end_ms.saturating_sub(self.range_ms);
        let first = self.times_ms.partition_point(|time_ms| *time_ms <= start_ms);
        &self.values[first..self.times_ms.partition_point(|time_ms| *time_ms <= end_ms).max(first)]
    }

    /// Compares `kernel` with what `plain` makes of the values of each window.
    #[track_caller]
    fn check_values(&self, kernel: Kernel, plain: impl Fn(&[f64]) -> f64) {
        let whole = run(kernel, self.samples(), &(self.grid.clone(), self.range_ms, self.shift));
        for (step, time_ms) in self.grid.times_ms().enumerate() {
            let window = self.window(time_ms);
            let want = (!window.is_empty()).then(|| plain(window));
            assert_eq!(bits(whole.get(step)), bits(want), "{kernel:?} at step {step} of {self:?}");
        }
    }
}

/// Any NaN is as good as any other.
fn bits(value: Option<f64>) -> Option<u64> {
    value.map(|value| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
}

/// Samples that go on at the same distance, miss some scrapes, go on at another time or distance, or come whenever they like.
fn any_times() -> impl Strategy<Value = (i64, Vec<i64>)> {
    let spacing_ms = prop_oneof![Just(15_000), Just(30_000), Just(7), 1..100_000_i64];
    let start_ms = prop_oneof![6 => -1_000_000..1_000_000_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX - 2_000_000)];
    let part =
        (1..70_usize, prop_oneof![2 => Just(0), 1 => 1..5_i64], prop_oneof![2 => Just(0), 1 => 1..100_000_i64], 0..8);
    (spacing_ms, start_ms, prop::collection::vec(part, 1..4), any::<u64>()).prop_map(
        |(spacing_ms, start_ms, parts, seed)| {
            let (mut dice, mut time_ms, mut times_ms) = (seed | 1, start_ms, Vec::new());
            for (len, missed, later_ms, kind) in parts {
                let jitters = kind == 0;
                let own_ms = if kind == 1 { spacing_ms + later_ms } else { spacing_ms };
                for _ in 0..len {
                    dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let jitter_ms = if jitters { (dice >> 33) as i64 % own_ms } else { 0 };
                    match time_ms.checked_add(own_ms + jitter_ms) {
                        Some(next_ms) => time_ms = next_ms,
                        None => return (spacing_ms, times_ms),
                    }
                    times_ms.push(time_ms);
                }
                time_ms = time_ms.saturating_add(missed * spacing_ms + if kind == 2 { later_ms } else { 0 });
            }
            (spacing_ms, times_ms)
        },
    )
}

/// Counters from zero, counters that are reset, whole numbers, numbers of any size.
fn any_values(len: usize) -> impl Strategy<Value = Vec<f64>> {
    let special = prop_oneof![
        Just(f64::NAN),
        Just(model::STALE_NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MAX),
        Just(-f64::MAX),
        Just(-0.0),
        Just(5e-324),
        Just(4_503_599_627_370_495.5),
    ];
    let one = move |value: BoxedStrategy<f64>| prop::collection::vec(value, len);
    let counter = |resets: u32| {
        one((0..100_u32).prop_map(f64::from).boxed()).prop_map(move |steps| {
            let add = |sum: &mut f64, step: f64| {
                *sum = if step < f64::from(resets) { step } else { *sum + step };
                Some(*sum)
            };
            steps.into_iter().scan(0.0, add).collect::<Vec<_>>()
        })
    };
    prop_oneof![
        counter(0),
        counter(3),
        one((-50..50_i32).prop_map(f64::from).boxed()),
        one((-1e3..1e3_f64).boxed()),
        one(prop_oneof![30 => -1e3..1e3_f64, 1 => special.clone()].boxed()),
        one(prop_oneof![30 => (-50..50_i32).prop_map(f64::from), 1 => special.clone()].boxed()),
        one(prop_oneof![1 => any::<f64>(), 1 => special].boxed()),
        one((-9e15..9e15_f64).prop_map(f64::floor).boxed()),
    ]
}

/// Steps that go with the samples, and others.
fn any_case() -> impl Strategy<Value = Case> {
    any_times().prop_flat_map(|(spacing_ms, times_ms)| {
        let step_ms = prop_oneof![
            3 => Just(spacing_ms),
            2 => (1..10_i64).prop_map(move |times| spacing_ms * times),
            2 => (1..6_i64).prop_map(move |parts| (spacing_ms / parts).max(1)),
            1 => (1..6_i64).prop_map(move |thirds| (spacing_ms * thirds / 3).max(1)),
            1 => 1..100_000_i64,
        ];
        let range_ms = prop_oneof![
            2 => (1..30_i64).prop_map(move |times| spacing_ms * times),
            2 => 1..1_000_000_i64,
            1 => 1..spacing_ms + 1,
        ];
        let shift = prop_oneof![
            3 => Just(Shift::Back(0)),
            1 => (-100_000..100_000_i64).prop_map(Shift::Back),
            1 => (-100_000..100_000_i64).prop_map(Shift::Fixed),
        ];
        let first_ms = times_ms.first().copied().unwrap_or(0);
        let len = times_ms.len();
        let ahead = (-20..40_i64, 0..spacing_ms);
        (Just(times_ms), any_values(len), (step_ms, range_ms, shift), 1..90_i64, ahead).prop_map(
            move |(times_ms, values, (step_ms, range_ms, shift), steps, (ahead, phase_ms))| {
                let start_ms = first_ms.saturating_add(ahead * spacing_ms + phase_ms);
                let grid = Grid::range(start_ms, start_ms.saturating_add((steps - 1) * step_ms), step_ms);
                Case { times_ms, values, grid, range_ms, shift }
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn windows_give_together_what_they_give_alone(case in any_case()) {
        for kernel in KERNELS {
            case.check(&format!("{kernel:?}"), |windows| run(kernel, case.samples(), windows));
        }
    }

    #[test]
    fn sums_are_those_of_the_values_in_order(case in any_case()) {
        case.check_values(Kernel::Sum, |window| window.iter().fold(Kahan::default(), |sum, value| sum.add(*value)).total());
        case.check_values(Kernel::Avg, |window| window.iter().fold(Mean::default(), |mean, value| mean.add(*value)).value());
        case.check_values(Kernel::Stdvar, variance);
        case.check_values(Kernel::Stddev, |window| variance(window).sqrt());
    }

    #[test]
    fn the_newest_sample_is_the_one_that_is_searched_for(case in any_case()) {
        for reading in [Reading::Sample, Reading::Time] {
            case.check(&format!("{reading:?}"), |(grid, lookback_ms, shift)| {
                newest(case.samples(), grid, *shift, *lookback_ms, reading)
            });
        }
    }
}

/// The pieces of 100 steps of a minute from `start_ms` on over windows of five.
fn pieces(times_ms: &[i64], start_ms: i64, step_ms: i64) -> Vec<(std::ops::Range<usize>, Option<usize>)> {
    let grid = Grid::range(start_ms, start_ms + 99 * step_ms, step_ms);
    let ends = Ends::new(&grid, Shift::Back(0), 0);
    Pieces::new(times_ms, grid.steps(), ends, |_| Some(300_000))
        .map(|(steps, stretch)| (steps, stretch.as_ref().and_then(Stretch::rows).map(Iterator::count)))
        .collect()
}

/// The tests above would pass as well if nothing was ever reckoned.
#[test]
fn scrapes_are_seen_to_be_regular() {
    let scrapes = |range: std::ops::Range<i64>| range.map(|at| at * 15_000 + 7);
    let all: Vec<i64> = scrapes(0..300).collect();
    // The first window begins no earlier than the sample before the first would have been; the one after the last would be at
    // 4,500.007 s.
    assert_eq!(pieces(&all, 0, 60_000), [(0..5, None), (5..76, Some(1)), (76..100, None)]);
    assert_eq!(pieces(&all, 600_000, 20_000), [(0..100, Some(3))]);
    assert_eq!(pieces(&all, 600_000, 7_500), [(0..100, Some(2))]);
    // Bounds are reckoned all the same.
    assert_eq!(pieces(&all, 600_000, 7_501), [(0..100, None)]);
    let with_gap: Vec<i64> = scrapes(0..100).chain(scrapes(103..300)).collect();
    assert_eq!(pieces(&with_gap, 300_000, 15_000), [(0..81, Some(1)), (81..100, None)]);
    assert_eq!(pieces(&with_gap, 1_200_000, 15_000), [(0..21, Some(1)), (21..43, None), (43..100, Some(1))]);
    let jittery: Vec<i64> = scrapes(0..300).map(|time_ms| time_ms + time_ms / 15_000 % 3).collect();
    assert_eq!(pieces(&jittery, 600_000, 60_000), [(0..100, None)]);
}
