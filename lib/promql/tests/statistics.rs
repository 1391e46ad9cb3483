//! How many samples queries look at, against what Prometheus 3.14 counted.
#![allow(clippy::unwrap_used, reason = "test code")]

#[allow(dead_code, reason = "only reading is used here")]
#[path = "answers/histogram.rs"]
mod histogram;
#[allow(dead_code, reason = "only series are read here")]
#[path = "answers/record.rs"]
mod record;
#[allow(dead_code, reason = "nothing is scrambled here")]
#[path = "support/store.rs"]
mod store;

use flate2::read::GzDecoder;
use promql::ast::{Expr, ExprKind};
use promql::{ParseOptions, Query, QueryParams};
use record::Record;
use std::io::{BufRead, BufReader};
use store::Store;

/// Where Prometheus reads histograms without their buckets, so that they count for less; or does not say how it counts.
const COUNTED_OTHERWISE: [&str; 4] = ["histogram_count", "histogram_sum", "histogram_avg", "info"];

/// Selectors, functions over them and aggregations of those: elsewhere it is not said how they count.
fn is_compared(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Vector(_) | ExprKind::Matrix(_) | ExprKind::Number(_) | ExprKind::String(_) => true,
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => is_compared(inner),
        ExprKind::Call(call) => !COUNTED_OTHERWISE.contains(&call.name.as_str()) && call.args.iter().all(is_compared),
        ExprKind::Aggregate(aggregate) => {
            let is_number = |param: &Expr| matches!(param.kind, ExprKind::Number(_) | ExprKind::String(_));
            is_compared(&aggregate.expr) && aggregate.param.as_ref().is_none_or(is_number)
        }
        ExprKind::Subquery(subquery) => is_compared(&subquery.expr),
        ExprKind::Binary(_) => false,
    }
}

fn run(store: &Store, record: &Record, query: &Expr) -> Option<(u64, u64)> {
    let (start, end, step) = record.times;
    let mut params = QueryParams::range(start, end, step);
    params.lookback_ms = record.lookback_ms;
    params.count_samples = true;
    let mut query = Query::prepare(query, params).ok()?;
    for (select, batches) in store.batches(&query, 64).into_iter().enumerate() {
        batches.iter().try_for_each(|batch| query.push(select, batch)).ok()?;
        query.finish(select).ok()?;
    }
    let found = query.statistics()?;
    query.into_output().ok().map(|_| (found.total_queryable(), found.total_read()))
}

#[test]
fn samples_are_counted_as_recorded() {
    let options = ParseOptions {
        experimental_functions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        ..ParseOptions::default()
    };
    let (mut equal, mut apart, mut wrong) = (0, 0, Vec::new());
    for set in ["epoch", "counters", "gauges", "native"] {
        let Some(data) = testkit::golden("statistics", &format!("promql/data/{set}.jsonl")) else { return };
        let Some(answers) = testkit::golden("statistics", &format!("promql/answers-{set}.jsonl.gz")) else { return };
        let store = Store::new(record::read_series(&std::fs::read_to_string(data).unwrap()));
        for line in BufReader::new(GzDecoder::new(std::fs::File::open(answers).unwrap())).lines() {
            let line = line.unwrap();
            let record = Record::read(&line);
            let json: serde_json::Value = serde_json::from_str(&line).unwrap();
            let want = (json["stats"][0].as_u64(), json["stats"][1].as_u64());
            let Ok(expr) = promql::parse(&record.query, &options) else { continue };
            if record.error.is_some() || !is_compared(&expr) {
                continue;
            }
            let Some(found) = run(&store, &record, &expr) else { continue };
            match want == (Some(found.0), Some(found.1)) {
                true => equal += 1,
                // Prometheus does not count what it read between the windows of a subquery that lie apart.
                false if record.query.contains(':') && want.0 == Some(found.0) && want.1 < Some(found.1) => apart += 1,
                false => wrong.push(format!("{set} {:?} {} want {want:?} found {found:?}", record.times, record.query)),
            }
        }
    }
    println!("{equal} equal, {apart} with windows apart, {} different", wrong.len());
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), wrong.len() + equal, wrong.join("\n"));
    assert!(apart < 40, "{apart} subqueries read more");
    assert!(equal > 12_000, "only {equal} were compared");
}
