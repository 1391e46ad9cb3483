//! One life of a database in which everything happens: samples of all kinds in and out of order, repeated, ended; exemplars,
//! metadata; deletions; blocks cut and rewritten; restarts.

#![allow(dead_code, reason = "several test programs share this, each uses a part")]

use crate::batch::{Mixed, MixedSeries, TestExemplar};
use crate::contents::Contents;
use crate::oracle::{Fault, Oracle};
use crate::rig::{self, NO_LIMITS, RANGE_MS, series};
use crate::samples::TestHistogram;
use model::{Labels, MatchOp, Matcher, Numbers, STALE_NAN, TimeRange};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::db::{Db, DbOptions, Snapshots};
use tsdb::head::{AppendScratch, OutOfOrder};
use tsdb::wal::LogOptions;

/// From round to round; a block spans 25.
const STEP_MS: i64 = 4_000;

/// Series by their numbers: those of histograms, one that is one kind after the other, and two that come and go.
const FLOATS: [i64; 2] = [0, 7];
const INTEGERS: i64 = 1;
const REALS: i64 = 2;
const CUSTOM: i64 = 3;
const ANY_KIND: i64 = 4;
const COMES_AND_GOES: i64 = 5;
const HISTOGRAMS_COME_AND_GO: i64 = 6;

/// A process that has the database open, and its client.
pub(crate) struct Life<'a> {
    fs: SimFs,
    db: Option<Db>,
    oracle: &'a mut Oracle,
    scratch: AppendScratch,
    /// How often a client sends what was not acknowledged. With more than one, it goes on whatever fails.
    attempts: u32,
    snapshots: Snapshots,
    failed: u64,
}

/// A snapshot with each upkeep, and at the end.
pub(crate) const ALWAYS: Snapshots = Snapshots { at_end: true, every_ms: Some(0), ..Snapshots::NEVER };

fn text<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

pub(crate) fn open(fs: &SimFs, snapshots: Snapshots) -> Result<Db, String> {
    let options = DbOptions {
        log: LogOptions { segment_bytes: 32 << 10, ..LogOptions::default() },
        out_of_order: OutOfOrder { window_ms: 2 * RANGE_MS, cap: 4 },
        max_exemplars: 100_000,
        snapshots,
        cores: NonZeroUsize::MIN,
        ..rig::options()
    };
    rig::open_on(Arc::new(fs.clone()), Path::new("/data"), options).map_err(text)
}

/// What a new process finds on a disk.
pub(crate) fn verdict(fs: &SimFs, oracle: &Oracle) -> Result<(), Fault> {
    let found = open(fs, Snapshots::default()).and_then(|db| Contents::of(&db).map_err(text));
    oracle.check(&found.map_err(Fault::Unreadable)?)
}

/// Lives on from round to round; ends in order unless something fails.
pub(crate) fn live(fs: &SimFs, oracle: &mut Oracle, rounds: Range<i64>, snapshots: Snapshots) -> Result<(), String> {
    let mut life = Life::begin(fs, oracle, 1, snapshots)?;
    for round in rounds {
        life.round(round)?;
    }
    life.db().close().map_err(text)
}

impl<'a> Life<'a> {
    pub(crate) fn begin(
        fs: &SimFs,
        oracle: &'a mut Oracle,
        attempts: u32,
        snapshots: Snapshots,
    ) -> Result<Self, String> {
        let db = Some(open(fs, snapshots)?);
        Ok(Self { fs: fs.clone(), db, oracle, scratch: AppendScratch::default(), attempts, snapshots, failed: 0 })
    }

    pub(crate) fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    /// How much failed of what a client asked for.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    pub(crate) fn round(&mut self, round: i64) -> Result<(), String> {
        let batch = in_order(round);
        self.append(&batch)?;
        if round % 11 == 5 {
            // A client that heard nothing.
            self.append(&batch)?;
        }
        if round % 4 == 1 {
            self.append(&late(round))?;
        }
        if round % 13 == 12 {
            self.delete(round)?;
        }
        if round % 5 == 4 {
            self.upkeep(|db| db.maintain().map(drop).map_err(text))?;
        }
        if round % 61 == 60 {
            self.flush_without_end(round)?;
        }
        if round % 29 == 28 {
            self.upkeep(|db| db.clean_tombstones().map(drop).map_err(text))?;
        }
        if round % 37 == 36 {
            self.upkeep(|db| db.close().map_err(text))?;
        }
        if round % 37 == 36 || round % 53 == 52 {
            self.reopen()?;
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), String> {
        drop(self.db.take());
        for attempt in 0.. {
            match open(&self.fs, self.snapshots) {
                Ok(db) => {
                    self.db = Some(db);
                    break;
                }
                Err(error) if self.attempts == 1 || attempt > 20 => return Err(error),
                Err(_) => self.failed += 1,
            }
        }
        Ok(())
    }

    /// Sends a batch until it is acknowledged. Nothing may be refused.
    fn append(&mut self, batch: &Mixed) -> Result<(), String> {
        let mut outcome = Ok(());
        for _ in 0..self.attempts {
            self.oracle.sent(batch);
            let appended = self.db.as_ref().unwrap().append(batch, NO_LIMITS, &mut self.scratch);
            let durable = appended.map_err(text).and_then(|(appended, commit)| {
                let _durable = commit.wait().map_err(text)?;
                Ok(appended)
            });
            match durable {
                Ok(appended) => {
                    assert_eq!(appended.refused_total, 0, "refused: {:?}", appended.refused);
                    assert_eq!(appended.accepted + appended.histograms, batch.samples_len());
                    self.oracle.acknowledged(batch, &appended);
                    return Ok(());
                }
                Err(error) => outcome = Err(error),
            }
            self.failed += 1;
        }
        self.go_on(outcome)
    }

    /// The newest samples are deleted before they become a block, so none says where the head was cut.
    fn flush_without_end(&mut self, round: i64) -> Result<(), String> {
        self.delete_range(".*", (round - 2) * STEP_MS, i64::MAX)?;
        self.oracle.help_may_go();
        self.upkeep(|db| db.flush().map(drop).map_err(text))
    }

    fn delete(&mut self, round: i64) -> Result<(), String> {
        let at_ms = round * STEP_MS;
        let (numbers, min_ms, max_ms) = match round / 13 % 6 {
            0 => ("0|1", at_ms - RANGE_MS / 3, at_ms - 2 * STEP_MS),
            1 => ("2|3|4", at_ms - RANGE_MS, at_ms - RANGE_MS / 3),
            2 => ("5|6", i64::MIN, i64::MAX),
            3 => ("1|4|7", at_ms - 3 * RANGE_MS, at_ms - 2 * RANGE_MS),
            4 => ("3", at_ms - STEP_MS, i64::MAX),
            _ => ("10.", i64::MIN, at_ms - RANGE_MS),
        };
        self.delete_range(numbers, min_ms, max_ms)
    }

    fn delete_range(&mut self, numbers: &str, min_ms: i64, max_ms: i64) -> Result<(), String> {
        let matcher = Matcher::new(MatchOp::Regex, "n", numbers).unwrap();
        let range = TimeRange::new(min_ms, max_ms).unwrap();
        let is_meant = |labels: &Labels| matcher.matches(labels.get(b"n").unwrap_or_default());
        self.oracle.deleting(is_meant, range);
        let deleted = self.db().delete(std::slice::from_ref(&matcher), range).map(drop).map_err(text);
        if deleted.is_ok() {
            self.oracle.deleted(is_meant, range);
        } else {
            self.failed += 1;
        }
        self.go_on(deleted)
    }

    fn upkeep(&self, work: impl FnOnce(&Db) -> Result<(), String>) -> Result<(), String> {
        let done = work(self.db());
        self.go_on(done)
    }

    fn go_on(&self, done: Result<(), String>) -> Result<(), String> {
        if self.attempts > 1 { Ok(()) } else { done }
    }
}

/// The histogram of a round: most grow, some begin anew or get other buckets.
fn histogram(numbers: Numbers, round: i64) -> TestHistogram {
    let shape = 1 + (round / 7 * 37 % 179) as u8;
    TestHistogram::new(numbers, shape, round as u64)
}

fn of_kind(number: i64, at_ms: i64, round: i64) -> MixedSeries {
    let mut one = MixedSeries::new(series(number));
    let float = (at_ms, (round * 31 + number) as f64 / 7.0);
    match number {
        INTEGERS | HISTOGRAMS_COME_AND_GO => one.histograms.push((at_ms, histogram(Numbers::Integer, round))),
        REALS => one.histograms.push((at_ms, histogram(Numbers::Float, round))),
        CUSTOM => {
            let shape = 180 + (round / 5 % 20) as u8;
            one.histograms.push((at_ms, TestHistogram::new(Numbers::Integer, shape, round as u64)));
        }
        ANY_KIND => match round / 10 % 3 {
            0 => one.floats.push(float),
            1 => one.histograms.push((at_ms, histogram(Numbers::Integer, round))),
            _ => one.histograms.push((at_ms, histogram(Numbers::Float, round))),
        },
        _ => one.floats.push(float),
    }
    one
}

/// Series that are always there, some that end and come again, and now and then a new one.
fn in_order(round: i64) -> Mixed {
    let at_ms = round * STEP_MS;
    let always = FLOATS.into_iter().chain([INTEGERS, REALS, CUSTOM, ANY_KIND]);
    let mut all: Vec<_> = always.map(|number| of_kind(number, at_ms + number, round)).collect();
    for (number, every) in [(COMES_AND_GOES, 6), (HISTOGRAMS_COME_AND_GO, 8)] {
        if round % every < every / 2 {
            all.push(of_kind(number, at_ms, round));
        } else if round % every == every / 2 {
            all.push(MixedSeries { floats: vec![(at_ms, STALE_NAN)], ..MixedSeries::new(series(number)) });
        }
    }
    all.push(of_kind(100 + round / 8, at_ms, round));
    for one in &mut all[..3] {
        if round % 3 == 0 {
            one.exemplars.push(TestExemplar::new(at_ms, round as f64 / 4.0));
        }
        if round % 40 < 2 {
            one.help = Some(format!("since round {}", round / 20));
        }
    }
    Mixed { series: all, ..Mixed::default() }
}

/// Samples of all kinds of some series, of this range and of the one before; one of the series is new.
fn late(round: i64) -> Mixed {
    let at_ms = round * STEP_MS;
    let behind_ms = [RANGE_MS - 107, 3 * STEP_MS - 11, RANGE_MS / 4 - 13];
    let numbers = [FLOATS[0], INTEGERS, REALS, ANY_KIND, COMES_AND_GOES, 200 + round / 16];
    let mut all = Vec::new();
    for number in numbers {
        let mut one = MixedSeries::new(series(number));
        for late_ms in behind_ms.map(|behind_ms| at_ms + number - behind_ms).into_iter().filter(|ms| *ms >= 0) {
            let MixedSeries { floats, histograms, .. } = of_kind(number, late_ms, round);
            one.floats.extend(floats);
            one.histograms.extend(histograms);
        }
        all.push(one);
    }
    Mixed { series: all, ..Mixed::default() }
}
