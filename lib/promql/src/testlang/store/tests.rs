use super::{AppendError, MemoryStore, Sample};
use crate::testlang::{SequenceValue, parse_series};
use model::{HistogramRef, InvalidHistogram, Labels, ResetHint};

/// The hints with which the histograms of a series are read back, a letter each; `.` is a float.
#[track_caller]
fn check_hints(described: &str, step_ms: i64, want: &str) {
    let series = parse_series(&format!("x {described}"), 1000).unwrap();
    let mut store = MemoryStore::default();
    for (at, value) in series.values.iter().enumerate() {
        let sample = match *value {
            SequenceValue::Omitted => continue,
            SequenceValue::Float(value) => Sample::Float(value),
            SequenceValue::Histogram { row, .. } => Sample::Histogram(series.histograms.get(row).unwrap()),
        };
        store.append(&series.labels, at as i64 * step_ms, sample, 0).unwrap();
    }
    let columns = &store.series[&series.labels].columns;
    let letter = |histogram: Option<HistogramRef<'_>>| match histogram.map(|histogram| histogram.hint) {
        None => '.',
        Some(ResetHint::Unknown) => 'u',
        Some(ResetHint::Reset) => 'r',
        Some(ResetHint::NotReset) => 'n',
        Some(ResetHint::Gauge) => 'g',
    };
    let got: String = (0..columns.len()).map(|at| letter(columns.histogram(at))).collect();
    assert_eq!(got, want, "{described}");
}

#[test]
fn hints_are_those_of_chunks() {
    let check = |described: &str, want: &str| check_hints(described, 60_000, want);
    let one = "{{count:1 buckets:[1]}}";
    check("{{count:1 buckets:[1]}}+{{count:1 buckets:[1]}}x3", "unnn");
    // Less of anything begins a chunk.
    check("{{count:2 buckets:[1 1]}} {{count:1 buckets:[1 1]}}", "uu");
    check("{{count:2 buckets:[1 1]}} {{count:3 buckets:[3]}}", "uu");
    check("{{count:2 n_buckets:[1 1]}} {{count:3 n_buckets:[1 0 2]}}", "uu");
    check("{{count:2 z_bucket:1}} {{count:3}}", "uu");
    check("{{count:1 offset:1 buckets:[1]}} {{count:2 buckets:[1 1]}}", "un");
    check("{{count:1 buckets:[1 0]}} {{count:2 buckets:[2]}}", "un");
    // So does another layout.
    check("{{schema:1 count:1}} {{schema:2 count:1}} {{schema:2 count:1}}", "uun");
    check("{{count:1}} {{count:1 z_bucket_w:0.1}}", "uu");
    check("{{schema:-53 custom_values:[1] count:1}} {{schema:-53 custom_values:[2] count:1}}", "uu");
    // What is said of hints counts only where a chunk keeps it.
    check("{{count:1 counter_reset_hint:reset}} {{count:1 counter_reset_hint:reset}}", "uu");
    check("{{count:1}} {{count:1 counter_reset_hint:not_reset}}", "un");
    check("{{count:2 counter_reset_hint:gauge}} {{count:1 counter_reset_hint:gauge}} {{count:1}} {{count:1}}", "ggun");
    // Floats and the end of a series end chunks as well.
    check(&format!("{one} {one} 1 {one} stale {one} {one}"), "un.u.un");
    // A day has a chunk of its own.
    check_hints(&format!("{one}x5"), 8 * 3_600_000, "unnunn");
}

#[track_caller]
fn check_append(samples: &[(i64, f64)], want: Result<usize, AppendError>) {
    let mut store = MemoryStore::default();
    let labels = Labels::from_pairs([("a", "b")]).unwrap();
    let stored = samples.iter().try_for_each(|(at, value)| store.append(&labels, *at, Sample::Float(*value), 0));
    assert_eq!(stored.map(|()| store.series[&labels].columns.len()), want, "{samples:?}");
}

#[test]
fn samples_come_in_order() {
    check_append(&[(1, 1.0), (2, 1.0)], Ok(2));
    check_append(&[(1, 1.0), (1, 1.0)], Ok(1));
    check_append(&[(1, 1.0), (1, 2.0)], Err(AppendError::Duplicate));
    check_append(&[(1, 1.0), (2, 1.0), (1, 1.0)], Err(AppendError::OutOfOrder));
}

#[test]
fn what_nobody_could_observe_is_not_stored() {
    let series = parse_series("x {{schema:9}}", 100).unwrap();
    let histogram = Sample::Histogram(series.histograms.get(0).unwrap());
    let stored = MemoryStore::default().append(&series.labels, 0, histogram, 0);
    assert_eq!(stored, Err(AppendError::Invalid(InvalidHistogram::Schema(9))));
}
