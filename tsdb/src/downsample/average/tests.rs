use super::average;
use crate::chunk::ChunkError;
use model::SampleColumns;

fn columns(samples: &[(i64, f64)]) -> SampleColumns {
    let mut columns = SampleColumns::default();
    samples.iter().for_each(|&(timestamp_ms, value)| columns.push(timestamp_ms, value));
    columns
}

#[track_caller]
fn check(count: &[(i64, f64)], sum: &[(i64, f64)], want: Result<&[(i64, f64)], usize>) {
    let mut out = columns(&[(0, 0.5)]);
    let done = average(&columns(count), &columns(sum), &mut out);
    assert_eq!(done, want.map(|_| ()).map_err(|sample| ChunkError::NotAligned { sample }));
    assert_eq!(out, columns(&[&[(0, 0.5)], want.unwrap_or_default()].concat()));
}

#[test]
fn sums_by_counts() {
    check(&[], &[], Ok(&[]));
    check(&[(1, 2.0), (2, 4.0)], &[(1, 3.0), (2, -1.0)], Ok(&[(1, 1.5), (2, -0.25)]));
}

#[test]
fn windows_must_be_the_same() {
    check(&[(1, 2.0), (2, 4.0)], &[(1, 3.0), (3, 1.0)], Err(1));
    check(&[(1, 2.0), (2, 4.0)], &[(1, 3.0)], Err(1));
    check(&[], &[(1, 3.0)], Err(0));
}
