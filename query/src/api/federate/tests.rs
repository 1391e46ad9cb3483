use super::*;

/// Labels, time and value.
type Sample<'a> = (&'a [(&'a str, &'a str)], i64, f64);

#[track_caller]
fn check_as(escaping: Escaping, series: &[Sample<'_>], want: &str) {
    let labels = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied()).unwrap();
    let found = series.iter().map(|(pairs, time_ms, value)| (labels(pairs), (*time_ms, *value))).collect();
    assert_eq!(text(found, escaping), want);
}

#[track_caller]
fn check(series: &[Sample<'_>], want: &str) {
    check_as(Escaping::Underscores, series, want);
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
        "# TYPE ___b untyped\n___b{instance=\"a\\\"b\\\\c\\nd\",x:y=\"z\"} 1 0\n",
    );
}

/// A name in quotes stands where labels do.
#[test]
fn names_stay_as_they_are_where_the_client_takes_them() {
    let series: [Sample<'_>; 3] = [
        (&[("__name__", "a.b"), ("instance", "x"), ("l.m", "1")], 0, 1.0),
        (&[("__name__", "a.b")], 1, 2.0),
        (&[("__name__", "c"), ("l.m", "1")], 2, 3.0),
    ];
    check_as(
        Escaping::AllowUtf8,
        &series,
        "# TYPE \"a.b\" untyped\n{\"a.b\",instance=\"\"} 2 1\n{\"a.b\",instance=\"x\",\"l.m\"=\"1\"} 1 0\n\
         # TYPE c untyped\nc{\"l.m\"=\"1\",instance=\"\"} 3 2\n",
    );
}
