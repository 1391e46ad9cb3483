//! What does the head cost a sample, a new series, a series held?
//!
//! `cargo bench -p tsdb --bench append [-- SERIES [ROUNDS]]`. One thread appends 2,000 series a request, 15 seconds of virtual
//! time apart, to a head whose log is written but not synced (to a directory that is removed). Figures are CPU time of that
//! thread, so without the log's own thread, and anonymous memory of the process.

#![allow(clippy::unwrap_used, reason = "a bench")]

#[path = "append/load.rs"]
mod load;

use load::{Load, Request};
use model::Fingerprinter;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tsdb::fs::{Fs, StdFs};
use tsdb::head::{AppendScratch, Head, HeadOptions};
use tsdb::head_chunks::{HeadChunks, MAX_FILE_BYTES};
use tsdb::wal::{Committers, Durability, Log, LogOptions};
use tsdb::{AppendLimits, AppendSource};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LIMITS: AppendLimits = AppendLimits { max_ms: i64::MAX, max_series: u64::MAX };

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg.parse::<usize>().is_ok());
    let mut number = |default: usize| args.next().map_or(default, |arg| arg.parse().unwrap());
    let (series, rounds) = (number(200_000), number(60));
    let dir = tempfile::tempdir().unwrap();
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let (head, log) = open(dir.path(), &committers);
    let mut load = Load::new(series, &Fingerprinter::new([1; 192]));
    let empty = anonymous_bytes();
    let mut bench = Bench { head, log, scratch: AppendScratch::default() };

    println!("{series} new series: {}", bench.run(&mut load, 1, false));
    println!("in order, samples 2 to 10: {}", bench.run(&mut load, 9, false));
    println!("in order, samples 11 to {rounds}: {}", bench.run(&mut load, rounds - 10, false));
    report_memory(&bench, empty, series, rounds);
    println!("shuffled every round: {}", bench.run(&mut load, 20, true));
    println!("in order, with chunks cut: {}", bench.run(&mut load, 160, false));
    report_memory(&bench, empty, series, rounds + 180);
}

struct Bench {
    head: Arc<Head>,
    log: Log,
    scratch: AppendScratch,
}

/// What rounds cost a sample, in nanoseconds: the cheapest, the middle, all together.
struct Cost {
    best: f64,
    median: f64,
    mean: f64,
}

impl Bench {
    /// Appends `rounds` samples of each series.
    fn run(&mut self, load: &mut Load, rounds: usize, shuffled: bool) -> Cost {
        let mut costs: Vec<f64> = Vec::new();
        for _ in 0..rounds {
            load.next_round(shuffled);
            let (mut cpu_ns, mut samples) = (0, 0);
            for request in load.requests(2000) {
                cpu_ns += self.append(&request);
                samples += request.len();
            }
            costs.push(cpu_ns as f64 / samples as f64);
        }
        costs.sort_by(f64::total_cmp);
        let mean = costs.iter().sum::<f64>() / rounds as f64;
        Cost { best: costs[0], median: costs[rounds / 2], mean }
    }

    /// Appends a request and says how long that took.
    fn append(&mut self, request: &Request<'_>) -> u64 {
        let before = thread_cpu_ns();
        let (appended, position) = self.head.append(request, LIMITS, &mut self.scratch).unwrap();
        let cpu_ns = thread_cpu_ns() - before;
        assert!(appended.refused_total == 0 && appended.missed.is_empty());
        // One request at a time, as one connection sends them.
        self.log.commit(position.unwrap()).wait().map(drop).unwrap();
        cpu_ns
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.1} ns (median {:.1}, mean {:.1})", self.best, self.median, self.mean)
    }
}

fn report_memory(bench: &Bench, empty: u64, series: usize, samples: usize) {
    let started = Instant::now();
    let anonymous = anonymous_bytes() - empty;
    let held = bench.head.size_bytes();
    println!(
        "memory at {samples} samples a series: {} B anonymous a series ({} B counted by the head, in {:?})",
        anonymous / series as u64,
        held / series,
        started.elapsed()
    );
}

fn open(dir: &Path, committers: &Committers) -> (Arc<Head>, Log) {
    let fs: Arc<dyn Fs> = Arc::new(StdFs);
    let options = LogOptions { durability: Durability::Written, ..LogOptions::default() };
    let log = Log::open(Arc::clone(&fs), &dir.join("wal"), options, committers).unwrap();
    let quarantine = dir.join("quarantine");
    let (files, _) = HeadChunks::open(fs, &dir.join("chunks_head"), &quarantine, MAX_FILE_BYTES, &mut |_| ()).unwrap();
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let options = HeadOptions::new(cores, 7_200_000);
    (Arc::new(Head::new(options, Fingerprinter::new([1; 192]), log.clone(), Arc::new(files))), log)
}

/// CPU time of this thread in nanoseconds.
fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Anonymous resident memory of the process.
fn anonymous_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
