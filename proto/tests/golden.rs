//! Requests that a real Prometheus 3.14 sent, against what they decode to.

#![allow(clippy::unwrap_used, reason = "test code")]

use bytes::Bytes;
use model::{Fingerprinter, LabelsRef};
use proto::{LabelLimits, WriteBatch, count_rows, pack_labels};
use serde_json::Value;

fn unhex(text: &str) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(digits).collect()
}

/// A list that is left out where it is empty.
fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

/// A float as canonical JSON of protobuf has it; only the stale marker is a NaN that senders send.
fn float(value: &Value) -> f64 {
    match value.as_str() {
        None => value.as_f64().unwrap_or(0.0),
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        Some(other) => other.parse().unwrap(),
    }
}

/// The reader of JSON may be off by the last bit.
fn same(left: f64, right: f64) -> bool {
    left.to_bits().abs_diff(right.to_bits()) <= 1 || (left.is_nan() && right.is_nan())
}

#[test]
fn requests_of_prometheus() {
    let mut rows = 0;
    for file in ["v1", "v1-retry", "v1-client-errors", "v1-to-thanos"] {
        let Some(path) = testkit::golden("proto requests_of_prometheus", &format!("wire/remote-write/{file}.json"))
        else {
            return;
        };
        let recorded: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for request in list(&recorded, "requests") {
            rows += check(request);
        }
    }
    assert!(rows > 500, "{rows} series");
}

/// Compares one request; returns how many series it has.
fn check(request: &Value) -> usize {
    let compressed = unhex(request["snappy_hex"].as_str().unwrap());
    let body = Bytes::from(snap::raw::Decoder::new().decompress_vec(&compressed).unwrap());
    let fingerprinter = Fingerprinter::new([9; 192]);
    let rows = count_rows(&body).unwrap();
    let (batch, tally) = WriteBatch::walk(body, rows, &fingerprinter, 0).unwrap();
    let decoded = &request["decoded"];
    let series = list(decoded, "timeseries");
    let sum = |name: &str| series.iter().map(|series| list(series, name).len() as u64).sum::<u64>();
    let counts = [tally.series, tally.samples, tally.exemplars, tally.histograms, tally.metadata];
    let metadata = list(decoded, "metadata").len() as u64;
    assert_eq!(counts, [series.len() as u64, sum("samples"), sum("exemplars"), sum("histograms"), metadata]);
    assert_eq!(tally.unknown_fields, 0);

    let with_samples = series.iter().filter(|series| !list(series, "samples").is_empty());
    let (mut order, mut packed, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
    for (row, series) in with_samples.enumerate() {
        let labels: Vec<_> = batch.labels(row).map(Result::unwrap).collect();
        let recorded = list(series, "labels").iter();
        let recorded: Vec<_> =
            recorded.map(|label| (label["name"].as_str().unwrap(), label["value"].as_str().unwrap())).collect();
        let pair = |label: &model::Label<'_>| {
            (std::str::from_utf8(label.name).unwrap().to_owned(), std::str::from_utf8(label.value).unwrap().to_owned())
        };
        let read: Vec<_> = labels.iter().map(pair).collect();
        assert!(read.iter().map(|(name, value)| (&**name, &**value)).eq(recorded), "{read:?}");
        let samples: Vec<_> = batch.samples(row).collect();
        let recorded = list(series, "samples");
        assert_eq!(samples.len(), recorded.len());
        for ((timestamp_ms, value), recorded) in samples.iter().zip(recorded) {
            assert_eq!(recorded["timestamp"].as_str(), Some(&*timestamp_ms.to_string()));
            assert!(same(*value, float(&recorded["value"])), "{value} {recorded}");
        }
        // What Prometheus sends is the canonical region: its hash names the series.
        packed.clear();
        let range = pack_labels(batch.labels(row), &LabelLimits::default(), &mut order, &mut packed).unwrap();
        let set = LabelsRef::from_packed(&packed[range]).unwrap();
        assert_eq!(batch.series[row].fingerprint, fingerprinter.of_labels(set, &mut scratch));
        assert!(!batch.series[row].scattered);
    }
    batch.series.len()
}
