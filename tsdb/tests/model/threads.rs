//! Many threads on one head.

use super::bench::{self, Batch, Bench, RANGE_MS};
use super::kinds::{Sample, TestHistogram};
use super::{START_MS, labels};
use model::{Labels, Numbers, TimeRange};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tsdb::AppendLimits;

const LIMITS: AppendLimits = AppendLimits { max_ms: i64::MAX, max_series: u64::MAX };
const WRITERS: u64 = 8;
const SERIES: u8 = 60;
const ROUNDS: i64 = 400;

/// What every writer says of a series at a time: the same, so that repeats are equal.
fn value(number: u8, round: i64) -> f64 {
    f64::from(number) * 1000.0 + round as f64
}

/// Of every third series all samples are histograms.
fn histogram(number: u8, round: i64) -> Option<TestHistogram> {
    let numbers = [Numbers::Integer, Numbers::Float][usize::from(number % 2)];
    number
        .is_multiple_of(3)
        .then(|| TestHistogram::new(numbers, number + (round % 64 / 16) as u8, round.cast_unsigned()))
}

fn sample(number: u8, round: i64) -> Sample {
    match histogram(number, round) {
        Some(histogram) => Sample::of(histogram.as_ref()),
        None => Sample::Float(value(number, round).to_bits()),
    }
}

/// Eight writers create and append the same series at once, while two read and one truncates. Nobody may see a sample that
/// nobody wrote, a series twice, or times that do not rise; and in the end everything is there, also after a restart.
#[test]
fn writers_of_the_same_series_and_readers_do_not_disturb_each_other() {
    let mut bench = Bench::new(2);
    let round_of_writers = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (bench, round_of_writers, done) = (&bench, &round_of_writers, &done);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let mut batch = Batch::default();
                        for number in 0..SERIES {
                            // Each begins elsewhere, so successors disagree.
                            let number = (number + writer as u8 * 7) % SERIES;
                            let time_ms = START_MS + round * 15_000;
                            let (mut floats, mut histograms) = (Vec::new(), Vec::new());
                            match histogram(number, round) {
                                Some(histogram) => histograms.push((time_ms, histogram)),
                                None => floats.push((time_ms, value(number, round))),
                            }
                            batch.push(bench, series_labels(number), floats, histograms);
                        }
                        let appended = bench.append(&batch, true, LIMITS);
                        // Another writer may be ahead; then this one's sample is old, and nothing else is wrong with it.
                        let total = appended.accepted + appended.histograms + appended.refused_total;
                        assert_eq!(total, u64::from(SERIES));
                        round_of_writers.fetch_max(round as u64, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    check(bench, None);
                }
            });
        }
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let newest_ms = START_MS + round_of_writers.load(Ordering::Relaxed) as i64 * 15_000;
                bench.head.truncate(newest_ms - RANGE_MS / 2).unwrap();
                std::thread::yield_now();
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let floor_ms = bench.head.floor_ms();
    let want: Vec<_> = (0..ROUNDS).filter(|round| START_MS + round * 15_000 >= floor_ms).collect();
    assert!(!want.is_empty() && bench.head.series() == u64::from(SERIES));
    check(&bench, Some(&want));
    bench.restart(1, floor_ms, true);
    check(&bench, Some(&want));
}

/// Checks every sample that is there and, if they are given, that just those rounds are there from the floor on.
fn check(bench: &Bench, rounds: Option<&[i64]>) {
    let numbers: BTreeMap<Labels, u8> = (0..SERIES).map(|number| (series_labels(number), number)).collect();
    let floor_ms = bench.head.floor_ms();
    let reader = bench.head.reader(TimeRange::ALL);
    let found = bench::select(&reader, &[], TimeRange::ALL, Some(floor_ms));
    for (labels, samples) in &found {
        let number = numbers[labels];
        for (timestamp_ms, got) in samples {
            let round = (timestamp_ms - START_MS) / 15_000;
            assert_eq!(*got, sample(number, round), "series {number}, round {round}");
        }
        if let Some(rounds) = rounds {
            let got: Vec<_> = samples.iter().map(|(timestamp_ms, _)| (timestamp_ms - START_MS) / 15_000).collect();
            assert_eq!(got, rounds, "series {number}");
        }
    }
    assert!(rounds.is_none() || found.len() == usize::from(SERIES));
}

fn series_labels(number: u8) -> Labels {
    let mut changed = labels(number).edit();
    changed.set(b"number", number.to_string().as_bytes());
    changed.build().unwrap()
}
