//! What does a block from the head cost, in time and in memory beside the head?
//!
//! `cargo bench -p tsdb --bench block [-- SERIES [SAMPLES]]`; 500,000 series of 60 samples if nothing is said. CPU is that of
//! the writing thread; the peak is resident memory, pages of mapped files among it.

#![allow(clippy::unwrap_used, reason = "a bench")]

#[path = "support/load.rs"]
mod load;
#[path = "support/rig.rs"]
mod rig;

use load::Load;
use model::TimeRange;
use rig::{Rig, anonymous_bytes, fingerprinter, forget_peak, peak_bytes, thread_cpu_ns};
use std::num::NonZeroUsize;
use tsdb::SeriesSource;
use tsdb::block::{BlockSpec, BlockWriter};
use tsdb::fs::StdFs;
use tsdb::wal::Committers;
use ulid::Ulid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg.parse::<usize>().is_ok());
    let mut number = |default: usize| args.next().map_or(default, |arg| arg.parse().unwrap());
    let (series, samples) = (number(500_000), number(60));
    let dir = tempfile::tempdir().unwrap();
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let empty = anonymous_bytes();
    let mut rig = Rig::open(dir.path(), &committers);
    let mut load = Load::new(0, series, &fingerprinter());
    let first_ms = load.time_ms;
    rig.rounds(&mut load, samples, false);
    let last_ms = load.time_ms;
    drop(load);
    let head_bytes = anonymous_bytes() - empty;

    forget_peak();
    let (resident, began) = (peak_bytes(), thread_cpu_ns());
    let range = TimeRange::new(first_ms, last_ms).unwrap();
    let mut writer =
        BlockWriter::create(&StdFs, dir.path(), BlockSpec::new(Ulid::generate(), first_ms, last_ms + 1)).unwrap();
    writer.add_all(&mut *rig.head.reader(range).select(&[], range).unwrap()).unwrap();
    let meta = writer.finish().unwrap().unwrap();
    let (took_ns, extra) = (thread_cpu_ns() - began, peak_bytes() - resident);

    assert_eq!(meta.stats.num_series, series as u64);
    println!(
        "{series} series, {} samples: {:.2} us a series",
        meta.stats.num_samples,
        took_ns as f64 / 1e3 / series as f64
    );
    println!(
        "beside a head of {:.0} MB: {:.1} MB at the peak, {} B a series, {:.1} %",
        head_bytes as f64 / 1e6,
        extra as f64 / 1e6,
        extra / series as u64,
        extra as f64 * 100.0 / head_bytes as f64
    );
}
