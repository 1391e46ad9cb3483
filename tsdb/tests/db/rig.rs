//! A database on some file system, batches to put into it, and all it holds.

#![allow(dead_code, reason = "several test programs share this, each uses a part")]

use model::{Clock, Fingerprint, Fingerprinter, Labels, LabelsRef, ManualClock, SampleColumns, TimeRange};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use tsdb::db::{Db, DbError, DbOptions, DbParts, Snapshots};
use tsdb::fs::{Fs, StdFs};
use tsdb::head::{AppendScratch, OutOfOrder};
use tsdb::wal::{Committers, LogOptions, ReplayProgress};
use tsdb::{AppendLimits, AppendSource, ChunkSeriesBatch, Encoding};

pub(crate) const RANGE_MS: i64 = 100_000;
pub(crate) const STEP_MS: i64 = 1_000;
pub(crate) const NO_LIMITS: AppendLimits = AppendLimits { max_ms: i64::MAX, max_series: u64::MAX };

/// Every sample of every series, values by their bits.
pub(crate) type Contents = BTreeMap<(Labels, i64), u64>;

pub(crate) struct Batch {
    pub(crate) names: Fingerprinter,
    pub(crate) series: Vec<(Labels, Vec<(i64, f64)>)>,
}

impl AppendSource for Batch {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        self.names.of_labels(self.series[index].0.as_ref(), &mut Vec::new())
    }

    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)> {
        self.series[index].1.iter().copied()
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        Some(self.series[index].0.as_ref())
    }
}

pub(crate) fn names() -> Fingerprinter {
    Fingerprinter::new([7; 192])
}

pub(crate) fn series(number: i64) -> Labels {
    Labels::from_pairs([("__name__", "m".to_owned()), ("n", number.to_string())]).unwrap()
}

pub(crate) fn options() -> DbOptions {
    DbOptions {
        block_range_ms: RANGE_MS,
        retention_ms: None,
        external_labels: BTreeMap::from([("replica".to_owned(), "r".to_owned())]),
        log: LogOptions::default(),
        out_of_order: OutOfOrder::default(),
        max_exemplars: 0,
        snapshots: Snapshots::default(),
        cores: NonZeroUsize::new(2).unwrap(),
    }
}

pub(crate) fn open_on(fs: Arc<dyn Fs>, dir: &Path, options: DbOptions) -> Result<Db, DbError> {
    open_at(fs, dir, options, Arc::new(ManualClock::at(1_700_000_000_000)))
}

pub(crate) fn open_at(fs: Arc<dyn Fs>, dir: &Path, options: DbOptions, clock: Arc<dyn Clock>) -> Result<Db, DbError> {
    let parts = DbParts {
        fs,
        clock,
        fingerprinter: names(),
        committers: Arc::new(Committers::start(NonZeroUsize::MIN).unwrap()),
    };
    Db::open(dir, options, parts, &ReplayProgress::default())
}

pub(crate) fn try_open(dir: &Path, retention_ms: Option<i64>) -> Result<Db, DbError> {
    open_on(Arc::new(StdFs), dir, DbOptions { retention_ms, ..options() })
}

pub(crate) fn open(dir: &Path) -> Db {
    try_open(dir, None).unwrap()
}

/// One sample for each of `count` series.
pub(crate) fn batch(count: i64, at_ms: i64) -> Batch {
    let value = |number: i64| (at_ms * 31 + number) as f64 / 8.0;
    let series = (0..count).map(|number| (series(number), vec![(at_ms, value(number))])).collect();
    Batch { names: names(), series }
}

impl Batch {
    pub(crate) fn add_to(self, contents: &mut Contents) {
        for (labels, samples) in self.series {
            contents.extend(samples.into_iter().map(|(at_ms, value)| ((labels.clone(), at_ms), value.to_bits())));
        }
    }
}

/// Appends one sample to each of `count` series and waits until it is durable.
pub(crate) fn append(db: &Db, count: i64, at_ms: i64, expected: &mut Contents) {
    let batch = batch(count, at_ms);
    let (appended, commit) = db.append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = commit.wait().unwrap();
    assert_eq!((appended.accepted, appended.refused_total), (count as u64, 0));
    batch.add_to(expected);
}

pub(crate) fn append_range(db: &Db, from_ms: i64, to_ms: i64, expected: &mut Contents) {
    for at_ms in (from_ms..to_ms).step_by(STEP_MS as usize) {
        append(db, 5, at_ms, expected);
    }
}

/// All float samples in `range`. What two sources have must be equal.
pub(crate) fn contents(db: &Db, range: TimeRange) -> Contents {
    let mut found = Contents::new();
    let (mut batch, mut columns) = (ChunkSeriesBatch::default(), SampleColumns::default());
    for source in db.sources(range) {
        let mut cursor = source.select(&[], range).unwrap();
        loop {
            cursor.next_batch(3, false, &mut batch).unwrap();
            if batch.is_empty() {
                break;
            }
            for (labels, chunks) in batch.iter() {
                columns.clear();
                for chunk in chunks.iter().filter(|chunk| matches!(chunk.encoding, Encoding::Xor | Encoding::Xor2)) {
                    tsdb::chunk::decode(chunk.encoding, &chunk.data, &mut columns).unwrap();
                }
                let samples = columns.timestamps_ms.iter().zip(&columns.values);
                for (&at_ms, value) in samples.filter(|(at_ms, _)| range.contains(**at_ms)) {
                    let before = found.insert((labels.to_owned(), at_ms), value.to_bits());
                    assert!(before.is_none_or(|before| before == value.to_bits()), "{labels:?} at {at_ms}");
                }
            }
        }
    }
    found
}

pub(crate) fn check(db: &Db, expected: &Contents) {
    let found = contents(db, TimeRange::ALL);
    assert_eq!(found.len(), expected.len());
    assert!(found == *expected, "samples differ");
}
