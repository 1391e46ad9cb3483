//! The walk against generated messages, against hostile bytes, and against a table of faults.

use super::super::messages;
use super::*;
use crate::RequestEncoder;
use model::Labels;
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

/// A series as a row gives it.
type Row = (Vec<(Vec<u8>, Vec<u8>)>, Vec<(i64, u64)>);

fn fingerprinter() -> Fingerprinter {
    Fingerprinter::new([7; 192])
}

fn walk(body: &[u8]) -> Result<(WriteBatch, Tally), Malformed> {
    let rows = count_rows(body)?;
    WriteBatch::walk(Bytes::copy_from_slice(body), rows, &fingerprinter(), 0)
}

/// Everything a walk gives, labels read.
fn read(body: &[u8]) -> Result<(Vec<Row>, Tally), Malformed> {
    let (batch, tally) = walk(body)?;
    let mut rows = Vec::new();
    for index in 0..batch.series.len() {
        let labels = batch.labels(index).map(|label| label.map(|label| (label.name.to_vec(), label.value.to_vec())));
        let samples = batch.samples(index).map(|(timestamp_ms, value)| (timestamp_ms, value.to_bits()));
        rows.push((labels.collect::<Result<_, _>>()?, samples.collect()));
    }
    Ok((rows, tally))
}

/// What the walk should give, from a generated message.
fn expected(request: &messages::WriteRequest) -> (Vec<Row>, Tally) {
    let carries = |series: &messages::TimeSeries| {
        series.samples.len() + series.exemplars.len() + series.histograms.len() > 0 && !series.labels.is_empty()
    };
    let listed = request.timeseries.iter().filter(|series| carries(series));
    let row = |series: &messages::TimeSeries| {
        let labels = series.labels.iter().map(|label| (label.name.clone(), label.value.clone()));
        let samples = series.samples.iter().map(|sample| (sample.timestamp, sample.value.to_bits()));
        (labels.collect(), samples.collect())
    };
    let rows: Vec<Row> = listed.map(row).collect();
    let sum = |count: fn(&messages::TimeSeries) -> usize| request.timeseries.iter().map(count).sum::<usize>() as u64;
    let tally = Tally {
        series: request.timeseries.len() as u64,
        samples: rows.iter().map(|(_, samples)| samples.len() as u64).sum(),
        exemplars: sum(|series| series.exemplars.len()),
        histograms: sum(|series| series.histograms.len()),
        metadata: request.metadata.len() as u64,
        unlabelled: sum(|series| {
            usize::from(series.labels.is_empty() && series.samples.len() + series.histograms.len() > 0)
        }),
        unknown_fields: 0,
    };
    (rows, tally)
}

// === generated messages ===

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..12), vec(any::<u8>(), 120..140)]
}

fn label() -> impl Strategy<Value = messages::Label> {
    (bytes(), bytes()).prop_map(|(name, value)| messages::Label { name, value })
}

fn sample() -> impl Strategy<Value = messages::Sample> {
    let timestamp = prop_oneof![any::<i64>(), Just(0), Just(1_755_388_800_000)];
    (any::<u64>(), timestamp, prop_oneof![Just(0), any::<i64>()]).prop_map(|(bits, timestamp, start_timestamp)| {
        messages::Sample { value: f64::from_bits(bits), timestamp, start_timestamp }
    })
}

fn exemplar() -> impl Strategy<Value = messages::Exemplar> {
    (vec(label(), 0..3), any::<f64>(), any::<i64>()).prop_map(|(labels, value, timestamp)| messages::Exemplar {
        labels,
        value,
        timestamp,
    })
}

fn histogram() -> impl Strategy<Value = messages::Histogram> {
    let span = (any::<i32>(), any::<u32>()).prop_map(|(offset, length)| messages::BucketSpan { offset, length });
    (any::<u64>(), any::<i64>(), vec(span, 0..3), vec(any::<i64>(), 0..4), vec(any::<f64>(), 0..4)).prop_map(
        |(count_int, timestamp, positive_spans, positive_deltas, custom_values)| messages::Histogram {
            count_int,
            timestamp,
            positive_spans,
            positive_deltas,
            custom_values,
            ..Default::default()
        },
    )
}

fn series() -> impl Strategy<Value = messages::TimeSeries> {
    (vec(label(), 0..5), vec(sample(), 0..4), vec(exemplar(), 0..2), vec(histogram(), 0..2)).prop_map(
        |(labels, samples, exemplars, histograms)| messages::TimeSeries { labels, samples, exemplars, histograms },
    )
}

fn request() -> impl Strategy<Value = messages::WriteRequest> {
    let metadata = (any::<i32>(), bytes(), bytes()).prop_map(|(kind, metric_family_name, help)| {
        messages::MetricMetadata { kind, metric_family_name, help, unit: Vec::new() }
    });
    (vec(series(), 0..6), vec(metadata, 0..2))
        .prop_map(|(timeseries, metadata)| messages::WriteRequest { timeseries, metadata })
}

/// A field of a series in an odd but legal spelling: a padded key, a padded size.
fn odd_field(number: u8, message: &[u8], padded: bool) -> Vec<u8> {
    let key = number << 3 | 2;
    let mut field = if padded { vec![key | 0x80, 0x80, 0] } else { vec![key] };
    let size = message.len();
    match padded {
        true => field.extend([(size & 0x7f) as u8 | 0x80, (size >> 7 & 0x7f) as u8 | 0x80, 0x80, 0]),
        false => prost::encoding::encode_varint(size as u64, &mut field),
    }
    field.extend(message);
    field
}

proptest! {
    #[test]
    fn a_walk_reads_what_a_generated_decoder_reads(request in request()) {
        let body = request.encode_to_vec();
        prop_assert_eq!(read(&body).unwrap(), expected(&request));
    }

    /// Fields in any order, unknown ones between, keys and sizes padded.
    #[test]
    fn odd_spellings_mean_the_same(
        labels in vec((label(), any::<bool>()), 1..5),
        samples in vec((sample(), any::<bool>()), 1..4),
        order in vec(any::<u16>(), 12),
        unknown in vec(any::<u8>(), 0..9),
    ) {
        let mut fields = vec![(0, odd_field(9, &unknown, false), 9), (0, vec![0x28, 1], 5)];
        fields.extend(labels.iter().map(|(label, padded)| (0, odd_field(1, &label.encode_to_vec(), *padded), 1)));
        fields.extend(samples.iter().map(|(sample, padded)| (0, odd_field(2, &sample.encode_to_vec(), *padded), 2)));
        for (field, order) in fields.iter_mut().zip(order) {
            field.0 = order;
        }
        fields.sort_by_key(|(order, ..)| *order);
        let message: Vec<u8> = fields.iter().flat_map(|(_, field, _)| field.clone()).collect();
        let body = odd_field(1, &message, true);

        let (batch, _) = walk(&body).unwrap();
        let numbers: Vec<u8> = fields.iter().map(|(.., number)| *number).collect();
        let runs = |number| numbers.chunk_by(|left, right| left == right).filter(|run| run[0] == number).count();
        prop_assert_eq!(batch.series[0].is_scattered(), runs(1) > 1 || runs(2) > 1);

        let (rows, _) = read(&body).unwrap();
        let decoded = messages::WriteRequest::decode(&*body).unwrap();
        prop_assert_eq!(rows, expected(&decoded).0);
    }

    /// What we take, a generated decoder takes and reads alike; what only we refuse holds a group.
    #[test]
    fn damaged_bytes_are_taken_or_refused_as_by_a_generated_decoder(
        request in request(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut body = request.encode_to_vec();
        if !body.is_empty() {
            for (at, byte) in damage {
                let at = at.index(body.len());
                body[at] = byte;
            }
            if cut.index(4) == 0 {
                body.truncate(cut.index(body.len()));
            }
        }
        compare(&body)?;
    }

    #[test]
    fn arbitrary_bytes_are_taken_or_refused_as_by_a_generated_decoder(body in vec(any::<u8>(), 0..200)) {
        compare(&body)?;
    }

    #[test]
    fn the_table_is_at_most_eight_times_the_body(series in vec(vec(prop_oneof![Just(0x0a), Just(0x12)], 0..4), 0..50)) {
        let mut body = Vec::new();
        for keys in &series {
            body.extend([0x0a, 2 * keys.len() as u8]);
            body.extend(keys.iter().flat_map(|key| [*key, 0]));
        }
        let rows = count_rows(&body).unwrap();
        prop_assert!(rows * size_of::<SeriesSlice>() <= 8 * body.len());
        let (batch, tally) = walk(&body).unwrap();
        prop_assert_eq!(tally.series, series.len() as u64);
        prop_assert!(batch.series.len() <= rows);
        prop_assert_eq!(batch.series.capacity(), rows);
    }
}

fn compare(body: &[u8]) -> Result<(), TestCaseError> {
    match (read(body), messages::WriteRequest::decode(body)) {
        (Ok((rows, _)), Ok(decoded)) => prop_assert_eq!(rows, expected(&decoded).0),
        (Ok(_), Err(refused)) => prop_assert!(false, "we take what is refused elsewhere: {}", refused),
        (Err(refused), Ok(_)) => prop_assert_eq!(refused.what, "a group"),
        (Err(_), Err(_)) => {}
    }
    Ok(())
}

// === one by one ===

/// The size of two good series.
const BEFORE: usize = 94;

/// A request of two good series with `third` behind them.
fn after_two(third: &[u8]) -> Vec<u8> {
    let mut request = RequestEncoder::default();
    for host in [b"a", b"b"] {
        request.series([(&b"__name__"[..], &b"up"[..]), (b"host", host)], [(1_755_388_800_000, 1.0)]);
    }
    let mut body = request.take();
    assert_eq!(body.len(), BEFORE);
    body.extend(third);
    body
}

#[track_caller]
fn refused(third: &[u8], at: usize, what: &'static str) {
    assert_eq!(read(&after_two(third)).unwrap_err(), Malformed { series: 2, at: BEFORE + at, what });
}

#[test]
fn faults_are_told_with_series_and_byte() {
    // Of the request.
    refused(&[0x0a], 1, "truncated varint");
    refused(&[0x0a, 5, 0x0a, 0], 1, "truncated field");
    refused(&[0x08, 1], 0, "wrong wire type for the field");
    refused(&[0x1d, 1, 2, 3, 4], 0, "wrong wire type for the field");
    refused(&[0x00, 1], 0, "field number 0");
    refused(&[0x0b, 0x0c], 0, "a group");
    refused(&[0x6b, 0x6c], 0, "a group");
    refused(&[0x0e, 1], 0, "unknown wire type");
    refused(&[0x25, 1, 2], 1, "truncated field");
    refused(&[0x21, 1, 2, 3, 4, 5, 6, 7], 1, "truncated field");
    refused(&[0xff, 0xff, 0xff, 0xff, 0x7f, 0], 0, "field number out of range");
    refused(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], 1, "varint over 64 bits");
    refused(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], 1, "truncated field");
    // Of a series.
    refused(&[0x0a, 2, 0x0a, 1], 3, "truncated field");
    refused(&[0x0a, 2, 0x10, 1], 2, "wrong wire type for the field");
    refused(&[0x0a, 2, 0x0b, 0x0c], 2, "a group");
    // A size that would reach over the end of its message, but not of the body.
    refused(&[0x0a, 2, 0x0a, 4, 0x0a, 0, 0x12, 0], 3, "truncated field");
    // Of a sample.
    refused(&[0x0a, 5, 0x0a, 0, 0x12, 1, 0x09], 7, "truncated field");
    refused(&[0x0a, 6, 0x0a, 0, 0x12, 2, 0x08, 1], 6, "wrong wire type for the field");
    refused(&[0x0a, 6, 0x0a, 0, 0x12, 2, 0x10, 0x80], 7, "truncated varint");
    // Of a label: of a series with a row when it is read, of another by the walk.
    refused(&[0x0a, 6, 0x0a, 2, 0x08, 1, 0x12, 0], 4, "wrong wire type for the field");
    refused(&[0x0a, 4, 0x0a, 2, 0x08, 1], 4, "wrong wire type for the field");
    // Of what is not stored.
    refused(&[0x1a, 2, 0x10, 1], 2, "wrong wire type for the field");
    refused(&[0x0a, 4, 0x1a, 2, 0x0a, 9], 5, "truncated field");
    refused(&[0x0a, 5, 0x22, 3, 0x82, 1, 4], 6, "truncated field");
    refused(&[0x0a, 9, 0x22, 7, 0x82, 1, 4, 0, 0, 0, 0], 4, "packed doubles do not fill their field");
}

#[test]
fn faults_within_labels_of_a_row_come_from_whoever_reads_them() {
    let body = after_two(&[0x0a, 6, 0x0a, 2, 0x08, 1, 0x12, 0]);
    let (batch, _) = walk(&body).unwrap();
    let labels: Vec<_> = batch.labels(2).collect();
    assert_eq!(labels, [Err(Malformed { series: 2, at: BEFORE + 4, what: "wrong wire type for the field" })]);
}

#[test]
fn a_canonical_region_hashes_to_the_name_of_its_series() {
    let pairs = [("__name__", "up"), ("instance", &"h".repeat(300)), ("job", "node")];
    let mut request = RequestEncoder::default();
    request.series(pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())), [(1, 1.0), (2, 2.0)]);
    let (batch, _) = walk(request.body()).unwrap();
    let labels = Labels::from_pairs(pairs).unwrap();
    let fingerprint = fingerprinter().of_labels(labels.as_ref(), &mut Vec::new());
    assert_eq!(batch.series[0].fingerprint, fingerprint);
    assert!(!batch.series[0].is_scattered());
    assert_eq!(batch.series[0].labels.end, batch.series[0].samples.start);
}

#[test]
fn series_without_labels_or_samples_get_no_row() {
    let mut request = RequestEncoder::default();
    let labels = [(&b"__name__"[..], &b"up"[..])];
    request.series([], [(1, 1.0)]);
    request.series(labels, []);
    request.series([], []);
    request.series(labels, [(1, -0.0)]);
    let (rows, tally) = read(request.body()).unwrap();
    assert_eq!(rows, [(vec![(b"__name__".to_vec(), b"up".to_vec())], vec![(1, (-0.0f64).to_bits())])]);
    assert_eq!(tally, Tally { series: 4, samples: 1, unlabelled: 1, ..Tally::default() });
}

#[test]
fn a_request_of_version_2_has_unknown_fields_only() {
    // Field 4 is the table of symbols, field 5 the series.
    let (rows, tally) = read(&[0x22, 0, 0x22, 2, b'u', b'p', 0x2a, 2, 0x0a, 0]).unwrap();
    assert_eq!((rows, tally), (vec![], Tally { unknown_fields: 3, ..Tally::default() }));
}

#[test]
fn ranges_from_elsewhere_read_nothing() {
    let (mut batch, _) = walk(&after_two(&[])).unwrap();
    assert_eq!((batch.labels(2).count(), batch.samples(2).count()), (0, 0));
    batch.series[0].labels = 90..9000;
    batch.series[0].samples = Range { start: 9000, end: 90 };
    assert_eq!((batch.labels(0).count(), batch.samples(0).count()), (0, 0));
}

#[test]
fn the_encoder_writes_what_a_generated_one_writes() {
    let mut request = RequestEncoder::default();
    request.series([(&b"a"[..], &[b'v'; 200][..])], [(0, 0.0), (-5, 1.5), (1_755_388_800_000, f64::NAN)]);
    let labels = vec![messages::Label { name: b"a".to_vec(), value: vec![b'v'; 200] }];
    let sample = |timestamp, value| messages::Sample { value, timestamp, start_timestamp: 0 };
    let samples = vec![sample(0, 0.0), sample(-5, 1.5), sample(1_755_388_800_000, f64::NAN)];
    let series = messages::TimeSeries { labels, samples, ..Default::default() };
    let generated = messages::WriteRequest { timeseries: vec![series], metadata: vec![] };
    assert_eq!(request.take(), generated.encode_to_vec());
    assert!(request.body().is_empty());
}

#[test]
fn labels_show_themselves_shortly() {
    let mut request = RequestEncoder::default();
    let long = [b'v'; 1000];
    request.series([(&b"a"[..], &b"1\n"[..]), (b"b", &long), (b"c", b"3"), (b"d", b"4")], [(1, 1.0)]);
    request.series([(&b"a"[..], &b"1"[..])], [(1, 1.0)]);
    let (batch, _) = walk(request.body()).unwrap();
    let long = batch.labels(0).to_string();
    assert!(long.starts_with(r#"{"a"="1\n", "b"="vvv"#) && long.ends_with(r#"…", "c"="3", …}"#), "{long}");
    assert_eq!(batch.labels(1).to_string(), r#"{"a"="1"}"#);
}
