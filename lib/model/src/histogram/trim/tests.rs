use crate::FloatHistogram;
use crate::histogram::fixture::{histogram, text};

#[track_caller]
fn check(trim: impl FnOnce(&mut FloatHistogram, f64), one: &str, bound: f64, want: &str) {
    let mut trimmed = histogram(one);
    trim(&mut trimmed, bound);
    assert_eq!(text(&trimmed), want, "{one} at {bound}");
}

#[test]
fn what_lies_below() {
    let check = |one, bound, want| check(FloatHistogram::trim_upper, one, bound, want);
    check("s-1 c8 x20 z1 p1:3 2:4", 100.0, "s-1 c8 x20 z1 p1:3 2:4");
    check("s-1 c8 x20 z1 p1:3,4", 4.0, "s-1 c4 x6 z1 p1:3");
    check("s-1 c8 x20 z1 p1:3,4", 8.0, "s-1 c6 x17.31370849898476 z1 p1:3,2");
    check("s-1 c7 x20 n1:3,4", -2.0, "s-1 c5.5 x-36.242640687119284 n1:1.5,4");
    check("s0 c4 x1 z4@1 n2:0", -0.5, "s0 c1 x-0.75 z1@1");
    check("s0 c5 x1 z4@1 p2:1", 0.5, "s0 c2 x0.5 z2@1");
    check("b0,2 c9 x9 p0:1,4,4", 1.0, "b0,2 c3 x1 p0:1,2");
    check("b4 c9 x9 p0:8,1", 1.0, "b4 c2 x1 p0:2");
    check("b-4 c9 x9 p0:8,1", -5.0, "b-4 c8 x-40 p0:8");
}

#[test]
fn what_lies_above() {
    let check = |one, bound, want| check(FloatHistogram::trim_lower, one, bound, want);
    check("s-1 c8 x20 z1 p1:3,4", -1.0, "s-1 c8 x20 z1 p1:3,4");
    check("s-1 c8 x20 z1 p1:3,4", 4.0, "s-1 c4 x32 p2:4");
    check("s-1 c8 x20 z1 p1:3,4", 2.0, "s-1 c5.5 x36.242640687119284 p1:1.5,4");
    check("s0 c4 x1 z4@1", -0.5, "s0 c3 x0.75 z3@1");
    check("b0,2 c9 x9 p0:1,4,4", 1.0, "b0,2 c6 x11 p1:2,4");
    check("b4 c9 x9 p0:8,1", 1.0, "b4 c7 x19 p0:6,1");
    check("b4 c9 x9 p0:8,1", 5.0, "b4 c1 x5 p1:1");
    check("b4 c9 x9 p0:8,1", f64::NAN, "b4 c0 x0");
}
