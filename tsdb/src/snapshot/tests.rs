use super::{
    ChunkEnd, LastSample, OpenChunk, Relied, SnapshotDecoder, SnapshotDirs, SnapshotError, SnapshotItem,
    SnapshotSeries, SnapshotWriter, place_before, read_beside, read_snapshot,
};
use crate::cursor::Fault;
use crate::fs::StdFs;
use crate::series::Encoding;
use crate::wal::{Compression, LogPlace, PublishedError, Tombstone};
use model::{
    ExemplarRef, HistogramLayout, HistogramRef, Labels, MetadataRef, Numbers, ResetHint, SeriesRef, Span, TimeRange,
};
use proptest::prelude::*;
use std::path::Path;

const PLACE: LogPlace = LogPlace { segment: 7, offset_bytes: 32_768 };

fn labels(number: u64) -> Labels {
    Labels::from_pairs([("__name__", "up".to_owned()), ("number", number.to_string())]).unwrap()
}

fn layout() -> HistogramLayout {
    HistogramLayout::new(0, 0.5, vec![Span { offset: -1, length: 2 }], Vec::new(), Vec::new()).unwrap()
}

/// Writes `series` series of all kinds, two deletions and two exemplars.
fn write(dir: &Path, series: u64, place: LogPlace) {
    let mut writer = SnapshotWriter::create(&StdFs, dir, place, Compression::Snappy, 64 << 10).unwrap();
    let layout = layout();
    for number in 0..series {
        let labels = labels(number);
        writer.series(&one(number, &labels, &layout)).unwrap();
    }
    writer.deletion(Tombstone { series: SeriesRef(1), range: TimeRange::new(-5, 5).unwrap() });
    writer.deletion(Tombstone { series: SeriesRef(300), range: TimeRange::ALL });
    for number in [1, 0] {
        let labels = labels(number);
        writer.exemplar(SeriesRef(number), ExemplarRef { labels: labels.as_ref(), timestamp_ms: 5, value: 0.5 });
    }
    writer.publish().unwrap();
}

fn one<'a>(number: u64, labels: &'a Labels, layout: &'a HistogramLayout) -> SnapshotSeries<'a> {
    let histogram = |numbers| {
        let hint = ResetHint::NotReset;
        LastSample::Histogram(HistogramRef { layout, hint, numbers, cells: &[3, 0, 1, 2], sum: -0.0 })
    };
    let (encoding, last) = match number % 6 {
        0 => (Encoding::Xor, LastSample::Float(f64::from_bits(0x7ff0_0000_0000_0002))),
        1 => (Encoding::Histogram, histogram(Numbers::Integer)),
        2 => (Encoding::FloatHistogram, histogram(Numbers::Float)),
        3 => (Encoding::Xor2, LastSample::Float(-0.0)),
        _ => (Encoding::HistogramSt, histogram(Numbers::Integer)),
    };
    let end = ChunkEnd { chunk_range_ms: -7, delta_ms: 1 << 31, left_ms: 1, spare_bits: 9, leading: 255, trailing: 64 };
    let end = Some(end).filter(|_| number.is_multiple_of(12));
    let open = OpenChunk { min_ms: -1, max_ms: 60_000, encoding, data: b"\x00\x01chunk", last, end };
    let open = Some(open).filter(|_| number % 6 != 4);
    SnapshotSeries { series: SeriesRef(number * 1_000), labels: labels.as_ref(), open }
}

/// Items, told.
fn read(dir: &Path) -> Result<Vec<String>, SnapshotError> {
    let mut items = Vec::new();
    read_snapshot(&StdFs, dir, |item| items.push(format!("{item:?}")))?;
    Ok(items)
}

#[test]
fn what_was_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 10_000, PLACE);
    let found = SnapshotDirs::find(&StdFs, dir.path()).unwrap();
    let snapshot = &found.published[0];
    assert_eq!((snapshot.place, found.unfinished.len()), (PLACE, 0));
    assert!(snapshot.path.ends_with("chunk_snapshot.000007.0000032768"));
    assert!(std::fs::read_dir(&snapshot.path).unwrap().count() > 3, "several segments");
    let (mut number, layout, mut others) = (0, layout(), Vec::new());
    let read = read_snapshot(&StdFs, &snapshot.path, |item| match item {
        SnapshotItem::Series(series) => {
            assert_eq!(series, one(number, &labels(number), &layout));
            number += 1;
        }
        SnapshotItem::Deletion(Tombstone { series, range }) => {
            others.push(format!("{} {} {}", series.0, range.min_ms(), range.max_ms()));
        }
        SnapshotItem::Exemplar(series, exemplar) => others.push(format!("{} {:?}", series.0, exemplar.labels)),
    });
    read.unwrap();
    let all = format!("300 {} {}", i64::MIN, i64::MAX);
    let exemplars = [1, 0].map(|number| format!("{number} {:?}", labels(number)));
    assert_eq!((number, others), (10_000, [["1 -5 5".to_owned(), all], exemplars].concat()));
}

#[test]
fn a_snapshot_of_nothing_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    SnapshotWriter::create(&StdFs, dir.path(), PLACE, Compression::None, 1 << 20).unwrap().publish().unwrap();
    assert_eq!(read(&dir.path().join("chunk_snapshot.000007.0000032768")).unwrap(), Vec::<String>::new());
    let again = SnapshotWriter::create(&StdFs, dir.path(), PLACE, Compression::None, 1 << 20);
    assert_eq!(again.unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
}

#[test]
fn damage_anywhere_is_found() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 900, PLACE);
    let snapshot = dir.path().join("chunk_snapshot.000007.0000032768");
    let first = snapshot.join("00000000");
    let whole = std::fs::read(&first).unwrap();
    let items = read(&snapshot).unwrap();
    assert_eq!(items.len(), 904);
    for at in (0..whole.len()).step_by(197) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&first, &flipped).unwrap();
        match read(&snapshot) {
            // Some bits say nothing: those of padding, and that of zstd beside that of snappy.
            Ok(read) => assert!(read == items, "byte {at}"),
            Err(error) => assert!(matches!(error, SnapshotError::Published(_)), "byte {at}: {error}"),
        }
    }
    std::fs::write(&first, &whole).unwrap();
    std::fs::write(&first, &whole[..whole.len() - 3_000]).unwrap();
    read(&snapshot).unwrap_err();
    std::fs::rename(&first, snapshot.join("00000005")).unwrap();
    let missing = read(&snapshot).unwrap_err();
    assert!(matches!(missing, SnapshotError::Published(PublishedError::Missing { segment: 0, .. })), "{missing}");
    std::fs::remove_file(snapshot.join("00000005")).unwrap();
    std::fs::read_dir(&snapshot).unwrap().for_each(|entry| std::fs::remove_file(entry.unwrap().path()).unwrap());
    assert!(matches!(read(&snapshot), Err(SnapshotError::Incomplete { .. })));
}

#[test]
fn a_record_cut_short_or_of_a_later_version_is_refused() {
    let mut run = crate::wal::RecordRun::default();
    let (labels, layout) = (labels(1), layout());
    super::items::push_series(&mut run, &one(1, &labels, &layout));
    let mut stones = Vec::new();
    super::items::push_deletion(&mut stones, Tombstone { series: SeriesRef(1), range: TimeRange::ALL });
    super::items::push_deletions(&mut run, &stones);
    let mut buffer = Vec::new();
    run.copy(&mut buffer);
    let mut decoder = SnapshotDecoder::default();
    for record in crate::wal::split_records(&buffer) {
        assert_eq!(decoder.decode(record, &mut |_| {}), Ok(true));
        for size in 0..record.len() {
            decoder.decode(&record[..size], &mut |_| {}).unwrap_err();
        }
    }
    assert_eq!(decoder.decode(&[9, 0], &mut |_| {}), Ok(false));
    assert_eq!(decoder.decode(&[2, 1, 2], &mut |_| {}).unwrap_err().fault, Fault::Version(2));
    let backwards = decoder.decode(&[2, 4, 1, 0, 2, 0], &mut |_| {}).unwrap_err();
    assert!(matches!(backwards.fault, Fault::Malformed(_)));
}

proptest! {
    /// Whatever the bytes are: an answer.
    #[test]
    fn any_record_is_read_or_refused(
        kind in 0_u8..5,
        number in 0_u64..6,
        rest in proptest::collection::vec(any::<u8>(), 0..200),
        flips in proptest::collection::vec((0..400_usize, any::<u8>()), 0..4),
        honest in any::<bool>(),
    ) {
        let mut run = crate::wal::RecordRun::default();
        super::items::push_series(&mut run, &one(number, &labels(number), &layout()));
        let mut buffer = Vec::new();
        run.copy(&mut buffer);
        let series = crate::wal::split_records(&buffer).next().unwrap();
        let mut record = if honest { series.to_vec() } else { [&[kind][..], &rest].concat() };
        for (at, byte) in flips {
            let at = at % record.len();
            record[at] = byte;
        }
        let (mut decoder, mut items) = (SnapshotDecoder::default(), Vec::new());
        let once = decoder.decode(&record, &mut |item| items.push(format!("{item:?}")));
        prop_assert!(items.len() <= record.len());
        let again = decoder.decode(&record, &mut |_| {});
        prop_assert_eq!(once, again);
    }
}

#[test]
fn names_say_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let names = [
        "chunk_snapshot.000007.0000032768",
        "chunk_snapshot.1234567.0000000000",
        "chunk_snapshot.000007.0000000100",
        "chunk_snapshot.000008.0000000000.tmp",
        "chunk_snapshot.x.0",
        "chunk_snapshot.1",
        "wal",
    ];
    names.iter().for_each(|name| std::fs::create_dir(dir.path().join(name)).unwrap());
    std::fs::write(dir.path().join("chunk_snapshot.000009.0000000000"), "").unwrap();
    let found = SnapshotDirs::find(&StdFs, dir.path()).unwrap();
    let places: Vec<_> = found.published.iter().map(|one| (one.place.segment, one.place.offset_bytes)).collect();
    assert_eq!(places, [(7, 100), (7, 32_768), (1_234_567, 0)]);
    assert_eq!(found.unfinished, [dir.path().join(names[3])]);
    found.remove_before(&StdFs, PLACE).unwrap();
    let left = SnapshotDirs::find(&StdFs, dir.path()).unwrap();
    assert_eq!((left.published.len(), left.unfinished.len()), (2, 0));
}

#[test]
fn a_place_is_one_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("00000004"), [1; 100]).unwrap();
    let place = |segment| place_before(&StdFs, dir.path(), segment).unwrap();
    assert_eq!(place(5), LogPlace { segment: 4, offset_bytes: 100 });
    assert_eq!(place(4), LogPlace { segment: 4, offset_bytes: 0 });
    assert_eq!(place(0), LogPlace { segment: 0, offset_bytes: 0 });
}

/// No checksum covers how a record is coded and which part of it a fragment is.
#[test]
fn what_stands_beside_is_read_as_it_was_written_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = SnapshotWriter::create(&StdFs, dir.path(), PLACE, Compression::Snappy, 64 << 10).unwrap();
    let help = b"requests that were answered, requests that were answered, requests that were answered";
    for number in 0..40 {
        writer.metadata(SeriesRef(number), MetadataRef { help, ..MetadataRef::default() }).unwrap();
    }
    writer.deletion(Tombstone { series: SeriesRef(1), range: TimeRange::ALL });
    let relied = Relied { highest: SeriesRef(40), exemplars: 0, chunk_files: Vec::new() };
    writer.relies_on(&relied).unwrap();
    writer.publish().unwrap();
    let snapshot = SnapshotDirs::find(&StdFs, dir.path()).unwrap().published.pop().unwrap().path;
    let said = || {
        let mut told = 0;
        let found = read_beside(&StdFs, &snapshot, |_, said| told += u32::from(said.help == help));
        found.map(|found| (found, told))
    };
    assert_eq!(said().unwrap(), (Some(relied.clone()), 40));
    let file = snapshot.join("beside/00000000");
    let content = std::fs::read(&file).unwrap();
    for bit in 0..8 {
        let mut flipped = content.clone();
        flipped[0] ^= 1 << bit;
        std::fs::write(&file, flipped).unwrap();
        if let Ok(read) = said() {
            assert_eq!(read, (Some(relied.clone()), 40), "bit {bit}");
        }
    }
}
