//! Recorded answers of Prometheus 3.14 against ours.
#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "answers/compare.rs"]
mod compare;
#[path = "answers/record.rs"]
mod record;
#[path = "support/store.rs"]
mod store;

use flate2::read::GzDecoder;
use promql::{ParseErrorKind, ParseOptions, Query, QueryParams};
use record::Record;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use store::Store;

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

fn options() -> ParseOptions {
    ParseOptions {
        experimental_functions: true,
        duration_expressions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        ..ParseOptions::default()
    }
}

fn run(store: &Store, record: &Record, delayed_names: bool) -> Outcome {
    let expr = match promql::parse(&record.query, &options()) {
        Ok(expr) => expr,
        Err(err) if err.kind == ParseErrorKind::Unsupported => return Outcome::Skipped(err.message),
        // Texts and places are compared where the parser is tested.
        Err(_) if record.error_class.as_deref() == Some("bad_data") => return Outcome::Equal,
        Err(err) => return Outcome::Wrong(format!("refused: {err}")),
    };
    // The tree has whole milliseconds.
    if record.query.contains("[120.0004]") {
        return Outcome::Skipped("part of a millisecond".to_owned());
    }
    let (start, end, step) = record.times;
    let mut params = QueryParams::range(start, end, step);
    params.delayed_names = delayed_names;
    params.lookback_ms = record.lookback_ms;
    let query = match Query::prepare(&expr, params) {
        Ok(query) if store.meets_histograms(&query) => return Outcome::Skipped("histograms".to_owned()),
        query => query,
    };
    let output = query.and_then(|query| store.run(query));
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
        match run(&store, &record, mode == ".delayed") {
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
}

#[test]
fn gauges() {
    check("gauges", "");
    check("gauges", ".delayed");
}

#[test]
fn classic() {
    check("classic", "");
    check("classic", ".delayed");
}

#[test]
fn native() {
    check("native", "");
    check("native", ".delayed");
}

#[test]
fn epoch() {
    check("epoch", "");
    check("epoch", ".delayed");
}

#[test]
fn joins() {
    check("joins", "");
    check("joins", ".delayed");
}
