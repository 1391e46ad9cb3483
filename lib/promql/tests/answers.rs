//! Recorded answers of Prometheus 3.14 against ours.
#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "answers/compare.rs"]
mod compare;
#[path = "answers/histogram.rs"]
mod histogram;
#[path = "answers/record.rs"]
mod record;
#[allow(dead_code, reason = "nothing is scrambled here")]
#[path = "support/store.rs"]
mod store;

use flate2::read::GzDecoder;
use model::{Labels, SampleColumns};
use promql::{ParseOptions, Query, QueryParams, Value};
use record::{Record, float};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use store::{Store, StoredSeries};

/// What became of the queries of a file.
#[derive(Debug, Default)]
struct Tally {
    equal: usize,
    wrong: usize,
    /// By reason.
    skipped: BTreeMap<String, usize>,
}

/// What became of a query.
enum Outcome {
    Equal,
    Wrong(String),
    Skipped(String),
}

/// A series `x` for each list of points, as numbers in the label `n` say.
fn store_of(points: Vec<SampleColumns>) -> Store {
    let series = points.into_iter().enumerate().map(|(n, columns)| {
        let labels = Labels::from_pairs([("__name__", "x".to_owned()), ("n", format!("{n:05}"))]).unwrap();
        StoredSeries { labels, columns }
    });
    Store::new(series.collect())
}

fn options() -> ParseOptions {
    ParseOptions {
        experimental_functions: true,
        duration_expressions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        ..ParseOptions::default()
    }
}

fn run(store: &Store, record: &Record, mode: &str) -> Outcome {
    let delayed_names = mode == ".delayed";
    let expr = match promql::parse(&record.query, &options()) {
        Ok(expr) => expr,
        // Texts and places are compared where the parser is tested.
        Err(_) if record.error_class.as_deref() == Some("bad_data") => return Outcome::Equal,
        Err(err) => return Outcome::Wrong(format!("refused: {err}")),
    };
    // Two faults of 3.14.0 that the language's own files have mended: it looked at info series when the query is evaluated,
    // whatever `@` says, and forgot that names were to be taken away.
    if record.query.contains("info(") && (record.query.contains('@') || delayed_names) {
        return Outcome::Skipped("info is mended".to_owned());
    }
    // Rounds the sum of a range and the time from `@` to the step, and with it the start of the window by a millisecond.
    if record.query.contains("[120.0004] @") {
        return Outcome::Skipped("a range with parts of a millisecond, and @".to_owned());
    }
    let (start, end, step) = record.times;
    let mut params = QueryParams::range(start, end, step);
    params.delayed_names = delayed_names;
    params.use_start_timestamps = mode == ".starttime";
    params.type_and_unit_labels = mode == ".typeunit";
    params.lookback_ms = record.lookback_ms;
    let output = Query::prepare(&expr, params).and_then(|query| store.run(query));
    match compare::compare(record, &output) {
        Ok(()) => Outcome::Equal,
        Err(difference) => Outcome::Wrong(difference),
    }
}

fn check(set: &str, mode: &str) {
    let test = format!("recorded answers, {set}{mode}");
    let Some(data) = testkit::golden(&test, &format!("promql/data/{set}.jsonl")) else { return };
    let Some(answers) = testkit::golden(&test, &format!("promql/answers-{set}{mode}.jsonl.gz")) else { return };
    let store = Store::new(record::read_series(&std::fs::read_to_string(data).unwrap()));
    let mut tally = Tally::default();
    let mut first_wrong = Vec::new();
    for line in BufReader::new(GzDecoder::new(std::fs::File::open(answers).unwrap())).lines() {
        let record = Record::read(&line.unwrap());
        match run(&store, &record, mode) {
            Outcome::Equal => tally.equal += 1,
            Outcome::Skipped(why) => *tally.skipped.entry(why).or_default() += 1,
            Outcome::Wrong(difference) => {
                tally.wrong += 1;
                first_wrong.push(format!("{} {:?} {}\n    {difference}", record.id, record.times, record.query));
            }
        }
    }
    let skipped: usize = tally.skipped.values().sum();
    println!("{test}: {} equal, {} wrong, {skipped} not supported: {:?}", tally.equal, tally.wrong, tally.skipped);
    let shown = std::env::var("SHOW").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    for wrong in first_wrong.iter().take(shown) {
        println!("{wrong}");
    }
    assert!(tally.equal > 0, "{test}: nothing was compared");
    assert_eq!(tally.wrong, 0, "{test}");
}

#[test]
fn counters() {
    check("counters", "");
    check("counters", ".delayed");
    check("counters", ".typeunit");
}

#[test]
fn gauges() {
    check("gauges", "");
    check("gauges", ".delayed");
    check("gauges", ".typeunit");
}

#[test]
fn classic() {
    check("classic", "");
    check("classic", ".delayed");
    check("classic", ".typeunit");
}

#[test]
fn native() {
    check("native", "");
    check("native", ".delayed");
    check("native", ".typeunit");
}

#[test]
fn epoch() {
    check("epoch", "");
    check("epoch", ".delayed");
    check("epoch", ".typeunit");
    check("epoch", ".starttime");
}

#[test]
fn joins() {
    check("joins", "");
    check("joins", ".delayed");
    check("joins", ".typeunit");
}

/// Functions of windows, and aggregations, over awkward values.
#[test]
fn kernels() {
    let Some(path) = testkit::golden("recorded kernels", "promql/kernels.jsonl.gz") else { return };
    let mut seen = 0;
    for line in BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap())).lines() {
        let json: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let values = |name: &str| json[name].as_array().cloned().unwrap_or_default();
        let name = json["fn"].as_str().unwrap();
        let (store, query, end_ms) = match name.strip_prefix("aggregation ") {
            Some(aggregation) => {
                let point = |value: &serde_json::Value| SampleColumns {
                    timestamps_ms: vec![0],
                    values: vec![float(value.as_str().unwrap())],
                    ..SampleColumns::default()
                };
                let param: String =
                    values("args").iter().map(|arg| format!("{:?}, ", float(arg.as_str().unwrap()))).collect();
                let query = format!("{aggregation}({}x)", param.replace("inf", "Inf"));
                (store_of(values("values").iter().map(point).collect()), query, 0)
            }
            None => {
                let mut columns = SampleColumns::default();
                for point in values("points") {
                    columns.push(point[0].as_i64().unwrap(), float(point[1].as_str().unwrap()));
                }
                let query = json["query"].as_str().unwrap().to_owned();
                (store_of(vec![columns]), query, json["end"].as_i64().unwrap())
            }
        };
        let expr = promql::parse(&query, &options()).unwrap();
        let output = store.run(Query::prepare(&expr, QueryParams::instant(end_ms)).unwrap()).unwrap();
        let Value::Vector { series, .. } = output.value else { panic!("{query} gives no vector") };
        let got = series.first().and_then(|series| series.column.floats.get(0));
        let want = json["result"].as_str().map(float);
        let same = match (got, want) {
            (Some(got), Some(want)) => got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(),
            (got, want) => got == want,
        };
        assert!(same, "{query} at {end_ms}: {got:?}, want {want:?}\n{json}");
        seen += 1;
    }
    assert!(seen > 5000, "{seen}");
}
