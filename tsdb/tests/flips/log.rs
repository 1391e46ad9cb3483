//! Segments of a log: of the write-ahead log, of that of late samples, of a checkpoint, of a snapshot. All have one layout.

use crate::frozen::Frozen;
use crate::{COVERED, Outcome, Subject};
use model::{Labels, MetadataRef, MetricKind, SeriesRef, TimeRange};
use std::path::Path;
use testkit::SimFs;
use tsdb::Encoding;
use tsdb::chunk::xor::XorState;
use tsdb::fs::Fs;
use tsdb::snapshot::{ChunkEnd, LastSample, OpenChunk, SnapshotSeries, SnapshotWriter, read_snapshot};
use tsdb::wal::{CheckpointWriter, Compression, LogPlace, Tombstone, read_segment};

const PATH: &str = "/wal/00000000";
const PAGE_BYTES: usize = 32 << 10;

/// A segment of series, one of which takes more than a page, samples, a deletion and metadata.
pub(crate) fn segment(compression: Compression) -> Vec<u8> {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new("/made")).unwrap();
    let mut writer = CheckpointWriter::create(&fs, Path::new("/made"), 0, compression, 1 << 20).unwrap();
    for number in 0..6_u64 {
        // Nothing that could be packed well.
        let long: String = (0..if number == 3 { 36_000_u32 } else { 5 })
            .map(|at| char::from(b'!' + (at.wrapping_mul(2_654_435_761) >> 25) as u8 % 90))
            .collect();
        let labels = [("__name__", "up".to_owned()), ("long", long), ("n", number.to_string())];
        writer.series(SeriesRef(number + 1), Labels::from_pairs(labels).unwrap().as_ref()).unwrap();
        for at in 0..8 {
            writer.sample(SeriesRef(number + 1), at * 1000, (at * 31) as f64 / 7.0).unwrap();
        }
    }
    writer.deletion(SeriesRef(2), TimeRange::new(5, 2000).unwrap()).unwrap();
    let metadata = MetadataRef { kind: MetricKind::Counter, unit: b"seconds", help: b"how long" };
    writer.metadata(SeriesRef(1), metadata).unwrap();
    writer.publish().unwrap();
    fs.read(Path::new("/made/checkpoint.00000000/00000000")).unwrap()
}

struct Segment {
    whole: Frozen,
    records: Vec<Vec<u8>>,
    regions: Vec<&'static str>,
}

fn read(fs: &Frozen) -> (Vec<Vec<u8>>, u64) {
    let mut records = Vec::new();
    let report = read_segment(fs, Path::new(PATH), |_, record| records.push(record.to_vec())).unwrap();
    (records, report.damages_total)
}

impl Subject for Segment {
    fn kind(&self) -> &'static str {
        "log"
    }

    fn size_bytes(&self) -> usize {
        self.regions.len()
    }

    fn region(&self, at: usize) -> &'static str {
        self.regions[at]
    }

    fn flip(&self, at: usize, bit: u8) -> Outcome {
        let (found, damages) = read(&self.whole.flipped(0, at, bit));
        let mut written = self.records.iter();
        for record in &found {
            assert!(written.any(|written| written == record), "bit {bit} of byte {at} makes a record out of nothing");
        }
        assert!(
            damages > 0 || found.len() == self.records.len(),
            "bit {bit} of byte {at} loses a record without a word"
        );
        // One fragment is hit, so one record at most.
        assert!(found.len() + 1 >= self.records.len(), "bit {bit} of byte {at} loses more than one record");
        if damages > 0 { Outcome::Noticed } else { Outcome::Nothing }
    }
}

/// A snapshot of a head, which is of use as a whole or not at all.
struct Snapshot {
    whole: Frozen,
    items: Vec<String>,
    regions: Vec<&'static str>,
}

const SNAPSHOT: &str = "/chunk_snapshot.000001.0000000000";

fn items(fs: &Frozen) -> Option<Vec<String>> {
    let mut items = Vec::new();
    let read = read_snapshot(fs, Path::new(SNAPSHOT), |item| items.push(format!("{item:?}")));
    read.ok().map(|()| items)
}

impl Subject for Snapshot {
    fn kind(&self) -> &'static str {
        "snapshot"
    }

    fn size_bytes(&self) -> usize {
        self.regions.len()
    }

    fn region(&self, at: usize) -> &'static str {
        self.regions[at]
    }

    fn flip(&self, at: usize, bit: u8) -> Outcome {
        let Some(found) = items(&self.whole.flipped(0, at, bit)) else { return Outcome::Noticed };
        assert!(found == self.items, "bit {bit} of byte {at} changes what a snapshot holds");
        Outcome::Nothing
    }
}

fn snapshot(compression: Compression) -> Box<dyn Subject> {
    let (fs, place) = (SimFs::new(), LogPlace { segment: 1, offset_bytes: 0 });
    let mut writer = SnapshotWriter::create(&fs, Path::new("/"), place, compression, 1 << 20).unwrap();
    let (mut state, mut words) = (XorState::default(), Vec::new());
    (0..30).for_each(|at| state.append(at * 15_000, (at * 31) as f64 / 7.0, &mut words));
    let data = state.finish(&words);
    for number in 1..9 {
        let labels = Labels::from_pairs([("__name__", "up".to_owned()), ("n", number.to_string())]).unwrap();
        let last = LastSample::Float(29.0 * 31.0 / 7.0);
        let end = ChunkEnd { chunk_range_ms: 1, delta_ms: 15_000, left_ms: 7, spare_bits: 1, leading: 9, trailing: 3 };
        let end = Some(end);
        let open = OpenChunk { min_ms: 0, max_ms: 29 * 15_000, encoding: Encoding::Xor, data: &data, last, end };
        let series = SnapshotSeries { series: SeriesRef(number), labels: labels.as_ref(), open: Some(open) };
        writer.series(&series).unwrap();
    }
    writer.deletion(Tombstone { series: SeriesRef(2), range: TimeRange::new(5, 2000).unwrap() });
    writer.publish().unwrap();
    let path = Path::new(SNAPSHOT).join("00000000");
    let bytes = fs.read(&path).unwrap();
    let regions = regions(&bytes);
    let whole = Frozen(vec![(path, bytes.into())]);
    let items = items(&whole).unwrap();
    assert_eq!(items.len(), 9);
    Box::new(Snapshot { whole, items, regions })
}

pub(crate) fn subjects() -> Vec<Box<dyn Subject>> {
    let subject = |compression| {
        let mut bytes = segment(compression);
        // As whoever stops in the middle of a page leaves it.
        bytes.resize(bytes.len().next_multiple_of(PAGE_BYTES), 0);
        let regions = regions(&bytes);
        let whole = Frozen(vec![(PATH.into(), bytes.into())]);
        let (records, damages) = read(&whole);
        assert!(damages == 0 && records.len() > 3, "{} records", records.len());
        Box::new(Segment { whole, records, regions }) as Box<dyn Subject>
    };
    let codings = [Compression::None, Compression::Snappy, Compression::Zstd];
    codings.map(subject).into_iter().chain(codings.map(snapshot)).collect()
}

fn regions(bytes: &[u8]) -> Vec<&'static str> {
    let (mut regions, mut at) = (vec!["zeros"; bytes.len()], 0);
    while at < bytes.len() {
        if PAGE_BYTES - at % PAGE_BYTES < 7 || bytes[at] & 7 == 0 {
            at = (at + 1).next_multiple_of(PAGE_BYTES);
            continue;
        }
        let size = usize::from(u16::from_be_bytes([bytes[at + 1], bytes[at + 2]]));
        regions[at] = "kind";
        regions[at + 1..at + 3].fill("size");
        regions[at + 3..at + 7 + size].fill(COVERED);
        at += 7 + size;
    }
    regions
}
