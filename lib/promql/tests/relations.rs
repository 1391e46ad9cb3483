//! Relations that hold between ways of running a query, and between queries, whatever the data.
#![allow(clippy::unwrap_used, reason = "test code")]

#[allow(dead_code, reason = "of a record only the query is used here")]
#[path = "answers/histogram.rs"]
mod histogram;
#[allow(dead_code, reason = "of a record only the query is used here")]
#[path = "answers/record.rs"]
mod record;
#[path = "support/store.rs"]
mod store;

use flate2::read::GzDecoder;
use histogram::Plain;
use model::{Labels, SampleColumns};
use promql::{Column, Output, ParseOptions, Passes, Query, QueryError, QueryParams, Value};
use record::Record;
use std::io::{BufRead, BufReader};
use store::{Store, StoredSeries};

fn options() -> ParseOptions {
    ParseOptions { experimental_functions: true, fill_modifiers: true, ..ParseOptions::default() }
}

fn prepare(text: &str, params: QueryParams) -> Result<Query, QueryError> {
    let expr = promql::parse(text, &options()).unwrap_or_else(|err| panic!("{text}: {err}"));
    Query::prepare(&expr, params)
}

/// A text that tells two answers apart if one bit differs; all NaN are one.
fn show(output: &Result<Output, QueryError>) -> String {
    let bits = |value: f64| if value.is_nan() { "NaN".to_owned() } else { format!("{:016x}", value.to_bits()) };
    let all = |series: &[promql::Series]| -> Vec<String> {
        let points = |series: &promql::Series| -> Vec<String> {
            let floats = series.column.floats.iter().map(|(step, value)| format!("{step}:{}", bits(value)));
            let histograms = series.column.histograms.iter();
            floats.chain(histograms.map(|(step, found)| format!("{step}:{:?}", Plain::of(found)))).collect()
        };
        series.iter().map(|series| format!("{:?} {:?}", series.labels, points(series))).collect()
    };
    match output {
        Err(err) => format!("error: {err}"),
        Ok(Output { value, annotations }) => {
            let value = match value {
                Value::Scalar { value, .. } => bits(*value),
                Value::String { value, .. } => format!("{value:?}"),
                Value::Vector { series, .. } => format!("{:?}", all(series)),
                Value::Matrix { grid, series } => format!("{grid:?} {:?}", all(series)),
                Value::Samples { series } => format!("{series:?}"),
            };
            format!("{value} {:?}", annotations.render("", 0))
        }
    }
}

/// Values whose sum depends on the order in which they are added.
fn awkward(series: u64, sample: u64) -> f64 {
    let mixed = (series * 7919 + sample * 104_729).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let size = [1e16, 1.0, -1e16, 1e-3, 3.3, 1e100, -1e100][(mixed >> 60) as usize % 7];
    size * ((mixed >> 20) as u32 as f64 / 4e9 + 0.5)
}

/// `series` series of `samples` samples, 15 seconds apart, with gaps and stale markers.
fn awkward_store(series: u64, samples: u64) -> Store {
    let one = |n: u64| {
        let mut columns = SampleColumns::default();
        for sample in (0..samples).filter(|sample| (sample + n) % 17 != 3) {
            let value = if (sample + n) % 29 == 7 { model::STALE_NAN } else { awkward(n, sample) };
            columns.push(sample as i64 * 15_000 + n as i64 % 7, value);
        }
        let name = if n.is_multiple_of(2) { "even" } else { "odd" };
        let labels = [("__name__", name.to_owned()), ("n", format!("{:04}", n / 2)), ("group", format!("{}", n % 5))];
        StoredSeries { labels: Labels::from_pairs(labels).unwrap(), columns }
    };
    Store::new((0..series).map(one).collect())
}

/// However batches are cut and whoever evaluates them when, not a bit differs.
#[test]
fn threads_and_batches_do_not_show() {
    let store = awkward_store(301, 40);
    for text in [
        "sum(even)",
        "sum by (group) (rate(even[1m])) / sum by (group) (rate(odd[2m]))",
        "avg(even) - avg(odd)",
        "stddev by (group) (even)",
        "topk(7, abs(even)) or bottomk by (group) (2, odd)",
        "sum(even * on (n) group_left odd) + scalar(sum(odd))",
        "quantile(0.3, even) and even > 0",
        "count_values(\"v\", round(even, 1e99))",
        "sum(max_over_time(rate(even[1m])[2m:30s]))",
        "sum(even) + sum(even offset 1m) + sum(avg_over_time(even[3m]))",
    ] {
        let run = |size, threads| {
            let query = prepare(text, QueryParams::range(60_000, 580_000, 20_000)).unwrap();
            show(&store.run_scrambled(query, size, threads))
        };
        let want = run(usize::MAX, 1);
        assert!(!want.starts_with("error"), "{text}: {want}");
        for (size, threads) in [(1, 1), (1, 4), (3, 3), (64, 2)] {
            assert_eq!(run(size, threads), want, "{text} in batches of {size} on {threads} threads");
        }
    }
}

/// The same, of recorded queries.
#[test]
fn threads_and_batches_do_not_show_in_recorded_queries() {
    each_recorded("threads and batches", 23, |store, text, params| {
        let want = show(&prepare(text, params.clone()).and_then(|query| store.run(query)));
        let got = show(&prepare(text, params.clone()).and_then(|query| store.run_scrambled(query, 1, 3)));
        assert_eq!(got, want, "{text} {params:?}");
    });
}

/// A range query is an instant query at every step: by value, since orders differ, and unless steps or the range are asked
/// for.
#[test]
fn a_range_is_an_instant_at_every_step() {
    const ASKS: [&str; 6] = ["start(", "end(", "range(", "step(", "limitk", "sort"];
    each_recorded("a range is instants", 29, |store, text, params| {
        if ASKS.iter().any(|name| text.contains(name))
            || params.step_ms == 0
            || text.contains("topk")
            || text.contains("bottomk")
        {
            return;
        }
        let Ok(Output { value: Value::Matrix { grid, series }, .. }) =
            prepare(text, params.clone()).and_then(|query| store.run(query))
        else {
            return;
        };
        for (step, time_ms) in grid.times_ms().enumerate() {
            let params = QueryParams { lookback_ms: params.lookback_ms, ..QueryParams::instant(time_ms) };
            let output = prepare(text, params).and_then(|query| store.run(query)).unwrap();
            let mut at_instant: Vec<(Labels, Point)> = match output.value {
                Value::Vector { series, .. } => {
                    series.iter().map(|series| (series.labels.clone(), Point::of(&series.column, 0).unwrap())).collect()
                }
                Value::Scalar { value, .. } => vec![(Labels::empty(), Point::Float(value))],
                other => panic!("{other:?}"),
            };
            at_instant.sort_by(|a, b| a.0.cmp(&b.0));
            let at_step: Vec<(Labels, Point)> = series
                .iter()
                .filter_map(|series| Some((series.labels.clone(), Point::of(&series.column, step)?)))
                .collect();
            let same = at_instant.len() == at_step.len()
                && at_instant.iter().zip(&at_step).all(|(a, b)| a.0 == b.0 && a.1.is_close(&b.1));
            assert!(same, "{text} at {time_ms}: {at_instant:?}\n{at_step:?}");
        }
    });
}

/// What a series has at a step.
#[derive(Debug)]
enum Point {
    Float(f64),
    Histogram(Plain),
}

impl Point {
    fn of(column: &Column, step: usize) -> Option<Self> {
        let float = column.floats.get(step).map(Self::Float);
        float.or_else(|| column.histograms.get(step).map(|found| Self::Histogram(Plain::of(found))))
    }

    /// Sums are taken in the order of the operand, which may differ between the two.
    fn is_close(&self, other: &Self) -> bool {
        let close =
            |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => close(*a, *b),
            (Self::Histogram(a), Self::Histogram(b)) => a.is_like(b, close),
            _ => false,
        }
    }
}

/// Whatever the planner spares, not a bit differs, nor what is said beside the answer, nor how many samples were looked at.
/// (What is evaluated once for all steps says less, and reads less.)
#[test]
fn what_the_planner_spares_does_not_show() {
    let mut seen = 0;
    each_recorded("planner passes", 23, |store, text, params| {
        check_passes(store, text, params, seen % 400 == 0);
        seen += 1;
    });
}

/// The same of what is there twice, whatever it is.
#[test]
fn what_is_there_twice_is_as_if_it_were_evaluated_twice() {
    let mut seen = 0;
    each_recorded("expressions twice", 29, |store, text, params| {
        let twice = format!("({text}) or ({text} )");
        if promql::parse(&twice, &options()).is_ok() {
            check_passes(store, &twice, params, false);
            seen += 1;
        }
    });
    assert!(seen > 500, "{seen}");
}

/// What a pass can change. Every subset of them is tried with each query of this list.
#[test]
fn what_the_planner_spares_does_not_show_where_it_spares_much() {
    let store = awkward_store(31, 40);
    for text in [
        "sum by (group) (rate(even[1m])) / sum by (group) (rate(even[1m]))",
        "(even - odd) / ignoring (group) even or even - odd",
        "sum(rate(even[1m])) / count(rate(even[1m]))",
        "even / on (n) group_right odd > scalar(sum(even)) or even / on (n) group_right odd > scalar(sum(even))",
        "max_over_time(rate(even[1m])[2m:30s]) - min_over_time((rate(even[1m]))[2m:30s])",
        "sum(-even @ 300) + sum(-even @ 300) + sum(-even)",
        "topk(2, sum by (group) (odd)) and sum by (group) (odd) > 0 or bottomk(1, sum by (group) (odd))",
        "abs(abs(abs(odd))) + abs(abs(odd)) + abs(odd) + odd + abs(abs(odd)) + abs(abs(abs(odd)))",
        "rate(even[1m]) == rate(even[1m]) unless on () absent(even) unless on () absent(even)",
        "label_replace(even, \"n\", \"x$1\", \"n\", \"(.*)\") or label_replace(even, \"n\", \"x$1\", \"n\", \"(.*)\") * 2",
        "label_replace(even, \"n\", \"x\", \"n\", \".*\") + on (group) label_replace(even, \"n\", \"x\", \"n\", \".*\")",
        "(odd > 1e17) * 2 + (odd > 1e17) * 3 + odd or (odd > 1e99) * 2 - (odd > 1e99) * 3 - odd",
        "odd or (odd > 1e17) * 2 - (odd > 1e17) * 3",
        "label_replace(even, \"n\", \"x\", \"n\", \".*\") > 1e200 or label_replace(even, \"n\", \"x\", \"n\", \".*\") > 1e200",
        "max_over_time(rate(even[1m])[2m:30s]) - min_over_time(rate(even[1m])[4m:30s])",
        "sum(even{group=\"1\"}) / sum(even) + sum(even{n=~\"000.\",group!~\"2\"}) + count(rate(odd{group=~\"3\"}[1m]))",
        "even{group=~\"1|2\",n=~\".*\"} / on (n) even or even{n=~\".*\"} - on (n) even{n!~\"\"}",
        "even{group=\"1\"} or even{group=~\"2\"} or even{group=~\"1\"} or {__name__=~\"even|odd\"}",
        "sum by (group) (even{n=\"0003\"}) / sum by (group) (even) + sum by (group) ({__name__=~\"even\"})",
        "topk(1 + 1, even * (2 ^ 0.5 - 1)) and on () vector(1) == 2 - 1",
        "even * time() + (end() - start()) / max_of(step(), 7) unless on () vector(1) > 1",
        "even and on () vector(0) == 1 or odd unless on () (vector(1) < 2) or count(odd) or vector(3) > 4",
        "rate(even[1m]) and on () vector(0) == 1 or vector(1) == 1 or on () even",
        "quantile(1 / 0 - 1 / 0, even) and on () vector(1) or quantile(0 / 0, even)",
    ] {
        let (range, instant) = (QueryParams::range(60_000, 580_000, 40_000), QueryParams::instant(300_000));
        check_passes(&store, text, &instant, true);
        check_passes(&store, text, &range, false);
        check_passes(&store, text, &QueryParams { delayed_names: true, ..range }, false);
        check_passes(&store, text, &QueryParams { delayed_names: true, ..instant }, false);
    }
}

/// The answer of a query, what is said beside it, and the samples that were looked at.
fn told(store: &Store, text: &str, params: QueryParams) -> (String, String) {
    let run = || {
        let mut query = prepare(text, params)?;
        for (select, batches) in store.batches(&query, 64).into_iter().enumerate() {
            batches.iter().try_for_each(|batch| query.push(select, batch))?;
            query.finish(select)?;
        }
        let counted = query.statistics().map(|found| (found.queryable, found.read));
        Ok((query.into_output()?, counted))
    };
    match run() {
        Err(err) => (show(&Err(err)), String::new()),
        Ok((Output { value, annotations }, counted)) => {
            let beside = format!("{:?} {counted:?}", annotations.render(text, 0));
            (show(&Ok(Output { value, annotations: Default::default() })), beside)
        }
    }
}

/// Whether `text` gives the same with whatever passes: with each alone and each left out, or with every subset of them.
fn check_passes(store: &Store, text: &str, params: &QueryParams, every_subset: bool) {
    // Within what is evaluated at one step, series have an order.
    if ["sort", "limitk", "topk", "bottomk"].iter().any(|name| text.contains(name)) && text.contains('@') {
        return;
    }
    let all = (1 << PASSES) - 1;
    let subsets: Vec<usize> = match every_subset {
        true => (0..=all).collect(),
        false => (0..PASSES).flat_map(|pass| [1 << pass, all ^ 1 << pass]).chain([0, all]).collect(),
    };
    let run = |subset, count_samples| {
        let params = QueryParams { passes: subset_of_passes(subset), count_samples, ..params.clone() };
        told(store, text, params)
    };
    let plain = [run(0, true), run(1 << STEP_INVARIANTS, true)];
    for subset in subsets {
        let (answer, beside) = run(subset, true);
        let (_, plain_beside) = &plain[subset >> STEP_INVARIANTS & 1];
        assert_eq!(answer, plain[0].0, "{text} {params:?} with passes {subset:09b}");
        assert_eq!(&beside, plain_beside, "beside {text} {params:?} with passes {subset:09b}");
    }
    // Where nobody counts, more is spared.
    for passes in [0, 1 << STEP_INVARIANTS] {
        assert_eq!(
            run(all ^ passes, false),
            (plain[0].0.clone(), run(passes ^ 1 << STEP_INVARIANTS, false).1),
            "{text}"
        );
    }
}

const PASSES: usize = 9;
const STEP_INVARIANTS: usize = 1;

fn subset_of_passes(subset: usize) -> Passes {
    let on = |pass: usize| subset & 1 << pass > 0;
    Passes {
        shared_selects: on(0),
        step_invariants: on(STEP_INVARIANTS),
        distinct_series: on(2),
        used_labels: on(3),
        common_expressions: on(4),
        matchers: on(5),
        wider_selects: on(6),
        constants: on(7),
        toggles: on(8),
    }
}

/// Calls `check` for every `nth` recorded query that the engine has.
fn each_recorded(test: &str, nth: usize, mut check: impl FnMut(&Store, &str, &QueryParams)) {
    let mut seen = 0;
    for set in ["counters", "gauges", "classic", "native", "epoch", "joins"] {
        let Some(data) = testkit::golden(test, &format!("promql/data/{set}.jsonl")) else { return };
        let Some(answers) = testkit::golden(test, &format!("promql/answers-{set}.jsonl.gz")) else { return };
        let store = Store::new(record::read_series(&std::fs::read_to_string(data).unwrap()));
        let lines = BufReader::new(GzDecoder::new(std::fs::File::open(answers).unwrap())).lines();
        for line in lines.step_by(nth) {
            let record = Record::read(&line.unwrap());
            let (start, end, step) = record.times;
            let params = QueryParams { lookback_ms: record.lookback_ms, ..QueryParams::range(start, end, step) };
            let Ok(expr) = promql::parse(&record.query, &options()) else { continue };
            if Query::prepare(&expr, params.clone()).is_ok() {
                check(&store, &record.query, &params);
                seen += 1;
            }
        }
    }
    assert!(seen > 500, "{test}: {seen}");
}
