//! What does it cost to log a sample?
//!
//! `encode`: into [`Records`], under the shard's lock. `log`: encode, sequence, compress, frame and write to memory
//! (`/dev/shm`): the processor's share of a logged sample, until 2,000 of them are acknowledged. `synced`: the same with
//! `fdatasync`, in the directory for temporary files. `replay`: back into nothing, on one thread and on two.

#![allow(clippy::unwrap_used, reason = "bench code")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use model::{LabelsRef, SeriesRef};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tsdb::fs::StdFs;
use tsdb::head::Part;
use tsdb::wal::{
    Committers, Compression, Durability, Log, LogOptions, Records, ReplayProgress, ReplayTarget, SampleRun, replay,
};

/// A request.
const SAMPLES: u64 = 2_000;

/// Some series that stand still, some that count, some that are noise.
fn value(number: u64, round: u64) -> f64 {
    match number % 10 {
        0..4 => 1.0,
        4..7 => (round * (number % 7)) as f64,
        _ => (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ round.wrapping_mul(0xbf58_476d_1ce4_e5b9)) as f64 / 1e9,
    }
}

fn fill(records: &mut Records, round: u64) {
    records.clear();
    let at_ms = 1_700_000_000_000 + round.cast_signed() * 15_000;
    for number in 0..SAMPLES {
        // Scraped one target after the other.
        records.sample(SeriesRef(100_000 + number), at_ms + (number / 200).cast_signed() * 37, value(number, round));
    }
}

struct Bench {
    log: Log,
    _committers: Committers,
    dir: TempDir,
}

fn open(dir: TempDir, durability: Durability, compression: Compression) -> Bench {
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let options = LogOptions { durability, compression, ..LogOptions::default() };
    let log = Log::open(Arc::new(StdFs), &dir.path().join("wal"), options, &committers).unwrap();
    Bench { log, _committers: committers, dir }
}

fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn append(bench: &Bench, records: &mut Records, round: u64) {
    fill(records, round);
    let position = bench.log.sequence(records).unwrap();
    let _durable = bench.log.commit(position).wait().unwrap();
    if round % 1_000 == 999 {
        let segment = bench.log.cut().unwrap();
        bench.log.truncate(segment).unwrap();
    }
}

fn logging(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wal");
    group.throughput(Throughput::Elements(SAMPLES));
    let (mut records, mut round) = (Records::default(), 0);
    let mut next = || {
        round += 1;
        round
    };
    group.bench_function("encode", |bencher| bencher.iter(|| fill(&mut records, next())));
    for compression in [Compression::None, Compression::Snappy, Compression::Zstd] {
        let bench = open(in_memory(), Durability::Written, compression);
        let id = BenchmarkId::new("log", format!("{compression:?}"));
        group.bench_function(id, |bencher| bencher.iter(|| append(&bench, &mut records, next())));
    }
    let bench = open(tempfile::tempdir().unwrap(), Durability::Synced, Compression::Snappy);
    group.bench_function("synced", |bencher| bencher.iter(|| append(&bench, &mut records, next())));
    group.finish();
}

/// Takes everything and keeps nothing.
struct Nothing;

impl ReplayTarget for Nothing {
    type Scratch = ();

    fn series(&self, _: SeriesRef, _: LabelsRef<'_>, (): &mut ()) {}

    fn samples(&self, samples: SampleRun<'_>, _: Part, (): &mut ()) {
        std::hint::black_box(samples);
    }
}

fn replaying(criterion: &mut Criterion) {
    const ROUNDS: u64 = 1_000;
    let bench = open(in_memory(), Durability::Written, Compression::Snappy);
    let mut records = Records::default();
    for round in 0..ROUNDS {
        fill(&mut records, round);
        let position = bench.log.sequence(&records).unwrap();
        let _durable = bench.log.commit(position).wait().unwrap();
    }
    bench.log.close().unwrap();
    let mut group = criterion.benchmark_group("wal");
    group.throughput(Throughput::Elements(SAMPLES * ROUNDS)).sample_size(10);
    for threads in [1, 2] {
        let threads = NonZeroUsize::new(threads).unwrap();
        let dir = bench.dir.path().join("wal");
        let run = || replay(&StdFs, &dir, &Nothing, threads, &ReplayProgress::default()).unwrap();
        assert_eq!(run().samples, SAMPLES * ROUNDS);
        group.bench_function(BenchmarkId::new("replay", threads), |bencher| bencher.iter(run));
    }
    group.finish();
}

criterion_group!(benches, logging, replaying);
criterion_main!(benches);
