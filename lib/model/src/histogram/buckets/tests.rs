use crate::histogram::fixture::histogram;
use crate::{Bucket, CUSTOM_BUCKETS_SCHEMA};

/// The buckets from the lowest on, as text; backwards they are the same.
#[track_caller]
fn check(one: &str, want: &[&str]) {
    let one = histogram(one);
    let text = |bucket: Bucket| {
        let open = if bucket.lower_inclusive { '[' } else { '(' };
        let close = if bucket.upper_inclusive { ']' } else { ')' };
        format!("{open}{},{}{close}:{} #{}", bucket.lower, bucket.upper, bucket.count, bucket.boundary_code())
    };
    let forward: Vec<_> = one.as_ref().buckets().map(text).collect();
    assert_eq!(forward, want);
    let mut backward: Vec<_> = one.as_ref().buckets().rev().map(text).collect();
    backward.reverse();
    assert_eq!(backward, want, "backwards");
}

#[test]
fn from_the_lowest_to_the_highest() {
    let all =
        ["[-8,-4):2 #1", "[-1,-0.5):1 #1", "[-0.001,0.001]:3 #3", "(0.25,0.5]:4 #0", "(0.5,1]:0 #0", "(2,4]:5 #0"];
    check("s0 z3@0.001 p-1:4,0 2:5 n0:1 3:2", &all);
    check("s0 z0@0.001 p-1:4 n0:", &["(0.25,0.5]:4 #0"]);
    check("", &[]);
}

#[test]
fn neighbours_begin_where_the_zero_bucket_ends() {
    check("s0 z1@0.75 p0:1 n0:1", &["[-1,-0.75):1 #1", "[-0.75,0.75]:1 #3", "(0.75,1]:1 #0"]);
}

#[test]
fn custom_buckets_are_closed_above() {
    check("b0,2 p0:1,2,3", &["[-inf,0]:1 #3", "(0,2]:2 #0", "(2,inf]:3 #0"]);
}

#[test]
fn spans_that_nobody_means_have_buckets_as_well() {
    let spans = |spans: &[(i32, u32)]| spans.iter().map(|&(offset, length)| crate::Span { offset, length }).collect();
    for schema in [i32::MIN, CUSTOM_BUCKETS_SCHEMA, -4, 0, 8, 9, 52, 53, i32::MAX] {
        let positive = spans(&[(i32::MAX, 2), (i32::MAX, 1), (i32::MIN, 0), (-9, 2)]);
        let negative = spans(&[(i32::MIN, 3), (0, 0)]);
        let layout = crate::HistogramLayout::new(schema, f64::NAN, positive, negative, vec![1.0]).unwrap();
        let view = crate::HistogramRef {
            layout: &layout,
            hint: crate::ResetHint::Unknown,
            numbers: crate::Numbers::Integer,
            cells: &[9, 1, 1, 2, 3, 4, 5, 6, 7, 8],
            sum: 1.0,
        };
        let (forward, backward) = (view.buckets().count(), view.buckets().rev().count());
        assert_eq!(forward, backward);
        assert_eq!(forward, if schema == CUSTOM_BUCKETS_SCHEMA { 5 } else { 9 });
    }
}

#[test]
fn how_much_lies_below() {
    let check = |lower, upper, value, is_linear, want: f64| {
        let bucket = Bucket { lower, upper, lower_inclusive: false, upper_inclusive: true, count: 1.0, index: 0 };
        assert_eq!(bucket.fraction_below(value, is_linear), want);
    };
    check(1.0, 4.0, 2.0, false, 0.5);
    check(1.0, 4.0, 2.5, true, 0.5);
    check(-4.0, -1.0, -2.0, false, 0.5);
    check(2.0, 4.0, 3.0, false, 0.584_962_500_721_156_3);
}
