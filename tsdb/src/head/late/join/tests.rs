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
