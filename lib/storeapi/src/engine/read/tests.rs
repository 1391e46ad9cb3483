use super::super::options::{DedupFunc, ReadOptions, Reading};
use super::{ReadError, merge, read, samples};
use model::{HistogramLayout, HistogramRef, Numbers, ResetHint, STALE_NAN, SampleColumns, TimeRange};
use tsdb::chunk::xor::XorState;
use tsdb::chunk::{ChunkError, encode};
use tsdb::{Aggregate, Chunk, Encoding};

type Samples<'a> = &'a [(i64, f64)];

const PENALTY: ReadOptions = ReadOptions {
    dedup: Some(DedupFunc::Penalty),
    reading: Reading::Average,
    range: TimeRange::ALL,
    newest_only: false,
};
const CHAIN: ReadOptions = ReadOptions { dedup: Some(DedupFunc::Chain), ..PENALTY };
const JOIN: ReadOptions = ReadOptions { dedup: None, ..PENALTY };

fn chunk(aggregate: Aggregate, of: Samples<'_>) -> Chunk {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    of.iter().for_each(|(timestamp_ms, value)| state.append(*timestamp_ms, *value, &mut words));
    let (first, last) = (of.first().map_or(0, |sample| sample.0), of.last().map_or(0, |sample| sample.0));
    Chunk { aggregate, ..Chunk::raw(first, last, Encoding::Xor, state.finish(&words)) }
}

fn raw(of: Samples<'_>) -> Chunk {
    chunk(Aggregate::Raw, of)
}

/// The aggregates of a chunk whose windows end at 10, 20 and so on: of each window the count, the sum, the least and the most.
fn downsampled(windows: &[[f64; 4]], counter: Samples<'_>) -> Vec<Chunk> {
    let column = |at: usize| {
        let ends = (0..windows.len() as i64).map(|window| counter[0].0 / 10 * 10 + 10 * (window + 1));
        ends.zip(windows).map(|(end_ms, window)| (end_ms, window[at])).collect::<Vec<_>>()
    };
    let aggregates = [Aggregate::Count, Aggregate::Sum, Aggregate::Min, Aggregate::Max];
    let mut chunks: Vec<_> =
        aggregates.iter().enumerate().map(|(at, aggregate)| chunk(*aggregate, &column(at))).collect();
    chunks.push(chunk(Aggregate::Counter, counter));
    let (min_ms, max_ms) = (counter[0].0, counter[counter.len() - 1].0);
    chunks.iter_mut().for_each(|chunk| (chunk.min_ms, chunk.max_ms) = (min_ms, max_ms));
    chunks
}

#[track_caller]
fn check(options: ReadOptions, chunks: &[Chunk], want: Samples<'_>) {
    // Twice: nothing is left over in the memory that is kept.
    for _ in 0..2 {
        let mut columns = SampleColumns::default();
        assert_eq!(read(chunks, &options, &mut columns), Ok(()));
        assert_eq!(samples(&columns).collect::<Vec<_>>(), want, "{options:?}");
    }
}

/// Two replicas a second apart; the first misses samples between its chunks.
fn two_replicas() -> Vec<Chunk> {
    let second = [11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0];
    let second: Vec<_> = second.iter().zip(0..).map(|(value, at)| (1_000 + at * 10_000, *value)).collect();
    vec![raw(&[(0, 1.0), (10_000, 2.0), (20_000, 3.0)]), raw(&second), raw(&[(50_000, 6.0), (60_000, 7.0)])]
}

/// What is made of them.
const FOLLOWED: [(i64, f64); 6] =
    [(0, 1.0), (10_000, 2.0), (20_000, 3.0), (41_000, 15.0), (51_000, 16.0), (61_000, 17.0)];

#[test]
fn replicas_are_told_apart_and_made_one() {
    check(PENALTY, &two_replicas(), &FOLLOWED);
    let all: Vec<_> = [(0, 1.0), (1_000, 11.0), (10_000, 2.0), (11_000, 12.0), (20_000, 3.0), (21_000, 13.0)]
        .into_iter()
        .chain([(31_000, 14.0), (41_000, 15.0), (50_000, 6.0), (51_000, 16.0), (60_000, 7.0), (61_000, 17.0)])
        .collect();
    check(CHAIN, &two_replicas(), &all);
    check(JOIN, &two_replicas(), &all);
}

#[test]
fn what_lies_outside_of_the_range_chooses_no_replica() {
    let range = TimeRange::new(500, 45_000).unwrap();
    let want = [(1_000, 11.0), (10_000, 2.0), (20_000, 3.0), (41_000, 15.0)];
    check(ReadOptions { range, ..PENALTY }, &two_replicas(), &want);
}

#[test]
fn where_the_newest_is_all_that_is_looked_at_the_others_are_left_out() {
    let newest = |max_ms| ReadOptions { range: TimeRange::new(0, max_ms).unwrap(), newest_only: true, ..PENALTY };
    let chunks = [raw(&[(1, 1.0), (2, 2.0)]), raw(&[(3, 3.0), (4, STALE_NAN), (5, 5.0)])];
    check(newest(5), &chunks, &[(5, 5.0)]);
    // What is newer than the range is not the newest in it.
    check(newest(4), &chunks[..1], &[(2, 2.0)]);
    let mut columns = SampleColumns::default();
    assert_eq!(read(&chunks, &newest(4), &mut columns), Ok(()));
    assert_eq!(columns.timestamps_ms, [1, 2, 3, 4, 5]);
    // A chunk may be empty, and replicas are told apart by all that they have.
    check(newest(9), &[raw(&[(1, 1.0), (2, 2.0)]), Chunk { min_ms: 3, max_ms: 4, ..raw(&[]) }], &[(1, 1.0), (2, 2.0)]);
    check(newest(61_000), &two_replicas(), &FOLLOWED);
    // And go on behind where it is said to end.
    let too_long = Chunk { max_ms: 2, ..raw(&[(1, 1.0), (2, 2.0), (3, 3.0)]) };
    let mut columns = SampleColumns::default();
    assert_eq!(read(&[too_long], &newest(2), &mut columns), Ok(()));
    assert_eq!(columns.timestamps_ms, [1, 2, 3]);
}

#[test]
fn a_counter_of_one_replica_stays_as_it_is() {
    let chunks = [raw(&[(1, 5.0), (2, 7.0), (3, STALE_NAN)]), raw(&[(4, 1.0)])];
    let mut columns = SampleColumns::default();
    let options = ReadOptions { reading: Reading::Counter, ..PENALTY };
    assert_eq!(read(&chunks, &options, &mut columns), Ok(()));
    let bits: Vec<_> = columns.values.iter().map(|value| value.to_bits()).collect();
    assert_eq!(bits, [5.0, 7.0, STALE_NAN, 1.0].map(f64::to_bits));
}

/// The second replica has seen a reset that the first has not, and lags behind.
#[test]
fn a_counter_goes_on_in_another_replica() {
    let chunks = [
        raw(&[(0, 100.0), (10_000, 110.0), (20_000, 120.0)]),
        raw(&[(1_000, 90.0), (11_000, 100.0), (21_000, 2.0), (31_000, 12.0), (41_000, 22.0), (51_000, 32.0)]),
    ];
    let counter = [(0, 100.0), (10_000, 110.0), (20_000, 120.0), (41_000, 122.0), (51_000, 132.0)];
    check(ReadOptions { reading: Reading::Counter, ..PENALTY }, &chunks, &counter);
    let plain = [(0, 100.0), (10_000, 110.0), (20_000, 120.0), (41_000, 22.0), (51_000, 32.0)];
    check(PENALTY, &chunks, &plain);
    check(ReadOptions { reading: Reading::Resets, ..PENALTY }, &chunks, &plain);
}

#[test]
fn the_function_chooses_the_aggregate() {
    let windows = [[2.0, 6.0, 1.0, 5.0], [4.0, 2.0, -1.0, 3.0]];
    let chunks = downsampled(&windows, &[(1, 1.0), (10, 5.0), (20, 8.0), (20, 3.0)]);
    for dedup in [None, Some(DedupFunc::Penalty), Some(DedupFunc::Chain)] {
        let options = |reading| ReadOptions { dedup, reading, ..JOIN };
        check(options(Reading::Average), &chunks, &[(10, 3.0), (20, 0.5)]);
        check(options(Reading::Count), &chunks, &[(10, 2.0), (20, 4.0)]);
        check(options(Reading::Sum), &chunks, &[(10, 6.0), (20, 2.0)]);
        check(options(Reading::Min), &chunks, &[(10, 1.0), (20, -1.0)]);
        check(options(Reading::Max), &chunks, &[(10, 5.0), (20, 3.0)]);
        check(options(Reading::Counter), &chunks, &[(1, 1.0), (10, 5.0), (20, 8.0)]);
        check(options(Reading::Resets), &chunks, &[(1, 1.0), (10, 5.0), (20, 8.0)]);
    }
}

#[test]
fn raw_and_downsampled_chunks_follow_each_other() {
    let mut chunks = vec![raw(&[(-9, 4.0), (-5, 9.0)])];
    chunks.extend(downsampled(&[[2.0, 6.0, 1.0, 5.0]], &[(1, 1.0), (10, 5.0), (10, 3.0)]));
    chunks.push(raw(&[(11, 4.0), (12, 2.0)]));
    for dedup in [None, Some(DedupFunc::Penalty), Some(DedupFunc::Chain)] {
        let options = |reading| ReadOptions { dedup, reading, ..JOIN };
        check(options(Reading::Average), &chunks, &[(-9, 4.0), (-5, 9.0), (10, 3.0), (11, 4.0), (12, 2.0)]);
        let counter = [(-9, 4.0), (-5, 9.0), (1, 10.0), (10, 14.0), (11, 15.0), (12, 17.0)];
        check(options(Reading::Counter), &chunks, &counter);
    }
}

#[test]
fn the_same_chunk_of_two_replicas_is_read_once() {
    let one = downsampled(&[[2.0, 6.0, 1.0, 5.0], [1.0, 2.0, 2.0, 2.0]], &[(1, 1.0), (10, 5.0), (20, 5.0)]);
    let chunks = [one.clone(), one].concat();
    for options in [PENALTY, CHAIN, JOIN] {
        check(options, &chunks, &[(10, 3.0), (20, 2.0)]);
        check(ReadOptions { reading: Reading::Counter, ..options }, &chunks, &[(1, 1.0), (10, 5.0), (20, 5.0)]);
    }
}

#[test]
fn more_replicas_than_are_kept() {
    let chunks: Vec<_> = (0..100).map(|at| raw(&[(at, at as f64), (1_000, 0.0)])).collect();
    check(PENALTY, &chunks, &[(0, 0.0), (1_000, 0.0)]);
    check(PENALTY, &two_replicas()[..1], &[(0, 1.0), (10_000, 2.0), (20_000, 3.0)]);
}

#[test]
fn histograms_are_joined_sample_by_sample() {
    let layout = HistogramLayout::default();
    let columns = |of: &[(i64, u64, ResetHint)]| {
        let mut columns = SampleColumns::default();
        for (timestamp_ms, count, hint) in of {
            let cells = [*count, 0];
            let (layout, numbers) = (&layout, Numbers::Integer);
            let histogram = HistogramRef { layout, hint: *hint, numbers, cells: &cells, sum: *count as f64 };
            columns.push_histogram(*timestamp_ms, histogram);
        }
        columns
    };
    let (unknown, not, gauge) = (ResetHint::Unknown, ResetHint::NotReset, ResetHint::Gauge);
    let mut first = columns(&[(1, 1, unknown), (2, 2, not), (5, 3, not), (6, 4, not)]);
    let second = columns(&[(2, 20, unknown), (3, 30, not), (4, 40, gauge), (7, 50, gauge)]);
    first.set_start(-1);
    let mut joined = columns(&[(9, 9, gauge)]);
    merge(&first, &second, &mut joined);
    let found: Vec<_> = joined.histograms.iter().map(|found| (found.count(), found.hint)).collect();
    // 30 came after 20, which is not there; 3 came after 2, between which there are others now.
    let want = [(1, unknown), (2, not), (30, unknown), (40, gauge), (3, unknown), (4, not), (50, gauge)];
    assert_eq!(found, want);
    assert_eq!(joined.timestamps_ms, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((joined.start_ms(5), joined.start_ms(6)), (-1, 0));
    let mut floats = SampleColumns::default();
    floats.push(0, 0.5);
    floats.push(6, 6.5);
    merge(&floats, &first, &mut joined);
    assert_eq!(joined.histogram_at, [1, 2, 3]);
    assert_eq!(samples(&joined).collect::<Vec<_>>(), [(0, 0.5), (1, 1.0), (2, 2.0), (5, 3.0), (6, 6.5)]);
}

#[test]
fn what_is_missing_or_does_not_fit_is_named() {
    let all = downsampled(&[[2.0, 6.0, 1.0, 5.0]], &[(1, 1.0), (10, 5.0)]);
    let mut columns = SampleColumns::default();
    let missing = ReadError::Missing { min_ms: 1, max_ms: 10, aggregate: Aggregate::Sum };
    assert_eq!(read(&all[..1], &PENALTY, &mut columns), Err(missing));

    let sum = Chunk { min_ms: 1, max_ms: 10, ..chunk(Aggregate::Sum, &[(9, 1.0)]) };
    let misplaced = ReadError::Chunk(ChunkError::NotAligned { sample: 0 });
    assert_eq!(read(&[all[0].clone(), sum], &JOIN, &mut columns), Err(misplaced));

    // One whole count of 3, with the layout of no buckets.
    let one = [0, 1, 0, 0, 0b0000_1001, 0b1000_0000, 0, 0, 0, 0, 0, 0, 0, 0];
    let histograms = Chunk { encoding: Encoding::Histogram, data: one.to_vec().into(), ..all[4].clone() };
    let unsupported = ReadError::Histograms { min_ms: 1, max_ms: 10, encoding: Encoding::Histogram };
    let options = ReadOptions { reading: Reading::Counter, ..PENALTY };
    assert_eq!(read(&[histograms], &options, &mut columns), Err(unsupported));
}

/// A histogram with that many observations and no buckets.
fn push(columns: &mut SampleColumns, timestamp_ms: i64, count: u64, hint: ResetHint) {
    let layout = HistogramLayout::default();
    let histogram =
        HistogramRef { layout: &layout, hint, numbers: Numbers::Integer, cells: &[count, 0], sum: count as f64 };
    columns.push_histogram(timestamp_ms, histogram);
}

/// Chunks of histograms, by their times and counts.
fn counts(of: &[(i64, u64)], hint: ResetHint) -> Vec<Chunk> {
    let mut columns = SampleColumns::default();
    of.iter().for_each(|(timestamp_ms, count)| push(&mut columns, *timestamp_ms, *count, hint));
    encode(&columns)
}

#[track_caller]
fn check_counts(options: ReadOptions, chunks: &[Chunk], want: &[(i64, u64, ResetHint)]) {
    for _ in 0..2 {
        let mut columns = SampleColumns::default();
        assert_eq!(read(chunks, &options, &mut columns), Ok(()));
        let found =
            |at: usize| columns.histogram(at).map(|found| (columns.timestamps_ms[at], found.count(), found.hint));
        let found: Vec<_> = (0..columns.len()).filter_map(found).collect();
        assert_eq!(found, want, "{options:?}");
    }
}

const UNKNOWN: ResetHint = ResetHint::Unknown;
const NOT: ResetHint = ResetHint::NotReset;
const GAUGE: ResetHint = ResetHint::Gauge;

#[test]
fn histograms_come_with_what_their_chunk_knows() {
    let chunks = [counts(&[(1, 1), (2, 2), (3, 1)], UNKNOWN), counts(&[(4, 5), (5, 4)], GAUGE)].concat();
    let want = [(1, 1, UNKNOWN), (2, 2, NOT), (3, 1, UNKNOWN), (4, 5, GAUGE), (5, 4, GAUGE)];
    for options in [PENALTY, CHAIN, JOIN] {
        check_counts(options, &chunks, &want);
        check_counts(ReadOptions { reading: Reading::Counter, ..options }, &chunks, &want);
    }
}

#[test]
fn histograms_of_replicas_are_made_one() {
    let first = counts(&[(0, 100), (10_000, 110), (20_000, 120)], UNKNOWN);
    let second = counts(&[(1_000, 90), (11_000, 100), (31_000, 112), (41_000, 122), (51_000, 132)], UNKNOWN);
    let chunks = [first, second].concat();
    // Where the other replica is gone over to, what its histogram knows of the one before it means nothing.
    let followed =
        [(0, 100, UNKNOWN), (10_000, 110, NOT), (20_000, 120, NOT), (41_000, 122, UNKNOWN), (51_000, 132, NOT)];
    check_counts(PENALTY, &chunks, &followed);
    check_counts(ReadOptions { reading: Reading::Counter, ..PENALTY }, &chunks, &followed);
    let all = [
        (0, 100, UNKNOWN),
        (1_000, 90, UNKNOWN),
        (10_000, 110, UNKNOWN),
        (11_000, 100, UNKNOWN),
        (20_000, 120, UNKNOWN),
        (31_000, 112, UNKNOWN),
        (41_000, 122, NOT),
        (51_000, 132, NOT),
    ];
    check_counts(CHAIN, &chunks, &all);
    check_counts(JOIN, &chunks, &all);
    let range = TimeRange::new(10_000, 45_000).unwrap();
    let clipped = [(10_000, 110, UNKNOWN), (20_000, 120, NOT), (41_000, 122, UNKNOWN)];
    check_counts(ReadOptions { range, ..PENALTY }, &chunks, &clipped);
}

#[test]
fn floats_and_histograms_of_one_series() {
    let floats = |value: f64| raw(&[(0, value), (10_000, value + 1.0)]);
    let histograms = |count| counts(&[(20_000, count), (30_000, count + 1)], UNKNOWN);
    let chunks = [vec![floats(5.0)], vec![floats(7.0)], histograms(3), histograms(4)].concat();
    for reading in [Reading::Average, Reading::Counter] {
        let mut columns = SampleColumns::default();
        assert_eq!(read(&chunks, &ReadOptions { reading, ..PENALTY }, &mut columns), Ok(()));
        let want = [(0, 5.0), (10_000, 6.0), (20_000, 3.0), (30_000, 4.0)];
        assert_eq!(samples(&columns).collect::<Vec<_>>(), want);
        assert_eq!(columns.histogram_at, [2, 3]);
    }
}
