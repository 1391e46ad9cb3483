use crate::{CUSTOM_BUCKETS_SCHEMA, HistogramLayout, HistogramRef, Numbers, ResetHint, Span};

fn span(offset: i32, length: u32) -> Span {
    Span { offset, length }
}

#[track_caller]
fn check(layout: Result<HistogramLayout, crate::TooManyBuckets>, numbers: Numbers, cells: &[u64], want: &str) {
    let layout = layout.expect("few buckets");
    let histogram = HistogramRef { layout: &layout, hint: ResetHint::Unknown, numbers, cells, sum: -1.5e9 };
    assert_eq!(histogram.to_string(), want);
}

#[test]
fn buckets_from_the_lowest_on() {
    check(
        HistogramLayout::new(0, 0.001, vec![span(0, 2), span(1, 1)], vec![span(0, 2)], Vec::new()),
        Numbers::Integer,
        &[15, 1, 2, 0, 4, 3, 5],
        "{count:15, sum:-1.5e+09, [-2,-1):5, [-1,-0.5):3, [-0.001,0.001]:1, (0.5,1]:2, (4,8]:4}",
    );
}

#[test]
fn listed_bounds_begin_and_end_at_infinity() {
    check(
        HistogramLayout::new(CUSTOM_BUCKETS_SCHEMA, 0.0, vec![span(0, 3)], Vec::new(), vec![0.5, 2.0]),
        Numbers::Float,
        &[6_f64.to_bits(), 0, 0.25_f64.to_bits(), 2_f64.to_bits(), 3e6_f64.to_bits()],
        "{count:6, sum:-1.5e+09, [-Inf,0.5]:0.25, (0.5,2]:2, (2,+Inf]:3e+06}",
    );
}

#[test]
fn nothing_but_a_count() {
    check(
        HistogramLayout::new(3, 0.0, Vec::new(), Vec::new(), Vec::new()),
        Numbers::Integer,
        &[0, 0],
        "{count:0, sum:-1.5e+09}",
    );
}
