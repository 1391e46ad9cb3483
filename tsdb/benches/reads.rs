//! What does a question to a head cost, without anything around it? And how long does an append wait for readers?
//!
//! `cargo bench -p tsdb --bench reads [-- SERIES [PART]]`; 100,000 if nothing is said, and all questions, not those with
//! that part in their name. CPU of the asking thread, least of a few rounds. Then one thread appends small batches, first
//! alone, then while another asks without a pause: what is told is wall time, so nothing else should run.

#![allow(clippy::unwrap_used, reason = "a bench")]

#[path = "support/load.rs"]
mod load;
#[path = "support/rig.rs"]
mod rig;

use load::Load;
use model::{MatchOp, Matcher, TimeRange};
use rig::{Rig, fingerprinter, thread_cpu_ns};
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tsdb::ColumnSeriesBatch;
use tsdb::head::Head;
use tsdb::wal::Committers;
use tsdb::{ChunkSeriesBatch, SeriesSource};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Samples a series, so that there are full chunks.
const ROUNDS: usize = 130;
/// How often a question is asked to be measured, and how often that is done.
const CALLS: u32 = 20;
const REPETITIONS: u32 = 5;
/// Batches that are appended, and their series.
const BATCHES: usize = 2_000;
const BATCH_SERIES: usize = 100;

/// Asks, and says how many things came back.
type Ask = fn(&Arc<Head>) -> usize;

const QUESTIONS: [(&str, Ask); 8] = [
    ("values of pod in a namespace", |head| {
        values(head, "pod", &[("namespace", MatchOp::Equal, "namespace-3-of-some-team")])
    }),
    ("values of pod under a regex", |head| values(head, "pod", &[("job", MatchOp::Regex, ".*deployment-1.*")])),
    ("values of job in a node", |head| values(head, "job", &[("node", MatchOp::Regex, "ip-10-0-0-3.*")])),
    ("values of __name__", |head| values(head, "__name__", &[])),
    ("names under a metric", |head| {
        let reader = head.reader(TimeRange::ALL);
        reader.label_names(&matchers(&[("__name__", MatchOp::Equal, METRIC)])).unwrap().len()
    }),
    ("series of a metric, no chunks", |head| series(head, &[("__name__", MatchOp::Equal, METRIC)], true)),
    ("all series with chunks", |head| series(head, &[], false)),
    ("newest sample of all series", |head| {
        let mut cursor = head.reader(TimeRange::ALL).select_last(&[], TimeRange::ALL);
        let (mut batch, mut found) = (ColumnSeriesBatch::default(), 0);
        loop {
            cursor.next_batch(256, &mut batch).unwrap();
            if batch.is_empty() {
                return found;
            }
            found += batch.len();
        }
    }),
];

const METRIC: &str = "container_workload_metric_7_seconds_total";

fn matchers(of: &[(&str, MatchOp, &str)]) -> Vec<Matcher> {
    of.iter().map(|&(name, op, value)| Matcher::new(op, name, value).unwrap()).collect()
}

fn values(head: &Arc<Head>, name: &str, of: &[(&str, MatchOp, &str)]) -> usize {
    head.reader(TimeRange::ALL).label_values(name.as_bytes(), &matchers(of)).unwrap().len()
}

fn series(head: &Arc<Head>, of: &[(&str, MatchOp, &str)], skip_chunks: bool) -> usize {
    let mut cursor = head.reader(TimeRange::ALL).select(&matchers(of), TimeRange::ALL).unwrap();
    let (mut batch, mut found) = (ChunkSeriesBatch::default(), 0);
    loop {
        cursor.next_batch(128, skip_chunks, &mut batch).unwrap();
        if batch.is_empty() {
            return found;
        }
        found += batch.len();
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let count = args.first().and_then(|arg| arg.parse::<usize>().ok()).unwrap_or(100_000);
    let is_meant = |(what, _): &(&str, Ask)| args.get(1).is_none_or(|part| what.contains(part));
    let questions: Vec<_> = QUESTIONS.into_iter().filter(is_meant).collect();
    let dir = tempfile::tempdir().unwrap();
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let mut rig = Rig::open(dir.path(), &committers);
    let mut load = Load::new(0, count, &fingerprinter());
    rig.rounds(&mut load, ROUNDS, false);
    println!("{count} series of {ROUNDS} samples");
    for &(what, ask) in &questions {
        let found = ask(&rig.head);
        let round = |_| {
            let began = thread_cpu_ns();
            (0..CALLS).for_each(|_| _ = black_box(ask(&rig.head)));
            (thread_cpu_ns() - began) as f64 / f64::from(CALLS) / 1e6
        };
        let least_ms = (0..REPETITIONS).map(round).fold(f64::INFINITY, f64::min);
        println!("  {what:<32} {least_ms:>9.4} ms CPU, {found} found");
    }
    println!("an append of {BATCH_SERIES} series, wall: median, 99th of 100, longest of {BATCHES}");
    tell("nobody asks", &mut rig, &mut load, None);
    for (what, ask) in questions {
        tell(what, &mut rig, &mut load, Some(ask));
    }
}

/// Appends while `ask` is asked without a pause.
fn tell(what: &str, rig: &mut Rig, load: &mut Load, ask: Option<Ask>) {
    let done = AtomicBool::new(false);
    let head = Arc::clone(&rig.head);
    let mut took_us = std::thread::scope(|scope| {
        let done = &done;
        scope.spawn(move || {
            while let Some(ask) = ask.filter(|_| !done.load(Ordering::Relaxed)) {
                black_box(ask(&head));
            }
        });
        let took_us = appends(rig, load);
        done.store(true, Ordering::Relaxed);
        took_us
    });
    took_us.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| took_us[((took_us.len() - 1) as f64 * share) as usize];
    println!("  {what:<32} {:>9.1} {:>9.1} {:>9.1} us", at(0.5), at(0.99), at(1.0));
}

fn appends(rig: &mut Rig, load: &mut Load) -> Vec<f64> {
    let mut took_us = Vec::with_capacity(BATCHES);
    loop {
        load.next_round(false);
        for request in load.requests(BATCH_SERIES) {
            if took_us.len() == BATCHES {
                return took_us;
            }
            let began = Instant::now();
            rig.append_only(&request);
            took_us.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
}
