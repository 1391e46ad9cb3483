//! The process ends after every step it takes on the disk, and what was not synced is lost: nothing that was acknowledged
//! may be missing afterwards, nothing may be there that was never written.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "crash/db_store.rs"]
mod db_store;
#[path = "crash/log_store.rs"]
mod log_store;
#[path = "crash/oracle.rs"]
mod oracle;

use db_store::DbStore;
use log_store::LogStore;
use oracle::{Oracle, Verdict};
use std::io::ErrorKind;
use testkit::{Fault, Loss, SimFs, Step};

/// What the test asks of something that stores samples.
trait Store: Sized {
    /// Opens what is on the disk.
    fn open(fs: &SimFs) -> Result<Self, String>;
    /// Appends samples of series, told by numbers, and waits until they are acknowledged.
    fn append(&mut self, samples: &[(u64, i64)]) -> Result<(), String>;
    /// Hands the oldest samples over to a block, and frees the log of them.
    fn cut_block(&mut self, before_ms: i64) -> Result<(), String>;
    /// Everything there is.
    fn samples(&self) -> Result<Vec<(u64, i64, u64)>, String>;
    /// Ends in order.
    fn close(self) -> Result<(), String>;
}

/// One life: rounds of appends with series that come, go and come again, and a block now and then.
fn live<S: Store>(fs: &SimFs, oracle: &mut Oracle, rounds: std::ops::Range<i64>) -> Result<(), String> {
    let mut store = S::open(fs)?;
    for round in rounds {
        // Series 0 to 3 all the time; another for three rounds, again and again; a new one every other round.
        let mut batch: Vec<_> = (0..4).map(|number| (number, round * 1000 + number as i64)).collect();
        if round % 6 < 3 {
            batch.push((4, round * 1000));
        }
        batch.push((100 + round as u64 / 2, round * 1000 + 7));
        let parts = batch.split_at(3);
        for part in [parts.0, parts.1] {
            oracle.written(part);
            store.append(part)?;
            oracle.acknowledged(part);
        }
        if round % 5 == 4 {
            store.cut_block((round - 2) * 1000)?;
        }
    }
    store.close()
}

/// What a new process finds on `fs`.
fn verdict<S: Store>(fs: &SimFs, oracle: &Oracle) -> Verdict {
    match S::open(fs).and_then(|store| store.samples()) {
        Ok(samples) => oracle.check(&samples),
        Err(error) => Verdict::Unreadable(error),
    }
}

fn losses(seed: u64) -> [Loss; 4] {
    [Loss::All, Loss::Torn(seed), Loss::Reordered(seed), Loss::Reordered(!seed)]
}

/// How many rounds a life has where nobody asks for more: some 250 steps on the disk.
const FEW_ROUNDS: i64 = 20;

/// `GAUNTLET_CRASH_ROUNDS=180` makes it a life of more than 2,000 steps.
fn rounds() -> i64 {
    std::env::var("GAUNTLET_CRASH_ROUNDS").map_or(FEW_ROUNDS, |text| text.parse().unwrap())
}

/// Ends the process after every step, loses what was not synced, and looks; then lives on, ends that life somewhere, and
/// looks again. Returns how many steps there were and the verdicts that were bad.
fn crash_everywhere<S: Store>(prepare: impl Fn(&SimFs)) -> (u64, Vec<String>) {
    let mut bad = Vec::new();
    for steps in 0.. {
        let mut ended = false;
        for loss in losses(steps) {
            let (fs, mut oracle) = (SimFs::new(), Oracle::default());
            prepare(&fs);
            fs.stop_after(steps);
            ended = live::<S>(&fs, &mut oracle, 0..rounds()).is_ok();
            let fs = fs.crash(loss);
            prepare(&fs);
            let first = verdict::<S>(&fs, &oracle);
            // A second life begins where the first one ended, and is cut short as well.
            let second = if first == Verdict::Good { second_life::<S>(&fs, &mut oracle, steps) } else { Verdict::Good };
            for (life, verdict) in [(1, first), (2, second)] {
                if verdict != Verdict::Good {
                    bad.push(format!("step {steps} {loss:?} life {life}: {verdict:?}"));
                }
            }
        }
        if ended {
            return (steps, bad);
        }
    }
    unreachable!("a life has an end")
}

fn second_life<S: Store>(fs: &SimFs, oracle: &mut Oracle, seed: u64) -> Verdict {
    fs.stop_after(fs.steps() + 10 + seed % 40);
    let _ended_early = live::<S>(fs, oracle, rounds()..rounds() + 6);
    verdict::<S>(&fs.crash(Loss::Reordered(seed)), oracle)
}

#[track_caller]
fn check_no_loss<S: Store>() {
    let (steps, bad) = crash_everywhere::<S>(|_| {});
    println!("ended after each of {steps} steps");
    assert!(steps >= 200, "only {steps} steps");
    assert!(bad.is_empty(), "{} of {}: {:#?}", bad.len(), 8 * steps, &bad[..bad.len().min(5)]);
}

/// The checker sees what it is there to see.
#[track_caller]
fn check_loss_is_seen<S: Store>(lie: impl Fn(&SimFs)) {
    let (_, bad) = crash_everywhere::<S>(lie);
    assert!(bad.iter().any(|verdict| verdict.contains("Lost")), "{:#?}", &bad[..bad.len().min(5)]);
}

#[test]
fn the_log_loses_nothing_at_any_step() {
    check_no_loss::<LogStore>();
}

#[test]
fn a_disk_that_does_not_sync_content_is_found_out() {
    check_loss_is_seen::<LogStore>(SimFs::ignore_sync_data);
}

#[test]
fn a_disk_that_does_not_sync_names_is_found_out() {
    check_loss_is_seen::<LogStore>(SimFs::ignore_sync_dir);
}

#[test]
fn the_database_loses_nothing_at_any_step() {
    check_no_loss::<DbStore>();
}

#[test]
fn a_database_on_a_disk_that_does_not_sync_content_is_found_out() {
    check_loss_is_seen::<DbStore>(SimFs::ignore_sync_data);
}

#[test]
fn a_database_on_a_disk_that_does_not_sync_names_is_found_out() {
    check_loss_is_seen::<DbStore>(SimFs::ignore_sync_dir);
}

/// Steps fail here and there, some after half of their work. A client tries again what was not acknowledged; at last the
/// process is ended. Returns how many appends failed.
fn fail_here_and_there<S: Store>(seed: u64) -> u64 {
    let kinds = [Step::Create, Step::Append, Step::SyncData, Step::SyncDir, Step::Truncate, Step::Remove];
    let (fs, mut oracle, mut failed) = (SimFs::new(), Oracle::default(), 0);
    for (number, &step) in kinds.iter().enumerate() {
        let skip = (seed.wrapping_mul(2_654_435_761) >> number) as u32 % 23;
        let times = 1 + (seed as u32 + number as u32) % 3;
        let (path_part, error) = ("/wal/".to_owned(), ErrorKind::StorageFull);
        let written_bytes = (seed as usize * 7) % 200;
        fs.fail(Fault { step, path_part, skip, times, error, written_bytes });
    }
    fs.stop_after(70 + seed);
    let mut store = S::open(&fs).ok();
    for round in 0..30 {
        let batch: Vec<_> = (0..4).map(|number| (number + round as u64 / 8, round * 1000)).collect();
        for _attempt in 0..2 {
            oracle.written(&batch);
            if store.as_mut().is_some_and(|store| store.append(&batch).is_ok()) {
                oracle.acknowledged(&batch);
                break;
            }
            failed += 1;
        }
        if round % 7 == 6 {
            let _may_fail = store.as_mut().map(|store| store.cut_block((round - 3) * 1000));
        }
    }
    drop(store);
    for loss in losses(seed) {
        let after = verdict::<S>(&fs.crash(loss), &oracle);
        assert_eq!(after, Verdict::Good, "seed {seed} {loss:?}");
    }
    failed
}

#[test]
fn w04_failing_steps_lose_nothing_of_a_database() {
    let failed: u64 = (0..200).map(fail_here_and_there::<DbStore>).sum();
    assert!(failed > 500, "{failed}");
}

#[test]
fn w04_failing_steps_lose_nothing_of_a_log() {
    let failed: u64 = (0..200).map(fail_here_and_there::<LogStore>).sum();
    assert!(failed > 500, "{failed}");
}
