use super::{Bucket, of_classic, of_native};
use crate::histogram::fixture::histogram;

fn same(got: f64, want: f64) -> bool {
    got == want || got.is_nan() && want.is_nan()
}

/// Between two numbers of a native histogram; `want` and whether some are nowhere.
#[track_caller]
fn check(between: (f64, f64), text: &str, want: f64, want_excluded: bool) {
    let (got, excluded) = of_native(between, &histogram(text).as_ref());
    assert!(same(got, want), "{between:?} of {text}: {got}, want {want}");
    assert_eq!(excluded, want_excluded, "{between:?} of {text}");
}

/// The same of a classic one, `bound:count …`.
#[track_caller]
fn check_classic(between: (f64, f64), buckets: &str, want: f64) {
    let bucket = |text: &str| {
        let (bound, count) = text.split_once(':').unwrap();
        Bucket { bound: bound.parse().unwrap(), count: count.parse().unwrap() }
    };
    let mut buckets: Vec<Bucket> = buckets.split_whitespace().map(bucket).collect();
    let got = of_classic(between, &mut buckets);
    assert!(same(got, want), "{between:?}: {got}, want {want}");
}

const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

#[test]
fn parts_of_buckets_count_by_logarithm() {
    check((1.0, 2.0), "s-1 c8 x9 p1:4,4", 0.25, false);
    check((2.0, 8.0), "s-1 c8 x9 p1:4,4", 0.5, false);
    check((-2.0, -1.0), "s-1 c8 x-9 n1:4,4", 0.25, false);
    check((f64::NEG_INFINITY, -4.0), "s-1 c8 x-9 n1:4,4", 0.5, false);
    check(ALL, "s-1 c8 x9 p1:4,4", 1.0, false);
}

#[test]
fn parts_of_the_zero_bucket_and_of_custom_ones_count_evenly() {
    check((-0.25, 0.25), "s0 c4 x0 z4@0.5", 0.5, false);
    check((0.0, 0.25), "s0 c8 x9 z4@0.5 p1:4", 0.25, false);
    check((-0.25, 0.0), "s0 c8 x-9 z4@0.5 n1:4", 0.25, false);
    check((0.5, 1.5), "b1,2 c8 x9 p0:4,2,2", 0.375, false);
    // Where the last bucket ends nobody knows, nor where the first begins if it is below 0.
    check((2.0, 100.0), "b1,2 c8 x9 p0:4,2,2", 0.0, false);
    check((-5.0, -1.0), "b-1,2 c8 x9 p0:4,2,2", 0.0, false);
}

#[test]
fn some_fractions_are_none() {
    check((1.0, 2.0), "s0 c0 x0", f64::NAN, false);
    check((f64::NAN, 2.0), "s0 c4 x9 p1:4", f64::NAN, false);
    check((2.0, 2.0), "s0 c4 x9 p1:4", 0.0, false);
    check((2.0, 1.5), "s0 c4 x9 p1:4", 0.0, false);
    check_classic((1.0, 2.0), "1:0 inf:0", f64::NAN);
    check_classic((1.0, 2.0), "1:1 2:2", f64::NAN);
    check_classic((1.0, f64::NAN), "1:1 inf:2", f64::NAN);
    check_classic((2.0, 1.0), "1:1 inf:2", 0.0);
}

#[test]
fn observations_that_are_no_numbers_are_nowhere() {
    check(ALL, "s-1 c8 xNaN p1:4", 0.5, true);
    check((1.0, 2.0), "s-1 c8 xNaN p1:4 7:2", 0.25, true);
    check(ALL, "s-1 c4 xNaN p1:4", 1.0, false);
}

#[test]
fn classic_buckets_count_evenly() {
    check_classic((0.5, 1.5), "1:4 2:6 inf:8", 0.375);
    check_classic((f64::NEG_INFINITY, 2.0), "inf:8 2:6 1:4", 0.75);
    check_classic((2.0, 100.0), "1:4 2:6 inf:8", 0.0);
    check_classic((-5.0, 0.5), "-1:4 2:6 inf:8", 0.125);
    check_classic((0.0, 1.0), "1:1 1:3 2:6 inf:8", 0.5);
}
