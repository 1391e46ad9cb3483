//! What does a sample cost when replicas are made one?
//!
//! `cargo bench -p tsdb --bench dedup`. A thousand series of 480 samples in each of their replicas, 15 s apart with some
//! jitter, every replica with a gap now and then. The costs are of a sample that goes in.

#![allow(missing_docs, reason = "bench code")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use model::SampleColumns;
use std::hint::black_box;
use tsdb::dedup::{chain, penalty};

const SAMPLES: u64 = 480;
const SERIES: u64 = 1_000;

/// The replicas of each series, and how many samples they have together.
fn series(replicas: u64) -> (Vec<Vec<SampleColumns>>, u64) {
    let replica = |seed: u64| {
        let (mut columns, mut state) = (SampleColumns::default(), seed * 2_654_435_761 + 1);
        for at in 0..SAMPLES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if !(at + seed * 37).is_multiple_of(100) {
                let time_ms = 1_700_000_000_000 + at * 15_000 + seed % replicas * 4_000 + state % 20;
                columns.push(time_ms as i64, (at * 10) as f64);
            }
        }
        columns
    };
    let series: Vec<Vec<_>> =
        (0..SERIES).map(|series| (0..replicas).map(|at| replica(series * replicas + at)).collect()).collect();
    let samples = series.iter().flatten().map(|replica| replica.len() as u64).sum();
    (series, samples)
}

fn replicas_made_one(criterion: &mut Criterion) {
    type Merge = fn(&[SampleColumns], &mut SampleColumns);
    let ways: [(&str, Merge); 3] = [
        ("penalty", |replicas, out| penalty(replicas, false, out)),
        ("penalty, counter", |replicas, out| penalty(replicas, true, out)),
        ("chain", chain),
    ];
    let mut group = criterion.benchmark_group("dedup");
    for replicas in [1, 2, 3] {
        let (series, samples) = series(replicas);
        group.throughput(Throughput::Elements(samples));
        for (name, merge) in ways {
            let mut out = SampleColumns::default();
            group.bench_with_input(BenchmarkId::new(name, replicas), &series, |bencher, series| {
                bencher.iter(|| {
                    for replicas in series {
                        merge(black_box(replicas), &mut out);
                        black_box(&out);
                    }
                });
            });
        }
    }
}

criterion_group!(benches, replicas_made_one);
criterion_main!(benches);
