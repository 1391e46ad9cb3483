use super::{Bucket, quantile};

/// The quantile of buckets `bound:count …`, and how far they had to be repaired.
#[track_caller]
fn check(q: f64, buckets: &str, want: f64, want_repair: Option<(f64, f64, f64)>) {
    let bucket = |text: &str| {
        let (bound, count) = text.split_once(':').unwrap();
        Bucket { bound: bound.parse().unwrap(), count: count.parse().unwrap() }
    };
    let mut buckets: Vec<Bucket> = buckets.split_whitespace().map(bucket).collect();
    let (got, repair) = quantile(q, &mut buckets);
    assert!(got == want || got.is_nan() && want.is_nan(), "{got}, want {want}");
    assert_eq!(repair.map(|repair| (repair.min_bucket, repair.max_bucket, repair.max_diff)), want_repair);
}

#[test]
fn observations_are_spread_evenly_in_their_bucket() {
    check(0.5, "1:10 2:30 inf:40", 1.5, None);
    check(0.125, "1:10 2:30 inf:40", 0.5, None);
    // In any order.
    check(0.5, "inf:40 2:30 1:10", 1.5, None);
    // Of the highest bucket only the lower bound is known; of the lowest, if it is not above 0, only the upper.
    check(0.9, "1:10 2:30 inf:40", 2.0, None);
    check(0.1, "-1:10 2:30 inf:40", -1.0, None);
}

#[test]
fn some_histograms_have_no_quantile() {
    check(f64::NAN, "1:10 inf:10", f64::NAN, None);
    check(0.5, "1:10 2:20", f64::NAN, None);
    check(0.5, "inf:20", f64::NAN, None);
    check(0.5, "1:0 inf:0", f64::NAN, None);
    check(-0.1, "1:10 inf:10", f64::NEG_INFINITY, None);
    check(1.1, "1:10 inf:10", f64::INFINITY, None);
}

#[test]
fn equal_bounds_are_one_bucket() {
    check(0.5, "1:5 1:5 2:30 inf:40", 1.5, None);
}

#[test]
fn counts_are_made_to_rise() {
    check(0.5, "1:10 2:8 3:9 inf:20", 1.0, Some((2.0, 3.0, 2.0)));
    // What is so small comes from rounding, and is not told.
    check(0.5, "1:10 2:9.9999999999999 inf:20", 1.0, None);
}
