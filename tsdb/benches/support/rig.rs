//! A head to be filled, and what the kernel says of this process.

#![allow(dead_code, reason = "several benches share this, each uses a part")]

use crate::load::{Load, Request};
use model::Fingerprinter;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use tsdb::fs::{Fs, StdFs};
use tsdb::head::{AppendScratch, Head, HeadOptions};
use tsdb::head_chunks::{HeadChunks, MAX_FILE_BYTES};
use tsdb::wal::{Committers, Durability, Log, LogOptions};
use tsdb::{AppendLimits, AppendSource};

pub(crate) const LIMITS: AppendLimits = AppendLimits { max_ms: i64::MAX, max_series: u64::MAX };

pub(crate) struct Rig {
    pub(crate) head: Arc<Head>,
    log: Log,
    scratch: AppendScratch,
}

pub(crate) fn fingerprinter() -> Fingerprinter {
    Fingerprinter::new([1; 192])
}

impl Rig {
    /// An empty head whose log is written, not synced.
    pub(crate) fn open(dir: &Path, committers: &Committers) -> Self {
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let options = LogOptions { durability: Durability::Written, ..LogOptions::default() };
        let log = Log::open(Arc::clone(&fs), &dir.join("wal"), options, committers).unwrap();
        let quarantine = dir.join("quarantine");
        let (files, _) =
            HeadChunks::open(fs, &dir.join("chunks_head"), &quarantine, MAX_FILE_BYTES, &mut |_| ()).unwrap();
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let options = HeadOptions::new(cores, 7_200_000);
        let head = Arc::new(Head::new(options, fingerprinter(), log.clone(), Arc::new(files)));
        Self { head, log, scratch: AppendScratch::default() }
    }

    /// Appends a request; CPU nanoseconds of this thread, without the log's.
    pub(crate) fn append(&mut self, request: &Request<'_>) -> u64 {
        let before = thread_cpu_ns();
        let (appended, position) = self.head.append(request, LIMITS, &mut self.scratch).unwrap();
        let cpu_ns = thread_cpu_ns() - before;
        assert!(appended.refused_total == 0 && appended.missed.is_empty());
        // One request at a time, as one connection sends them.
        self.log.commit(position.log.unwrap()).wait().map(drop).unwrap();
        cpu_ns
    }

    /// Appends a request and does not wait for the log.
    pub(crate) fn append_only(&mut self, request: &Request<'_>) {
        let (appended, _) = self.head.append(request, LIMITS, &mut self.scratch).unwrap();
        assert!(appended.refused_total == 0 && appended.missed.is_empty());
    }

    /// Appends `rounds` samples of each series; for each round, CPU nanoseconds a sample.
    pub(crate) fn rounds(&mut self, load: &mut Load, rounds: usize, shuffled: bool) -> Vec<f64> {
        let mut costs = Vec::new();
        for _ in 0..rounds {
            load.next_round(shuffled);
            let (mut cpu_ns, mut samples) = (0, 0);
            for request in load.requests(2000) {
                cpu_ns += self.append(&request);
                samples += request.len();
            }
            costs.push(cpu_ns as f64 / samples as f64);
        }
        costs
    }
}

/// CPU time of this thread in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    nanoseconds(rustix::time::ClockId::ThreadCPUTime)
}

/// CPU time of all threads of the process in nanoseconds.
pub(crate) fn process_cpu_ns() -> u64 {
    nanoseconds(rustix::time::ClockId::ProcessCPUTime)
}

fn nanoseconds(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Anonymous resident memory of the process.
pub(crate) fn anonymous_bytes() -> u64 {
    status("RssAnon:")
}

/// Threads of the process.
pub(crate) fn threads() -> u64 {
    status("Threads:") / 1024
}

/// The most memory that was resident since [`forget_peak`], files among it.
pub(crate) fn peak_bytes() -> u64 {
    status("VmHWM:")
}

/// Lets the peak begin anew at what is resident now.
pub(crate) fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
