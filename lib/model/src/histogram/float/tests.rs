use crate::histogram::fixture::{histogram, text};
use crate::{FloatHistogram, IncompatibleBuckets};

/// What comes of an operation on two histograms, as text; behind it what was said of it.
#[track_caller]
fn check_add(one: &str, other: &str, want: &str) {
    let mut sum = histogram(one);
    let added = sum.add(histogram(other).as_ref()).unwrap();
    let said = [(added.reset_collision, " !collision"), (added.bounds_reconciled, " !reconciled")];
    let said: String = said.into_iter().filter(|(is_so, _)| *is_so).map(|(_, what)| what).collect();
    assert_eq!(text(&sum) + &said, want, "{one} + {other}");
}

#[track_caller]
fn check_sub(one: &str, other: &str, want: &str) {
    let mut difference = histogram(one);
    difference.sub(histogram(other).as_ref()).unwrap();
    assert_eq!(text(&difference), want, "{one} - {other}");
}

#[track_caller]
fn check(of: impl FnOnce(&mut FloatHistogram), one: &str, want: &str) {
    let mut changed = histogram(one);
    of(&mut changed);
    assert_eq!(text(&changed), want, "{one}");
}

#[test]
fn buckets_of_both_are_in_the_sum() {
    check_add("s0 c3 x1 z1 p0:1,1", "s0 c30 x10 z10 p0:10,10", "s0 c33 x11 z11 p0:11,11");
    check_add("s0 c3 x1 p0:1,1,1", "s0 c10 x2 p1:10", "s0 c13 x3 p0:1,11,1");
    check_add("s0 c2 x1 p0:1 4:1", "s0 c10 x2 p2:10", "s0 c12 x3 p0:1 2:10 4:1");
    check_add("s0 c2 x1 p0:1 4:1", "s0 c10 x2 p1:10 3:5", "s0 c12 x3 p0:1,10 3:5,1");
    check_add("s0 c2 x1 p0:1 2:1", "s0 c10 x2 p1:10", "s0 c12 x3 p0:1,10 2:1");
    check_add("s0 c2 x1 p5:1", "s0 c10 x2 p4:10 7:1,2", "s0 c12 x3 p4:10,1 7:1,2");
    check_add("s0 c0 x0", "s0 c10 x2 n-4:10,1", "s0 c10 x2 n-4:10,1");
    check_add("s0 c3 x1 p0:1 n3:2", "s0 c3 x-1 p-7:2 n3:1", "s0 c6 x0 p-7:2 0:1 n3:3");
}

#[test]
fn a_difference_goes_below_zero() {
    check_sub("s0 c3 x1 z1 p0:1,1", "s0 c30 x10 z10 p0:10,10", "s0 c-27 x-9 z-9 p0:-9,-9");
    check_sub("s0 c3 x1 p0:1,1", "s0 c30 x10 p1:10,10", "s0 c-27 x-9 p0:1,-9,-10");
}

#[test]
fn the_coarser_schema_is_that_of_the_sum() {
    check_add("s1 c6 x1 p-1:1,2,3", "s0 c1 x1 p1:1", "s0 c7 x2 p0:3,4");
    check_add("s0 c1 x1 p1:1", "s1 c6 x1 p-1:1,2,3", "s0 c7 x2 p0:3,4");
}

#[test]
fn zero_buckets_become_one() {
    check_add("s0 c2 x1 z1@0.5 p1:1", "s0 c2 x1 z1@0.25 p-1:1 1:1", "s0 c4 x2 z3@0.5 p1:2");
    // The end of the wider one lies within a populated bucket of the other.
    check_add("s0 c2 x1 z1@0.6 p1:1", "s0 c2 x1 z1 p0:1 1:2", "s0 c4 x2 z3@1 p1:3");
    check_add("s0 c2 x1 z1 n0:1,2", "s0 c2 x1 z1@0.6 p1:1", "s0 c4 x2 z3@1 p1:1 n1:2");
}

#[test]
fn buckets_within_the_other_zero_bucket_are_not_added() {
    check_add("s0 c2 x1 z1@1 p0:1,1", "s0 c2 x1 z1@1 p0:1,1", "s0 c4 x2 z2@1 p0:1,2");
}

#[test]
fn custom_bounds_of_both_remain() {
    check_add("b1,2 c3 x1 p0:1,1,1", "b1,2 c3 x1 p2:3", "b1,2 c6 x2 p0:1,1,4");
    check_add("b1,2,3 c4 x1 p0:1,1,1,1", "b2,3,4 c4 x1 p0:1,1,1,1", "b2,3 c8 x2 p0:3,2,3 !reconciled");
    check_add("b1 c4 x1 p0:1,1", "b2 c1 x1 p1:1", "b c5 x2 p0:3 !reconciled");
    check_sub("b1,2,3 c4 x1 p0:1,1,1,1", "b1,2 c3 x1 p0:1,1,1", "b1,2 c1 x0 p2:1");
}

#[test]
fn hints_of_both_make_one() {
    let check_hints =
        |one, other, want: &str| check_add(&format!("c1{one}"), &format!("c1{other}"), &format!("s0 c2 x0{want}"));
    check_hints(" hreset", " hreset", " hreset");
    check_hints(" hreset", " hkept", " !collision");
    check_hints(" hkept", "", "");
    check_hints("", " hreset", "");
    check_hints(" hkept", " hgauge", " hgauge");
    check_hints(" hgauge", " hreset", " hgauge");
}

#[test]
fn exponential_and_custom_buckets_do_not_mix() {
    let (mut one, other) = (histogram("s0 c1 p0:1"), histogram("b1 c1 p0:1"));
    assert_eq!(one.add(other.as_ref()), Err(IncompatibleBuckets::Mixed));
    assert_eq!(text(&one), "s0 c1 x0 p0:1");
}

#[test]
fn too_many_buckets_are_refused() {
    let counts = |from: i32| format!("s0 p{from}:{}", vec!["1"; 40_000].join(","));
    let (mut one, other) = (histogram(&counts(0)), histogram(&counts(50_000)));
    let before = text(&one);
    assert!(matches!(one.add(other.as_ref()), Err(IncompatibleBuckets::TooMany(_))));
    assert_eq!(text(&one), before);
}

#[test]
fn scaled() {
    check(|one| one.scale(2.0), "s0 c3 x1 z1 p0:1,1 hreset", "s0 c6 x2 z2 p0:2,2 hreset");
    check(|one| one.scale(-1.0), "s0 c3 x1 z1 p0:1,1", "s0 c-3 x-1 z-1 p0:-1,-1 hgauge");
    check(|one| one.divide(2.0), "s0 c3 x1 z1 n0:1,1 hreset", "s0 c1.5 x0.5 z0.5 n0:0.5,0.5 hreset");
    check(|one| one.divide(-2.0), "s0 c3 x1 p0:1", "s0 c-1.5 x-0.5 p0:-0.5 hgauge");
    check(|one| one.divide(0.0), "s0 c3 x-1 z1@1 p0:1 n0:1", "s0 cinf x-inf zinf@1");
}

#[test]
fn empty_buckets_go() {
    let check = |max_empty, one, want| check(|one| one.compact(max_empty), one, want);
    check(0, "c3 p0:1,1 n0:1", "s0 c3 x0 p0:1,1 n0:1");
    check(0, "c3 p0:0,1,0,0,1,0", "s0 c3 x0 p1:1 4:1");
    check(0, "c3 p0:0 3:0,1,0 6:0,1 n2:0,0", "s0 c3 x0 p4:1 7:1");
    check(0, "c3 p0:1 1:1 2: 2:1", "s0 c3 x0 p0:1,1,1");
    check(0, "c3 p0:0,-0,0", "s0 c3 x0");
    check(0, "c3 p0:NaN,0,-1", "s0 c3 x0 p0:NaN 2:-1");
    check(2, "c3 p0:0,1,0,0,1,0,0,0,1,0", "s0 c3 x0 p1:1,0,0,1 8:1");
    check(2, "c3 p0:1 3:1 6:1 9:1,2 14:1", "s0 c3 x0 p0:1,0,0,1,0,0,1,0,0,1,2 14:1");
    check(usize::MAX, "c3 p0:1 3:1 n-9:1 9:2", "s0 c3 x0 p0:1,0,0,1 n-9:1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2");
    // As many as all that would be nobody could hold.
    check(usize::MAX, "c3 p0:1 2000000000:1", "s0 c3 x0 p0:1 2000000000:1");
}

#[test]
fn coarser_buckets() {
    let check = |schema, one, want| check(|one| one.reduce_to(schema).unwrap(), one, want);
    check(0, "s0 c3 p0:1", "s0 c3 x0 p0:1");
    check(0, "s1 c6 z1@0.1 p-1:1,2,3 n4:1", "s0 c6 x0 z1@0.1 p0:3,3 n2:1");
    check(-4, "s8 c6 p-100:1 100:2", "s-4 c6 x0 p0:1,2");
    let mut one = histogram("s0 c1 p0:1");
    assert_eq!(one.reduce_to(1).unwrap_err().to_string(), "cannot reduce resolution from schema 0 to 1");
    assert!(histogram("b1 c1").reduce_to(0).is_err() && one.reduce_to(-53).is_err());
}

#[test]
fn size_and_overflow() {
    let check = |one: &str, samples: usize, has_overflow: bool| {
        let one = histogram(one);
        assert_eq!((one.as_ref().size_samples(), one.as_ref().has_overflow()), (samples, has_overflow));
    };
    check("c1", 11, false);
    check("c1 p0:1,2 5:3 n0:1", 14, false);
    check("b1,2,3 c1 p0:1,2,3,4", 15, false);
    check("c1 p0:1,inf", 12, true);
    check("c1 x-inf", 11, true);
    check("cinf", 11, true);
    check("c1 xNaN p0:NaN", 12, false);
}

#[test]
fn same_data() {
    let check = |one: &str, other: &str, is_same| {
        assert_eq!(histogram(one).as_ref().is_same(&histogram(other).as_ref()), is_same, "{one} and {other}");
    };
    check("c1 xNaN p0:1 hgauge", "c1 xNaN p0:1", true);
    check("c1 p0:1 3:1", "c1 p0:1 2: 3: 3:1 9:", true);
    check("c1 p0:1,1", "c1 p0:1 1:1", false);
    check("c1 p0:1,0", "c1 p0:1", false);
    check("c1 p0:0", "c1 p0:-0", false);
    check("c1 z0@0.5", "c1 z0@0.25", false);
    check("c1 z0@0", "c1 z0@-0", true);
    check("b1,2 c1", "b1,3 c1", false);
    check("b0,2 c1", "b-0,2 c1", true);
}
