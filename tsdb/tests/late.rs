//! A database that takes late samples, against a map: appends in and out of order, repeated, with other values, restarts,
//! blocks.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "late/read.rs"]
mod read;
#[path = "db/rig.rs"]
mod rig;

use model::{Labels, MatchOp, Matcher, STALE_NAN, TimeRange};
use proptest::prelude::*;
use rig::{Batch, NO_LIMITS, RANGE_MS, names, series};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::RefusedBecause;
use tsdb::db::{Db, DbOptions};
use tsdb::head::{AppendScratch, OutOfOrder};

const WINDOW_MS: i64 = 3 * RANGE_MS;
const CAP: u32 = 5;
const START_MS: i64 = 1_700_000_000_000;

/// What the database should hold. Several values may have come for one time, where nobody could tell: any of them is right.
#[derive(Debug, Default)]
struct Model {
    samples: BTreeMap<Labels, BTreeMap<i64, BTreeSet<u64>>>,
    /// The newest sample in order, of each series.
    newest_ms: BTreeMap<Labels, (i64, u64)>,
    head_ms: Option<i64>,
}

#[derive(Debug, Clone)]
enum Step {
    /// Samples by series: how far from the newest of the head, and which value.
    Append(Vec<(u8, Vec<(i64, u8)>)>),
    /// Late samples of one series in a row.
    Run(u8, i64, u8),
    /// So many milliseconds later all series have a sample.
    Advance(i64),
    Maintain,
    Restart,
    Flush,
}

impl Model {
    /// What the database must say of a sample, as far as that is certain.
    fn verdict(&self, labels: &Labels, at_ms: i64, bits: u64, head_ms: i64, closed_ms: i64) -> Verdict {
        let newest = self.newest_ms.get(labels);
        let in_order_ms = closed_ms.max(head_ms.saturating_sub(RANGE_MS / 2));
        match newest {
            _ if at_ms < in_order_ms => {}
            None => return Verdict::InOrder,
            Some(&(newest_ms, _)) if at_ms > newest_ms => return Verdict::InOrder,
            Some(&(newest_ms, have)) if at_ms == newest_ms => {
                return if have == bits {
                    Verdict::InOrder
                } else {
                    Verdict::Refused(RefusedBecause::DuplicateTimestamp)
                };
            }
            Some(_) => {}
        }
        if at_ms < head_ms.saturating_sub(WINDOW_MS) { Verdict::Refused(RefusedBecause::TooOld) } else { Verdict::Late }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    InOrder,
    Late,
    Refused(RefusedBecause),
}

struct World {
    fs: SimFs,
    db: Option<Db>,
    model: Model,
    cut_ms: i64,
}

fn options() -> DbOptions {
    DbOptions { out_of_order: OutOfOrder { window_ms: WINDOW_MS, cap: CAP }, ..rig::options() }
}

fn open(fs: &SimFs) -> Db {
    rig::open_on(Arc::new(fs.clone()), Path::new("/data"), options()).unwrap()
}

fn value(number: u8) -> f64 {
    match number {
        0 => STALE_NAN,
        1 => -0.0,
        _ => f64::from(number).sqrt(),
    }
}

impl World {
    fn new() -> Self {
        let fs = SimFs::new();
        let db = Some(open(&fs));
        Self { fs, db, model: Model::default(), cut_ms: i64::MIN }
    }

    fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    fn append(&mut self, mut series: Vec<(Labels, Vec<(i64, f64)>)>) {
        // The head of nothing is where the first series of a batch begins.
        series.retain(|(_, samples)| !samples.is_empty());
        let Some(first_ms) = series.first().and_then(|(_, samples)| samples.first()).map(|sample| sample.0) else {
            return;
        };
        let batch = Batch { names: names(), series };
        let (appended, commit) = self.db().append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
        let _durable = commit.wait().unwrap();
        let head_ms = self.model.head_ms.unwrap_or(first_ms);
        let refused: Vec<_> =
            appended.refused.iter().map(|refused| (refused.series, refused.timestamp_ms, refused.why)).collect();
        let all_refused = |index, at_ms, samples: &[(i64, f64)]| {
            let twice = (index, at_ms, RefusedBecause::DuplicateTimestamp);
            let sent = samples.iter().filter(|sample| sample.0 == at_ms).count();
            refused.iter().filter(|refused| **refused == twice).count() == sent
        };
        let mut count = 0;
        for (index, (labels, samples)) in (0..).zip(&batch.series) {
            for &(at_ms, value) in samples {
                let bits = value.to_bits();
                let verdict = self.model.verdict(labels, at_ms, bits, head_ms, self.cut_ms);
                let told = |why| refused.contains(&(index, at_ms, why));
                count += 1;
                match verdict {
                    Verdict::Refused(why) => assert!(
                        told(why) || appended.refused_total > 64,
                        "{labels:?} at {at_ms}: {why:?} of {refused:?}"
                    ),
                    // Whether the buffer still holds the time is not for the model to say; a batch may have it twice itself.
                    Verdict::Late if all_refused(index, at_ms, samples) => {}
                    Verdict::InOrder | Verdict::Late => {
                        let held = self.model.samples.entry(labels.clone()).or_default();
                        held.entry(at_ms).or_default().insert(bits);
                        if verdict == Verdict::InOrder {
                            self.model.newest_ms.insert(labels.clone(), (at_ms, bits));
                            self.model.head_ms = self.model.head_ms.max(Some(at_ms));
                        }
                    }
                }
            }
        }
        assert_eq!(appended.accepted + appended.refused_total, count);
    }

    fn step(&mut self, step: Step) {
        let head_ms = self.model.head_ms.unwrap_or(START_MS);
        match step {
            Step::Append(batch) => {
                let sample = |(behind_ms, number): (i64, u8)| (head_ms - behind_ms, value(number));
                let of = |(number, samples): (u8, Vec<_>)| {
                    (series(i64::from(number % 4)), samples.into_iter().map(sample).collect())
                };
                self.append(batch.into_iter().map(of).collect());
            }
            Step::Run(number, behind_ms, count) => {
                let sample = |at: u8| (head_ms - behind_ms + i64::from(at) * 7, value(at));
                self.append(vec![(series(i64::from(number % 4)), (0..count).map(sample).collect())]);
            }
            Step::Advance(by_ms) => {
                let at_ms = head_ms + by_ms;
                self.append((0..3).map(|number| (series(number), vec![(at_ms, number as f64)])).collect());
            }
            Step::Maintain => self.cut(|db| db.maintain().unwrap()),
            Step::Flush => self.cut(|db| db.flush().unwrap()),
            Step::Restart => {
                self.db().close().unwrap();
                self.db = None;
                self.db = Some(open(&self.fs));
                assert!(self.db().opened().set_aside.is_empty());
                // What only blocks have is not known of the series any longer.
                let head = self.db().head().time_range();
                self.model.head_ms = head.map(TimeRange::max_ms);
                let cut_ms = self.cut_ms;
                self.model.newest_ms.retain(|_, (newest_ms, _)| *newest_ms >= cut_ms);
            }
        }
    }

    fn cut(&mut self, cut: impl FnOnce(&Db) -> Vec<tsdb::db::CutBlock>) {
        for block in cut(self.db()) {
            let Some(meta) = block.meta else { continue };
            let is_late = meta.compaction.hints == ["from-out-of-order"];
            assert_eq!(is_late, meta.compaction.is_partial());
            if is_late {
                assert_eq!((meta.min_ms % RANGE_MS, meta.max_ms - meta.min_ms), (0, RANGE_MS));
            } else {
                self.cut_ms = self.cut_ms.max(meta.max_ms);
            }
        }
        self.cut_ms = self.cut_ms.max(self.db().head().floor_ms());
    }

    fn check(&self) {
        read::check(self.db(), &self.model.samples);
        let matcher = Matcher::new(MatchOp::Regex, "n", "1|3").unwrap();
        let head_ms = self.model.head_ms.unwrap_or(START_MS);
        for (from, to) in [(WINDOW_MS, RANGE_MS), (RANGE_MS, 0), (20, 10)] {
            let range = TimeRange::new(head_ms - from, head_ms - to).unwrap();
            read::check_last(self.db(), &self.model.samples, &matcher, range);
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let sample =
        (prop_oneof![3 => 0..RANGE_MS / 2, 3 => 0..WINDOW_MS, 1 => -50..5_i64, 1 => 0..4 * RANGE_MS], any::<u8>());
    let append = proptest::collection::vec((any::<u8>(), proptest::collection::vec(sample, 0..8)), 1..5);
    prop_oneof![
        6 => append.prop_map(Step::Append),
        3 => (any::<u8>(), 0..WINDOW_MS, 0_u8..40).prop_map(|(number, behind_ms, count)| Step::Run(number, behind_ms, count)),
        4 => (1..RANGE_MS / 3).prop_map(Step::Advance),
        3 => Just(Step::Maintain),
        2 => Just(Step::Restart),
        1 => Just(Step::Flush),
    ]
}

#[test]
fn each_sample_is_cut_into_one_block() {
    let fs = SimFs::new();
    let db = open(&fs);
    let append = |times: &mut dyn Iterator<Item = i64>| {
        let batch = Batch { names: names(), series: vec![(series(1), times.map(|at_ms| (at_ms, 1.0)).collect())] };
        let (appended, commit) = db.append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
        let _durable = commit.wait().unwrap();
        assert_eq!(appended.refused_total, 0);
        appended.accepted
    };
    let in_order = append(&mut (0..2 * RANGE_MS).step_by(1000).map(|ms| START_MS + ms));
    let late = append(&mut (0..RANGE_MS).step_by(1000).map(|ms| START_MS + ms + 500));
    let blocks: Vec<_> = db.flush().unwrap().into_iter().filter_map(|block| block.meta).collect();
    let samples = |partial| {
        let of_kind = blocks.iter().filter(|meta| meta.compaction.is_partial() == partial);
        of_kind.map(|meta| meta.stats.num_samples).sum::<u64>()
    };
    assert_eq!((samples(false), samples(true)), (in_order, late));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_database_with_late_samples_is_a_map(steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            world.check();
        }
    }
}
