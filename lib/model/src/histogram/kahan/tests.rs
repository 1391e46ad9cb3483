use crate::histogram::fixture::{histogram, text};
use crate::{FloatHistogram, HistogramMean, KahanHistogram};

fn sum(terms: &[&str]) -> FloatHistogram {
    let mut sum = KahanHistogram::default();
    sum.assign(histogram(terms[0]).as_ref());
    for term in &terms[1..] {
        sum.add(histogram(term).as_ref()).unwrap();
    }
    sum.total()
}

fn mean(terms: &[&str]) -> FloatHistogram {
    let mut mean = HistogramMean::default();
    mean.assign(histogram(terms[0]).as_ref());
    for term in &terms[1..] {
        mean.add(histogram(term).as_ref()).unwrap();
    }
    assert_eq!(mean.count(), terms.len() as f64);
    mean.mean()
}

#[track_caller]
fn check(got: FloatHistogram, want: &str) {
    assert_eq!(text(&got), want);
}

#[test]
fn nothing_is_lost_beside_large_numbers() {
    let (large, small, back) = ("c1e17 x1e17 z1e17 p1:1e17", "c1 x1 z1 p1:1", "c-1e17 x-1e17 z-1e17 p1:-1e17");
    check(sum(&[large, small, small, back]), "s0 c2 x2 z2 p1:2");
    // The same where layouts differ, schemas, zero buckets and custom bounds.
    check(sum(&[large, small, "c1 x1 z1 p1:1 4:3", back]), "s0 c2 x2 z2 p1:2 4:3");
    check(sum(&["s1 c1e17 x1e17 p1:1e17,0", "s1 c1 x1 p2:1", small, back]), "s0 c2 x2 z-100000000000000000 p1:2");
    check(
        sum(&["b1,2 c1e17 x1e17 p1:1e17", "b2,3 c1 x1 p0:1", "b2 c-1e17 p0:-1e17"]),
        "b2 c1 x100000000000000000 p0:1",
    );
}

#[test]
fn one_term_is_its_own_sum_and_mean() {
    let one = "b1,2 c3 x1.5 p0:1 2:2 hreset";
    check(sum(&[one]), one);
    check(mean(&[one]), one);
}

#[test]
fn means() {
    check(mean(&["c3 x1 p0:3", "c5 x2 p0:4 2:1", "c1 x0 p2:1"]), "s0 c3 x1 p0:2.3333333333333335 2:0.6666666666666666");
    // The sum is beyond all numbers, the mean is not; its count is that of the sum so far, halved, with the others added.
    let huge = "c1 x1.5e308 p0:1";
    let mean = mean(&[huge, huge, "c4 x-1.5e308 p0:1 3:3"]);
    assert!((mean.sum() / 0.5e308 - 1.0).abs() < 1e-15 && mean.count() == 2.0, "{mean}");
    check_sum_overflows(huge);
}

#[track_caller]
fn check_sum_overflows(huge: &str) {
    let sum = sum(&[huge, huge]);
    assert!(sum.as_ref().has_overflow() && sum.sum() == f64::INFINITY);
}

#[test]
fn a_term_that_does_not_fit_changes_nothing() {
    let mut sum = KahanHistogram::new(histogram("c3 x1 p0:3 hkept"));
    sum.add(histogram("b1 c3 x1 p0:3 hreset").as_ref()).unwrap_err();
    check(sum.total(), "s0 c3 x1 p0:3 hkept");
}
