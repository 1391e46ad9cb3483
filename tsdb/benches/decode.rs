//! What does a sample cost in an XOR chunk: to decode, and to append?
//!
//! `cargo bench -p tsdb --bench decode`. Chunks of 120 samples, as a head cuts them, 1,000 different ones of each kind, so
//! that the branch predictor cannot learn a single one by heart.

#![allow(clippy::unwrap_used, missing_docs, reason = "bench code")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use model::SampleColumns;
use std::hint::black_box;
use tsdb::chunk::xor::{XorState, decode_xor};

const SAMPLES: u64 = 120;
const CHUNKS: u64 = 1_000;

/// Pseudo-random numbers.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

type Samples = Vec<(i64, f64)>;

/// The kinds of series there are: a name, and samples number `at` of a series.
fn kinds() -> Vec<(&'static str, Vec<Samples>)> {
    let series = |name, jitter_ms: u64, next: fn(&mut Dice, f64) -> f64| {
        let chunk = |seed: u64| {
            let (mut dice, mut value) = (Dice(seed * 2_654_435_761 + 1), (seed % 1_000) as f64);
            let sample = |at: u64| {
                value = next(&mut dice, value);
                ((1_700_000_000_000 + at * 15_000 + dice.throw(jitter_ms)) as i64, value)
            };
            (0..SAMPLES).map(sample).collect()
        };
        (name, (0..CHUNKS).map(chunk).collect())
    };
    vec![
        series("constant", 1, |_, value| value),
        series("constant, jitter", 5, |_, value| value),
        series(
            "changes now and then",
            1,
            |dice, value| if dice.throw(10) == 0 { dice.throw(50) as f64 } else { value },
        ),
        series("counter", 5, |dice, value| value + dice.throw(100) as f64),
        series("gauge of cents", 5, |dice, value| (value * 100.0 + dice.throw(41) as f64 - 20.0).round() / 100.0),
        series("random bits", 5, |dice, _| f64::from_bits(dice.throw(1 << 62))),
    ]
}

fn encode(samples: &Samples, words: &mut Vec<u8>) -> XorState {
    let mut state = XorState::default();
    words.clear();
    samples.iter().for_each(|&(timestamp_ms, value)| state.append(timestamp_ms, value, words));
    state
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(SAMPLES * CHUNKS));
    for (name, series) in kinds() {
        let mut words = Vec::new();
        let chunks: Vec<_> = series.iter().map(|samples| encode(samples, &mut words).finish(&words)).collect();
        let mut columns = SampleColumns::default();
        group.bench_with_input(BenchmarkId::from_parameter(name), &chunks, |bencher, chunks| {
            bencher.iter(|| {
                for chunk in chunks {
                    columns.clear();
                    decode_xor(black_box(chunk), &mut columns).unwrap();
                    black_box(&columns);
                }
            });
        });
    }
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(SAMPLES * CHUNKS));
    for (name, series) in kinds() {
        let mut words = Vec::with_capacity(4096);
        group.bench_with_input(BenchmarkId::from_parameter(name), &series, |bencher, series| {
            bencher.iter(|| {
                for samples in series {
                    black_box(encode(black_box(samples), &mut words));
                }
            });
        });
    }
}

criterion_group!(benches, decode, append);
criterion_main!(benches);
