//! A database that takes late samples of all kinds, against a map: appends in and out of order, repeated, with other values,
//! restarts, blocks.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "mixed/batch.rs"]
mod batch;
#[path = "mixed/contents.rs"]
mod contents;
#[path = "late/damaged.rs"]
mod damaged;
#[path = "late/read.rs"]
mod read;
#[path = "db/rig.rs"]
mod rig;
#[path = "mixed/samples.rs"]
mod samples;

use batch::{Mixed, MixedSeries};
use contents::Samples;
use model::{Labels, MatchOp, Matcher, Numbers, ResetHint, STALE_NAN, TimeRange};
use proptest::prelude::*;
use rig::{NO_LIMITS, RANGE_MS, series};
use samples::{Sample, TestHistogram};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::ColumnSeriesBatch;
use tsdb::RefusedBecause;
use tsdb::db::{Db, DbOptions};
use tsdb::head::{AppendScratch, HeadReader, OutOfOrder};

const WINDOW_MS: i64 = 3 * RANGE_MS;
const CAP: u32 = 5;
const START_MS: i64 = 1_700_000_000_000;

/// What the database should hold. Several values may have come for one time, where nobody could tell: any of them is right.
#[derive(Debug, Default)]
struct Model {
    samples: Samples,
    /// The newest sample in order, of each series: its time, and what it may be.
    newest: BTreeMap<Labels, (i64, HashSet<Sample>)>,
    head_ms: Option<i64>,
}

#[derive(Debug, Clone)]
enum Step {
    /// Samples by series: how far from the newest of the head, and which value.
    Append(Vec<(u8, Vec<(i64, Value)>)>),
    /// Late samples of one series in a row: every so many of another kind.
    Run(u8, i64, u8, u8),
    /// So many milliseconds later all series have a sample, those of one kind.
    Advance(i64, u8),
    Maintain,
    Restart,
    Flush,
}

/// Which kind, and which of that kind.
type Value = (u8, u8);

impl Model {
    /// What a sample becomes: that a series ended is said as its newest sample is.
    fn shown(&self, labels: &Labels, sample: Sample, closed_ms: i64) -> HashSet<Sample> {
        let is_float = sample.numbers().is_none();
        match self.newest.get(labels) {
            Some((newest_ms, newest)) if is_float && sample.is_stale() => {
                let as_newest = |newest: &Sample| newest.numbers().map_or(sample.clone(), Sample::Stale);
                let mut shown: HashSet<_> = newest.iter().map(as_newest).collect();
                if *newest_ms < closed_ms {
                    // Whether the head still knows the series is not for the model to say.
                    shown.insert(sample);
                }
                shown
            }
            _ => HashSet::from([sample]),
        }
    }

    /// What the database must say of a sample, as far as that is certain.
    fn verdict(
        &self,
        labels: &Labels,
        (at_ms, shown): (i64, &HashSet<Sample>),
        head_ms: i64,
        closed_ms: i64,
    ) -> Verdict {
        let in_order_ms = closed_ms.max(head_ms.saturating_sub(RANGE_MS / 2));
        match self.newest.get(labels) {
            _ if at_ms < in_order_ms => {}
            None => return Verdict::InOrder,
            Some((newest_ms, _)) if at_ms > *newest_ms => return Verdict::InOrder,
            Some((newest_ms, newest)) if at_ms == *newest_ms => {
                return match newest == shown {
                    true if newest.len() == 1 => Verdict::InOrder,
                    false if newest.is_disjoint(shown) => Verdict::Refused(RefusedBecause::DuplicateTimestamp),
                    _ => Verdict::NewestOrRefused,
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
    /// The newest again, or another value for its time: it does not matter.
    NewestOrRefused,
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

/// Adds the sample that `value` stands for.
fn push(one: &mut MixedSeries, at_ms: i64, (kind, number): Value) {
    // Whatever comes late, counts mostly grow with time.
    let age = ((at_ms - START_MS + 10 * RANGE_MS) / 500).unsigned_abs();
    match (kind % 4, number) {
        (0 | 1, 0) => one.floats.push((at_ms, STALE_NAN)),
        (0 | 1, 1) => one.floats.push((at_ms, -0.0)),
        (0 | 1, _) => one.floats.push((at_ms, f64::from(number).sqrt())),
        (2, _) => one.histograms.push((at_ms, TestHistogram::new(Numbers::Integer, number, age))),
        _ => one.histograms.push((at_ms, TestHistogram::new(Numbers::Float, number, age))),
    }
}

fn numbered(number: u8) -> MixedSeries {
    MixedSeries::new(series(i64::from(number % 4)))
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

    fn append(&mut self, mut series: Vec<MixedSeries>) {
        // The head of nothing is where the first series of a batch begins.
        series.retain(|one| one.samples().next().is_some());
        let Some((first_ms, _)) = series.first().and_then(|one| one.samples().next()) else { return };
        let batch = Mixed { series, ..Mixed::default() };
        let (appended, commit) = self.db().append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
        let _durable = commit.wait().unwrap();
        let head_ms = self.model.head_ms.unwrap_or(first_ms);
        let refused: Vec<_> =
            appended.refused.iter().map(|refused| (refused.series, refused.timestamp_ms, refused.why)).collect();
        let all_refused = |index, at_ms, one: &MixedSeries| {
            let twice = (index, at_ms, RefusedBecause::DuplicateTimestamp);
            let sent = one.samples().filter(|sample| sample.0 == at_ms).count();
            refused.iter().filter(|refused| **refused == twice).count() == sent
        };
        for (index, one) in (0..).zip(&batch.series) {
            let labels = &one.labels;
            for (at_ms, sample) in one.samples() {
                let shown = self.model.shown(labels, sample, self.cut_ms);
                let verdict = self.model.verdict(labels, (at_ms, &shown), head_ms, self.cut_ms);
                let told = |why| refused.contains(&(index, at_ms, why));
                match verdict {
                    Verdict::Refused(why) => assert!(
                        told(why) || appended.refused_total > 64,
                        "{labels:?} at {at_ms}: {why:?} of {refused:?}"
                    ),
                    Verdict::NewestOrRefused => {}
                    // Whether the buffer still holds the time is not for the model to say; a batch may have it twice itself.
                    Verdict::Late if all_refused(index, at_ms, one) => {}
                    Verdict::InOrder | Verdict::Late => {
                        let held = self.model.samples.entry(labels.clone()).or_default();
                        held.entry(at_ms).or_default().extend(shown.iter().cloned());
                        if verdict == Verdict::InOrder {
                            self.model.newest.insert(labels.clone(), (at_ms, shown));
                            self.model.head_ms = self.model.head_ms.max(Some(at_ms));
                        }
                    }
                }
            }
        }
        assert_eq!(appended.accepted + appended.histograms + appended.refused_total, batch.samples_len());
    }

    fn step(&mut self, step: Step) {
        let head_ms = self.model.head_ms.unwrap_or(START_MS);
        match step {
            Step::Append(batch) => {
                let of = |(number, samples): (u8, Vec<(i64, Value)>)| {
                    let mut one = numbered(number);
                    samples.into_iter().for_each(|(behind_ms, value)| push(&mut one, head_ms - behind_ms, value));
                    one
                };
                self.append(batch.into_iter().map(of).collect());
            }
            Step::Run(number, behind_ms, count, every) => {
                let mut one = numbered(number);
                for at in 0..count {
                    push(
                        &mut one,
                        head_ms - behind_ms + i64::from(at) * 7,
                        (number.wrapping_add(at / every), 1 + at / 2),
                    );
                }
                self.append(vec![one]);
            }
            Step::Advance(by_ms, kind) => {
                let of = |number: u8| {
                    let mut one = numbered(number);
                    push(&mut one, head_ms + by_ms, (kind.wrapping_add(number), 2 + number));
                    one
                };
                self.append((0..3).map(of).collect());
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
                self.model.newest.retain(|_, (newest_ms, _)| *newest_ms >= cut_ms);
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
    let behind_ms = prop_oneof![3 => 0..RANGE_MS / 2, 3 => 0..WINDOW_MS, 1 => -50..5_i64, 1 => 0..4 * RANGE_MS];
    let sample = (behind_ms, (any::<u8>(), any::<u8>()));
    let append = proptest::collection::vec((any::<u8>(), proptest::collection::vec(sample, 0..8)), 1..5);
    let run = (any::<u8>(), 0..WINDOW_MS, 0_u8..40, 1_u8..20);
    prop_oneof![
        6 => append.prop_map(Step::Append),
        3 => run.prop_map(|(number, behind_ms, count, every)| Step::Run(number, behind_ms, count, every)),
        4 => (1..RANGE_MS / 3, any::<u8>()).prop_map(|(by_ms, kind)| Step::Advance(by_ms, kind)),
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
        let (mut floats, mut histograms) = (numbered(1), numbered(2));
        for at_ms in times {
            push(&mut floats, at_ms, (0, 5));
            push(&mut histograms, at_ms, (2, 5));
        }
        let batch = Mixed { series: vec![floats, histograms], ..Mixed::default() };
        let (appended, commit) = db.append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
        let _durable = commit.wait().unwrap();
        assert_eq!(appended.refused_total, 0);
        (appended.accepted, appended.histograms)
    };
    let in_order = append(&mut (0..2 * RANGE_MS).step_by(1000).map(|ms| START_MS + ms));
    let late = append(&mut (0..RANGE_MS).step_by(1000).map(|ms| START_MS + ms + 500));
    let blocks: Vec<_> = db.flush().unwrap().into_iter().filter_map(|block| block.meta).collect();
    let samples = |partial| {
        let of_kind = blocks.iter().filter(|meta| meta.compaction.is_partial() == partial);
        let stats = of_kind.map(|meta| (meta.stats.num_float_samples, meta.stats.num_histogram_samples));
        stats.fold((0, 0), |all, some| (all.0 + some.0, all.1 + some.1))
    };
    assert_eq!((samples(false), samples(true)), (in_order, late));
}

/// What the newest histogram says of the one before it: nothing, once the one before it in its chunk may not be that.
#[test]
fn the_newest_histogram_does_not_know_late_ones() {
    let fs = SimFs::new();
    let db = open(&fs);
    let append = |at_ms: i64| {
        let mut one = numbered(1);
        push(&mut one, at_ms, (2, 5));
        let batch = Mixed { series: vec![one], ..Mixed::default() };
        let (appended, commit) = db.append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
        let _durable = commit.wait().unwrap();
        assert_eq!(appended.histograms, 1);
    };
    let newest_hint = || {
        let mut last = ColumnSeriesBatch::default();
        db.head().reader(TimeRange::ALL).select_last(&[], TimeRange::ALL).next_batch(9, &mut last).unwrap();
        last.samples().histogram(0).unwrap().hint
    };
    for (at_ms, want) in [(0, ResetHint::Unknown), (2_000, ResetHint::NotReset), (1_000, ResetHint::Unknown)] {
        append(START_MS + at_ms);
        assert_eq!(newest_hint(), want, "after {at_ms}");
    }
}

/// What comes while blocks are being made of late samples is not taken for theirs, not even the chunk that is written next.
#[test]
fn what_comes_after_the_cut_stays() {
    let mut world = World::new();
    world.step(Step::Advance(0, 0));
    world.step(Step::Run(1, 70_000, 12, 7));
    let through = world.db().head().cut_late().unwrap();
    world.model.samples.get_mut(&numbered(1).labels).unwrap().retain(|at_ms, _| *at_ms > START_MS - 60_000);
    world.step(Step::Run(1, 50_000, 12, 7));
    world.db().head().truncate_late(through).unwrap();
    world.check();
}

/// Who begins to read when late chunks belong to blocks already does not look for them: they go, and their files, before it ends.
#[test]
fn readers_do_not_see_late_chunks_of_which_blocks_were_made() {
    let mut world = World::new();
    world.step(Step::Advance(0, 0));
    world.step(Step::Run(1, 70_000, 12, 7));
    let head = world.db().head();
    let late = |reader: &HeadReader| {
        let mut found = Samples::new();
        contents::read(reader, &[], TimeRange::ALL, &mut found).unwrap();
        found.values().flat_map(BTreeMap::keys).filter(|&&at_ms| at_ms < START_MS - 50_000).count()
    };
    let before = head.reader(TimeRange::ALL);
    let through = head.cut_late().unwrap();
    assert!(head.truncate_late(through).unwrap().pending);
    let behind = head.reader(TimeRange::ALL);
    assert_eq!((late(&before), late(&behind)), (12, 0));
    drop(before);
    assert!(!head.reclaim().unwrap().pending);
    assert_eq!(late(&behind), 0);
}

/// What chunks have is not read from the log again, whatever kind it is of.
#[test]
fn a_restart_makes_no_chunks_of_what_chunks_have() {
    let fs = SimFs::new();
    let mut world = World { db: Some(open(&fs)), fs, model: Model::default(), cut_ms: i64::MIN };
    world.step(Step::Advance(0, 0));
    for (number, behind_ms) in [(0, 70_000), (1, 60_000), (2, 50_000), (3, 40_000)] {
        world.step(Step::Run(number, behind_ms, 33, 7));
    }
    let chunks: Vec<u64> = (0..3)
        .map(|_| {
            world.step(Step::Restart);
            world.check();
            world.db().opened().head.chunks
        })
        .collect();
    assert!(chunks[0] > 20 && chunks.iter().all(|&count| count == chunks[0]), "{chunks:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_database_with_late_samples_of_all_kinds_is_a_map(steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            world.check();
        }
    }
}
