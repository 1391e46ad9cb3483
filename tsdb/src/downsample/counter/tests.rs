use super::CounterResets;
use model::{STALE_NAN, SampleColumns};

fn columns(samples: &[(i64, f64)]) -> SampleColumns {
    let mut columns = SampleColumns::default();
    samples.iter().for_each(|&(timestamp_ms, value)| columns.push(timestamp_ms, value));
    columns
}

#[track_caller]
fn check(chunks: &[&[(i64, f64)]], want: &[(i64, f64)]) {
    let (mut resets, mut out) = (CounterResets::default(), SampleColumns::default());
    chunks.iter().for_each(|chunk| resets.apply(&columns(chunk), &mut out));
    assert_eq!(out, columns(want));
}

#[test]
fn a_fall_adds_the_value_it_fell_to() {
    check(&[], &[]);
    check(&[&[(1, 5.0), (2, 7.0), (3, 1.0), (4, 1.0)]], &[(1, 5.0), (2, 7.0), (3, 8.0), (4, 8.0)]);
    check(&[&[(1, 5.0), (2, 7.0)], &[(3, 1.0)]], &[(1, 5.0), (2, 7.0), (3, 8.0)]);
}

#[test]
fn the_last_value_twice_tells_what_it_really_was() {
    check(&[&[(1, 5.0), (2, 7.0), (2, 3.0)], &[(3, 4.0)]], &[(1, 5.0), (2, 7.0), (3, 8.0)]);
    check(&[&[(1, 5.0), (2, 7.0), (2, 3.0)], &[(3, 2.0)]], &[(1, 5.0), (2, 7.0), (3, 9.0)]);
}

#[test]
fn what_comes_twice_or_is_no_number_is_left_out() {
    check(
        &[&[(i64::MIN, 1.0), (1, 5.0), (9, 7.0)], &[(4, 6.0), (9, 7.0), (12, 8.0)]],
        &[(i64::MIN, 1.0), (1, 5.0), (9, 7.0), (12, 8.0)],
    );
    check(&[&[(1, f64::NAN), (2, 7.0), (3, STALE_NAN), (4, 8.0)], &[(5, STALE_NAN)]], &[(2, 7.0), (4, 8.0)]);
}
