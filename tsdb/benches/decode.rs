//! What does a sample cost in a chunk: to decode, and to append? Of floats in an XOR chunk, in an XOR2 chunk (which is only
//! decoded), of histograms.
//!
//! `cargo bench -p tsdb --bench decode`. Chunks of 120 samples, as a head cuts them, 1,000 different ones of each kind, so
//! that the branch predictor cannot learn a single one by heart. Histograms have 24 buckets: 100 different chunks.

#![allow(clippy::unwrap_used, missing_docs, reason = "bench code")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use model::{HistogramLayout, HistogramRef, Numbers, ResetHint, SampleColumns, Span};
use std::hint::black_box;
use tsdb::Encoding;
use tsdb::chunk::histogram::{CellState, HistogramState};
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

/// Bits, most significant first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn push(&mut self, bits: u64, count: usize) {
        for bit in (0..count).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((bits >> bit & 1) as u8) << (7 - self.count % 8);
            self.count += 1;
        }
    }

    fn push_uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.push(value, 8);
    }
}

/// An XOR2 chunk, without start timestamps and with windows that are all new.
fn encode_xor2(samples: &Samples) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(SAMPLES << 8, 24);
    let (mut before, mut delta_ms) = (samples[0], 0);
    bits.push_uvarint((before.0 << 1).cast_unsigned());
    bits.push(before.1.to_bits(), 64);
    for (at, &(time_ms, value)) in samples.iter().enumerate().skip(1) {
        let (change, xor) = (time_ms - before.0 - delta_ms, value.to_bits() ^ before.1.to_bits());
        let (leading, trailing) = (xor.leading_zeros().min(31), xor.trailing_zeros());
        if at == 1 {
            bits.push_uvarint(change.cast_unsigned());
        } else if change != 0 {
            bits.push(0b110 << 13 | change.cast_unsigned() & 0x1fff, 16);
        }
        // Where the delta stays, time and value share their control bits.
        let new_window = if at > 1 && change == 0 { 0b101 } else { 0b110 };
        bits.push(if xor == 0 { 0 } else { new_window }, if xor == 0 { 1 } else { 3 });
        if xor != 0 {
            let significant = 64 - leading - trailing;
            bits.push(u64::from(leading) << 6 | u64::from(significant & 0x3f), 11);
            bits.push(xor >> trailing, significant as usize);
        }
        (before, delta_ms) = ((time_ms, value), delta_ms + change);
    }
    bits.bytes
}

fn decode_xor2(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode XOR2");
    group.throughput(Throughput::Elements(SAMPLES * CHUNKS));
    for (name, series) in kinds() {
        let chunks: Vec<_> = series.iter().map(encode_xor2).collect();
        let mut columns = SampleColumns::default();
        group.bench_with_input(BenchmarkId::from_parameter(name), &chunks, |bencher, chunks| {
            bencher.iter(|| {
                for chunk in chunks {
                    columns.clear();
                    tsdb::chunk::decode(Encoding::Xor2, black_box(chunk), &mut columns).unwrap();
                    black_box(&columns);
                }
            });
        });
    }
}

const BUCKETS: usize = 24;
const HISTOGRAM_CHUNKS: u64 = 100;

/// The kinds of histograms there are: a name, their numbers, and in how many of a hundred samples a bucket's rate changes.
const HISTOGRAMS: [(&str, Numbers, u64); 4] = [
    ("whole counts at rest", Numbers::Integer, 0),
    ("whole counts, one bucket in ten", Numbers::Integer, 10),
    ("whole counts, all buckets", Numbers::Integer, 100),
    ("floats, one bucket in ten", Numbers::Float, 10),
];

/// The cells of the samples of a chunk, row by row.
fn rows(seed: u64, numbers: Numbers, changing: u64) -> Vec<Vec<u64>> {
    let (mut dice, mut counts) = (Dice(seed * 2_654_435_761 + 1), vec![0_u64; BUCKETS + 2]);
    let row = |_| {
        for count in &mut counts[1..] {
            *count += if dice.throw(100) < changing { dice.throw(20) } else { 0 };
        }
        counts[0] = counts[1..].iter().sum();
        counts.iter().map(|&count| if numbers == Numbers::Float { (count as f64).to_bits() } else { count }).collect()
    };
    (0..SAMPLES).map(row).collect()
}

fn encode_histograms(
    layout: &HistogramLayout,
    numbers: Numbers,
    rows: &[Vec<u64>],
    words: &mut Vec<u8>,
) -> HistogramState {
    words.clear();
    let mut cells = [CellState::default(); BUCKETS + 2];
    let mut state: Option<HistogramState> = None;
    for (cells_of, at) in rows.iter().zip(0_i64..) {
        let (hint, sum) = (ResetHint::Unknown, at as f64);
        let histogram = HistogramRef { layout, hint, numbers, cells: cells_of, sum };
        let time_ms = 1_700_000_000_000 + at * 15_000;
        match &mut state {
            Some(state) => state.append(time_ms, histogram, layout.positive_buckets(), &mut cells, words),
            None => state = Some(HistogramState::begin(hint, time_ms, histogram, &mut cells, words)),
        }
    }
    state.unwrap()
}

fn histograms(criterion: &mut Criterion) {
    let spans = vec![Span { offset: -4, length: BUCKETS as u32 }];
    let layout = HistogramLayout::new(3, 0.0, spans, Vec::new(), Vec::new()).unwrap();
    for (name, numbers, changing) in HISTOGRAMS {
        let series: Vec<_> = (0..HISTOGRAM_CHUNKS).map(|seed| rows(seed, numbers, changing)).collect();
        let mut words = Vec::new();
        let encoding = if numbers == Numbers::Integer { Encoding::Histogram } else { Encoding::FloatHistogram };
        let encoded = series.iter().map(|rows| encode_histograms(&layout, numbers, rows, &mut words).finish(&words));
        let chunks: Vec<_> = encoded.collect();
        let mut columns = SampleColumns::default();
        let mut group = criterion.benchmark_group("decode histograms");
        group.throughput(Throughput::Elements(SAMPLES * HISTOGRAM_CHUNKS));
        group.bench_with_input(BenchmarkId::from_parameter(name), &chunks, |bencher, chunks| {
            bencher.iter(|| {
                for chunk in chunks {
                    columns.clear();
                    tsdb::chunk::decode(encoding, black_box(chunk), &mut columns).unwrap();
                    black_box(&columns);
                }
            });
        });
        group.finish();
        let mut group = criterion.benchmark_group("append histograms");
        group.throughput(Throughput::Elements(SAMPLES * HISTOGRAM_CHUNKS));
        group.bench_with_input(BenchmarkId::from_parameter(name), &series, |bencher, series| {
            bencher.iter(|| {
                for rows in series {
                    black_box(encode_histograms(&layout, numbers, black_box(rows), &mut words));
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, decode, append, decode_xor2, histograms);
criterion_main!(benches);
