//! What does a start cost: from a snapshot of the head, and from the log alone? And what does a snapshot cost to write?
//!
//! `cargo bench -p tsdb --bench restart [-- SERIES [ROUNDS]]`. A database is filled, 15 seconds of virtual time a round, and closed,
//! which writes a snapshot; then it is opened again and again, at last without the snapshot. Figures are CPU and wall time of
//! the process; files are in the page cache.

#![allow(clippy::unwrap_used, reason = "a bench")]

#[path = "support/load.rs"]
mod load;
#[path = "support/rig.rs"]
mod rig;

use load::Load;
use model::SystemClock;
use rig::{LIMITS, fingerprinter};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tsdb::db::{Db, DbOptions, DbParts, Snapshots};
use tsdb::fs::{Fs, StdFs};
use tsdb::head::{AppendScratch, OutOfOrder};
use tsdb::snapshot::SnapshotDirs;
use tsdb::wal::{Committers, Durability, LogOptions, ReplayProgress};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg.parse::<usize>().is_ok());
    let mut number = |default: usize| args.next().map_or(default, |arg| arg.parse().unwrap());
    let (series, rounds) = (number(200_000), number(240));
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut load = Load::new(0, series, &fingerprinter());
    let mut scratch = AppendScratch::default();
    for _ in 0..rounds {
        load.next_round(false);
        for request in load.requests(2000) {
            let (appended, commit) = db.append(&request, LIMITS, &mut scratch).unwrap();
            assert_eq!(appended.refused_total, 0);
            commit.wait().map(drop).unwrap();
        }
    }
    let written = timed(|| db.close().unwrap());
    drop(db);
    let snapshot = SnapshotDirs::find(&StdFs, dir.path()).unwrap().published.pop().unwrap().path;
    let size: u64 = StdFs.read_dir(&snapshot).unwrap().iter().map(|entry| entry.size_bytes).sum();
    println!("{series} series, {rounds} samples each; snapshot of {} B a series", size / series as u64);
    println!("written: {}", written.of(series));
    for life in 0..6 {
        if life == 3 {
            std::fs::remove_dir_all(&snapshot).unwrap();
        }
        let mut opened = None;
        let cost = timed(|| opened = Some(open(dir.path())));
        let db = opened.unwrap();
        assert_eq!((db.head().series(), db.opened().snapshot.is_some()), (series as u64, life < 3));
        println!("{}: {}", if life < 3 { "from the snapshot" } else { "from the log" }, cost.of(series));
    }
}

fn open(dir: &Path) -> Db {
    let options = DbOptions {
        block_range_ms: 7_200_000,
        retention_ms: None,
        external_labels: BTreeMap::new(),
        log: LogOptions { durability: Durability::Written, ..LogOptions::default() },
        out_of_order: OutOfOrder::default(),
        max_exemplars: 0,
        snapshots: Snapshots { at_end: true, ..Snapshots::NEVER },
        cores: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    let parts = DbParts {
        fs: Arc::new(StdFs),
        clock: Arc::new(SystemClock),
        fingerprinter: fingerprinter(),
        committers: Arc::new(Committers::start(NonZeroUsize::MIN).unwrap()),
    };
    Db::open(dir, options, parts, &ReplayProgress::default()).unwrap()
}

/// What something took.
struct Cost {
    cpu: Duration,
    wall: Duration,
}

fn timed(work: impl FnOnce()) -> Cost {
    let (cpu, wall) = (process_cpu(), Instant::now());
    work();
    Cost { cpu: process_cpu() - cpu, wall: wall.elapsed() }
}

impl Cost {
    fn of(&self, series: usize) -> String {
        let per_million = self.cpu.as_secs_f64() * 1e6 / series as f64;
        format!("{:.0?} CPU, {:.2} s a million series; {:.0?} wall", self.cpu, per_million, self.wall)
    }
}

fn process_cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
