//! What does a database cost that is open and has nothing to do?
//!
//! `cargo bench -p tsdb --bench tenants [-- TENANTS]`; 1,000 if nothing is said. First they are empty, then each holds ten
//! series of one sample.

#![allow(clippy::unwrap_used, reason = "a bench")]

#[path = "support/load.rs"]
mod load;
#[path = "support/rig.rs"]
mod rig;

use load::Load;
use model::ManualClock;
use rig::{LIMITS, anonymous_bytes, fingerprinter, thread_cpu_ns, threads};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tsdb::db::{Db, DbOptions, DbParts, Snapshots};
use tsdb::fs::StdFs;
use tsdb::head::{AppendScratch, OutOfOrder};
use tsdb::wal::{Committers, LogOptions, ReplayProgress};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let tenants = std::env::args().skip(1).find_map(|arg| arg.parse::<usize>().ok()).unwrap_or(1_000);
    let dir = tempfile::tempdir().unwrap();
    let committers = Arc::new(Committers::start(NonZeroUsize::MIN).unwrap());
    let parts = DbParts {
        fs: Arc::new(StdFs),
        clock: Arc::new(ManualClock::at(1_790_000_000_000)),
        fingerprinter: fingerprinter(),
        committers,
    };
    let options = DbOptions {
        block_range_ms: 7_200_000,
        retention_ms: None,
        external_labels: BTreeMap::new(),
        log: LogOptions::default(),
        out_of_order: OutOfOrder::default(),
        max_exemplars: 0,
        snapshots: Snapshots::default(),
        cores: NonZeroUsize::new(2).unwrap(),
    };
    let (empty, few_threads, began) = (anonymous_bytes(), threads(), thread_cpu_ns());
    let open = |number: usize| {
        let dir = dir.path().join(format!("tenant-{number}"));
        Db::open(&dir, options.clone(), parts.clone(), &ReplayProgress::default()).unwrap()
    };
    let dbs: Vec<Db> = (0..tenants).map(open).collect();
    let opened_us = (thread_cpu_ns() - began) as f64 / 1e3 / tenants as f64;
    let say = |what: &str| {
        std::thread::sleep(Duration::from_secs(1));
        let kib = (anonymous_bytes() - empty) as f64 / 1024.0 / tenants as f64;
        println!("{what}: {kib:.1} KiB a tenant, {} threads more than before", threads() - few_threads);
    };
    println!("opening: {opened_us:.0} us CPU a tenant");
    say("empty");
    let mut load = Load::new(0, 10, &fingerprinter());
    load.next_round(false);
    for db in &dbs {
        for request in load.requests(10) {
            let (_, commit) = db.append(&request, LIMITS, &mut AppendScratch::default()).unwrap();
            commit.wait().map(drop).unwrap();
        }
    }
    say("ten series each");
}
