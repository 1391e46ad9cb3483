//! Walks over more series than are sorted at once.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "db/rig.rs"]
mod rig;

use model::{Fingerprint, Labels, LabelsRef, MatchOp, Matcher, TimeRange};
use rig::{NO_LIMITS, names, options};
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::db::Db;
use tsdb::head::AppendScratch;
use tsdb::{AppendSource, ChunkSeriesBatch, SeriesSource};

/// A sample of each series.
struct Samples(Vec<Labels>);

impl AppendSource for Samples {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        names().of_labels(self.0[index].as_ref(), &mut Vec::new())
    }

    fn samples(&self, _: usize) -> impl Iterator<Item = (i64, f64)> {
        std::iter::once((1_000, 1.0))
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        Some(self.0[index].as_ref())
    }
}

/// Two metrics: label sets in which each label may be missing, some the beginning of others, and thousands that differ in their
/// last label only.
fn series() -> Vec<Labels> {
    let mut series = Vec::new();
    for metric in ["m", "n"] {
        for number in 0..15_000 {
            let (a, b) = (number % 3, number / 3 % 12);
            let mut labels = vec![("__name__", metric.to_owned())];
            labels.extend((a > 0).then(|| ("a", format!("{a}"))));
            labels.extend((b > 0).then(|| ("b", format!("{}", 20 - b))));
            labels.push(("c", "same".to_owned()));
            labels.extend((number < 36 || a < 2).then(|| ("d", "same".to_owned())));
            // In another order than they are created in.
            labels.extend((number >= 36).then(|| ("id", format!("{:05}", number * 7919 % 15_013))));
            series.push(Labels::from_pairs(labels).unwrap());
        }
    }
    series
}

/// Walks over what `matcher` accepts, with `added` among the labels.
fn walk(db: &Db, matcher: (&str, &str), added: &[(&str, &str)]) -> Vec<Labels> {
    let added = Labels::from_pairs(added.iter().copied()).unwrap();
    let head = db.head().reader(TimeRange::ALL).with_labels(&added, &[]).unwrap();
    let matcher = Matcher::new(MatchOp::Equal, matcher.0, matcher.1).unwrap();
    let mut cursor = SeriesSource::select(&head, &[matcher], TimeRange::ALL).unwrap();
    let (mut batch, mut walked) = (ChunkSeriesBatch::default(), Vec::new());
    loop {
        cursor.next_batch(100, true, &mut batch).unwrap();
        if batch.is_empty() {
            return walked;
        }
        walked.extend(batch.iter().map(|(labels, _)| labels.to_owned()));
    }
}

#[test]
fn walks_go_by_labels_however_many_share_their_first() {
    let db = rig::open_on(Arc::new(SimFs::new()), Path::new("/data"), options()).unwrap();
    let all = Samples(series());
    let (appended, commit) = db.append(&all, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    assert_eq!(appended.accepted, all.len() as u64);
    let _durable = commit.wait().unwrap();
    for matcher in [("__name__", "m"), ("c", "same"), ("a", "2"), ("a", ""), ("d", "")] {
        for added in [&[][..], &[("aa", "x")], &[("cluster", "x"), ("z", "x")], &[("Z", "x")]] {
            let mut want: Vec<Labels> = all
                .0
                .iter()
                .filter(|labels| value(labels, matcher.0) == matcher.1)
                .map(|labels| with(labels, added))
                .collect();
            want.sort_unstable();
            let walked = walk(&db, matcher, added);
            assert!(walked == want, "{matcher:?} with {added:?}: {} series of {}", walked.len(), want.len());
        }
    }
}

fn value<'a>(labels: &'a Labels, name: &str) -> &'a str {
    std::str::from_utf8(labels.get(name.as_bytes()).unwrap_or_default()).unwrap()
}

fn with(labels: &Labels, added: &[(&str, &str)]) -> Labels {
    let own = labels.iter().map(|label| (label.name.to_vec(), label.value.to_vec()));
    let added = added.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    Labels::from_pairs(own.chain(added)).unwrap()
}
