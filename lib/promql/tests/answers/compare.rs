//! Whether an answer is the recorded one, by the rules of the recordings.

use crate::histogram::{self, Plain};
use crate::record::{Record, float, labels};
use model::Labels;
use promql::{Output, QueryError, Value};
use serde_json::Value as Json;
use std::cmp::Ordering;

/// Points in time with their values, in order.
type Points = Vec<(i64, Point)>;

/// What a series has at a point in time.
#[derive(Debug, Clone, PartialEq)]
enum Point {
    Float(f64),
    Histogram(Plain),
}

/// # Errors
/// The first difference, in words.
pub(crate) fn compare(record: &Record, output: &Result<Output, QueryError>) -> Result<(), String> {
    let output = match (output, &record.error) {
        (Err(err), Some(error)) => {
            return if err.to_string() == *error { Ok(()) } else { Err(format!("error {err}\n    want  {error}")) };
        }
        (Err(err), None) => return Err(format!("error {err}")),
        (Ok(output), Some(error)) => return Err(format!("no error, but {:?}\n    want {error}", output.value)),
        (Ok(output), None) => output,
    };
    compare_value(record, &output.value)?;
    let (warnings, infos) = output.annotations.render(&record.query, 0);
    if comparable(&warnings) != comparable(&record.warnings) || comparable(&infos) != comparable(&record.infos) {
        return Err(format!("notes {warnings:?} {infos:?}\n    want {:?} {:?}", record.warnings, record.infos));
    }
    Ok(())
}

/// Notes in order. Of those about observations that are no numbers 3.14.0 blames the wrong argument; the language's own files
/// have that mended.
fn comparable(notes: &[String]) -> Vec<&str> {
    let text = |note: &'_ String| -> usize {
        if note.contains("has NaN observations") { note.rfind(" (").unwrap_or(note.len()) } else { note.len() }
    };
    let mut notes: Vec<&str> = notes.iter().map(|note| &note[..text(note)]).collect();
    notes.sort_unstable();
    notes
}

fn compare_value(record: &Record, value: &Value) -> Result<(), String> {
    let result = &record.result;
    let (kind, got) = match value {
        Value::Scalar { value, time_ms } => ("scalar", vec![(Labels::empty(), vec![(*time_ms, Point::Float(*value))])]),
        Value::String { value, .. } => {
            let want = result["v"].as_str().unwrap_or_default();
            return if want.as_bytes() == value { Ok(()) } else { Err(format!("{value:?}, want {want}")) };
        }
        Value::Vector { series, time_ms } => {
            let points = |series: &promql::Series| points(&series.column, |_| *time_ms);
            ("vector", series.iter().map(|series| (series.labels.clone(), points(series))).collect())
        }
        Value::Matrix { grid, series } => {
            let points = |series: &promql::Series| points(&series.column, |step| grid.time_ms(step));
            ("matrix", series.iter().map(|series| (series.labels.clone(), points(series))).collect())
        }
        Value::Samples { series } => {
            let point = |columns: &model::SampleColumns, at| match columns.histogram(at) {
                Some(histogram) => Point::Histogram(Plain::of(histogram)),
                None => Point::Float(columns.values[at]),
            };
            let points = |columns: &model::SampleColumns| -> Points {
                (0..columns.len()).map(|at| (columns.timestamps_ms[at], point(columns, at))).collect()
            };
            ("matrix", series.iter().map(|(labels, columns)| (labels.clone(), points(columns))).collect())
        }
    };
    if result["type"].as_str() != Some(kind) {
        return Err(format!("a {kind}, want {}", result["type"]));
    }
    let want = read(result, record.times.0);
    compare_series(record, got, want)
}

fn points(column: &promql::Column, time_of: impl Fn(usize) -> i64) -> Points {
    let floats = column.floats.iter().map(|(step, value)| (time_of(step), Point::Float(value)));
    let histograms = column.histograms.iter();
    let histograms = histograms.map(|(step, found)| (time_of(step), Point::Histogram(Plain::of(found))));
    let mut points: Points = floats.chain(histograms).collect();
    points.sort_by_key(|(time, _)| *time);
    points
}

fn read(result: &Json, time: i64) -> Vec<(Labels, Points)> {
    if let Some(value) = result["v"].as_str() {
        return vec![(Labels::empty(), vec![(time, Point::Float(float(value)))])];
    }
    let series = result["series"].as_array().map(Vec::as_slice).unwrap_or_default();
    series
        .iter()
        .map(|series| {
            let one = |name: &str| {
                let value = series.get(name).filter(|value| !value.is_array())?;
                Some((series["t"].as_i64().unwrap_or(time), point(value)))
            };
            let many = |name: &str| series[name].as_array().cloned().unwrap_or_default();
            let many = many("f").into_iter().chain(many("h"));
            let many = many.map(|pair| (pair[0].as_i64().unwrap(), point(&pair[1])));
            let mut points: Points = one("v").into_iter().chain(one("h")).chain(many).collect();
            points.sort_by_key(|(time, _)| *time);
            (labels(&series["m"]), points)
        })
        .collect()
}

fn point(json: &Json) -> Point {
    match json.as_str() {
        Some(value) => Point::Float(float(value)),
        None => Point::Histogram(histogram::read(json, Plain::of)),
    }
}

fn compare_series(
    record: &Record,
    mut got: Vec<(Labels, Points)>,
    mut want: Vec<(Labels, Points)>,
) -> Result<(), String> {
    if record.result["order"].as_str() == Some("any") {
        got.sort_by(|a, b| a.0.cmp(&b.0));
        want.sort_by(|a, b| a.0.cmp(&b.0));
    }
    if record.loose && chooses(&record.query) {
        return compare_multiset(&got, &want);
    }
    if got.len() > SORTED_BY_INSERTION && is_same_but_for_ties(record, &got, &want) {
        return Ok(());
    }
    let names = |series: &[(Labels, Points)]| series.iter().map(|(labels, _)| labels.clone()).collect::<Vec<_>>();
    if names(&got) != names(&want) {
        return Err(format!("{got:?}\n    want {want:?}"));
    }
    for ((labels, got), (_, want)) in got.iter().zip(&want) {
        let same = got.len() == want.len()
            && got.iter().zip(want).all(|(got, want)| got.0 == want.0 && is_equal(record, &got.1, &want.1));
        if !same {
            return Err(format!("{labels:?} {got:?}\n    want {want:?}"));
        }
    }
    Ok(())
}

/// Go sorts so few items by insertion; of more, equal ones come out in an order of its own.
const SORTED_BY_INSERTION: usize = 12;

/// Whether the same series stand there, and nothing but the order of equal values differs. What `sort_by_label` sorts by is no
/// order where a label is missing.
fn is_same_but_for_ties(record: &Record, got: &[(Labels, Points)], want: &[(Labels, Points)]) -> bool {
    if !["sort", "topk", "bottomk"].iter().any(|name| record.query.contains(name)) {
        return false;
    }
    let same = |got: &(Labels, Points), want: &(Labels, Points)| {
        got.0 == want.0
            && got.1.len() == want.1.len()
            && got.1.iter().zip(&want.1).all(|(got, want)| got.0 == want.0 && is_equal(record, &got.1, &want.1))
    };
    let has_all = want.iter().all(|want| got.iter().any(|got| same(got, want)));
    let in_order =
        got.iter().zip(want).all(|(got, want)| got.1.iter().zip(&want.1).all(|(got, want)| ties(&got.1, &want.1)));
    got.len() == want.len() && has_all && (in_order || record.query.contains("sort_by_label"))
}

/// Which of equal series are chosen is as random as their order: the values alone are compared.
fn compare_multiset(got: &[(Labels, Points)], want: &[(Labels, Points)]) -> Result<(), String> {
    let values = |series: &[(Labels, Points)]| {
        let mut values: Points = series.iter().flat_map(|(_, points)| points.iter().cloned()).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| order(&a.1, &b.1)));
        values
    };
    let (got, want) = (values(got), values(want));
    let close = |(got, want): (&(i64, Point), &(i64, Point))| got.0 == want.0 && is_close(&got.1, &want.1);
    if got.len() == want.len() && got.iter().zip(&want).all(close) {
        Ok(())
    } else {
        Err(format!("{got:?}\n    want {want:?}"))
    }
}

fn chooses(query: &str) -> bool {
    ["topk", "bottomk", "limitk"].iter().any(|name| query.contains(name))
}

fn is_equal(record: &Record, got: &Point, want: &Point) -> bool {
    is_same(got, want) || (record.loose && is_close(got, want))
}

/// Whether neither is sorted before the other.
fn ties(got: &Point, want: &Point) -> bool {
    matches!((got, want), (Point::Float(got), Point::Float(want)) if got == want) || is_same(got, want)
}

/// Bit for bit; a NaN is a NaN.
fn is_same(got: &Point, want: &Point) -> bool {
    match (got, want) {
        (Point::Float(got), Point::Float(want)) => got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()),
        (got, want) => got == want,
    }
}

/// Where the order of additions is random.
fn is_close(got: &Point, want: &Point) -> bool {
    const RELATIVE: f64 = 1e-12;
    let close = |got: f64, want: f64| {
        got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() <= RELATIVE * got.abs().max(want.abs())
    };
    match (got, want) {
        (Point::Float(got), Point::Float(want)) => close(*got, *want),
        (Point::Histogram(got), Point::Histogram(want)) => got.is_like(want, close),
        _ => false,
    }
}

/// Some order, the same for those that are alike.
fn order(a: &Point, b: &Point) -> Ordering {
    match (a, b) {
        (Point::Float(a), Point::Float(b)) => a.total_cmp(b),
        (Point::Float(_), Point::Histogram(_)) => Ordering::Less,
        (Point::Histogram(_), Point::Float(_)) => Ordering::Greater,
        (a, b) => format!("{a:?}").cmp(&format!("{b:?}")),
    }
}
