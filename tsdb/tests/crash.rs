//! The process ends after every step it takes on the disk, and what was not synced is lost: nothing that was acknowledged
//! may be missing afterwards, nothing may be there that was never sent, or that was deleted.
//!
//! There is one life with everything in it ([`life`]) and one oracle that judges what is left of it. Some of its steps are
//! tried; `GAUNTLET_CRASH=all` tries each (with `--release`).

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "mixed/batch.rs"]
mod batch;
#[path = "mixed/contents.rs"]
mod contents;
#[path = "mixed/life.rs"]
mod life;
#[path = "mixed/oracle.rs"]
mod oracle;
#[path = "db/rig.rs"]
mod rig;
#[path = "mixed/samples.rs"]
mod samples;

use batch::{Mixed, MixedSeries};
use contents::Contents;
use life::{ALWAYS, Life, live, verdict};
use model::TimeRange;
use oracle::{Fault, Oracle};
use std::collections::HashSet;
use std::io::ErrorKind;
use std::thread;
use testkit::{Fault as FsFault, Loss, SimFs, Step};
use tsdb::db::Snapshots;

/// How long the life is.
const ROUNDS: i64 = 170;
/// Of so many steps one is tried where nobody asks for all. Coprime to the ways of losing.
const SAMPLED: u64 = 61;

/// The three ways of losing what was not synced, with a seed.
fn losses(seed: u64) -> [Loss; 3] {
    [Loss::All, Loss::Torn(seed), Loss::Reordered(seed)]
}

/// Ends the process after `step`, loses what was not synced, and looks; then lives on, ends that life somewhere, and looks
/// again.
fn crash_at(step: u64, loss: Loss, snapshots: Snapshots, prepare: fn(&SimFs)) -> Result<(), String> {
    let (fs, mut oracle) = (SimFs::new(), Oracle::default());
    prepare(&fs);
    fs.stop_after(step);
    let _ended_early = live(&fs, &mut oracle, 0..ROUNDS, snapshots);
    let fs = fs.crash(loss);
    prepare(&fs);
    let bad = |life: u8, fault: Fault| format!("step {step} {loss:?} {snapshots:?} life {life}: {fault:?}");
    verdict(&fs, &oracle).map_err(|fault| bad(1, fault))?;
    fs.stop_after(fs.steps() + 10 + step % 120);
    let _ended_early = live(&fs, &mut oracle, ROUNDS..ROUNDS + 30, snapshots);
    verdict(&fs.crash(Loss::Reordered(step)), &oracle).map_err(|fault| bad(2, fault))
}

/// What was bad of the crashes after each of `steps`, in each of the ways.
fn crash_at_each(steps: &[u64], snapshots: Snapshots, prepare: fn(&SimFs)) -> Vec<String> {
    let cases: Vec<_> = steps.iter().flat_map(|&step| losses(step).map(|loss| (step, loss))).collect();
    let cases = &cases;
    thread::scope(|scope| {
        let half = |half: usize| {
            let own = cases.iter().skip(half).step_by(2);
            own.filter_map(|&(step, loss)| crash_at(step, loss, snapshots, prepare).err()).collect::<Vec<_>>()
        };
        let halves = [0, 1].map(|number| scope.spawn(move || half(number)));
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    })
}

#[test]
fn nothing_acknowledged_is_lost_whatever_step_is_the_last() {
    whatever_step_is_the_last(Snapshots::default(), 2_000, &[]);
}

/// As above, where the head is written as a snapshot all the time, and filled from one.
#[test]
fn nothing_acknowledged_is_lost_between_snapshots() {
    let kinds = [
        ("Append", "/chunk_snapshot."),
        ("SyncFile", ".tmp/beside/0"),
        ("Rename", "/chunk_snapshot."),
        ("Remove", "/chunk_snapshot."),
    ];
    whatever_step_is_the_last(ALWAYS, 2_500, &kinds);
}

fn whatever_step_is_the_last(snapshots: Snapshots, at_least: u64, more_kinds: &[(&str, &str)]) {
    let (whole, mut oracle) = (SimFs::new(), Oracle::default());
    live(&whole, &mut oracle, 0..ROUNDS, snapshots).unwrap();
    assert_eq!(verdict(&whole, &oracle), Ok(()));
    let (steps, journal) = (whole.steps(), whole.take_journal());
    assert!(steps > at_least, "only {steps} steps");
    let kinds = [
        ("Append", "/wbl/0"),
        ("Append", "/chunks_head/0"),
        ("Remove", "/chunks_head/0"),
        ("Rename", "checkpoint."),
        ("Remove", "/wal/0"),
        ("Remove", "/wbl/0"),
        ("Rename", ".tmp-for-creation"),
        ("Rename", "tombstones.tmp"),
        ("Rename", "meta.json.tmp"),
        ("Rename", "head_floor.tmp"),
    ];
    for (step, path_part) in kinds.iter().chain(more_kinds) {
        let is_it = |line: &String| line.starts_with(step) && line.contains(path_part);
        assert!(journal.iter().any(is_it), "no {step} of {path_part}");
    }
    let every = if std::env::var("GAUNTLET_CRASH").is_ok_and(|text| text == "all") { 1 } else { SAMPLED };
    let tried: Vec<u64> = (0..=steps).step_by(every as usize).collect();
    let bad = crash_at_each(&tried, snapshots, |_| {});
    println!("ended after {} of {steps} steps, in three ways", tried.len());
    assert!(bad.is_empty(), "{} of {}: {:#?}", bad.len(), 3 * tried.len(), &bad[..bad.len().min(5)]);
}

/// The test above sees what it is there to see.
#[test]
fn a_disk_that_does_not_sync_is_found_out() {
    for lie in [SimFs::ignore_sync_data, SimFs::ignore_sync_dir] {
        let bad = crash_at_each(&[150, 700, 1_400], Snapshots::default(), lie);
        assert!(bad.iter().any(|verdict| verdict.contains("Lost")), "{bad:#?}");
    }
}

/// Steps fail here and there, some after half of their work. A client tries again what was not acknowledged; at last the
/// process is ended. Returns how much failed.
fn fail_here_and_there(seed: u64) -> u64 {
    let kinds = [Step::Create, Step::Append, Step::SyncData, Step::SyncDir, Step::Truncate, Step::Remove];
    let (fs, mut oracle) = (SimFs::new(), Oracle::default());
    for (number, &step) in kinds.iter().enumerate() {
        let skip = (seed.wrapping_mul(2_654_435_761) >> number) as u32 % 41;
        let times = 1 + (seed as u32 + number as u32) % 3;
        let path_part = if seed.is_multiple_of(3) { "/wbl/" } else { "/wal/" }.to_owned();
        let written_bytes = (seed as usize * 7) % 200;
        fs.fail(FsFault { step, path_part, skip, times, error: ErrorKind::StorageFull, written_bytes });
    }
    fs.stop_after(150 + 3 * seed);
    let mut failed = 0;
    if let Ok(mut life) =
        Life::begin(&fs, &mut oracle, 2, if seed.is_multiple_of(2) { ALWAYS } else { Snapshots::default() })
    {
        for round in 0..40 {
            if life.round(round).is_err() {
                break;
            }
        }
        failed = life.failed();
    }
    for loss in losses(seed) {
        assert_eq!(verdict(&fs.crash(loss), &oracle), Ok(()), "seed {seed} {loss:?}");
    }
    failed
}

#[test]
fn w04_failing_steps_lose_nothing() {
    let failed: u64 = (0..60).map(fail_here_and_there).sum();
    assert!(failed > 300, "{failed}");
}

/// The end of a process that hands its head on as blocks is cut off.
#[test]
fn a_flush_that_is_cut_off_loses_nothing() {
    let flush = |stop_after: Option<u64>| {
        let (fs, mut oracle) = (SimFs::new(), Oracle::default());
        let mut life = Life::begin(&fs, &mut oracle, 1, ALWAYS).unwrap();
        (0..30).for_each(|round| life.round(round).unwrap());
        let before = fs.steps();
        stop_after.into_iter().for_each(|steps| fs.stop_after(before + steps));
        let flushed = life.db().flush().and_then(|_| life.db().close());
        assert_eq!(flushed.is_ok(), !fs.is_stopped());
        let steps = fs.steps() - before;
        (fs, oracle, steps)
    };
    let (_, _, steps) = flush(None);
    assert!(steps > 60, "{steps} steps");
    for step in (0..steps).step_by(7) {
        for loss in losses(step) {
            let (fs, oracle, _) = flush(Some(step));
            assert_eq!(verdict(&fs.crash(loss), &oracle), Ok(()), "after step {step} of {steps}, {loss:?}");
        }
    }
}

#[test]
fn the_oracle_judges() {
    let labels = rig::series(1);
    let batch = |times: &[i64]| {
        let floats = times.iter().map(|&at_ms| (at_ms, at_ms as f64)).collect();
        Mixed { series: vec![MixedSeries { floats, ..MixedSeries::new(labels.clone()) }], ..Mixed::default() }
    };
    let found = |times: &[i64]| {
        let held =
            times.iter().map(|&at_ms| (at_ms, HashSet::from([samples::Sample::Float((at_ms as f64).to_bits())])));
        Contents { samples: [(labels.clone(), held.collect())].into(), ..Contents::default() }
    };
    let mut oracle = Oracle::default();
    oracle.sent(&batch(&[10, 20]));
    oracle.acknowledged(&batch(&[10]), &tsdb::Appended::default());
    assert_eq!(oracle.check(&found(&[10])), Ok(()));
    assert_eq!(oracle.check(&found(&[10, 20])), Ok(()));
    assert_eq!(oracle.check(&found(&[20])), Err(Fault::Lost(labels.clone(), 10)));
    assert!(matches!(oracle.check(&found(&[10, 30])), Err(Fault::Phantom(_, 30, _))));
    let range = TimeRange::new(5, 15).unwrap();
    oracle.deleting(|_| true, range);
    assert_eq!(oracle.check(&found(&[10])), Ok(()));
    assert_eq!(oracle.check(&found(&[])), Ok(()));
    oracle.deleted(|_| true, range);
    assert!(matches!(oracle.check(&found(&[10])), Err(Fault::Phantom(_, 10, _))));
}

/// Of two segments of the log that are removed, the disk forgets only the second: it said that what the first has was deleted.
#[test]
fn segments_go_in_their_order() {
    let (whole, mut oracle) = (SimFs::new(), Oracle::default());
    live(&whole, &mut oracle, 0..ROUNDS, Snapshots::default()).unwrap();
    let is_removed = |line: &String| line.starts_with("Remove") && line.contains("/wbl/0");
    let journal = whole.take_journal();
    let removals: Vec<u64> = (1..).zip(&journal).filter(|(_, line)| is_removed(line)).map(|(step, _)| step).collect();
    assert!(removals.len() > 10, "{removals:?}");
    for step in removals {
        let (fs, mut oracle) = (SimFs::new(), Oracle::default());
        fs.stop_after(step);
        let _ended_early = live(&fs, &mut oracle, 0..ROUNDS, Snapshots::default());
        for seed in 0..12 {
            assert_eq!(verdict(&fs.crash(Loss::Reordered(seed)), &oracle), Ok(()), "step {step}, seed {seed}");
        }
    }
}
