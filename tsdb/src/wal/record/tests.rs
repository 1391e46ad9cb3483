use super::{Decoded, LeftOut, RecordKind, Records, decode_record, split_records};
use model::{Labels, SeriesRef};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

/// The records of a batch, as they stand in the log's buffer.
fn logged(records: &Records) -> Vec<Vec<u8>> {
    let mut buffer = Vec::new();
    records.copy_series(&mut buffer);
    records.copy_samples(&mut buffer);
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

/// Reads one record that must be whole, then every shorter version of it, which must fail or be of fewer items.
#[track_caller]
fn check(text: &str, kind: RecordKind, want: LeftOut, samples: usize, tombstones: usize) {
    let record = hex(text);
    let mut decoded = Decoded::default();
    assert_eq!(decode_record(&record, &mut decoded), Ok(Some(kind)));
    assert_eq!((decoded.left_out, decoded.samples.len(), decoded.tombstones.len()), (want, samples, tombstones));
    for size in 1..record.len() {
        let mut shorter = Decoded::default();
        let result = decode_record(&record[..size], &mut shorter);
        let items = shorter.samples.len() + shorter.tombstones.len();
        assert!(result.is_err() || items < samples + tombstones || shorter.left_out != want, "cut at {size}");
        if result.is_err() {
            assert_eq!((items, shorter.left_out), (0, LeftOut::default()), "cut at {size} leaves something");
        }
    }
}

#[test]
fn the_other_types_are_checked_and_counted() {
    let none = LeftOut::default();
    let histogram = "01 02 3f00000000000000 05 0a 4000000000000000 01 02 03  01 04 01  02 02 01  01 06";
    let floats =
        "01 02 3f00000000000000 4000000000000000 4010000000000000 4000000000000000 01 02 01 00 01 4000000000000000 00";
    let custom = "01 69 0000000000000000 00 0a 4000000000000000 01 00 01 00 01 02 00 01 3ff0000000000000";
    let base = "0000000000000001 00000000000003e8";
    check(&format!("07 {base} 00 00 {histogram}"), RecordKind::Histograms, LeftOut { histograms: 1, ..none }, 0, 0);
    check(&format!("08 {base} 00 00 {floats}"), RecordKind::FloatHistograms, LeftOut { histograms: 1, ..none }, 0, 0);
    check(&format!("09 {base} 00 00 {custom}"), RecordKind::CustomHistograms, LeftOut { histograms: 1, ..none }, 0, 0);
    let two = format!("0c 02 d00f 00 {histogram} 02 02 01 {histogram} 00 02 02 08 {histogram}");
    check(&two, RecordKind::HistogramsV2, LeftOut { histograms: 3, ..none }, 0, 0);
    check("03 0000000000000001 02 04 0000000000000002 01 00", RecordKind::Tombstones, none, 0, 2);
    let exemplar = format!("04 {base} 00 00 3ff0000000000000 01 01 61 01 62");
    check(&exemplar, RecordKind::Exemplars, LeftOut { exemplars: 1, ..none }, 0, 0);
    check("05 0000000000000001 0000000100000008", RecordKind::MmapMarkers, LeftOut { mmap_markers: 1, ..none }, 0, 0);
    check("06 05 01 02 04 554e4954 01 73 04 48454c50 00", RecordKind::Metadata, LeftOut { metadata: 1, ..none }, 0, 0);
}

#[test]
fn samples_with_start_times_are_read() {
    let text = "0b 0a d00f d00d 3ff0000000000000  01 02 00 4000000000000000  02 04 02 08 4008000000000000 \
                02 06 01 4010000000000000";
    let mut decoded = Decoded::default();
    assert_eq!(decode_record(&hex(text), &mut decoded), Ok(Some(RecordKind::SamplesV2)));
    let read: Vec<_> = decoded.samples.iter().map(|s| (s.series.0, s.timestamp_ms, s.value)).collect();
    assert_eq!(read, [(5, 1000, 1.0), (4, 1001, 2.0), (5, 1002, 3.0), (6, 1003, 4.0)]);
    assert_eq!(decoded.left_out.start_timestamps, 3);
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
