use super::join;
use crate::chunk::{decode, encode, xor::XorState};
use crate::series::{Chunk, Encoding};
use model::{HistogramLayout, HistogramRef, Numbers, ResetHint, SampleColumns};

fn chunk(samples: &[(i64, f64)]) -> Chunk {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    samples.iter().for_each(|&(timestamp_ms, value)| state.append(timestamp_ms, value, &mut words));
    Chunk::raw(samples[0].0, samples[samples.len() - 1].0, Encoding::Xor, state.finish(&words))
}

fn joined(chunks: &[Chunk]) -> Vec<Vec<(i64, f64)>> {
    let mut out = Vec::new();
    join(chunks, &mut out).unwrap();
    let samples = |chunk: &Chunk| {
        let mut columns = SampleColumns::default();
        decode(chunk.encoding, &chunk.data, &mut columns).unwrap();
        let samples: Vec<_> = columns.timestamps_ms.into_iter().zip(columns.values).collect();
        assert_eq!((chunk.min_ms, chunk.max_ms), (samples[0].0, samples[samples.len() - 1].0));
        samples
    };
    out.iter().map(samples).collect()
}

#[test]
fn chunks_that_do_not_overlap_are_put_in_order_and_stay() {
    let (one, two, three) = (chunk(&[(1, 1.0), (5, 1.0)]), chunk(&[(6, 2.0)]), chunk(&[(9, 3.0)]));
    let mut out = Vec::new();
    join(&[two.clone(), three.clone(), one.clone()], &mut out).unwrap();
    assert_eq!(out, [one, two, three]);
}

#[test]
fn those_that_overlap_are_one_and_the_first_of_a_time_stays() {
    let in_order = chunk(&[(10, 1.0), (20, 1.0), (30, 1.0)]);
    let late = chunk(&[(5, 2.0), (20, 2.0), (25, 2.0)]);
    let later = chunk(&[(25, 3.0), (31, 3.0)]);
    let apart = chunk(&[(32, 4.0)]);
    let want = vec![(5, 2.0), (10, 1.0), (20, 1.0), (25, 2.0), (30, 1.0), (31, 3.0)];
    assert_eq!(joined(&[in_order, late, later, apart]), [want, vec![(32, 4.0)]]);
}

#[test]
fn a_joined_chunk_is_not_too_long() {
    let samples: Vec<_> = (0..300).map(|at| (at * 2, at as f64)).collect();
    let lengths: Vec<_> = joined(&[chunk(&samples), chunk(&[(1, 0.0)])]).iter().map(Vec::len).collect();
    assert_eq!(lengths, [120, 120, 61]);
}

/// Chunks of histograms with one count each, given as (time, count); a first time below zero stands for a header that
/// tells of a reset.
fn counters(chunks: &[&[(i64, u64)]]) -> Vec<Chunk> {
    let layout = HistogramLayout::default();
    let encoded = chunks.iter().flat_map(|samples| {
        let mut columns = SampleColumns::default();
        for &(timestamp_ms, count) in *samples {
            let hint = if timestamp_ms < 0 { ResetHint::Reset } else { ResetHint::Unknown };
            let (numbers, sum, cells) = (Numbers::Integer, 1.5, &[count, count]);
            let histogram = HistogramRef { layout: &layout, hint, numbers, cells, sum };
            columns.push_histogram(timestamp_ms.abs(), histogram);
        }
        encode(&columns)
    });
    encoded.collect()
}

/// What a reader is told of each sample and the one before it: `?` nothing, `+` that no counter began anew.
fn told(chunks: &[&[(i64, u64)]]) -> String {
    let (mut out, mut columns) = (Vec::new(), SampleColumns::default());
    join(&counters(chunks), &mut out).unwrap();
    out.iter().for_each(|chunk| decode(chunk.encoding, &chunk.data, &mut columns).unwrap());
    let told = |at: usize| match columns.histogram(at).unwrap().hint {
        ResetHint::Unknown => format!("{}?", columns.timestamps_ms[at]),
        ResetHint::NotReset => format!("{}+", columns.timestamps_ms[at]),
        other => panic!("{other:?}"),
    };
    (0..columns.len()).map(told).collect::<Vec<_>>().join(" ")
}

#[test]
fn no_reset_is_denied_that_there_was() {
    // Chunks that follow each other, whatever their headers say.
    assert_eq!(told(&[&[(1, 1), (2, 2)], &[(3, 3), (4, 4)]]), "1? 2+ 3? 4+");
    assert_eq!(told(&[&[(1, 1), (2, 2)], &[(-3, 3), (4, 4)]]), "1? 2+ 3? 4+");
    // A late one between two that knew each other: what it counts decides.
    assert_eq!(told(&[&[(1, 1), (4, 4), (6, 5)], &[(3, 2)]]), "1? 3+ 4+ 6+");
    assert_eq!(told(&[&[(1, 1), (4, 4), (6, 5)], &[(3, 9)]]), "1? 3+ 4? 6+");
    assert_eq!(told(&[&[(1, 7), (4, 8), (6, 9)], &[(3, 2)]]), "1? 3? 4+ 6+");
    // A chunk told of a reset that counts do not show; late ones come before, behind and between.
    assert_eq!(told(&[&[(1, 1), (4, 2)], &[(-5, 6), (6, 7)], &[(3, 1), (7, 8)]]), "1? 3+ 4+ 5? 6+ 7+");
    assert_eq!(told(&[&[(1, 1), (3, 2)], &[(-5, 6), (6, 7)], &[(2, 1), (4, 3)]]), "1? 2+ 3+ 4+ 5? 6+");
    assert_eq!(told(&[&[(1, 1), (9, 9)], &[(-3, 2), (4, 3)], &[(-5, 4), (6, 5)]]), "1? 3? 4+ 5? 6+ 9+");
    // Of two of one time the first chunk's stays, and is known to follow.
    assert_eq!(told(&[&[(1, 1), (3, 3), (5, 5)], &[(-3, 4), (4, 5)]]), "1? 3+ 4+ 5+");
}

#[test]
fn histograms_stay_what_they_are() {
    let layout = HistogramLayout::default();
    let mut columns = SampleColumns::default();
    for (timestamp_ms, count) in [(10, 4), (30, 5)] {
        let (hint, numbers, sum) = (ResetHint::Unknown, Numbers::Integer, 1.5);
        let cells = &[count, count];
        columns.push_histogram(timestamp_ms, HistogramRef { layout: &layout, hint, numbers, cells, sum });
    }
    let mut chunks = encode(&columns);
    chunks.push(chunk(&[(20, 7.0)]));
    let (mut out, mut got) = (Vec::new(), SampleColumns::default());
    join(&chunks, &mut out).unwrap();
    out.iter().for_each(|chunk| decode(chunk.encoding, &chunk.data, &mut got).unwrap());
    assert_eq!((got.timestamps_ms.as_slice(), got.values.as_slice()), (&[10, 20, 30][..], &[1.5, 7.0, 1.5][..]));
    assert_eq!(got.histogram_at, [0, 2]);
    assert_eq!(got.histogram(2).unwrap().cells, [5, 5]);
}
