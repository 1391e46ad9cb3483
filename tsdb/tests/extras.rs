//! What comes beside samples: exemplars and metadata are as durable as they are.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "db/rig.rs"]
mod rig;

use model::{ExemplarRef, Fingerprint, Labels, LabelsRef, MetadataRef, MetricKind, TimeRange};
use rig::{NO_LIMITS, names, options};
use std::path::Path;
use std::sync::Arc;
use tsdb::AppendSource;
use tsdb::db::{Db, DbOptions, Snapshots};
use tsdb::fs::StdFs;
use tsdb::head::AppendScratch;
use tsdb::snapshot::{SnapshotDirs, SnapshotItem, read_snapshot};
use tsdb::wal::{Compression, Decoded, LogOptions, decode_record, read_segment};

/// A series with a sample, an exemplar and what is said of it.
struct One {
    labels: Labels,
    trace: Labels,
    at_ms: i64,
    help: &'static str,
    without_labels: bool,
}

impl One {
    fn at(at_ms: i64, help: &'static str) -> Self {
        Self::of(1, at_ms, help)
    }

    fn of(number: i64, at_ms: i64, help: &'static str) -> Self {
        let trace = Labels::from_pairs([("trace_id", at_ms.to_string())]).unwrap();
        Self { labels: rig::series(number), trace, at_ms, help, without_labels: false }
    }
}

impl AppendSource for One {
    fn len(&self) -> usize {
        1
    }

    fn fingerprint(&self, _: usize) -> Fingerprint {
        names().of_labels(self.labels.as_ref(), &mut Vec::new())
    }

    fn samples(&self, _: usize) -> impl Iterator<Item = (i64, f64)> {
        std::iter::once((self.at_ms, 1.0))
    }

    fn exemplars(&self, _: usize) -> impl Iterator<Item = ExemplarRef<'_>> {
        std::iter::once(ExemplarRef { labels: self.trace.as_ref(), timestamp_ms: self.at_ms, value: 0.5 })
    }

    fn metadata(&self, _: usize) -> Option<MetadataRef<'_>> {
        Some(MetadataRef { kind: MetricKind::Counter, unit: b"s", help: self.help.as_bytes() })
    }

    fn labels(&self, _: usize) -> Option<LabelsRef<'_>> {
        Some(self.labels.as_ref()).filter(|_| !self.without_labels)
    }
}

fn open(dir: &Path) -> Db {
    rig::open_on(Arc::new(StdFs), dir, DbOptions { max_exemplars: 10, ..options() }).unwrap()
}

fn append(db: &Db, one: &One) {
    let (appended, commit) = db.append(one, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    assert_eq!((appended.accepted, appended.exemplars, appended.refused_total), (1, 1, 0));
    let _durable = commit.wait().unwrap();
}

fn check(db: &Db, times_ms: &[i64], help: &str) {
    let exemplars = db.head().exemplars(&[Vec::new()], TimeRange::ALL);
    let found: Vec<i64> = exemplars.iter().flat_map(|series| &series.exemplars).map(|one| one.timestamp_ms).collect();
    assert_eq!(found, times_ms);
    let mut said = Vec::new();
    db.head().for_each_metadata(|_, _, metadata| said.push(String::from_utf8(metadata.help.to_vec()).unwrap()));
    assert_eq!(said, [help]);
}

#[test]
fn exemplars_and_metadata_are_there_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    append(&db, &One::at(10, "first"));
    append(&db, &One::at(20, "second"));
    check(&db, &[10, 20], "second");
    drop(db);
    check(&open(dir.path()), &[10, 20], "second");
}

/// The exemplars come last in a snapshot, and may have a segment to themselves, which nobody sees to be missing.
#[test]
fn exemplars_that_a_snapshot_lost_are_those_of_the_log() {
    const SERIES: i64 = 600;
    for is_ours in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let log = LogOptions { segment_bytes: 32 << 10, compression: Compression::None, ..LogOptions::default() };
        let snapshots = Snapshots { at_end: true, ..Snapshots::NEVER };
        let options = DbOptions { max_exemplars: SERIES as usize, log, snapshots, ..options() };
        let open = || rig::open_on(Arc::new(StdFs), dir.path(), options.clone()).unwrap();
        let db = open();
        (0..SERIES).for_each(|number| append(&db, &One::of(number, 1_000 + number, "same")));
        db.close().unwrap();
        drop(db);
        let snapshot = SnapshotDirs::find(&StdFs, dir.path()).unwrap().published.pop().unwrap().path;
        let last = |dir: &Path| {
            let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
            names.filter(|name| name.is_file()).max().unwrap()
        };
        if !is_ours {
            std::fs::remove_dir_all(snapshot.join("beside")).unwrap();
        }
        std::fs::remove_file(last(&snapshot)).unwrap();
        let mut items = 0;
        let read = read_snapshot(&StdFs, &snapshot, |item| {
            assert!(matches!(item, SnapshotItem::Series(_)));
            items += 1;
        });
        assert!(read.is_ok() && items == SERIES, "{items}, {read:?}");
        let db = open();
        let exemplars = db.head().exemplars(&[Vec::new()], TimeRange::ALL);
        let count: usize = exemplars.iter().map(|series| series.exemplars.len()).sum();
        assert_eq!((count, db.head().series()), (SERIES as usize, SERIES as u64), "ours: {is_ours}");
        assert_eq!((db.opened().snapshot.is_some(), db.opened().snapshots_set_aside), (!is_ours, u64::from(is_ours)));
    }
}

/// Whoever leaves labels out is told which series the head does not know, also when it has just been filled from disk.
#[test]
fn what_comes_without_labels_and_is_not_known_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    for life in 0..3 {
        let db = open(dir.path());
        let check = |number: i64, at_ms: i64, missed: &[u32]| {
            let nameless = One { without_labels: true, ..One::of(number, at_ms, "same") };
            let (appended, _) = db.append(&nameless, NO_LIMITS, &mut AppendScratch::default()).unwrap();
            assert_eq!(appended.missed, missed, "{number} in life {life}");
            assert_eq!((appended.accepted, appended.created), (1 - missed.len() as u64, 0), "{number} in life {life}");
        };
        (0..life).for_each(|number| check(number, 10 * life, &[]));
        check(life, 10 * life, &[0]);
        append(&db, &One::of(life, 10 * life, "same"));
        check(life, 10 * life + 1, &[]);
        db.close().unwrap();
    }
}

#[test]
fn an_exemplar_that_comes_again_is_logged_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    // Whoever sends it twice was not told that it is durable.
    append(&db, &One::at(10, "same"));
    append(&db, &One::at(10, "same"));
    check(&db, &[10], "same");
    db.close().unwrap();
    let mut decoded = Decoded::default();
    read_segment(&StdFs, &dir.path().join("wal/00000000"), |_, record| {
        decode_record(record, &mut decoded).unwrap();
    })
    .unwrap();
    assert_eq!((decoded.samples.len(), decoded.exemplars_len(), decoded.metadata_len()), (2, 2, 1));
}
