//! What does the head cost a sample, a new series, a series held?
//!
//! `cargo bench -p tsdb --bench append [-- SERIES [ROUNDS]]`. One thread appends 2,000 series a request, 15 seconds of virtual
//! time apart, to a head whose log is written but not synced (to a directory that is removed). Figures are CPU time of that
//! thread, so without the log's own thread, and anonymous memory of the process.

#![allow(clippy::unwrap_used, reason = "a bench")]

#[path = "support/load.rs"]
mod load;
#[path = "support/rig.rs"]
mod rig;

use load::Load;
use rig::{Rig, anonymous_bytes, fingerprinter};
use std::fmt;
use std::num::NonZeroUsize;
use std::time::Instant;
use tsdb::wal::Committers;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg.parse::<usize>().is_ok());
    let mut number = |default: usize| args.next().map_or(default, |arg| arg.parse().unwrap());
    let (series, rounds) = (number(200_000), number(60));
    let dir = tempfile::tempdir().unwrap();
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let mut rig = Rig::open(dir.path(), &committers);
    let mut load = Load::new(0, series, &fingerprinter());
    let empty = anonymous_bytes();

    println!("{series} new series: {}", run(&mut rig, &mut load, 1, false));
    println!("in order, samples 2 to 10: {}", run(&mut rig, &mut load, 9, false));
    println!("in order, samples 11 to {rounds}: {}", run(&mut rig, &mut load, rounds - 10, false));
    report_memory(&rig, empty, series, rounds);
    println!("shuffled every round: {}", run(&mut rig, &mut load, 20, true));
    println!("in order, with chunks cut: {}", run(&mut rig, &mut load, 160, false));
    report_memory(&rig, empty, series, rounds + 180);
}

/// What rounds cost a sample, in nanoseconds: the cheapest, the middle, all together.
struct Cost {
    best: f64,
    median: f64,
    mean: f64,
}

/// Appends `rounds` samples of each series.
fn run(rig: &mut Rig, load: &mut Load, rounds: usize, shuffled: bool) -> Cost {
    let mut costs = rig.rounds(load, rounds, shuffled);
    costs.sort_by(f64::total_cmp);
    let mean = costs.iter().sum::<f64>() / rounds as f64;
    Cost { best: costs[0], median: costs[rounds / 2], mean }
}

impl fmt::Display for Cost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.1} ns (median {:.1}, mean {:.1})", self.best, self.median, self.mean)
    }
}

fn report_memory(rig: &Rig, empty: u64, series: usize, samples: usize) {
    let started = Instant::now();
    let anonymous = anonymous_bytes() - empty;
    let held = rig.head.size_bytes();
    println!(
        "memory at {samples} samples a series: {} B anonymous a series ({} B counted by the head, in {:?})",
        anonymous / series as u64,
        held / series,
        started.elapsed()
    );
}
