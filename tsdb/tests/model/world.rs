//! A database, the model beside it, and steps that both take.

use crate::batch::{Mixed, MixedSeries, TestExemplar};
use crate::contents::{Contents, Samples, read};
use crate::oracle::Oracle;
use crate::rig::{self, NO_LIMITS, RANGE_MS};
use crate::samples::{Sample, TestHistogram};
use model::{Labels, Matcher, Numbers, STALE_NAN, SampleColumns, TimeRange};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::db::{Db, DbOptions, Snapshots};
use tsdb::fs::Fs;
use tsdb::head::{AppendScratch, OutOfOrder};
use tsdb::snapshot::SnapshotDirs;
use tsdb::{Appended, ColumnSeriesBatch, Refused, RefusedBecause, SeriesSource};

pub(crate) const START_MS: i64 = 1_700_000_000_000;
const STEP_MS: i64 = 1_500;

/// Where a sample stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Move {
    /// One step behind the sample before.
    Step,
    By(i64),
    To(i64),
}

/// What the database must say of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    InOrder,
    /// Taken, unless the buffer has its time with another value, which is not for the model to know.
    Late,
    /// The same, or too old beside a sample that only blocks have: a head that was filled from a snapshot may know of it.
    LateOrTooOld,
    Refused(RefusedBecause),
    /// It says once more that a series ended, of which the head may have forgotten what kind it was.
    Either,
}

/// See the module's page.
pub(crate) struct World {
    fs: SimFs,
    db: Option<Db>,
    window_ms: i64,
    snapshots: Snapshots,
    oracle: Oracle,
    /// The newest sample in order of each series, as far as the head knows it.
    newest: BTreeMap<Labels, (i64, Sample)>,
    /// The newest of all.
    head_ms: Option<i64>,
    /// The newest that there ever was.
    newest_ms: i64,
    /// Whatever was taken for one time, by series: who comes second is refused, or is another answer.
    exemplars_ms: BTreeMap<Labels, i64>,
    /// Where the head was cut, in this life or another.
    floor_ms: i64,
    batches: usize,
}

pub(crate) fn open(fs: &SimFs, window_ms: i64, snapshots: Snapshots, cores: usize) -> Db {
    let options = DbOptions {
        snapshots,
        out_of_order: OutOfOrder { window_ms, cap: 5 },
        max_exemplars: 100_000,
        cores: NonZeroUsize::new(cores).unwrap(),
        ..rig::options()
    };
    rig::open_on(Arc::new(fs.clone()), Path::new("/data"), options).unwrap()
}

/// Label sets that share pairs in all ways: one name in all, some labels in some.
fn labels(number: u8) -> Labels {
    let mut pairs = vec![("__name__", format!("metric_{}", number % 3)), ("id", format!("{}", number / 2))];
    if !number.is_multiple_of(4) {
        pairs.push(("job", format!("job-{}", number % 5)));
    }
    if number.is_multiple_of(7) {
        pairs.push(("a", "x".repeat(usize::from(number) * 3 + 1)));
    }
    if number % 2 == 1 {
        pairs.push(("zone", "one".to_owned()));
    }
    Labels::from_pairs(pairs).unwrap()
}

/// What most samples of a series are.
fn kind_of(number: u8) -> Option<Numbers> {
    match number % 40 {
        10..20 => Some(Numbers::Integer),
        20..26 => Some(Numbers::Float),
        _ => None,
    }
}

fn value(number: u8) -> f64 {
    match number {
        0 => STALE_NAN,
        1 => f64::from_bits(0x7ff8_dead_beef_0001),
        2 => f64::NEG_INFINITY,
        3 => -0.0,
        4..60 => 1.0,
        60..160 => f64::from(number),
        _ => f64::from(number).sqrt() * 1e-7,
    }
}

/// Names of labels that series have.
pub(crate) const NAMES: [&str; 5] = ["__name__", "id", "job", "a", "zone"];

impl World {
    pub(crate) fn new(window_ms: i64, snapshots: Snapshots) -> Self {
        let fs = SimFs::new();
        let db = Some(open(&fs, window_ms, snapshots, 1));
        Self {
            fs,
            db,
            window_ms,
            snapshots,
            oracle: Oracle::default(),
            newest: BTreeMap::new(),
            head_ms: None,
            newest_ms: i64::MIN,
            exemplars_ms: BTreeMap::new(),
            floor_ms: i64::MIN,
            batches: 0,
        }
    }

    fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    /// From so long before the newest sample to so long before it.
    pub(crate) fn recent(&self, from_ms: i64, to_ms: i64) -> TimeRange {
        let newest_ms = self.head_ms.unwrap_or(0);
        TimeRange::new(newest_ms.saturating_sub(from_ms), newest_ms.saturating_sub(to_ms)).unwrap()
    }

    pub(crate) fn append(&mut self, series: &[(u8, Vec<(Move, u8)>)]) {
        let batch = self.batch(series);
        let (appended, commit) = self.db().append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
        let _durable = commit.wait().unwrap();
        assert_eq!(appended.accepted + appended.histograms + appended.refused_total, batch.samples_len());
        assert!(appended.missed.is_empty());
        let (taken, perhaps) = self.taken(&batch, &appended);
        // Whether a series is there of which all samples were refused, and so takes the rest, is not for the model to know.
        let without_samples = |one: &MixedSeries| MixedSeries {
            exemplars: one.exemplars.clone(),
            help: one.help.clone(),
            ..MixedSeries::new(one.labels.clone())
        };
        let series = batch.series.iter().map(without_samples).collect();
        self.oracle.sent(&Mixed { series, ..Mixed::default() });
        self.oracle.sent(&perhaps);
        self.oracle.sent(&taken);
        self.oracle.acknowledged(&taken, &Appended::default());
        self.floor_ms = self.floor_ms.max(self.db().head().floor_ms());
    }

    fn batch(&mut self, series: &[(u8, Vec<(Move, u8)>)]) -> Mixed {
        let mut batch = Mixed::default();
        let start_ms = self.head_ms.map_or(START_MS, |newest_ms| newest_ms.saturating_sub(RANGE_MS / 4));
        self.batches += 1;
        for (number, moves) in series {
            let mut one = MixedSeries::new(labels(number % 40));
            let mut time_ms = self.newest.get(&one.labels).map_or(start_ms, |(time_ms, _)| *time_ms);
            for &(by, number_of_value) in moves {
                time_ms = match by {
                    Move::Step => time_ms.saturating_add(STEP_MS),
                    Move::By(by_ms) => time_ms.saturating_add(by_ms),
                    Move::To(at_ms) => at_ms,
                };
                push(&mut one, *number, time_ms, number_of_value);
            }
            // A series that comes again brings it again.
            if (number % 40).is_multiple_of(3) {
                one.help = Some(format!("{} as of {}", number % 40, self.batches / 8));
                let newer_ms = self.exemplars_ms.get(&one.labels).is_none_or(|last_ms| *last_ms < time_ms);
                if newer_ms && !moves.is_empty() {
                    self.exemplars_ms.insert(one.labels.clone(), time_ms);
                    one.exemplars.push(TestExemplar::new(time_ms, f64::from(*number)));
                }
            }
            batch.series.push(one);
        }
        batch
    }

    /// What of a batch must be there from now on, and what may be, because only the first refusals are told. Checks that the right
    /// samples were refused for the right reasons.
    fn taken(&mut self, batch: &Mixed, appended: &Appended) -> (Mixed, Mixed) {
        let first = batch.series.iter().flat_map(|series| series.samples()).next();
        // The head of nothing is where the first series of a batch begins, if that has a sample.
        let first_of_batch = batch.series.first().and_then(|series| series.samples().next());
        let Some(head_ms) = self.head_ms.or(first_of_batch.map(|(at_ms, _)| at_ms)).or(first.map(|_| i64::MIN)) else {
            return Default::default();
        };
        let floor_ms = self.db().head().floor_ms();
        let is_all = appended.refused_total <= Appended::MAX_REFUSED as u64;
        let (mut taken, mut perhaps) = (Mixed::default(), Mixed::default());
        for (index, series) in (0..).zip(&batch.series) {
            let refused = appended.refused.iter().filter(|refused| refused.series == index).collect();
            let told = Told { series, refused, is_all };
            let nothing = MixedSeries::new(series.labels.clone());
            let (mut kept, mut unsure) = (nothing.clone(), nothing);
            for &(at_ms, value) in &series.floats {
                let verdict = self.take(&series.labels, (at_ms, Sample::Float(value.to_bits())), head_ms, floor_ms);
                let into = told.either(at_ms, verdict, &mut kept, &mut unsure);
                into.into_iter().for_each(|one| one.floats.push((at_ms, value)));
            }
            for (at_ms, histogram) in &series.histograms {
                let verdict = self.take(&series.labels, (*at_ms, Sample::of(histogram.as_ref())), head_ms, floor_ms);
                let into = told.either(*at_ms, verdict, &mut kept, &mut unsure);
                into.into_iter().for_each(|one| one.histograms.push((*at_ms, histogram.clone())));
            }
            if kept.samples().next().is_some() {
                (kept.help, kept.exemplars) = (series.help.clone(), series.exemplars.clone());
            }
            taken.series.push(kept);
            perhaps.series.push(unsure);
        }
        (taken, perhaps)
    }

    /// Whether a sample is taken; what is in order is the newest of its series from now on.
    fn take(&mut self, labels: &Labels, (at_ms, sample): (i64, Sample), head_ms: i64, floor_ms: i64) -> Verdict {
        let verdict = self.verdict(labels, (at_ms, &sample), head_ms, floor_ms);
        if matches!(verdict, Verdict::InOrder | Verdict::Either) {
            let newest = self.newest.get(labels);
            let sample = as_the_others(sample, newest.map(|(_, newest)| newest));
            if newest.is_none_or(|(newest_ms, _)| *newest_ms < at_ms) {
                self.newest.insert(labels.clone(), (at_ms, sample));
            }
            self.head_ms = self.head_ms.max(Some(at_ms));
            self.newest_ms = self.newest_ms.max(at_ms);
        }
        verdict
    }

    fn verdict(&self, labels: &Labels, (at_ms, sample): (i64, &Sample), head_ms: i64, floor_ms: i64) -> Verdict {
        let late_or = |why| match self.window_ms {
            0 => Verdict::Refused(why),
            window_ms if at_ms < head_ms.saturating_sub(window_ms) => Verdict::Refused(RefusedBecause::TooOld),
            window_ms if self.has_snapshots() && at_ms < self.newest_ms.saturating_sub(window_ms) => {
                Verdict::LateOrTooOld
            }
            _ => Verdict::Late,
        };
        if at_ms < floor_ms.max(head_ms.saturating_sub(RANGE_MS / 2)) {
            return late_or(RefusedBecause::OutOfBounds);
        }
        match self.newest.get(labels) {
            Some((newest_ms, _)) if at_ms < *newest_ms => late_or(RefusedBecause::OutOfOrder),
            Some((newest_ms, newest)) if at_ms == *newest_ms && newest.is_stale() && sample.is_stale() => {
                Verdict::Either
            }
            Some((newest_ms, newest))
                if at_ms == *newest_ms && !newest.is_repeated_by(&as_the_others(sample.clone(), Some(newest))) =>
            {
                Verdict::Refused(RefusedBecause::DuplicateTimestamp)
            }
            _ => Verdict::InOrder,
        }
    }

    pub(crate) fn delete(&mut self, matcher: &Matcher, back_ms: i64, length_ms: i64) {
        let from_ms = self.head_ms.unwrap_or(START_MS).saturating_sub(back_ms);
        let range = TimeRange::new(from_ms, from_ms.saturating_add(length_ms)).unwrap();
        let is_meant = |labels: &Labels| matcher.matches(labels.get(matcher.name()).unwrap_or_default());
        self.oracle.deleting(is_meant, range);
        let _durable = self.db().delete(std::slice::from_ref(matcher), range).unwrap().durable;
        self.oracle.deleted(is_meant, range);
        self.check();
    }

    pub(crate) fn upkeep(&mut self, work: impl FnOnce(&Db)) {
        work(self.db());
        self.floor_ms = self.floor_ms.max(self.db().head().floor_ms());
        self.check();
    }

    /// Ends this life and begins another on the same disk.
    pub(crate) fn restart(&mut self, cores: usize, closed: bool) {
        self.check();
        if closed {
            self.db().close().unwrap();
        }
        self.db = None;
        self.db = Some(open(&self.fs, self.window_ms, self.snapshots, cores));
        assert!(self.db().opened().set_aside.is_empty());
        assert!(self.has_snapshot() || !(closed && self.snapshots.at_end));
        assert_eq!(self.db().head().floor_ms(), self.floor_ms);
        self.head_ms = self.db().head().time_range().map(TimeRange::max_ms);
        // What only blocks have is not known of the series any longer.
        let floor_ms = self.floor_ms;
        self.newest.retain(|_, (newest_ms, _)| *newest_ms >= floor_ms);
        self.check();
    }

    /// Removes the snapshots on the disk, as if they were of no use. The database goes on.
    pub(crate) fn lose_snapshots(&self) {
        let found = SnapshotDirs::find(&self.fs, Path::new("/data")).unwrap();
        found.published.iter().for_each(|snapshot| self.fs.remove_dir_all(&snapshot.path).unwrap());
    }

    fn has_snapshots(&self) -> bool {
        self.snapshots != Snapshots::default()
    }

    /// Whether this life began with one.
    pub(crate) fn has_snapshot(&self) -> bool {
        self.db().opened().snapshot.is_some()
    }

    /// All that must be there is, and nothing else. What is there stays there.
    pub(crate) fn check(&mut self) {
        let found = Contents::of(self.db()).unwrap();
        if self.has_snapshots() {
            // No snapshot has those of a series that the head has no longer.
            self.oracle.exemplars_may_go(&found.in_head);
        }
        assert_eq!(self.oracle.check(&found), Ok(()));
        self.oracle.seen(&found.samples);
    }

    /// What the series that all matchers accept have in `range`; their newest samples, and their labels.
    pub(crate) fn compare(&self, matchers: &[Matcher], range: TimeRange) {
        let is_meant = |labels: &Labels| {
            matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
        };
        let (mut found, mut names, mut values) = (Samples::new(), BTreeSet::new(), BTreeSet::new());
        for source in self.db().sources(range) {
            read(&*source, matchers, range, &mut found).unwrap();
            names.extend(source.label_names(matchers).unwrap());
            for name in NAMES.map(str::as_bytes) {
                values.extend(source.label_values(name, matchers).unwrap().into_iter().map(|value| (name, value)));
            }
        }
        assert_eq!(self.oracle.check_samples(&found, is_meant, range), Ok(()), "{matchers:?} {range:?}");
        // Labels stay as long as their series, which may have nothing left that can be seen.
        let seen = found.keys().flat_map(Labels::iter);
        for label in seen {
            assert!(names.contains(label.name), "{matchers:?} {range:?}: {names:?}");
            let is_told = values.iter().any(|(name, value)| (*name, value.as_slice()) == (label.name, label.value));
            assert!(is_told, "{matchers:?} {range:?}: {label:?} is not among {values:?}");
        }
        let meant: Vec<_> = self.oracle.series().filter(|labels| is_meant(labels)).collect();
        for (name, value) in &values {
            let is_there = meant.iter().any(|labels| labels.get(name) == Some(value));
            assert!(is_there, "{matchers:?} {range:?}: no series has {value:?}");
        }
        self.compare_last(matchers, range);
    }

    pub(crate) fn at_most(&self, matchers: &[Matcher]) -> Option<u64> {
        self.db().head().reader(TimeRange::ALL).at_most(matchers)
    }

    fn compare_last(&self, matchers: &[Matcher], range: TimeRange) {
        let reader = self.db().head().reader(range);
        let mut held = Samples::new();
        read(&reader, matchers, range, &mut held).unwrap();
        let most = reader.at_most(matchers);
        assert!(most.is_none_or(|most| held.len() as u64 <= most), "{matchers:?}: {} series of {most:?}", held.len());
        let (mut batch, mut found) = (ColumnSeriesBatch::default(), BTreeMap::new());
        let mut cursor = reader.select_last(matchers, range);
        loop {
            cursor.next_batch(5, &mut batch).unwrap();
            if batch.is_empty() {
                break;
            }
            let columns: &SampleColumns = batch.samples();
            for (labels, range) in batch.iter() {
                let at = range.start;
                found.insert(labels.to_owned(), (columns.timestamps_ms[at], Sample::read(columns, at)));
            }
        }
        for (labels, samples) in held {
            let (at_ms, all) = samples.into_iter().next_back().unwrap();
            match found.remove(&labels) {
                Some((found_ms, sample)) => {
                    assert!(
                        at_ms == found_ms && all.contains(&sample),
                        "{labels:?} in {range:?}: {sample:?} at {found_ms}"
                    );
                }
                None => assert!(all.iter().any(Sample::is_stale), "{labels:?} in {range:?}: nothing, not {all:?}"),
            }
        }
        assert!(found.is_empty(), "{matchers:?} {range:?}: {found:?}");
    }
}

/// What the database says of a series of a batch.
struct Told<'a> {
    series: &'a MixedSeries,
    refused: Vec<&'a Refused>,
    /// Whether every refusal of the batch is told.
    is_all: bool,
}

impl Told<'_> {
    /// Which of the two a sample belongs to: those that were taken, or those of which nobody can say. `None`: it was refused.
    fn either<T>(&self, at_ms: i64, verdict: Verdict, taken: T, unsure: T) -> Option<T> {
        let sent = self.series.samples().filter(|sample| sample.0 == at_ms).count();
        let refused = || self.refused.iter().filter(|refused| refused.timestamp_ms == at_ms);
        match verdict {
            Verdict::InOrder => Some(taken),
            Verdict::Either if refused().count() == sent => None,
            Verdict::Either => Some(if self.is_all { taken } else { unsure }),
            Verdict::LateOrTooOld if refused().any(|refused| refused.why == RefusedBecause::TooOld) => None,
            Verdict::LateOrTooOld if !self.is_all => Some(unsure),
            // Where one is refused that is not told, another of its time is there.
            Verdict::Late | Verdict::LateOrTooOld => {
                let other = refused().filter(|refused| refused.why == RefusedBecause::DuplicateTimestamp);
                (other.count() < sent).then_some(taken)
            }
            Verdict::Refused(why) => {
                let is_told = refused().any(|refused| refused.why == why);
                let Self { series, refused, is_all } = self;
                assert!(is_told || !is_all, "{:?} at {at_ms}: {why:?} of {refused:?}", series.labels);
                None
            }
        }
    }
}

/// That a series ended is said as its other samples are.
fn as_the_others(sample: Sample, newest: Option<&Sample>) -> Sample {
    match (&sample, newest.and_then(Sample::numbers)) {
        (Sample::Float(_), Some(numbers)) if sample.is_stale() => Sample::Stale(numbers),
        _ => sample,
    }
}

/// Adds the sample that `value_number` stands for. Few are of another kind than the series' own.
fn push(one: &mut MixedSeries, series: u8, time_ms: i64, value_number: u8) {
    let other = [Numbers::Integer, Numbers::Float][usize::from(value_number % 2)];
    let kind = if value_number > 250 { Some(other) } else { kind_of(series) };
    match kind.filter(|_| value_number != 249 && value_number != 1) {
        Some(numbers) => {
            let age = time_ms.wrapping_sub(START_MS).div_euclid(STEP_MS).cast_unsigned() % 100_000;
            one.histograms.push((time_ms, TestHistogram::new(numbers, value_number, age)));
        }
        None => one.floats.push((time_ms, if value_number == 1 { STALE_NAN } else { value(value_number) })),
    }
}
