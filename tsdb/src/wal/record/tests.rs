use super::{
    Decoded, LeftOut, LoggedSample, MmapMarker, RecordKind, Records, Run, Tombstone, decode_record, split_records,
};
use crate::cursor::Fault;
use crate::head_chunks::HeadChunkRef;
use model::{
    CUSTOM_BUCKETS_SCHEMA, ExemplarRef, HistogramColumn, HistogramLayout, HistogramRef, Labels, MetadataRef,
    MetricKind, Numbers, ResetHint, SeriesRef, Span, TimeRange,
};
use proptest::prelude::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

/// The records of a batch, as they stand in the log's buffer.
fn logged(records: &Records) -> Vec<Vec<u8>> {
    let mut buffer = Vec::new();
    records.copy_series(&mut buffer);
    records.copy_others(&mut buffer, None);
    assert_eq!(buffer.len(), records.size_bytes());
    split_records(&buffer).map(<[u8]>::to_vec).collect()
}

fn decoded(records: &[Vec<u8>]) -> Decoded {
    let mut decoded = Decoded::default();
    for record in records {
        decode_record(record, &mut decoded).unwrap();
    }
    decoded
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn the_bytes_are_prometheus_own() {
    let mut records = Records::default();
    records.sample(SeriesRef(258), 1_000, 1.0);
    records.sample(SeriesRef(257), 1_300, -0.0);
    records.series(SeriesRef(257), labels(&[("a", "xy"), ("b", "")]).as_ref());
    records.series(SeriesRef(258), Labels::empty().as_ref());
    let series = "01  0000000000000101 01 01 61 02 7879  0000000000000102 00";
    let samples = "02  0000000000000102 00000000000003e8  00 00 3ff0000000000000  01 d804 8000000000000000";
    assert_eq!(logged(&records), [hex(series), hex(samples)]);
}

#[test]
fn what_was_logged_is_read() {
    let mut records = Records::default();
    let long = "v".repeat(300);
    let sets = [labels(&[("__name__", "up"), ("job", &long)]), Labels::empty(), labels(&[("\u{e9}", "\n")])];
    for (number, set) in sets.iter().enumerate() {
        records.series(SeriesRef(number as u64), set.as_ref());
    }
    let samples = [
        (SeriesRef(0), 0, f64::from_bits(0x7ff0_0000_0000_0002)),
        (SeriesRef(SeriesRef::END - 1), i64::MAX, f64::INFINITY),
        (SeriesRef(0), i64::MIN, f64::MIN_POSITIVE),
        (SeriesRef(1), -1, -0.0),
    ];
    for (series, timestamp_ms, value) in samples {
        records.sample(series, timestamp_ms, value);
    }
    let decoded = decoded(&logged(&records));
    let read: Vec<_> = decoded.series().map(|entry| (entry.series.0, entry.labels.to_owned())).collect();
    assert_eq!(read, sets.into_iter().enumerate().map(|(n, set)| (n as u64, set)).collect::<Vec<_>>());
    let bits = |&(series, timestamp_ms, value): &(SeriesRef, i64, f64)| (series, timestamp_ms, value.to_bits());
    let read: Vec<_> = decoded.samples.iter().map(|s| bits(&(s.series, s.timestamp_ms, s.value))).collect();
    assert_eq!(read, samples.iter().map(bits).collect::<Vec<_>>());
}

/// Sizes around those at which varints and packed label sets grow.
#[test]
fn labels_of_any_size_are_read() {
    for size in [1, 126, 127, 128, 254, 255, 256, 16_383, 16_384] {
        let (name, value) = ("n".repeat(size), "v".repeat(size));
        for set in [labels(&[("a", &value)]), labels(&[(&name, "b")]), labels(&[("a", &value), (&name, &value)])] {
            let mut records = Records::default();
            records.series(SeriesRef(1), set.as_ref());
            let decoded = decoded(&logged(&records));
            let read: Vec<_> = decoded.series().map(|entry| entry.labels.to_owned()).collect();
            assert_eq!(read, [set], "{size}");
        }
    }
}

#[test]
fn a_large_batch_becomes_several_records() {
    let mut records = Records::default();
    for number in 0..20_000_u64 {
        records.series(SeriesRef(number), labels(&[("number", &number.to_string())]).as_ref());
        records.sample(SeriesRef(number), number as i64 * 15_000, number as f64);
    }
    let logged = logged(&records);
    let size = |record: &Vec<u8>| record.len() < 66 << 10;
    assert!(logged.len() > 6 && logged.iter().all(size), "{:?}", logged.iter().map(Vec::len).collect::<Vec<_>>());
    let decoded = decoded(&logged);
    assert_eq!((decoded.series_len(), decoded.samples.len()), (20_000, 20_000));
    let whole = decoded.samples.iter().enumerate().all(|(n, s)| s.series.0 == n as u64 && s.value == n as f64);
    assert!(whole);
    let kinds: Vec<_> = logged.iter().map(|record| record[0]).collect();
    assert!(kinds.is_sorted() && kinds[0] == 1, "series come first");
}

#[test]
fn cleared_records_start_afresh() {
    let mut records = Records::default();
    records.sample(SeriesRef(7), 70, 7.0);
    records.series(SeriesRef(7), Labels::empty().as_ref());
    records.clear();
    assert!(records.is_empty());
    assert_eq!(logged(&records), Vec::<Vec<u8>>::new());
    records.sample(SeriesRef(9), 90, 9.0);
    records.shrink_to(0);
    let decoded = decoded(&logged(&records));
    assert_eq!(decoded.samples.iter().map(|s| (s.series.0, s.timestamp_ms)).collect::<Vec<_>>(), [(9, 90)]);
}

/// What a shard logs of a batch.
#[derive(Clone)]
enum Pushed {
    /// A sample of each of these series, so long after the first.
    Samples(std::ops::Range<u64>, i64),
    Exemplar,
    Metadata,
    Barrier,
    /// Nothing: another batch begins.
    Batch,
}

impl Pushed {
    fn push(&self, records: &mut Records) {
        const NOW_MS: i64 = 1_700_000_000_000;
        match self {
            Self::Samples(references, later_ms) => references
                .clone()
                .for_each(|number| records.sample(SeriesRef(number), NOW_MS + later_ms, number as f64)),
            Self::Exemplar => {
                let labels = labels(&[("trace_id", "1")]);
                let exemplar = ExemplarRef { labels: labels.as_ref(), timestamp_ms: NOW_MS, value: 1.0 };
                records.exemplar(SeriesRef(1), exemplar);
            }
            Self::Metadata => {
                records.metadata(SeriesRef(1), MetadataRef { kind: MetricKind::Gauge, unit: b"", help: b"" });
            }
            Self::Barrier => records.barrier(),
            Self::Batch => records.begin_batch(),
        }
    }
}

/// Logs shares of batches, and says how many samples each of the records in the log's buffer holds.
fn logged_in_shares(shares: &[Vec<Pushed>]) -> Vec<usize> {
    let (mut records, mut buffer, mut open) = (Records::default(), Vec::new(), None);
    let mut pushed = Decoded::default();
    records.begin_batch();
    for share in shares {
        share.iter().for_each(|item| item.push(&mut records));
        for record in logged(&records) {
            decode_record(&record, &mut pushed).unwrap();
        }
        open = records.copy_others(&mut buffer, open);
        records.next_share();
    }
    let (mut read, mut held) = (Decoded::default(), Vec::new());
    for record in split_records(&buffer) {
        let before = read.samples.len();
        decode_record(record, &mut read).unwrap();
        held.push(read.samples.len() - before);
    }
    assert_eq!(tell(&read), tell(&pushed));
    held
}

#[test]
fn shares_of_one_batch_go_on_in_one_record() {
    use Pushed::{Barrier, Batch, Exemplar, Metadata, Samples};
    let first = vec![Samples(500..700, 0)];
    let after = |items: &[Pushed]| [&first, items].concat();
    let before = |items: &[Pushed]| [items, &first].concat();
    let cases = [
        ("shares", vec![first.clone(), vec![Samples(501..703, 0)], vec![Samples(10..11, 0)]], vec![403]),
        ("a share without records", vec![first.clone(), vec![], first.clone()], vec![400]),
        ("far references and times", vec![first.clone(), vec![Samples(90_000..90_002, 60_000)]], vec![202]),
        ("another batch", vec![first.clone(), before(&[Batch, Samples(700..701, 0)])], vec![200, 201]),
        ("another batch from the same base", vec![first.clone(), before(&[Batch])], vec![400]),
        ("another kind behind", vec![after(&[Exemplar]), first.clone(), first.clone()], vec![200, 0, 400]),
        ("another kind before", vec![first.clone(), before(&[Metadata]), first.clone()], vec![200, 0, 400]),
        ("a barrier", vec![first.clone(), after(&[Barrier, first[0].clone()]), first.clone()], vec![200, 200, 400]),
        ("too many together", vec![vec![Samples(0..3_000, 0)], vec![Samples(1..3_000, 0)]], vec![3_000, 2_999]),
        ("more than a record", vec![vec![Samples(0..7_000, 0)], first.clone()], vec![5_968, 1_232]),
    ];
    for (name, shares, want) in cases {
        assert_eq!(logged_in_shares(&shares), want, "{name}");
    }
}

/// How many items there are of every kind.
fn items(decoded: &Decoded) -> usize {
    let Decoded { samples, histograms, tombstones, markers, .. } = decoded;
    let columns = [samples.len(), histograms.len(), tombstones.len(), markers.len()];
    let counted = [decoded.series_len(), decoded.exemplars_len(), decoded.metadata_len()];
    columns.into_iter().chain(counted).sum()
}

/// Reads one record that must be whole, then every shorter version of it, which must fail or be of fewer items.
#[track_caller]
fn check(text: &str, kind: RecordKind, want: &str) {
    let record = hex(text);
    let mut decoded = Decoded::default();
    assert_eq!(decode_record(&record, &mut decoded), Ok(Some(kind)));
    assert_eq!(tell(&decoded).join("; "), want);
    for size in 1..record.len() {
        let mut shorter = Decoded::default();
        let result = decode_record(&record[..size], &mut shorter);
        assert!(result.is_err() || items(&shorter) < items(&decoded), "cut at {size}");
        if result.is_err() {
            assert_eq!((items(&shorter), shorter.runs().count()), (0, 0), "cut at {size} leaves something");
            assert_eq!(shorter.left_out, LeftOut::default());
        }
    }
}

/// What was read, an item a line, run after run; then what is in no run.
fn tell(decoded: &Decoded) -> Vec<String> {
    let mut told = Vec::new();
    for run in decoded.runs() {
        match run {
            Run::Samples(run) => {
                let sample = |(at, s): (usize, &LoggedSample)| {
                    format!("{} at {} from {}: {}", s.series.0, s.timestamp_ms, run.start_ms(at), s.value)
                };
                told.extend(run.samples.iter().enumerate().map(sample));
            }
            Run::Packed(_) => panic!("samples are read"),
            Run::Histograms(run) => told.extend(run.iter().map(|(entry, histogram)| {
                let (series, at_ms, start_ms) = (entry.series.0, entry.timestamp_ms, entry.start_ms);
                format!("{series} at {at_ms} from {start_ms}: {}", tell_histogram(&histogram))
            })),
            Run::Deletions(run) => {
                let range = |stone: &Tombstone| format!("{}..={}", stone.range.min_ms(), stone.range.max_ms());
                told.extend(run.iter().map(|stone| format!("{} without {}", stone.series.0, range(stone))));
            }
            Run::Markers(run) => {
                told.extend(run.iter().map(|marker| format!("{} in {:x}", marker.series.0, marker.chunk.0)));
            }
        }
    }
    told.extend(decoded.exemplars().map(|(series, exemplar)| {
        format!("{} at {}: {} {:?}", series.0, exemplar.timestamp_ms, exemplar.value, exemplar.labels)
    }));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    told.extend(decoded.metadata().map(|(series, metadata)| {
        format!("{} is {} in {:?}: {:?}", series.0, metadata.kind.as_str(), text(metadata.unit), text(metadata.help))
    }));
    told
}

fn tell_histogram(histogram: &HistogramRef<'_>) -> String {
    let HistogramRef { layout, hint, numbers, cells, sum } = histogram;
    let spans = |spans: &[Span]| spans.iter().map(|span| (span.offset, span.length)).collect::<Vec<_>>();
    let cells: Vec<_> = cells.iter().map(|&cell| numbers.value(cell)).collect();
    let (positive, negative) = (spans(layout.positive()), spans(layout.negative()));
    let bounds = layout.custom_bounds();
    let of = format!("{} {} {positive:?} {negative:?} {bounds:?}", layout.schema(), layout.zero_threshold());
    format!("{hint:?} {of} {cells:?} sum {sum}")
}

const BASE: &str = "0000000000000001 00000000000003e8";
/// Spans of two positive buckets and one negative one.
const INTEGER: &str = "01 02 3f00000000000000 05 0a 4000000000000000 01 02 02  01 04 01  02 02 01  01 06";
const FLOAT: &str = "03 02 3f00000000000000 4000000000000000 4010000000000000 4000000000000000 \
                     01 02 01 00 01 4000000000000000 00";
const CUSTOM: &str = "02 69 0000000000000000 00 0a 4000000000000000 01 00 02 00 02 02 02 00 01 3ff0000000000000";

#[test]
fn histograms_are_read() {
    let integer = "Reset 1 0.000030517578125 [(1, 2)] [(2, 1)] [] [10.0, 5.0, 1.0, 0.0, 3.0] sum 2";
    let float = "Gauge 1 0.000030517578125 [(1, 1)] [] [] [4.0, 2.0, 2.0] sum 2";
    let custom = "NotReset -53 0 [(0, 2)] [] [1.0] [10.0, 0.0, 1.0, 2.0] sum 2";
    let two = format!("07 {BASE} 00 00 {INTEGER} 04 03 {INTEGER}");
    check(&two, RecordKind::Histograms, &format!("1 at 1000 from 0: {integer}; 3 at 998 from 0: {integer}"));
    check(&format!("08 {BASE} 02 00 {FLOAT}"), RecordKind::FloatHistograms, &format!("2 at 1000 from 0: {float}"));
    check(&format!("09 {BASE} 00 02 {CUSTOM}"), RecordKind::CustomHistograms, &format!("1 at 1001 from 0: {custom}"));
    let started = format!("0c 02 d00f 06 {INTEGER} 02 02 01 {INTEGER} 00 02 02 08 {CUSTOM} 01 00 00 {INTEGER}");
    let told = [
        format!("1 at 1000 from 3: {integer}"),
        format!("2 at 1001 from 3: {integer}"),
        format!("2 at 1001 from 7: {custom}"),
        format!("1 at 1000 from 0: {integer}"),
    ];
    check(&started, RecordKind::HistogramsV2, &told.join("; "));
}

#[test]
fn deletions_exemplars_markers_and_metadata_are_read() {
    check(
        "03 0000000000000001 02 04 0000000000000002 01 00",
        RecordKind::Tombstones,
        "1 without 1..=2; 2 without -1..=0",
    );
    let exemplars = format!("04 {BASE} 00 00 3ff0000000000000 01 01 61 01 62 01 02 4000000000000000 00");
    check(&exemplars, RecordKind::Exemplars, "1 at 1000: 1 {a=\"b\"}; 0 at 1001: 2 {}");
    check("05 0000000000000001 0000000100000008", RecordKind::MmapMarkers, "1 in 100000008");
    let metadata = "06 05 01 03 04 554e4954 01 73 03 4e4557 01 78 04 48454c50 02 6869 06 63 00";
    check(metadata, RecordKind::Metadata, r#"5 is counter in "s": "hi"; 6 is unknown in "": """#);
}

#[test]
fn samples_with_start_times_are_read() {
    let text = "0b 0a d00f d00d 3ff0000000000000  01 02 00 4000000000000000  02 04 02 08 4008000000000000 \
                02 06 01 4010000000000000";
    let want = "5 at 1000 from 872: 1; 4 at 1001 from 0: 2; 5 at 1002 from 876: 3; 6 at 1003 from 876: 4";
    check(text, RecordKind::SamplesV2, want);
}

#[test]
fn kinds_follow_each_other_as_they_were_logged() {
    let sample = |at: &str| format!("02 0000000000000001 00000000000000{at} 00 00 3ff0000000000000");
    let texts = [
        sample("01"),
        sample("02"),
        format!("07 {BASE} 00 00 {INTEGER}"),
        "0b 02 06 04 4000000000000000".to_owned(),
        "03 0000000000000001 02 04".to_owned(),
        sample("04"),
        "05 0000000000000001 0000000100000008".to_owned(),
    ];
    let mut decoded = decoded(&texts.map(|text| hex(&text)));
    let told = tell(&decoded);
    let times: Vec<_> = told.iter().map(|told| told.split(':').next().unwrap()).collect();
    assert_eq!(
        times,
        [
            "1 at 1 from 0",
            "1 at 2 from 0",
            "1 at 1000 from 0",
            "1 at 3 from 2",
            "1 without 1..=2",
            "1 at 4 from 0",
            "1 in 100000008"
        ]
    );
    let kinds = decoded.runs().count();
    decode_record(&hex("07 00"), &mut decoded).unwrap_err();
    assert_eq!((decoded.runs().count(), tell(&decoded)), (kinds, told));
    decoded.clear();
    assert_eq!((items(&decoded), decoded.runs().count()), (0, 0));
}

#[test]
fn equal_layouts_are_one() {
    let text = format!("07 {BASE} 00 00 {INTEGER} 00 02 {CUSTOM} 00 04 {INTEGER} 00 06 {CUSTOM}");
    let mut decoded = decoded(&[hex(&text)]);
    assert_eq!((decoded.histograms.len(), decoded.histogram_rows.layouts().len()), (4, 2));
    decode_record(&hex(&format!("08 {BASE} 00 00 {FLOAT} 00")), &mut decoded).unwrap_err();
    decode_record(&hex(&text), &mut decoded).unwrap();
    assert_eq!((decoded.histograms.len(), decoded.histogram_rows.layouts().len()), (8, 2));
    decoded.clear();
    decode_record(&hex(&text), &mut decoded).unwrap();
    assert_eq!((decoded.histograms.len(), decoded.histogram_rows.layouts().len()), (4, 2));
}

#[test]
fn histograms_of_unknown_schemas_and_exemplars_without_proper_labels_are_left_out() {
    let finer = INTEGER.replacen("02", "7e", 1);
    let mut decoded = decoded(&[
        hex(&format!("07 {BASE} 00 00 {finer} 00 02 {INTEGER}")),
        hex(&format!("04 {BASE} 00 00 3ff0000000000000 01 00 01 62 00 00 3ff0000000000000 00")),
    ]);
    assert_eq!((decoded.histograms.len(), decoded.exemplars_len()), (1, 1));
    assert_eq!(decoded.left_out, LeftOut { histograms: 1, exemplars: 1, ..LeftOut::default() });
    decoded.clear();
    assert_eq!(decoded.left_out, LeftOut::default());
}

#[test]
fn histograms_finer_than_any_we_keep_are_made_coarser() {
    // Schema 9, buckets 0, 1 and 3 with 1, 2 and 3 observations: of schema 8, 0, 1 and 2.
    let body = "00 12 3f00000000000000 00 06 4000000000000000 02 00 02 02 01 00  03 02 02 02 00";
    let coarser = "Unknown 8 0.000030517578125 [(0, 3)] [] [] [6.0, 0.0, 1.0, 2.0, 3.0] sum 2";
    let record = format!("07 {BASE} 00 00 {body} 00 02 {body}");
    let told = format!("1 at 1000 from 0: {coarser}; 1 at 1001 from 0: {coarser}");
    check(&record, RecordKind::Histograms, &told);
    assert_eq!(decoded(&[hex(&record)]).histogram_rows.layouts().len(), 1);
}

#[test]
fn what_a_histogram_claims_must_be_there() {
    let read = |body: &str| decode_record(&hex(&format!("07 {BASE} 00 00 {body}")), &mut Decoded::default());
    let front = "01 02 3f00000000000000 05 0a 4000000000000000";
    let fault = |body: &str| read(body).unwrap_err().fault;
    // More spans, buckets and bounds than bytes.
    assert!(matches!(fault(&format!("{front} ffffffffffffff7f 00")), Fault::Truncated { .. }));
    assert!(matches!(fault(&format!("{front} 01 00 ffffffff0f 00 00 00")), Fault::Truncated { .. }));
    assert!(matches!(fault(&format!("{front} 02 00 ffffffff0f 00 ffffffff0f 00 00 00")), Fault::Truncated { .. }));
    assert!(matches!(fault(&CUSTOM.replace("01 3ff0", "ffff7f 3ff0")), Fault::Truncated { .. }));
    // Spans that say another number of buckets than there is.
    let other = INTEGER.replace("02 02 01  01 06", "01 02  01 06");
    assert!(matches!(fault(&other), Fault::Malformed(_)));
    let many = format!("{front} 01 00 818004 00 818004 {} 00", "00 ".repeat(65537));
    assert!(matches!(fault(&many), Fault::TooLarge { got: 65537, .. }));
    read(&many.replace("818004", "808004").replacen("00 00", "00", 1)).unwrap();
}

/// Logs again what was read, run after run.
fn log_again(decoded: &Decoded) -> Records {
    let mut records = Records::default();
    decoded.series().for_each(|logged| records.series(logged.series, logged.labels));
    decoded.metadata().for_each(|(series, metadata)| records.metadata(series, metadata));
    for run in decoded.runs() {
        match run {
            Run::Samples(run) => run.samples.iter().for_each(|s| records.sample(s.series, s.timestamp_ms, s.value)),
            Run::Packed(_) => panic!("samples are read"),
            Run::Histograms(run) => {
                run.iter().for_each(|(entry, row)| records.histogram(entry.series, entry.timestamp_ms, row));
            }
            Run::Deletions(run) => run.iter().for_each(|stone| records.deletion(stone.series, stone.range)),
            Run::Markers(run) => run.iter().for_each(|marker| records.marker(marker.series, marker.chunk)),
        }
        records.barrier();
    }
    decoded.exemplars().for_each(|(series, exemplar)| records.exemplar(series, exemplar));
    records
}

#[test]
fn what_prometheus_logs_is_logged_alike() {
    let texts = [
        "01 0000000000000101 02 01 61 01 78 01 62 01 79  0000000000000102 00".to_owned(),
        "06 05 01 02 04 554e4954 01 73 04 48454c50 02 6869".to_owned(),
        format!("02 {BASE} 00 00 3ff0000000000000 01 05 8000000000000000"),
        format!("07 {BASE} 00 00 {INTEGER} 04 03 {INTEGER}"),
        format!("09 {BASE} 00 00 {CUSTOM} 00 02 {CUSTOM}"),
        format!("08 {BASE} 00 00 {FLOAT}"),
        format!("0a {BASE} 00 00 {FLOAT}").replace(" 03 02 3f", " 03 69 3f") + " 01 3ff0000000000000",
        "03 0000000000000001 02 04 0000000000000002 01 00".to_owned(),
        "05 0000000000000001 0000000100000008 0000000000000002 0000000100000018".to_owned(),
        format!("04 {BASE} 00 00 3ff0000000000000 01 01 61 01 62 01 02 4000000000000000 00"),
    ];
    let texts = texts.map(|text| hex(&text));
    assert_eq!(logged(&log_again(&decoded(&texts))), texts);
}

#[test]
fn a_batch_is_logged_in_the_order_of_a_commit() {
    let decoded = decoded(&[hex(&format!("07 {BASE} 00 00 {INTEGER} 00 02 {CUSTOM}"))]);
    let (plain, custom) = (decoded.histogram_rows.get(0).unwrap(), decoded.histogram_rows.get(1).unwrap());
    let mut records = Records::default();
    let float = |row| HistogramRef { numbers: Numbers::Float, ..row };
    let labels = Labels::empty();
    let push_all = |records: &mut Records| {
        records.deletion(SeriesRef(1), TimeRange::ALL);
        records.exemplar(SeriesRef(1), ExemplarRef { labels: labels.as_ref(), timestamp_ms: 1, value: 1.0 });
        for row in [float(custom), float(plain), custom, plain] {
            records.histogram(SeriesRef(1), 1, row);
        }
        records.sample(SeriesRef(1), 1, 1.0);
        records.metadata(SeriesRef(1), MetadataRef::default());
        records.marker(SeriesRef(1), HeadChunkRef(8));
        records.series(SeriesRef(1), labels.as_ref());
    };
    let kinds = |records: &Records| logged(records).iter().map(|record| record[0]).collect::<Vec<_>>();
    push_all(&mut records);
    let order = [5, 6, 2, 7, 9, 8, 10, 4, 3];
    assert_eq!(kinds(&records), [&[1][..], &order].concat());
    records.barrier();
    assert_eq!(kinds(&records), [&[1][..], &order].concat());
    push_all(&mut records);
    assert_eq!(kinds(&records), [&[1][..], &order, &order].concat());
    records.clear();
    assert_eq!((kinds(&records), records.is_empty()), (Vec::new(), true));
    records.barrier();
    push_all(&mut records);
    assert_eq!(kinds(&records), [&[1][..], &order].concat());
}

/// Anything a histogram can hold.
fn any_histogram() -> impl Strategy<Value = HistogramColumn> {
    let spans = || proptest::collection::vec((any::<i32>(), 0_u32..6), 0..5);
    let bounds = proptest::collection::vec(any::<u64>(), 0..5);
    let schema = prop_oneof![-4_i32..=8, Just(CUSTOM_BUCKETS_SCHEMA)];
    let cells = proptest::collection::vec(any::<u64>(), 64);
    let numbers = prop_oneof![Just(Numbers::Integer), Just(Numbers::Float)];
    (schema, spans(), spans(), bounds, cells, numbers, 0_u64..4, any::<[u64; 2]>()).prop_map(
        |(schema, positive, negative, bounds, cells, numbers, hint, [sum, zero_threshold])| {
            let spans = |spans: Vec<_>| spans.into_iter().map(|(offset, length)| Span { offset, length }).collect();
            let bounds = if schema == CUSTOM_BUCKETS_SCHEMA { bounds } else { Vec::new() };
            let bounds = bounds.into_iter().map(f64::from_bits).collect();
            let (positive, negative) = (spans(positive), spans(negative));
            let layout = HistogramLayout::new(schema, f64::from_bits(zero_threshold), positive, negative, bounds);
            let (layout, hint) = (layout.unwrap(), ResetHint::from_number(hint).unwrap());
            let mut column = HistogramColumn::default();
            column.push(HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum: f64::from_bits(sum) });
            column
        },
    )
}

fn any_ref() -> impl Strategy<Value = SeriesRef> {
    prop_oneof![0..10_u64, 0..SeriesRef::END].prop_map(SeriesRef)
}

proptest! {
    #[test]
    fn any_histograms_are_read_as_they_were_logged(
        all in proptest::collection::vec((any_ref(), any::<i64>(), any_histogram()), 1..40),
    ) {
        let mut records = Records::default();
        for (series, timestamp_ms, column) in &all {
            records.histogram(*series, *timestamp_ms, column.get(0).unwrap());
            records.barrier();
        }
        let decoded = decoded(&logged(&records));
        prop_assert_eq!(decoded.histograms.len(), all.len());
        for ((series, timestamp_ms, column), got) in all.iter().zip(&decoded.histograms) {
            prop_assert_eq!((*series, *timestamp_ms, 0), (got.series, got.timestamp_ms, got.start_ms));
            prop_assert_eq!(column.get(0), decoded.histogram_rows.get(got.row as usize));
        }
    }

    #[test]
    fn any_other_items_are_read_as_they_were_logged(
        exemplars in proptest::collection::vec((any_ref(), any::<i64>(), any::<u64>(), "[a-z]{1,3}", ".*"), 0..20),
        metadata in proptest::collection::vec((any_ref(), 0_u64..8, ".*", ".*"), 0..20),
        ranges in proptest::collection::vec((any_ref(), any::<i64>(), any::<i64>()), 0..20),
        markers in proptest::collection::vec((any_ref(), any::<u64>()), 0..20),
    ) {
        let mut records = Records::default();
        let labels: Vec<_> = exemplars.iter().map(|(.., name, value)| labels(&[(name, value)])).collect();
        for (&(series, timestamp_ms, value, ..), labels) in exemplars.iter().zip(&labels) {
            let exemplar = ExemplarRef { labels: labels.as_ref(), timestamp_ms, value: f64::from_bits(value) };
            records.exemplar(series, exemplar);
        }
        for (series, kind, unit, help) in &metadata {
            let (unit, help) = (unit.as_bytes(), help.as_bytes());
            records.metadata(*series, MetadataRef { kind: MetricKind::from_number(*kind), unit, help });
        }
        let ranges: Vec<_> = ranges.iter().map(|&(series, a, b)| {
            Tombstone { series, range: TimeRange::new(a.min(b), a.max(b)).unwrap() }
        }).collect();
        ranges.iter().for_each(|stone| records.deletion(stone.series, stone.range));
        let markers: Vec<_> = markers.iter().map(|&(series, chunk)| {
            MmapMarker { series, chunk: HeadChunkRef(chunk) }
        }).collect();
        markers.iter().for_each(|marker| records.marker(marker.series, marker.chunk));

        let decoded = decoded(&logged(&records));
        prop_assert_eq!((&decoded.tombstones, &decoded.markers), (&ranges, &markers));
        let got: Vec<_> = decoded.exemplars().map(|(series, exemplar)| {
            (series, exemplar.timestamp_ms, exemplar.value.to_bits(), exemplar.labels.to_owned())
        }).collect();
        let want = exemplars.iter().zip(&labels);
        let want: Vec<_> = want.map(|(&(series, at_ms, value, ..), labels)| (series, at_ms, value, labels.clone())).collect();
        prop_assert_eq!(got, want);
        let got: Vec<_> = decoded.metadata().map(|(series, told)| {
            (series, told.kind as u64, told.unit.to_vec(), told.help.to_vec())
        }).collect();
        let want = metadata.into_iter();
        let want: Vec<_> = want.map(|(series, kind, unit, help)| (series, kind, unit.into_bytes(), help.into_bytes())).collect();
        prop_assert_eq!(got, want);
    }

    /// Whatever the bytes are: an answer, nothing half read, and no more memory than they account for.
    #[test]
    fn any_bytes_are_read_or_refused(
        kind in 0_u8..15,
        rest in proptest::collection::vec(prop_oneof![0_u8..4, any::<u8>()], 0..400),
        flips in proptest::collection::vec((0..600_usize, any::<u8>()), 0..4),
        honest in 0..5_usize,
    ) {
        let honest = match honest {
            0 => format!("07 {BASE} 00 00 {INTEGER} 04 03 {INTEGER}"),
            1 => format!("09 {BASE} 00 00 {CUSTOM} 04 03 {CUSTOM}"),
            2 => format!("0d 02 d00f 06 {FLOAT} 02 02 01 {FLOAT}"),
            3 => format!("04 {BASE} 00 00 3ff0000000000000 01 01 61 01 62"),
            _ => String::new(),
        };
        let mut record = hex(&honest);
        if record.is_empty() {
            record.push(kind);
            record.extend(rest);
        }
        for (at, byte) in flips {
            let at = at % record.len();
            record[at] = byte;
        }
        let mut decoded = Decoded::default();
        let result = decode_record(&record, &mut decoded);
        prop_assert!(decoded.histogram_rows.size_bytes() <= 64 * record.len() + 1024, "{}", decoded.histogram_rows.size_bytes());
        if result.is_err() {
            prop_assert_eq!((items(&decoded), decoded.runs().count()), (0, 0));
            prop_assert_eq!(decoded.histogram_rows.len(), 0);
        }
        let again = decode_record(&record, &mut decoded);
        prop_assert_eq!(again, result);
    }
}

#[test]
fn an_unknown_type_is_told() {
    let mut decoded = Decoded::default();
    assert_eq!(decode_record(&[200, 1, 2, 3], &mut decoded), Ok(None));
    assert!(decode_record(&[], &mut decoded).is_err());
}

#[test]
fn labels_of_an_untidy_writer_are_put_in_order() {
    let read = |text: &str| {
        let mut decoded = Decoded::default();
        let result = decode_record(&hex(text), &mut decoded);
        result.map(|_| decoded.series().map(|entry| format!("{:?}", entry.labels)).collect::<Vec<_>>())
    };
    let series = "01 0000000000000001";
    assert_eq!(read(&format!("{series} 03 01 62 01 79 01 61 01 78 01 63 00")).unwrap(), [r#"{a="x", b="y"}"#]);
    read(&format!("{series} 02 01 61 01 78 01 61 01 79")).unwrap_err();
    read(&format!("{series} 01 00 01 78")).unwrap_err();
    read(&format!("{series} ffffffffffffffffff01")).unwrap_err();
    read("01 0000010000000000 00").unwrap_err();
}
