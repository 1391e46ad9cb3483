//! What does a data directory cost to open after the process was killed?
//!
//! `cargo bench -p tsdb --bench replay [-- [DIRECTORY] [SERIES [SAMPLES [RUNS]]]]`; 100,000 series of 240 samples, five runs, if
//! nothing is said. A directory that is named is filled if it is not there, and kept. Once with the head's chunk files as
//! they were written, once without them, so that every sample comes from the log; each on two threads and on one. CPU
//! is that of the whole process from the call to the open database; the least of the runs is told, and the middle one.

#![allow(clippy::unwrap_used, reason = "a bench")]

#[path = "support/load.rs"]
mod load;
#[path = "support/rig.rs"]
mod rig;

use load::Load;
use model::ManualClock;
use rig::{Rig, fingerprinter, process_cpu_ns};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tsdb::db::{Db, DbOptions, DbParts, Snapshots};
use tsdb::fs::StdFs;
use tsdb::head::OutOfOrder;
use tsdb::wal::{Committers, LogOptions, ReplayProgress};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let args = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let (numbers, names): (Vec<_>, Vec<_>) = args.partition(|arg| arg.parse::<usize>().is_ok());
    let mut numbers = numbers.iter().map(|arg| arg.parse::<usize>().unwrap());
    let mut number = |default: usize| numbers.next().unwrap_or(default);
    let (series, samples, runs) = (number(100_000), number(240), number(5));
    let scratch = tempfile::tempdir().unwrap();
    let dir = names.first().map_or(scratch.path().join("data"), PathBuf::from);
    if !dir.exists() {
        fill(&dir, series, samples);
    }
    let size = |name: &str| {
        let files = std::fs::read_dir(dir.join(name)).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>()
    };
    println!(
        "{series} series x {samples}: log {:.1} B a sample, chunk files {:.1} MB",
        size("wal") as f64 / (series * samples) as f64,
        size("chunks_head") as f64 / 1e6
    );
    for (what, left_out) in [("with chunk files", &[][..]), ("log only", &["chunks_head"])] {
        for threads in [2, 1] {
            let one = |_| {
                // What a run makes of the log, the next one must not find; and beside the other, so that files can be linked.
                let copy = tempfile::tempdir_in(dir.parent().unwrap()).unwrap();
                link_tree(&dir, copy.path(), left_out);
                open(copy.path(), (series, samples), threads)
            };
            report(what, threads, (0..runs.max(1)).map(one).collect(), series * samples);
        }
    }
}

/// A directory as a process leaves it that was killed.
fn fill(dir: &Path, series: usize, samples: usize) {
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let mut rig = Rig::open(dir, &committers);
    let mut load = Load::new(0, series, &fingerprinter());
    rig.rounds(&mut load, samples, false);
}

fn report(what: &str, threads: usize, mut costs: Vec<(f64, f64, u64)>, samples: usize) {
    costs.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (least, middle) = (costs[0], costs[costs.len() / 2]);
    println!(
        "{what}, {threads} threads: {:.3} s CPU (middle {:.3}), {:.3} s, {:.1} ns a sample; {} passed over",
        least.0,
        middle.0,
        least.1,
        least.0 * 1e9 / samples as f64,
        least.2
    );
}

/// CPU seconds, wall seconds, and how many samples chunks had.
fn open(dir: &Path, (series, samples): (usize, usize), threads: usize) -> (f64, f64, u64) {
    let parts = DbParts {
        fs: Arc::new(StdFs),
        clock: Arc::new(ManualClock::at(1_790_000_000_000)),
        fingerprinter: fingerprinter(),
        committers: Arc::new(Committers::start(NonZeroUsize::MIN).unwrap()),
    };
    let options = DbOptions {
        block_range_ms: 7_200_000,
        retention_ms: None,
        external_labels: BTreeMap::new(),
        log: LogOptions::default(),
        out_of_order: OutOfOrder::default(),
        max_exemplars: 0,
        snapshots: Snapshots::default(),
        cores: NonZeroUsize::new(threads).unwrap(),
    };
    let (cpu_ns, began) = (process_cpu_ns(), Instant::now());
    let db = Db::open(dir, options, parts, &ReplayProgress::default()).unwrap();
    let costs = ((process_cpu_ns() - cpu_ns) as f64 / 1e9, began.elapsed().as_secs_f64());
    let found = &db.opened().head;
    assert_eq!((found.series, db.opened().log.samples), (series as u64, (series * samples) as u64));
    assert!(db.opened().set_aside.is_empty() && found.orphans == 0);
    (costs.0, costs.1, found.passed_over)
}

/// Files are never changed by who opens them, and new ones get new names.
fn link_tree(from: &Path, to: &Path, left_out: &[&str]) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if left_out.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry.path().is_dir() {
            link_tree(&entry.path(), &to, left_out);
        } else {
            std::fs::hard_link(entry.path(), to).unwrap();
        }
    }
}
