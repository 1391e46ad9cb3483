use super::*;

/// Labels, time and value.
type Sample<'a> = (&'a [(&'a str, &'a str)], i64, f64);

#[track_caller]
fn check(series: &[Sample<'_>], want: &str) {
    let labels = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied()).unwrap();
    let found = series.iter().map(|(pairs, time_ms, value)| (labels(pairs), (*time_ms, *value))).collect();
    assert_eq!(String::from_utf8(text(found)).unwrap(), want);
}

#[test]
fn metrics_are_told_apart_and_their_series_in_order() {
    check(&[], "");
    check(
        &[
            (&[("__name__", "b"), ("instance", "x")], 5, 1e6),
            (&[("__name__", "a:b"), ("instance", "y"), ("z", "1")], -1, 0.5),
            (&[("__name__", "b"), ("a", "1")], 6, f64::INFINITY),
            (&[("instance", "nameless")], 7, 1.0),
        ],
        "# TYPE a:b untyped\na:b{instance=\"y\",z=\"1\"} 0.5 -1\n\
         # TYPE b untyped\nb{a=\"1\",instance=\"\"} +Inf 6\nb{instance=\"x\"} 1e+06 5\n",
    );
}

#[test]
fn what_the_format_has_no_room_for_is_escaped() {
    check(
        &[(&[("__name__", "1ä.b"), ("instance", "a\"b\\c\nd"), ("x:y", "z")], 0, 1.0)],
        "# TYPE ___b untyped\n___b{instance=\"a\\\"b\\\\c\\nd\",x_y=\"z\"} 1 0\n",
    );
}
