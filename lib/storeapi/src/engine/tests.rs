use super::read::samples;
use super::*;
use crate::table::labels;
use bytes::Bytes;
use model::Labels;
use promql::SeriesBatch as _;
use tsdb::chunk::xor::XorState;
use tsdb::{Chunk, ChunkSeriesBatch, Encoding};

type Samples<'a> = &'a [(i64, f64)];

fn chunk(samples: Samples<'_>) -> Chunk {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    for (timestamp_ms, value) in samples {
        state.append(*timestamp_ms, *value, &mut words);
    }
    let (first, last) = (samples.first().map_or(0, |sample| sample.0), samples.last().map_or(0, |sample| sample.0));
    Chunk::raw(first, last, Encoding::Xor, state.finish(&words))
}

fn one_series(chunks: Vec<Chunk>) -> EngineBatch {
    let mut batch = ChunkSeriesBatch::default();
    batch.push(labels(&[("a", "1")]).as_ref(), chunks);
    EngineBatch::new(SeriesBatch::Chunks(batch))
}

fn check(chunks: &[Samples<'_>], expected: Samples<'_>) {
    let batch = one_series(chunks.iter().map(|samples| chunk(samples)).collect());
    let mut columns = SampleColumns::default();
    columns.push(99, 99.0);
    batch.samples(0, &mut columns).unwrap();
    assert_eq!(samples(&columns).collect::<Vec<_>>(), expected);
}

#[test]
fn chunks_one_after_another_are_one_column() {
    check(&[&[(1, 1.0), (2, 2.0)], &[(3, 3.0)]], &[(1, 1.0), (2, 2.0), (3, 3.0)]);
}

#[test]
fn overlapping_chunks_are_joined_sample_by_sample() {
    check(
        &[&[(1, 1.0), (4, 4.0)], &[(2, 2.0), (3, 3.0), (6, 6.0)], &[(5, 5.0)]],
        &[(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0), (5, 5.0), (6, 6.0)],
    );
}

#[test]
fn of_two_samples_at_one_time_the_first_stays() {
    check(&[&[(1, 1.0), (2, 2.0)], &[(2, 9.0), (3, 3.0)]], &[(1, 1.0), (2, 2.0), (3, 3.0)]);
    check(&[&[(1, 1.0), (2, 2.0)], &[(1, 1.0), (2, 2.0)]], &[(1, 1.0), (2, 2.0)]);
}

#[test]
fn a_chunk_that_cannot_be_decoded_names_its_series() {
    let broken = Chunk::raw(1, 2, Encoding::Xor, Bytes::from_static(&[0xff, 0xff, 1]));
    let error = one_series(vec![broken]).samples(0, &mut SampleColumns::default()).unwrap_err();
    assert_eq!(error.labels, r#"{a="1"}"#);
    assert!(error.fault.contains("65535"), "{}", error.fault);
}

#[test]
fn columns_pass_as_they_are() {
    let mut filled = SampleColumns::default();
    filled.push(1, 1.5);
    let mut columns = tsdb::ColumnSeriesBatch::default();
    columns.push(labels(&[("a", "1")]).as_ref(), &filled);
    let batch = EngineBatch::new(SeriesBatch::Columns(Box::new(columns)));
    let mut columns = SampleColumns::default();
    batch.samples(0, &mut columns).unwrap();
    assert_eq!((batch.len(), batch.labels(0), columns), (1, labels(&[("a", "1")]).as_ref(), filled));
}

#[test]
fn beyond_the_end_there_is_nothing() {
    let batch = one_series(Vec::new());
    let mut columns = SampleColumns::default();
    batch.samples(7, &mut columns).unwrap();
    assert!(columns.is_empty() && batch.labels(7) == Labels::empty().as_ref());
}
