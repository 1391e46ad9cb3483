//! The head against a model: a map of maps.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "model/bench.rs"]
mod bench;
#[path = "mixed/samples.rs"]
mod kinds;
#[path = "model/threads.rs"]
mod threads;

use bench::{Batch, Bench, RANGE_MS};
use kinds::{Sample, TestHistogram};
use model::{Labels, MatchOp, Matcher, Numbers, STALE_NAN, TimeRange};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use tsdb::{AppendLimits, RefusedBecause};

/// What the head should hold: of each series its samples by time.
#[derive(Debug, Default)]
struct Model {
    series: BTreeMap<Labels, BTreeMap<i64, Sample>>,
    newest_ms: Option<i64>,
    floor_ms: Option<i64>,
}

#[derive(Debug, Clone)]
enum Step {
    /// Series by number, each with samples: how far from the newest of the series, and which value.
    Append(Vec<(u8, Vec<(Move, u8)>)>),
    /// How far below the newest sample the floor goes.
    Truncate(i64),
    Compare(Vec<(u8, u8, u8)>),
    /// Many samples of a few series, so that chunks become full.
    Long(u8, u8),
    /// With so many cores; full chunks are all in their files, or not.
    Restart(u8, bool),
}

#[derive(Debug, Clone, Copy)]
enum Move {
    Step,
    By(i64),
    To(i64),
}

const START_MS: i64 = 1_700_000_000_000;
const MAX_MS: i64 = i64::MAX - 10;

impl Model {
    fn append(&mut self, batch: &Batch, max_ms: i64) -> Vec<(u32, i64, RefusedBecause)> {
        let first_ms =
            batch.series.first().and_then(|series| series.all().next()).map(|(timestamp_ms, _)| timestamp_ms);
        let newest_ms = self.newest_ms.or(first_ms);
        let bound_ms = newest_ms.unwrap_or(i64::MIN).saturating_sub(RANGE_MS / 2);
        let bounds = bound_ms.max(self.floor_ms.unwrap_or(i64::MIN))..=max_ms;
        let mut refused = Vec::new();
        for (index, series) in (0..).zip(&batch.series) {
            for (timestamp_ms, sample) in series.all() {
                if let Err(why) = self.take(&series.labels, timestamp_ms, sample, &bounds) {
                    refused.push((index, timestamp_ms, why));
                }
            }
        }
        refused
    }

    fn take(
        &mut self,
        labels: &Labels,
        timestamp_ms: i64,
        mut sample: Sample,
        bounds: &RangeInclusive<i64>,
    ) -> Result<(), RefusedBecause> {
        if timestamp_ms > *bounds.end() {
            return Err(RefusedBecause::TooFarInFuture);
        }
        if timestamp_ms < *bounds.start() {
            return Err(RefusedBecause::OutOfBounds);
        }
        if let Some((&newest_ms, newest)) = self.series.get(labels).and_then(|samples| samples.last_key_value()) {
            // That a series ended is said as its other samples are.
            if let (Sample::Float(_), true, Some(numbers)) = (&sample, sample.is_stale(), newest.numbers()) {
                sample = Sample::Stale(numbers);
            }
            if timestamp_ms < newest_ms {
                return Err(RefusedBecause::OutOfOrder);
            }
            if timestamp_ms == newest_ms && *newest != sample {
                return Err(RefusedBecause::DuplicateTimestamp);
            }
        }
        self.newest_ms = self.newest_ms.max(Some(timestamp_ms));
        self.series.entry(labels.clone()).or_default().insert(timestamp_ms, sample);
        Ok(())
    }

    fn truncate(&mut self, floor_ms: i64) {
        self.floor_ms = self.floor_ms.max(Some(floor_ms));
        self.series.retain(|_, samples| samples.last_key_value().is_some_and(|(&last, _)| last >= floor_ms));
    }

    /// What a restart leaves: samples before the floor are blocks' business.
    fn restart(&mut self) {
        self.newest_ms = self.series.values().filter_map(|samples| samples.last_key_value()).map(|last| *last.0).max();
    }

    /// The samples of `range` of the series that `matchers` accept.
    fn select(&self, matchers: &[Matcher], range: TimeRange) -> Vec<(Labels, Vec<(i64, Sample)>)> {
        let floor_ms = self.floor_ms.unwrap_or(i64::MIN);
        let Some(range) = TimeRange::new(range.min_ms().max(floor_ms), range.max_ms()) else { return Vec::new() };
        let accepts = |labels: &Labels| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
        };
        let inside = |samples: &BTreeMap<i64, Sample>| {
            let inside = samples.range(range.min_ms()..=range.max_ms());
            inside.map(|(&time, sample)| (time, sample.clone())).collect::<Vec<_>>()
        };
        let found = self.series.iter().filter(|(labels, _)| accepts(labels));
        found.map(|(labels, samples)| (labels.clone(), inside(samples))).filter(|(_, some)| !some.is_empty()).collect()
    }
}

/// Label sets that share pairs in all ways: one name in all, some labels in some.
fn labels(number: u8) -> Labels {
    let mut pairs = vec![("__name__", format!("metric_{}", number % 3)), ("id", format!("{}", number / 2))];
    if !number.is_multiple_of(4) {
        pairs.push(("job", format!("job-{}", number % 5)));
    }
    if number.is_multiple_of(7) {
        pairs.push(("a", "x".repeat(usize::from(number) * 3 + 1)));
    }
    if number % 2 == 1 {
        pairs.push(("zone", "one".to_owned()));
    }
    Labels::from_pairs(pairs).unwrap()
}

/// What most samples of a series are.
fn kind_of(number: u8) -> Option<Numbers> {
    match number % 40 {
        10..20 => Some(Numbers::Integer),
        20..26 => Some(Numbers::Float),
        _ => None,
    }
}

fn value(number: u8) -> f64 {
    match number {
        0 => STALE_NAN,
        1 => f64::from_bits(0x7ff8_dead_beef_0001),
        2 => f64::NEG_INFINITY,
        3 => -0.0,
        4..60 => 1.0,
        60..160 => f64::from(number),
        _ => f64::from(number).sqrt() * 1e-7,
    }
}

fn matcher(name: u8, op: u8, value: u8) -> Matcher {
    let name = ["__name__", "id", "job", "a", "zone", "absent"][usize::from(name) % 6];
    let op = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex][usize::from(op) % 4];
    let is_regex = matches!(op, MatchOp::Regex | MatchOp::NotRegex);
    let values: &[&str] = if is_regex {
        &["", ".*", ".+", "metric_[01]", "job-1|job-2", "(x|)", "1.?", "job-.*", "|one", "m.*_2"]
    } else {
        &["", "metric_0", "job-1", "one", "3", "xxxxxxxxxxxxxxxxxxxxxx"]
    };
    Matcher::new(op, name, values[usize::from(value) % values.len()]).unwrap()
}

fn one_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        12 => Just(Move::Step),
        3 => (-40_000_i64..40_000).prop_map(Move::By),
        1 => (-RANGE_MS..2 * RANGE_MS).prop_map(Move::By),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let samples = proptest::collection::vec((one_move(), any::<u8>()), 0..12);
    let append = proptest::collection::vec((any::<u8>(), samples), 1..30).prop_map(Step::Append);
    let matchers = proptest::collection::vec(any::<(u8, u8, u8)>(), 0..4);
    prop_oneof![
        12 => append,
        1 => (0..RANGE_MS).prop_map(Step::Truncate),
        3 => matchers.prop_map(Step::Compare),
        3 => any::<(u8, u8)>().prop_map(|(first, count)| Step::Long(first, count)),
        1 => (1_u8..4, any::<bool>()).prop_map(|(cores, flush)| Step::Restart(cores, flush)),
    ]
}

fn batch(bench: &Bench, model: &Model, series: &[(u8, Vec<(Move, u8)>)]) -> Batch {
    let mut batch = Batch::default();
    let start_ms = model.newest_ms.map_or(START_MS, |newest_ms| newest_ms.saturating_sub(RANGE_MS / 4));
    for (number, moves) in series {
        let labels = labels(number % 40);
        let newest = model.series.get(&labels).and_then(|samples| samples.last_key_value());
        let mut time_ms = newest.map_or(start_ms, |(&time_ms, _)| time_ms);
        let kind = kind_of(*number);
        let (mut samples, mut histograms) = (Vec::new(), Vec::new());
        for &(by, number) in moves {
            time_ms = match by {
                Move::Step => time_ms.saturating_add(15_000),
                Move::By(by_ms) => time_ms.saturating_add(by_ms),
                Move::To(at_ms) => at_ms,
            };
            // Few samples are of another kind than the series' own.
            let kind =
                if number > 250 { Some([Numbers::Integer, Numbers::Float][usize::from(number % 2)]) } else { kind };
            match kind.filter(|_| number != 249 && number != 1) {
                Some(numbers) => {
                    let age = time_ms.wrapping_sub(START_MS).div_euclid(15_000).cast_unsigned() % 100_000;
                    histograms.push((time_ms, TestHistogram::new(numbers, number, age)));
                }
                None => samples.push((time_ms, if number == 1 { STALE_NAN } else { value(number) })),
            }
        }
        batch.push(bench, labels, samples, histograms);
    }
    batch
}

fn compare(bench: &Bench, model: &Model, matchers: &[Matcher], range: TimeRange) {
    let want = model.select(matchers, range);
    let reader = bench.head.reader(TimeRange::ALL);
    assert_eq!(bench::select(&reader, matchers, range, model.floor_ms), want, "{matchers:?} {range:?}");

    let newest = |samples: &Vec<(i64, Sample)>| samples.last().cloned().filter(|(_, sample)| !sample.is_stale());
    let last: Vec<_> = want.iter().filter_map(|(labels, samples)| Some((labels.clone(), newest(samples)?))).collect();
    assert_eq!(bench::select_last(&reader, matchers, range), last, "last of {matchers:?} {range:?}");

    let everything = model.select(matchers, TimeRange::ALL);
    bench::check_labels(&reader, matchers, everything.iter().map(|(labels, _)| labels));
}

fn run(shards: usize, steps: Vec<Step>) {
    let mut bench = Bench::new(shards);
    let mut model = Model::default();
    let max_ms = MAX_MS;
    let limits = AppendLimits { max_ms, max_series: u64::MAX };
    for step in steps {
        match step {
            Step::Append(series) => {
                let batch = batch(&bench, &model, &series);
                let want = model.append(&batch, max_ms);
                bench.check_append(&batch, limits, want);
            }
            Step::Long(first, count) => {
                let moves = (0..count).map(|value| (Move::Step, value)).collect::<Vec<_>>();
                let series: Vec<_> = (0..3).map(|next| (first.wrapping_add(next), moves.clone())).collect();
                let batch = batch(&bench, &model, &series);
                let want = model.append(&batch, max_ms);
                bench.check_append(&batch, limits, want);
            }
            Step::Restart(cores, flush) => {
                bench.restart(usize::from(cores), model.floor_ms.unwrap_or(i64::MIN), flush);
                model.restart();
                compare(&bench, &model, &[], TimeRange::ALL);
            }
            Step::Truncate(below_ms) => {
                let floor_ms = model.newest_ms.map_or(0, |newest_ms| newest_ms.saturating_sub(below_ms));
                model.truncate(floor_ms);
                let done = bench.head.truncate(floor_ms).unwrap();
                assert!(!done.pending);
            }
            Step::Compare(matchers) => {
                let matchers: Vec<_> = matchers.iter().map(|&(name, op, value)| matcher(name, op, value)).collect();
                let newest_ms = model.newest_ms.unwrap_or(0);
                compare(&bench, &model, &matchers, TimeRange::ALL);
                let range = TimeRange::new(newest_ms.saturating_sub(RANGE_MS / 3), newest_ms.saturating_sub(90_000));
                compare(&bench, &model, &matchers, range.unwrap());
            }
        }
    }
    compare(&bench, &model, &[], TimeRange::ALL);
    assert_eq!(bench.head.series(), model.series.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_head_is_a_map_of_maps(shards in 1_usize..3, steps in proptest::collection::vec(step(), 1..60)) {
        run(shards, steps);
    }
}

/// Timestamps at both ends of time, and jumps between them.
#[test]
fn any_two_timestamps_can_follow_each_other() {
    let series = |to_ms: i64, number: u8| Step::Append(vec![(1, vec![(Move::To(to_ms), number)])]);
    let times = [i64::MIN, i64::MIN + 1, -5, -1, 0, 1, 7_200_000, 1 << 40, 1 << 62, MAX_MS - 1, MAX_MS];
    let mut steps: Vec<_> = times.iter().zip(5..).map(|(&to_ms, number)| series(to_ms, number)).collect();
    steps.push(Step::Compare(Vec::new()));
    run(1, steps);
}
