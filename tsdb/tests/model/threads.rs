//! Many threads on one database.

use crate::batch::{Mixed, MixedSeries};
use crate::contents::Contents;
use crate::oracle::Oracle;
use crate::rig::{NO_LIMITS, RANGE_MS, series};
use crate::samples::TestHistogram;
use crate::world::open;
use model::{Labels, MatchOp, Matcher, Numbers, TimeRange};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use testkit::SimFs;
use tsdb::Appended;
use tsdb::db::{Db, Snapshots};
use tsdb::head::AppendScratch;

const WRITERS: usize = 6;
const SERIES: i64 = 24;
/// The one that is deleted from again and again.
const DELETED: i64 = SERIES - 1;
const ROUNDS: i64 = 360;
const STEP_MS: i64 = 1_000;
const WINDOW_MS: i64 = 3 * RANGE_MS;

/// What every writer says of a series at a time: the same, so that repeats are equal. Of every third series all samples are
/// histograms.
fn one(number: i64, at_ms: i64) -> MixedSeries {
    let mut one = MixedSeries::new(series(number));
    if number % 3 == 0 {
        let numbers = [Numbers::Integer, Numbers::Float][(number % 2) as usize];
        let shape = 1 + (number + at_ms / 40_000 * 50) as u8 % 170;
        one.histograms.push((at_ms, TestHistogram::new(numbers, shape, at_ms.cast_unsigned() / 500)));
    } else {
        one.floats.push((at_ms, (number * 1_000_000 + at_ms) as f64 / 8.0));
    }
    one
}

fn in_order(round: i64) -> Mixed {
    Mixed { series: (0..SERIES).map(|number| one(number, round * STEP_MS)).collect(), ..Mixed::default() }
}

/// Samples between those that are long there.
fn late(round: i64) -> Option<Mixed> {
    let at_ms = (round - 30) * STEP_MS + STEP_MS / 2;
    let some = (0..SERIES).filter(|number| number % 4 < 2).map(|number| one(number, at_ms));
    (round % 5 == 0 && at_ms > 0).then(|| Mixed { series: some.collect(), ..Mixed::default() })
}

fn append(db: &Db, batch: &Mixed) {
    let (appended, commit) = db.append(batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = commit.wait().unwrap();
    // Another writer may be far ahead; then this one's sample is too old, and nothing else is wrong with it.
    assert_eq!(appended.accepted + appended.histograms + appended.refused_total, batch.samples_len());
}

fn is_deleted(labels: &Labels) -> bool {
    labels.get(b"n") == Some(DELETED.to_string().as_bytes())
}

/// Writers create and append the same series at once, in and out of order, while some read, one cuts and rewrites blocks, and
/// one deletes. Nobody may see a sample that nobody wrote, a series twice, or times that do not rise; and in the end everything
/// is there, also after a restart.
#[test]
fn writers_readers_and_upkeep_do_not_disturb_each_other() {
    let fs = SimFs::new();
    let db = open(&fs, WINDOW_MS, Snapshots::default(), 2);
    let mut oracle = Oracle::default();
    let sent = |round| [Some(in_order(round)), late(round)].into_iter().flatten();
    (0..ROUNDS).flat_map(sent).for_each(|batch| oracle.sent(&batch));
    let (round_of_writers, done) = (AtomicI64::new(0), AtomicBool::new(false));
    let matcher = Matcher::new(MatchOp::Equal, "n", DELETED.to_string()).unwrap();
    std::thread::scope(|scope| {
        let (db, oracle, round_of_writers, done, matcher) = (&db, &oracle, &round_of_writers, &done, &matcher);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        for mut batch in sent(round) {
                            // Each begins elsewhere, so successors disagree.
                            let len = batch.series.len();
                            batch.series.rotate_left(writer * 7 % len);
                            append(db, &batch);
                        }
                        round_of_writers.fetch_max(round, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let work = |work: &'static (dyn Fn(&Db, &Oracle, &Matcher, i64) + Sync)| {
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    work(db, oracle, matcher, round_of_writers.load(Ordering::Relaxed));
                    std::thread::yield_now();
                }
            });
        };
        for _ in 0..2 {
            work(&|db, oracle, _, _| assert_eq!(oracle.check(&Contents::of(db).unwrap()), Ok(())));
        }
        work(&|db, _, _, round| {
            db.maintain().unwrap();
            if round % 8 == 0 {
                db.clean_tombstones().unwrap();
            }
        });
        work(&|db, _, matcher, round| {
            let range = TimeRange::new(0, (round - 20).max(0) * STEP_MS).unwrap();
            let _durable = db.delete(std::slice::from_ref(matcher), range).unwrap();
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    (0..ROUNDS).flat_map(sent).for_each(|batch| oracle.acknowledged(&batch, &Appended::default()));
    oracle.deleting(is_deleted, TimeRange::ALL);
    let _durable = db.delete(std::slice::from_ref(&matcher), TimeRange::ALL).unwrap();
    oracle.deleted(is_deleted, TimeRange::ALL);
    // On a busy machine upkeep may have come to its turn long before the end only.
    db.maintain().unwrap();
    assert!(db.stats().blocks > 3, "{} blocks", db.stats().blocks);
    assert_eq!(oracle.check(&Contents::of(&db).unwrap()), Ok(()));
    db.close().unwrap();
    drop(db);
    assert_eq!(oracle.check(&Contents::of(&open(&fs, WINDOW_MS, Snapshots::default(), 1)).unwrap()), Ok(()));
}
