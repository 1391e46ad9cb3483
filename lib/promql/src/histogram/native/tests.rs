use super::{NanEffect, function, quantile};
use crate::histogram::fixture::histogram;

#[track_caller]
fn check(q: f64, text: &str, want: f64, want_effect: Option<NanEffect>) {
    let histogram = histogram(text);
    let (got, effect) = quantile(q, &histogram.as_ref());
    assert!(got == want || got.is_nan() && want.is_nan(), "{q} of {text}: {got}, want {want}");
    assert_eq!(effect, want_effect, "{q} of {text}");
}

#[track_caller]
fn check_function(name: &str, text: &str, want: f64) {
    let got = function(name).unwrap()(&histogram(text).as_ref());
    assert!(got == want || got.is_nan() && want.is_nan(), "{name} of {text}: {got}, want {want}");
}

#[test]
fn observations_are_spread_evenly_by_their_logarithm() {
    // Halfway between 1 and 4 by that measure, between 4 and 16, and below zero.
    check(0.5, "s-1 c4 x9 p1:4", 2.0, None);
    check(0.25, "s-1 c8 x9 p1:4,4", 2.0, None);
    check(0.75, "s-1 c8 x9 p1:4,4", 8.0, None);
    check(0.5, "s-1 c4 x-9 n1:4", -2.0, None);
    check(0.25, "s-2 c4 x-9 n1:4", -8.0, None);
}

#[test]
fn observations_near_zero_are_spread_evenly() {
    check(0.25, "s0 c4 x0 z4@0.5", -0.25, None);
    // On the side on which the others are.
    check(0.25, "s0 c8 x9 z4@0.5 p1:4", 0.25, None);
    check(0.75, "s0 c8 x-9 z4@0.5 n1:4", -0.25, None);
    check(0.5, "s0 c12 x-9 z4@0.5 n1:4 p1:4", 0.0, None);
}

#[test]
fn custom_buckets_are_like_classic_ones() {
    check(0.25, "b1,2 c8 x9 p0:4,2,2", 0.5, None);
    check(0.625, "b1,2 c8 x9 p0:4,2,2", 1.5, None);
    check(0.9, "b1,2 c8 x9 p0:4,2,2", 2.0, None);
    check(0.25, "b-1,2 c8 x9 p0:4,2,2", -1.0, None);
}

#[test]
fn some_histograms_have_no_quantile() {
    check(-0.1, "s0 c4 x9 p1:4", f64::NEG_INFINITY, None);
    check(1.1, "s0 c4 x9 p1:4", f64::INFINITY, None);
    check(f64::NAN, "s0 c4 x9 p1:4", f64::NAN, None);
    check(0.5, "s0 c0 x0 p1:4", f64::NAN, None);
    check(0.5, "s0 c4 x9", 0.0, None);
}

#[test]
fn observations_that_are_no_numbers_are_above_all() {
    check(0.25, "s-1 c8 xNaN p1:4", 2.0, Some(NanEffect::Skew));
    check(0.75, "s-1 c8 xNaN p1:4", f64::NAN, Some(NanEffect::Result));
    // Infinities of both signs have no sum either, but are in buckets.
    check(0.5, "s-1 c4 xNaN p1:4", 2.0, None);
    // What 3.14 answers if there are buckets above: a place in the last one.
    check(0.25, "s-1 c8 xNaN p1:4,2", 16.0, Some(NanEffect::Skew));
}

#[test]
fn a_sum_beyond_the_count_is_cut() {
    check(1.0, "s-2 c3 x9 p1:4", 8.0, None);
    check(0.0, "s-2 c3 x9 p1:4", 2.0, None);
}

#[test]
fn numbers_of_a_histogram() {
    let text = "s0 c8 x12 z2@0.5 p2:4 n2:2";
    check_function("histogram_count", text, 8.0);
    check_function("histogram_sum", text, 12.0);
    check_function("histogram_avg", text, 1.5);
    check_function("histogram_avg", "s0 c0 x0", f64::NAN);
    // Middles are 0, the root of 8 and that below zero.
    let middle = 8_f64.sqrt();
    let squares = 2.0 * 1.5 * 1.5 + 4.0 * (middle - 1.5).powi(2) + 2.0 * (middle + 1.5).powi(2);
    check_function("histogram_stdvar", "s0 c8 x12 z2@0.5 p2:4 n2:2", squares / 8.0);
    check_function("histogram_stddev", text, (squares / 8.0).sqrt());
    check_function("histogram_stdvar", "b1,3 c6 x12 p1:6", 0.0);
    check_function("histogram_stdvar", "b1,3 c6 x6 p1:6", 1.0);
}
