//! Requests that a real Prometheus 3.14 sent, against what they decode to.

#![allow(clippy::unwrap_used, reason = "test code")]

use bytes::Bytes;
use model::{Fingerprinter, HistogramColumn, LabelsRef, Span};
use prost::Message;
use proto::{
    ExemplarField, HistogramAt, HistogramScratch, LabelFields, LabelLimits, Outline, RemoteWrite, Request2, Spellings,
    TenantBatch, WriteBatch, count_rows, pack_labels, thanos,
};
use serde_json::Value;

#[path = "../src/write/messages.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the unit tests, which use all of it")]
mod messages;

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

    let carries = |series: &Value| ["samples", "histograms", "exemplars"].iter().any(|of| !list(series, of).is_empty());
    let with_samples = series.iter().filter(|series| carries(series));
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
        assert!(!batch.series[row].is_scattered());
    }
    batch.series.len()
}

/// What a request of 2.0 means must be what was recorded of it, as it lies and spelled out.
#[test]
fn requests_of_version_2() {
    let (mut series, mut exemplars, mut histograms, mut starts) = (0, 0, 0, 0);
    let spellings = Spellings::new(&Fingerprinter::new([9; 192]));
    for file in ["v2", "v2-no-start-timestamps", "v2-refused-415", "v2-to-prometheus", "v2-to-thanos"] {
        let Some(path) = testkit::golden("proto requests_of_version_2", &format!("wire/remote-write/{file}.json"))
        else {
            return;
        };
        let recorded: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        for request in list(&recorded, "requests") {
            let compressed = unhex(request["snappy_hex"].as_str().unwrap());
            let body = snap::raw::Decoder::new().decompress_vec(&compressed).unwrap();
            let outline = Outline::of(&body).unwrap();
            let read = Request2::read(body.into(), outline, &spellings, 0, 32 << 20).unwrap();
            assert!(read.rejections.is_empty());
            let spelled = read.batch.clone().spelled().unwrap();
            assert_eq!(spelled.body.len(), read.spelled_bytes());
            let symbols: Vec<_> =
                list(&request["decoded"], "symbols").iter().map(|text| text.as_str().unwrap()).collect();
            let want = list(&request["decoded"], "timeseries").iter().map(|series| recorded_2(series, &symbols));
            let want: Vec<_> = want.collect();
            let row = |batch, row| row_2(batch, row, &starts_2(&spelled, row));
            let [got, other] = [&read.batch, &*spelled]
                .map(|batch| (0..batch.series.len()).map(|number| row(batch, number)).collect::<Vec<_>>());
            assert_eq!(got, want);
            assert_eq!(other, want);
            series += got.len();
            exemplars += read.tally.exemplars;
            histograms += read.tally.histograms;
            starts += got.iter().filter(|series| !series.contains("starts []")).count();
        }
    }
    println!("{series} series, {exemplars} exemplars, {histograms} histograms, {starts} series with start timestamps");
    assert!(series > 500 && exemplars > 20 && histograms > 5 && starts > 20);
}

fn number(value: &Value) -> i64 {
    value.as_str().map_or_else(|| value.as_i64().unwrap_or(0), |text| text.parse().unwrap())
}

/// Labels, samples with starts, exemplars and histograms of a series, as text.
fn told_2(
    labels: &[(String, String)],
    samples: &[(i64, String)],
    starts: &[i64],
    exemplars: &[String],
    histograms: &[String],
) -> String {
    let starts: Vec<_> = starts.iter().filter(|start_ms| **start_ms != 0).collect();
    format!("{labels:?} samples {samples:?} starts {starts:?} exemplars {exemplars:?} histograms {histograms:?}")
}

/// A float to ten digits: the reader of JSON may be off by the last bit.
fn digits(value: f64) -> String {
    format!("{value:.9e}")
}

fn recorded_2(series: &Value, symbols: &[&str]) -> String {
    let labels = |of: &Value| {
        let refs: Vec<_> =
            list(of, "labels_refs").iter().map(|of| symbols[of.as_u64().unwrap() as usize].to_owned()).collect();
        refs.as_chunks::<2>().0.iter().map(|[name, value]| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    let mut starts: Vec<_> = list(series, "samples").iter().map(|sample| number(&sample["start_timestamp"])).collect();
    starts.extend(list(series, "histograms").iter().map(|histogram| number(&histogram["start_timestamp"])));
    let samples = list(series, "samples").iter();
    let samples: Vec<_> =
        samples.map(|sample| (number(&sample["timestamp"]), digits(float(&sample["value"])))).collect();
    let exemplar =
        |of: &Value| format!("{:?} {} {}", labels(of), number(&of["timestamp"]), digits(float(&of["value"])));
    let exemplars: Vec<_> = list(series, "exemplars").iter().map(exemplar).collect();
    let histograms: Vec<_> = list(series, "histograms").iter().map(recorded_histogram).collect();
    told_2(&labels(series), &samples, &starts, &exemplars, &histograms)
}

fn recorded_histogram(of: &Value) -> String {
    let spans = |name: &str| {
        let span = |span: &Value| (number(&span["offset"]) as i32, number(&span["length"]) as u32);
        list(of, name).iter().map(span).collect::<Vec<_>>()
    };
    let counts = |deltas: &str| {
        let sum = |count: &mut i64, delta: &Value| {
            *count += number(delta);
            Some(*count as u64)
        };
        list(of, deltas).iter().scan(0, sum).collect::<Vec<_>>()
    };
    // All recorded ones count in whole numbers.
    assert!(of["count_float"].is_null());
    format!(
        "{} {} {:?} {:?} {:?} {:?} {} {} {} {}",
        number(&of["timestamp"]),
        number(&of["schema"]),
        spans("positive_spans"),
        spans("negative_spans"),
        counts("positive_deltas"),
        counts("negative_deltas"),
        number(&of["count_int"]),
        number(&of["zero_count_int"]),
        digits(float(&of["sum"])),
        digits(float(&of["zero_threshold"])),
    )
}

/// When the counters of a row began, in a batch that is spelled out. Nobody stores it; it is sent on.
fn starts_2(batch: &WriteBatch, row: usize) -> Vec<i64> {
    let field = batch.series[row].field.start as usize..batch.series[row].field.end as usize;
    let sent = messages::WriteRequest::decode(&batch.body[field]).unwrap().timeseries.remove(0);
    let mut starts: Vec<_> = sent.samples.iter().map(|sample| sample.start_timestamp).collect();
    starts.extend(sent.histograms.iter().map(|histogram| histogram.start_timestamp));
    starts
}

fn row_2(batch: &WriteBatch, row: usize, starts: &[i64]) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let labels = |labels: LabelFields<'_>| {
        labels.map(Result::unwrap).map(|label| (text(label.name), text(label.value))).collect::<Vec<_>>()
    };
    let samples: Vec<_> = batch.samples(row).map(|(timestamp_ms, value)| (timestamp_ms, digits(value))).collect();
    let exemplar = |exemplar: ExemplarField<'_>| {
        format!("{:?} {} {}", labels(exemplar.labels), exemplar.timestamp_ms, digits(exemplar.value))
    };
    let exemplars: Vec<_> = batch.exemplars(row).map(exemplar).collect();
    let (mut fields, mut histograms) = (batch.histograms(row), Vec::new());
    let (mut column, mut scratch) = (HistogramColumn::default(), HistogramScratch::default());
    while let Some(decoded) = fields.decode_next(&mut column, &mut scratch, 1000) {
        let HistogramAt { timestamp_ms, row } = decoded.unwrap();
        let histogram = column.get(row).unwrap();
        let spans = |spans: &[Span]| spans.iter().map(|span| (span.offset, span.length)).collect::<Vec<_>>();
        histograms.push(format!(
            "{timestamp_ms} {} {:?} {:?} {:?} {:?} {} {} {} {}",
            histogram.layout.schema(),
            spans(histogram.layout.positive()),
            spans(histogram.layout.negative()),
            histogram.positive(),
            histogram.negative(),
            histogram.count(),
            histogram.zero_count(),
            digits(histogram.sum),
            digits(histogram.layout.zero_threshold()),
        ));
    }
    told_2(&labels(batch.labels(row)), &samples, starts, &exemplars, &histograms)
}

/// A series as text: labels, samples, and how many exemplars and histograms.
fn told(labels: &[(&str, &str)], samples: &[(i64, f64)], counts: [usize; 2]) -> String {
    format!("{labels:?} {samples:?} {counts:?}")
}

fn recorded_series(series: &Value) -> String {
    let labels = list(series, "labels").iter();
    // A label without a value has none in canonical JSON.
    let text = |label: &'_ Value, name: &str| label[name].as_str().unwrap_or_default().to_owned();
    let labels: Vec<_> = labels.map(|label| (text(label, "name"), text(label, "value"))).collect();
    let labels: Vec<_> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
    let sample = |sample: &Value| {
        let timestamp_ms = sample["timestamp"].as_str().map_or(0, |text| text.parse().unwrap());
        (timestamp_ms, float(&sample["value"]))
    };
    let samples: Vec<_> = list(series, "samples").iter().map(sample).collect();
    told(&labels, &samples, [list(series, "exemplars").len(), list(series, "histograms").len()])
}

/// The series of a part, from the slices that would be forwarded.
fn walked_series(part: &TenantBatch, row: usize) -> String {
    let slice = &part.batch.series[row];
    let field = &part.batch.body[slice.field.start as usize..slice.field.end as usize];
    let whole = thanos::WriteRequest::decode(field).unwrap().timeseries.remove(0);
    let labels: Vec<_> = part.batch.labels(row).map(Result::unwrap).collect();
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    let labels: Vec<_> = labels.iter().map(|label| (text(label.name), text(label.value))).collect();
    let samples: Vec<_> = part.batch.samples(row).collect();
    told(&labels, &samples, [whole.exemplars.len(), whole.histograms.len()])
}

#[test]
fn requests_of_thanos_routers() {
    let Some(folder) = testkit::golden("proto requests_of_thanos_routers", "wire/grpc-write") else { return };
    let (mut calls, mut rows) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let recorded: Value = serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        for call in list(&recorded, "grpc_calls") {
            let decoded = &call["decoded"];
            let body = Bytes::from(unhex(call["message_hex"].as_str().unwrap()));
            let write = RemoteWrite::walk(&body, &Fingerprinter::new([9; 192]), 0).unwrap();
            let replica = decoded["replica"].as_str().unwrap_or("0");
            assert_eq!(write.replica.to_string(), replica);
            let mut want = Vec::new();
            for of in list(decoded, "timeseriesTenantData").iter().chain([decoded]) {
                let series = list(of, "timeseries").iter().map(recorded_series);
                want.extend(series.map(|series| (of["tenant"].as_str().unwrap_or_default(), series)));
            }
            let mut walked = Vec::new();
            for part in &write.parts {
                let series = (0..part.batch.series.len()).map(|row| (part.tenant.as_str(), walked_series(part, row)));
                walked.extend(series);
            }
            want.sort();
            walked.sort();
            assert_eq!(walked, want, "{} {}", recorded["router_version"], recorded["scenario"]);
            rows += walked.len();
            calls += 1;
        }
    }
    assert!(calls > 50 && rows > 100, "{calls} calls, {rows} series");
}
