//! Batches into a real head on a simulated disk.

use super::*;
use crate::decoded::WINDOW_BYTES;
use bytes::Bytes;
use model::{Labels, SampleColumns, TimeRange};
use proto::{Outline, Request2, RequestEncoder, Spellings, count_rows};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::head::{AppendScratch, Head, HeadOptions};
use tsdb::head_chunks::{HeadChunks, MAX_FILE_BYTES};
use tsdb::wal::{Committers, Durability, Log, LogError, LogOptions};
use tsdb::{AppendLimits, ChunkSeriesBatch, SeriesSource, chunk};

const T: i64 = 1_755_388_800_000;
const HOUR_MS: i64 = 3_600_000;
const DECODING: Decoding = Decoding { max_buckets: 1000, keeps_exemplars: false, window_bytes: WINDOW_BYTES };

/// A head, and what stands between it and batches.
struct Rig {
    head: Arc<Head>,
    fingerprinter: Fingerprinter,
    cache: Mutex<WireCache>,
    max_series: u64,
    _committers: Committers,
}

/// Appends to the head and remembers how much it was asked.
struct Counted<'a> {
    rig: &'a Rig,
    /// Of each pass the number of series, and how many of them brought labels.
    passes: Vec<(usize, usize)>,
}

impl AppendTo for Counted<'_> {
    type Error = LogError;

    fn append(&mut self, source: &Source<'_>) -> Result<Appended, LogError> {
        let labelled = (0..source.len()).filter(|index| source.labels(*index).is_some()).count();
        self.passes.push((source.len(), labelled));
        let limits = AppendLimits { max_ms: T + 10 * HOUR_MS, max_series: self.rig.max_series };
        Ok(self.rig.head.append(source, limits, &mut AppendScratch::default())?.0)
    }

    fn series(&self) -> u64 {
        self.rig.head.series()
    }
}

impl Rig {
    fn new() -> Self {
        let fs = Arc::new(SimFs::new());
        let committers = Committers::start(NonZeroUsize::MIN).unwrap();
        let options = LogOptions { durability: Durability::Buffered, ..LogOptions::default() };
        let log = Log::open(fs.clone(), Path::new("/t/wal"), options, &committers).unwrap();
        let (dir, quarantine) = (Path::new("/t/chunks_head"), Path::new("/t/quarantine"));
        let (files, _) = HeadChunks::open(fs, dir, quarantine, MAX_FILE_BYTES, &mut |_| ()).unwrap();
        let fingerprinter = Fingerprinter::new(std::array::from_fn(|at| (at * 31) as u8));
        let head = Head::new(HeadOptions::new(2, 2 * HOUR_MS), fingerprinter.clone(), log, Arc::new(files));
        let cache = Mutex::default();
        Self { head: Arc::new(head), fingerprinter, cache, max_series: 1000, _committers: committers }
    }

    fn batch(&self, body: &[u8]) -> WriteBatch {
        let rows = count_rows(body).unwrap();
        WriteBatch::walk(Bytes::copy_from_slice(body), rows, &self.fingerprinter, T).unwrap().0
    }

    /// A batch of 2.0: series of references to `symbols`, with a sample each, at `timestamp_ms` and the milliseconds behind.
    fn batch_2(&self, symbols: &[&str], series: &[&[u8]], timestamp_ms: i64) -> WriteBatch {
        let mut body: Vec<u8> = symbols.iter().flat_map(|symbol| plain(0x22, symbol.as_bytes())).collect();
        for (refs, timestamp_ms) in series.iter().zip(timestamp_ms..) {
            let mut sample = [&[0x09][..], &1f64.to_le_bytes(), &[0x10]].concat();
            prost::encoding::encode_varint(timestamp_ms.cast_unsigned(), &mut sample);
            body.extend(plain(0x2a, &[plain(0x0a, refs), plain(0x12, &sample)].concat()));
        }
        let outline = Outline::of(&body).unwrap();
        Request2::read(body.into(), outline, &Spellings::new(&self.fingerprinter), T, 1 << 20).unwrap().batch
    }

    fn append(&self, body: &[u8]) -> (Taken, Vec<(usize, usize)>) {
        self.append_batch(&self.batch(body))
    }

    fn append_batch(&self, batch: &WriteBatch) -> (Taken, Vec<(usize, usize)>) {
        let naming = Naming { fingerprinter: &self.fingerprinter, limits: LabelLimits::default(), cache: &self.cache };
        let mut head = Counted { rig: self, passes: Vec::new() };
        let taken = append(batch, &naming, DECODING, &mut Decoded::default(), &mut head);
        (taken.unwrap_or_else(|_| panic!("not taken")), head.passes)
    }

    /// Everything in the head.
    fn stored(&self) -> BTreeMap<Labels, Vec<(i64, f64)>> {
        let mut cursor = self.head.reader(TimeRange::ALL).select(&[], TimeRange::ALL).unwrap();
        let (mut batch, mut columns, mut stored) =
            (ChunkSeriesBatch::default(), SampleColumns::default(), BTreeMap::new());
        loop {
            cursor.next_batch(100, false, &mut batch).unwrap();
            if batch.is_empty() {
                return stored;
            }
            for (labels, chunks) in batch.iter() {
                columns.clear();
                for part in chunks {
                    chunk::decode(part.encoding, &part.data, &mut columns).unwrap();
                }
                let samples = columns.timestamps_ms.iter().copied().zip(columns.values.iter().copied());
                stored.insert(labels.to_owned(), samples.collect());
            }
        }
    }
}

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// A request of series in the order of labels as given.
fn body(series: &[(Pairs<'_>, &[(i64, f64)])]) -> Vec<u8> {
    let mut request = RequestEncoder::default();
    for (labels, samples) in series {
        request.series(labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())), samples.iter().copied());
    }
    request.take()
}

/// A message in a field whose key and size are padded, which is legal and nobody's form.
fn padded(key: u8, message: &[u8]) -> Vec<u8> {
    let size = message.len() as u8;
    assert!(size < 0x80);
    [&[key | 0x80, 0, size | 0x80, 0][..], message].concat()
}

/// A field in the usual form.
fn plain(key: u8, message: &[u8]) -> Vec<u8> {
    [&[key, u8::try_from(message.len()).unwrap()][..], message].concat()
}

const UP: Pairs<'_> = &[("__name__", "up"), ("instance", "a"), ("job", "node")];
const SHUFFLED: Pairs<'_> = &[("job", "node"), ("__name__", "up"), ("instance", "a")];

fn labels(pairs: Pairs<'_>) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

#[test]
fn a_known_canonical_series_takes_one_pass_and_no_label_is_read() {
    let rig = Rig::new();
    let (taken, passes) = rig.append(&body(&[(UP, &[(T, 1.0)])]));
    assert_eq!((taken.accepted, taken.created, passes), (1, 1, vec![(1, 0), (1, 1)]));
    let (taken, passes) = rig.append(&body(&[(UP, &[(T + 1, 2.0), (T + 2, 3.0)])]));
    assert_eq!((taken.accepted, taken.created, passes), (2, 0, vec![(1, 0)]));
    assert_eq!(rig.cache.lock().len(), 0);
    assert_eq!(rig.stored(), BTreeMap::from([(labels(UP), vec![(T, 1.0), (T + 1, 2.0), (T + 2, 3.0)])]));
}

#[test]
fn every_spelling_of_the_labels_means_the_one_series() {
    let rig = Rig::new();
    let label = |name: &str, value: &str| [plain(0x0a, name.as_bytes()), plain(0x12, value.as_bytes())].concat();
    let swapped = |name: &str, value: &str| [plain(0x12, value.as_bytes()), plain(0x0a, name.as_bytes())].concat();
    let sample = |timestamp_ms: i64| {
        let mut request = RequestEncoder::default();
        request.series([], [(timestamp_ms, 1.0)]);
        request.take()[2..].to_vec()
    };
    let series = |parts: &[Vec<u8>]| plain(0x0a, &parts.concat());
    let names = [("__name__", "up"), ("instance", "a"), ("job", "node")];
    let spellings: [Vec<Vec<u8>>; 5] = [
        // Canonical, shuffled, value before name, padded, with samples between the labels.
        names.iter().map(|(name, value)| plain(0x0a, &label(name, value))).chain([sample(T)]).collect(),
        names.iter().rev().map(|(name, value)| plain(0x0a, &label(name, value))).chain([sample(T + 1)]).collect(),
        names.iter().map(|(name, value)| plain(0x0a, &swapped(name, value))).chain([sample(T + 2)]).collect(),
        names.iter().map(|(name, value)| padded(0x0a, &label(name, value))).chain([sample(T + 3)]).collect(),
        vec![
            plain(0x0a, &label("job", "node")),
            sample(T + 4),
            plain(0x0a, &label("__name__", "up")),
            plain(0x0a, &label("instance", "a")),
            sample(T + 5),
        ],
    ];
    for (number, spelling) in spellings.iter().enumerate() {
        let (taken, _) = rig.append(&series(spelling));
        assert_eq!((taken.created, taken.rejections.total()), (u64::from(number == 0), 0), "spelling {number}");
    }
    let samples: Vec<_> = (0..6).map(|step| (T + step, 1.0)).collect();
    assert_eq!(rig.stored(), BTreeMap::from([(labels(UP), samples)]));
    // The scattered one has no region to be remembered by.
    assert_eq!(rig.cache.lock().len(), 3);
}

#[test]
fn a_shuffled_series_is_sorted_once_and_remembered() {
    let rig = Rig::new();
    let (taken, passes) = rig.append(&body(&[(SHUFFLED, &[(T, 1.0)])]));
    assert_eq!((taken.created, passes), (1, vec![(1, 0), (1, 1)]));
    let (taken, passes) = rig.append(&body(&[(SHUFFLED, &[(T + 1, 1.0)])]));
    assert_eq!((taken.accepted, taken.created, passes), (1, 0, vec![(1, 0), (1, 0)]));
    assert_eq!(rig.stored(), BTreeMap::from([(labels(UP), vec![(T, 1.0), (T + 1, 1.0)])]));
}

#[test]
fn samples_of_a_series_spelled_in_many_ways_stay_in_order() {
    let rig = Rig::new();
    // Each row has another spelling, so that they are missed all over the shards.
    let rows: Vec<u8> = (0..100u32)
        .flat_map(|step| {
            let label = [plain(0x0a, b"__name__"), plain(0x12, b"up"), plain(0x1a, &step.to_le_bytes())].concat();
            let mut request = RequestEncoder::default();
            request.series([], [(T + i64::from(step), 1.0)]);
            plain(0x0a, &[plain(0x0a, &label), request.take()[2..].to_vec()].concat())
        })
        .collect();
    let (taken, _) = rig.append(&rows);
    assert_eq!((taken.accepted, taken.created, taken.rejections.total()), (100, 1, 0));
}

#[test]
fn a_remembered_series_that_the_head_dropped_is_created_again() {
    let rig = Rig::new();
    rig.append(&body(&[(SHUFFLED, &[(T, 1.0)])]));
    rig.append(&body(&[(&[("__name__", "other")], &[(T + 5 * HOUR_MS, 1.0)])]));
    rig.head.truncate(T + 4 * HOUR_MS).unwrap();
    assert_eq!(rig.head.series(), 1);
    let (taken, passes) = rig.append(&body(&[(SHUFFLED, &[(T + 5 * HOUR_MS, 2.0)])]));
    assert_eq!((taken.accepted, taken.created, passes), (1, 1, vec![(1, 0), (1, 0), (1, 1)]));
}

#[test]
fn the_cache_is_bounded_by_the_series() {
    let rig = Rig::new();
    // One series in ever other spellings: sizes padded here and there.
    for spelling in 0..300u32 {
        let filler = format!("{spelling}");
        let unknown = plain(0x1a, filler.as_bytes());
        let label = [plain(0x0a, b"__name__"), plain(0x12, b"up"), unknown].concat();
        let mut request = RequestEncoder::default();
        request.series([], [(T + i64::from(spelling), 1.0)]);
        rig.append(&plain(0x0a, &[plain(0x0a, &label), request.take()[2..].to_vec()].concat()));
    }
    assert_eq!((rig.head.series(), rig.cache.lock().len()), (1, 64));
}

#[test]
fn what_is_refused_is_counted_and_the_rest_is_stored() {
    let rig = Rig::new();
    rig.append(&body(&[(UP, &[(T, 1.0)])]));
    let old: Pairs<'_> = &[("__name__", "old")];
    let duplicate: Pairs<'_> = &[("__name__", "up"), ("a", "1"), ("a", "2")];
    let new: Pairs<'_> = &[("__name__", "new")];
    let (taken, passes) = rig.append(&body(&[
        (UP, &[(T - 1, 1.0), (T, 2.0), (T, 1.0), (T + 1, 1.0), (i64::MAX, 1.0)]),
        (duplicate, &[(T, 1.0), (T + 1, 1.0)]),
        (old, &[(T - 2 * HOUR_MS, 1.0)]),
        (new, &[(T, 7.0)]),
    ]));
    assert_eq!((taken.accepted, taken.created, passes), (3, 1, vec![(4, 0), (2, 2)]));
    let counts: Vec<_> = taken.rejections.counts().collect();
    assert_eq!(
        counts,
        [
            (Rejection::OutOfOrder, 1),
            (Rejection::DuplicateTimestamp, 1),
            (Rejection::OutOfBounds, 1),
            (Rejection::TooFarInFuture, 1),
            (Rejection::InvalidLabels, 1),
        ]
    );
    let told: Vec<_> = taken.rejections.examples().iter().map(|one| (one.series, one.why)).collect();
    assert!(told.contains(&(Some(1), Rejection::InvalidLabels)) && told.contains(&(Some(2), Rejection::OutOfBounds)));
    let first = &taken.rejections.examples()[0].detail;
    assert_eq!(first, r#"series {"__name__"="up", "instance"="a", "job"="node"} at 1755388799999 ms"#);
    assert_eq!(
        rig.stored(),
        BTreeMap::from([(labels(UP), vec![(T, 1.0), (T + 1, 1.0)]), (labels(new), vec![(T, 7.0)])])
    );
}

/// Labels of 2.0 are looked up in the table of symbols for what the head does not know, and told from there.
#[test]
fn series_of_version_2_are_those_of_version_1() {
    let rig = Rig::new();
    let symbols = ["", "__name__", "up", "instance", "a", "job", "node", "b"];
    let [sorted, shuffled, other]: [&[u8]; 3] = [&[1, 2, 3, 4, 5, 6], &[5, 6, 1, 2, 3, 4], &[1, 2, 3, 7, 5, 6]];
    rig.append(&body(&[(UP, &[(T, 1.0)])]));
    let (taken, passes) = rig.append_batch(&rig.batch_2(&symbols, &[sorted, shuffled, other], T + 1));
    assert_eq!((taken.accepted, taken.created, passes), (3, 1, vec![(3, 0), (2, 2)]));
    let (taken, passes) = rig.append_batch(&rig.batch_2(&symbols, &[sorted, shuffled, other], T + 11));
    assert_eq!((taken.accepted, taken.created, passes), (3, 0, vec![(3, 0), (1, 0)]));
    let b: Pairs<'_> = &[("__name__", "up"), ("instance", "b"), ("job", "node")];
    let times = |stored: &Vec<(i64, f64)>| stored.iter().map(|(timestamp_ms, _)| timestamp_ms - T).collect::<Vec<_>>();
    let stored = rig.stored();
    assert_eq!((times(&stored[&labels(UP)]), times(&stored[&labels(b)])), (vec![0, 1, 2, 11, 12], vec![3, 13]));

    let (taken, _) = rig.append_batch(&rig.batch_2(&symbols, &[sorted, &[1, 2, 1, 2], &[0, 2]], T));
    let mut told: Vec<_> = taken.rejections.examples().iter().map(|one| (one.series, one.detail.as_str())).collect();
    told.sort_unstable();
    let duplicate = r#"series {"__name__"="up", "__name__"="up"}: label name "__name__" occurs more than once"#;
    let old = r#"series {"__name__"="up", "instance"="a", "job"="node"} at 1755388800000 ms"#;
    let empty = r#"series {""="up"}: a label name is empty"#;
    assert_eq!(told, [(Some(0), old), (Some(1), duplicate), (Some(2), empty)]);
}

/// A head that drops every series as soon as it has it.
struct Forgetful(Vec<usize>);

impl AppendTo for Forgetful {
    type Error = LogError;

    fn append(&mut self, source: &Source<'_>) -> Result<Appended, LogError> {
        self.0.push(source.len());
        Ok(Appended { missed: (0..source.len() as u32).collect(), ..Appended::default() })
    }

    fn series(&self) -> u64 {
        0
    }
}

#[test]
fn series_that_are_missed_again_and_again_are_told() {
    let rig = Rig::new();
    let naming = Naming { fingerprinter: &rig.fingerprinter, limits: LabelLimits::default(), cache: &rig.cache };
    let batch = rig.batch(&body(&[(UP, &[(T, 1.0)]), (&[("__name__", "m")], &[(T, 1.0)])]));
    let mut head = Forgetful(Vec::new());
    let taken = append(&batch, &naming, DECODING, &mut Decoded::default(), &mut head);
    assert!(matches!(taken, Err(NotTaken::Missed(2))));
    assert_eq!(head.0, [2, 2, 2]);
}

#[test]
fn more_refusals_than_are_listed_are_still_counted() {
    let rig = Rig::new();
    rig.append(&body(&[(UP, &[(T, 1.0)])]));
    let old: Vec<_> = (1..=500).map(|back| (T - back, 1.0)).collect();
    let (taken, _) = rig.append(&body(&[(UP, &old)]));
    assert_eq!(taken.rejections.counts().collect::<Vec<_>>(), [(Rejection::OutOfOrder, 500)]);
    assert_eq!(taken.rejections.examples().len(), Rejections::MAX_EXAMPLES);
}

#[test]
fn the_limit_on_series_is_told_apart() {
    let mut rig = Rig::new();
    rig.max_series = 1;
    rig.append(&body(&[(UP, &[(T, 1.0)])]));
    let (taken, _) = rig.append(&body(&[(&[("__name__", "new")], &[(T, 7.0)]), (UP, &[(T + 1, 1.0)])]));
    assert_eq!((taken.accepted, taken.series_limited, taken.rejections.total()), (1, true, 0));
}

#[test]
fn rows_without_samples_are_passed_over() {
    let rig = Rig::new();
    let mut batch = rig.batch(&body(&[(UP, &[(T, 1.0)]), (&[("__name__", "")], &[(T, 1.0)])]));
    batch.series[0].samples = 0..0;
    batch.series[1].samples = 0..0;
    let naming = Naming { fingerprinter: &rig.fingerprinter, limits: LabelLimits::default(), cache: &rig.cache };
    let mut head = Counted { rig: &rig, passes: Vec::new() };
    let taken =
        append(&batch, &naming, DECODING, &mut Decoded::default(), &mut head).unwrap_or_else(|_| panic!("not taken"));
    assert_eq!((taken.accepted, taken.created, taken.rejections.total()), (0, 0, 0));
    assert!(rig.stored().is_empty());
}

#[test]
fn malformed_labels_are_told() {
    let rig = Rig::new();
    let good = body(&[(UP, &[(T, 1.0)])]);
    let bad = [&good[..], &[0x0a, 6, 0x0a, 2, 0x08, 1, 0x12, 0]].concat();
    let naming = Naming { fingerprinter: &rig.fingerprinter, limits: LabelLimits::default(), cache: &rig.cache };
    let mut head = Counted { rig: &rig, passes: Vec::new() };
    let taken = append(&rig.batch(&bad), &naming, DECODING, &mut Decoded::default(), &mut head);
    let Err(NotTaken::Malformed(malformed)) = taken else { panic!("taken") };
    assert_eq!(malformed, Malformed { series: 1, at: good.len() + 4, what: "wrong wire type for the field" });
}
