use super::{encode, to_common};
use crate::chunk::{decode, histogram::OpenHistograms, sample_count};
use crate::series::{Chunk, Encoding};
use model::{HistogramLayout, HistogramRef, Numbers, ResetHint, STALE_NAN, SampleColumns, Span};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A histogram by meaning: schema, threshold, bounds, count, zero count, sum, and what buckets count something, by side and
/// index.
#[derive(Debug, PartialEq)]
struct Meaning {
    numbers: Numbers,
    is_gauge: bool,
    scale: (i32, u64, Vec<u64>),
    head: [u64; 3],
    buckets: BTreeMap<(bool, i64), u64>,
}

impl Meaning {
    fn of(found: HistogramRef<'_>) -> Self {
        let mut buckets = BTreeMap::new();
        let layout = found.layout;
        let sides = [(false, layout.positive(), found.positive()), (true, layout.negative(), found.negative())];
        for (is_negative, spans, counts) in sides {
            let indices = crate::chunk::histogram::indices(spans).map(|index| (is_negative, index));
            buckets.extend(indices.zip(counts.iter().copied()).filter(|(_, count)| found.numbers.value(*count) != 0.0));
        }
        let bounds = layout.custom_bounds().iter().map(|bound| bound.to_bits()).collect();
        Self {
            numbers: found.numbers,
            is_gauge: found.hint == ResetHint::Gauge,
            scale: (layout.schema(), layout.zero_threshold().to_bits(), bounds),
            head: [found.count(), found.zero_count(), found.sum.to_bits()],
            buckets,
        }
    }

    /// Whether nothing counts less than in `before`.
    fn follows(&self, before: &Self) -> bool {
        let value = |count: u64| self.numbers.value(count);
        let falls = |(key, &count): (_, &u64)| value(count) > value(self.buckets.get(key).copied().unwrap_or(0));
        let heads = before.head.iter().zip(self.head).take(2);
        self.scale == before.scale
            && !before.buckets.iter().any(falls)
            && heads.into_iter().all(|(&before, now)| value(before) <= value(now))
    }
}

/// Each sample with its time and either its bits or what histogram it is.
fn meanings(columns: &SampleColumns) -> Vec<(i64, Result<u64, Meaning>)> {
    let sample = |at: usize| match columns.histogram(at) {
        Some(found) => Err(Meaning::of(found)),
        None => Ok(columns.values[at].to_bits()),
    };
    columns.timestamps_ms.iter().enumerate().map(|(at, &time_ms)| (time_ms, sample(at))).collect()
}

fn decoded(chunks: &[Chunk]) -> SampleColumns {
    let mut columns = SampleColumns::default();
    for chunk in chunks {
        let before = columns.len();
        decode(chunk.encoding, &chunk.data, &mut columns).unwrap();
        assert!(columns.len() - before <= 120);
        assert_eq!((columns.timestamps_ms[before], columns.timestamps_ms.last()), (chunk.min_ms, Some(&chunk.max_ms)));
    }
    columns
}

#[track_caller]
fn check(columns: &SampleColumns) -> Vec<Chunk> {
    let chunks = encode(columns);
    let found = decoded(&chunks);
    assert_eq!(meanings(&found), meanings(columns));
    for row in 1..found.histograms.len() {
        let (before, now) = (found.histograms.get(row - 1).unwrap(), found.histograms.get(row).unwrap());
        if now.hint == ResetHint::NotReset {
            assert!(Meaning::of(now).follows(&Meaning::of(before)), "{before:?} {now:?}");
        }
    }
    chunks
}

/// One sample to come: what it is, and seeds for its numbers and its layout.
#[derive(Debug, Clone)]
struct Step {
    kind: u8,
    change: u8,
    seed: u64,
    start_ms: i64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..16_u8, 0..24_u8, any::<u64>(), prop_oneof![9 => Just(0), 1 => any::<i64>()])
        .prop_map(|(kind, change, seed, start_ms)| Step { kind, change, seed, start_ms });
    prop::collection::vec(step, 0..300)
}

/// Samples as a series has them: long runs of a kind, counts that rise and fall now and then, buckets that come and go.
fn columns(steps: &[Step]) -> SampleColumns {
    let mut columns = SampleColumns::default();
    let (mut kind, mut hint, mut schema) = (0, ResetHint::Unknown, 1);
    let mut spans = [vec![Span { offset: 0, length: 3 }], Vec::new()];
    let mut counts = vec![0_u64; 64];
    for (at, step) in steps.iter().enumerate() {
        match step.change {
            0 => kind = step.kind % 3,
            1 => schema = if step.seed % 2 == 0 { -53 } else { (step.seed % 12) as i32 - 4 },
            2 => counts.fill(0),
            3 => hint = ResetHint::from_number(step.seed % 4).unwrap(),
            4..=8 => {
                let mut dice = step.seed;
                spans[usize::from(step.kind % 2)] = std::iter::repeat_with(|| {
                    dice = dice.rotate_right(7) ^ 0x5bd1_e995;
                    Span { offset: (dice % 4) as i32 - i32::from(dice % 64 == 3), length: (dice >> 8) as u32 % 5 }
                })
                .take(step.seed as usize % 4)
                .enumerate()
                .map(|(at, span)| Span { offset: if at > 0 { span.offset.max(0) } else { span.offset }, ..span })
                .collect();
            }
            9 => counts.fill(step.seed),
            _ => {
                let bucket = (step.seed % 64) as usize;
                counts[bucket] = counts[bucket].wrapping_add(step.seed >> 56);
            }
        }
        let time_ms = at as i64 * 15_000 + (step.seed % 3) as i64;
        let sum = if step.change == 23 { STALE_NAN } else { step.seed as f64 };
        if kind == 0 {
            columns.push(time_ms, sum);
        } else {
            let numbers = if kind == 1 { Numbers::Integer } else { Numbers::Float };
            let bounds = if schema == -53 { vec![0.5, 1.0 + (step.kind / 8) as f64] } else { Vec::new() };
            let [positive, negative] = spans.clone();
            let layout = HistogramLayout::new(schema, 0.001, positive, negative, bounds).unwrap();
            let cell = |count: u64| if kind == 1 { count >> 1 } else { (count as f64 / 4.0).to_bits() };
            let cells: Vec<_> = (0..layout.cells()).map(|at| cell(counts[at % 64])).collect();
            let found = HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum };
            // A stale one has nothing but that.
            let empty = HistogramLayout::default();
            let stale = HistogramRef { layout: &empty, hint: ResetHint::Unknown, cells: &[0, 0], ..found };
            columns.push_histogram(time_ms, if found.is_stale() { stale } else { found });
        }
        columns.set_start(step.start_ms);
    }
    columns
}

#[test]
fn full_chunks_are_cut_and_the_next_one_says_nothing_of_a_reset() {
    let layout = HistogramLayout::new(0, 0.0, vec![Span { offset: 0, length: 1 }], Vec::new(), Vec::new()).unwrap();
    let mut columns = SampleColumns::default();
    for at in 0..250_u64 {
        let cells = [at, 0, at];
        let found = HistogramRef {
            layout: &layout,
            hint: ResetHint::NotReset,
            numbers: Numbers::Integer,
            cells: &cells,
            sum: at as f64,
        };
        columns.push_histogram(at as i64 * 15_000, found);
    }
    columns.push(250 * 15_000, 1.0);
    let chunks = check(&columns);
    let counts: Vec<_> =
        chunks.iter().map(|chunk| (chunk.encoding, sample_count(chunk.encoding, &chunk.data).unwrap())).collect();
    let histograms = |count| (Encoding::Histogram, count);
    assert_eq!(counts, [histograms(120), histograms(120), histograms(10), (Encoding::Xor, 1)]);
    assert!(chunks[..3].iter().all(|chunk| chunk.data[2] == 0));
}

#[test]
fn what_peers_cannot_read_becomes_what_they_can() {
    // An XOR2 chunk of one sample, with its start; a histogram with another, which is stale.
    let float = Chunk::raw(1, 1, Encoding::Xor2, vec![0, 1, 0x80, 2, 0x40, 0, 0, 0, 0, 0, 0, 0, 4].into());
    let common = to_common(&float).unwrap();
    assert_eq!(common, [Chunk::raw(1, 1, Encoding::Xor, vec![0, 1, 2, 0x40, 0, 0, 0, 0, 0, 0, 0].into())]);
    let cells = [3, 3];
    let layout = HistogramLayout::default();
    let found =
        HistogramRef { layout: &layout, hint: ResetHint::Unknown, numbers: Numbers::Integer, cells: &cells, sum: 0.0 };
    let plain = OpenHistograms::begin(ResetHint::Reset, 7, found).finish();
    // The header stands in the count's bits, and there is no start.
    let with_start = [&[0x80, 1, 0], &plain[3..]].concat();
    let chunk = Chunk::raw(7, 7, Encoding::HistogramSt, with_start.into());
    assert_eq!(to_common(&chunk).unwrap(), [Chunk::raw(7, 7, Encoding::Histogram, plain)]);
    assert_eq!(to_common(&common[0]).unwrap(), common);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_samples_come_back(steps in steps()) {
        check(&columns(&steps));
    }
}
