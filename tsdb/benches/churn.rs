//! Does a head give back what churned series took?
//!
//! `cargo bench -p tsdb --bench churn [-- SERIES [GENERATIONS]]`. Every generation all series are others; after each, what
//! is older than the last is truncated. Memory is what the head counts and what the kernel sees; from the third generation
//! on both should stand still.

#![allow(clippy::unwrap_used, reason = "a bench")]

#[path = "support/load.rs"]
mod load;
#[path = "support/rig.rs"]
mod rig;

use load::{Load, SERIES_PER_POD};
use rig::{Rig, anonymous_bytes, fingerprinter};
use std::num::NonZeroUsize;
use tsdb::wal::Committers;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg.parse::<usize>().is_ok());
    let mut number = |default: usize| args.next().map_or(default, |arg| arg.parse().unwrap());
    let (series, generations) = (number(100_000), number(8));
    let dir = tempfile::tempdir().unwrap();
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let mut rig = Rig::open(dir.path(), &committers);
    let (empty, mut time_ms) = (anonymous_bytes(), None);
    for generation in 0..generations {
        let mut load = Load::new(generation * series.div_ceil(SERIES_PER_POD), series, &fingerprinter());
        load.time_ms = time_ms.unwrap_or(load.time_ms);
        let first_ms = load.time_ms + 1;
        rig.rounds(&mut load, 20, false);
        time_ms = Some(load.time_ms);
        drop(load);
        rig.head.truncate(first_ms).unwrap();
        println!(
            "generation {generation}: {} series in the head, {} B a series counted, {} B a series anonymous",
            rig.head.series(),
            rig.head.size_bytes() / series,
            anonymous_bytes().saturating_sub(empty) / series as u64
        );
    }
}
