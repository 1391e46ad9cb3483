//! What comes beside samples: exemplars and metadata are as durable as they are.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "db/rig.rs"]
mod rig;

use model::{ExemplarRef, Fingerprint, Labels, LabelsRef, MetadataRef, MetricKind, TimeRange};
use rig::{NO_LIMITS, names, options};
use std::path::Path;
use std::sync::Arc;
use tsdb::AppendSource;
use tsdb::db::{Db, DbOptions};
use tsdb::fs::StdFs;
use tsdb::head::AppendScratch;
use tsdb::wal::{Decoded, decode_record, read_segment};

/// A series with a sample, an exemplar and what is said of it.
struct One {
    labels: Labels,
    trace: Labels,
    at_ms: i64,
    help: &'static str,
}

impl One {
    fn at(at_ms: i64, help: &'static str) -> Self {
        let trace = Labels::from_pairs([("trace_id", at_ms.to_string())]).unwrap();
        Self { labels: rig::series(1), trace, at_ms, help }
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
        Some(self.labels.as_ref())
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
