use crate::histogram::fixture::histogram;

/// Whether the counter began anew between the two.
#[track_caller]
fn check(previous: &str, now: &str, want: bool) {
    let (previous, now) = (histogram(previous), histogram(now));
    assert_eq!(now.as_ref().detect_reset(&previous.as_ref()), want);
}

#[test]
fn the_hint_comes_first() {
    check("c9 p0:9", "c10 p0:10 hreset", true);
    check("c9 p0:9", "c1 p0:1 hkept", false);
    check("c9 p0:9", "c1 p0:1", true);
    check("c9 p0:9", "c1 p0:1 hgauge", true);
}

#[test]
fn a_bucket_that_lost_observations() {
    check("c9 z1 p0:4,4 n0:1", "c9 z1 p0:4,4 n0:1", false);
    check("c9 z1 p0:4,4", "c10 z0 p0:5,5", true);
    check("c9 p0:4,5", "c10 p0:3,7", true);
    check("c9 n0:4,5", "c10 n0:5,4 3:1", true);
    check("c9 p0:4 3:5", "c10 p0:5 2:1 3:5", false);
    check("c9 p0:4 3:5", "c10 p0:5 2:5", true);
    check("c9 p0:4 3:0", "c10 p0:5", false);
    check("c9 p3:4", "c10 n3:4", true);
    // Prometheus looks at the first bucket beyond the last alone.
    check("c9 p0:4,0,5", "c10 p0:9", false);
    check("c9 p0:4,1,5", "c10 p0:9", true);
}

#[test]
fn coarser_is_no_reset_and_finer_is_one() {
    check("s1 c9 p1:4,5", "s0 c9 p1:9", false);
    check("s1 c9 p1:4,5", "s0 c9 p1:8", true);
    check("s0 c9 p1:9", "s1 c9 p1:9", true);
    check("b1 c9 p0:9", "s0 c9 p0:9", true);
    check("s0 c9 p0:9", "b1 c9 p0:9", true);
}

#[test]
fn a_zero_bucket_may_widen() {
    check("c9 z1@0.5 p0:4 1:4", "c9 z5@1 p1:4", false);
    check("c9 z1@0.5 p0:4 1:4", "c9 z4@1 p1:5", true);
    check("c9 z1@0.5 p0:4 1:4", "c9 z5@0.75 p1:4", true);
    check("c9 z1@0.5 p1:8", "c9 z1@0.25 p1:8", true);
    check("c9 z9@1 p0:1", "c10 z10@1 p0:0", false);
}

#[test]
fn custom_buckets_are_compared_where_bounds_agree() {
    check("b1,2 c9 p0:3,3,3", "b1,2 c9 p0:3,3,3", false);
    check("b1,2 c9 p0:3,3,3", "b1,2 c9 p0:3,2,4", true);
    check("b1,2,3 c9 p0:3,3,3", "b1,3 c9 p0:3,6", false);
    check("b1,2,3 c9 p0:3,3,3", "b1,3 c9 p0:2,7", true);
    check("b1,2 c9 p0:3,3,3", "b3 c9 p0:9", false);
}
