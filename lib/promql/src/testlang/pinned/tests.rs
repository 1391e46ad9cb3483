use super::pin;
use crate::parse;
use crate::testlang::script::EVERYTHING;

#[track_caller]
fn check(text: &str, want: Option<&str>) {
    let mut expr = parse(text, &EVERYTHING).unwrap();
    let got = pin(&mut expr, 5000).then(|| expr.to_string());
    assert_eq!(got.as_deref(), want, "{text}");
}

#[test]
fn at_everywhere() {
    check("a", Some("a @ 5.000"));
    check("a @ 3 + b @ end() offset 2m", Some("a @ 3.000 + b @ 5.000 offset 2m"));
    check("sum by (x) (rate(a[5m]))", Some("sum by (x) (rate(a[5m] @ 5.000))"));
    check("topk(scalar(a), -(b))", Some("topk(scalar(a @ 5.000), -(b @ 5.000))"));
    check("max_over_time(a[5m:1m])", Some("max_over_time(a[5m:1m] @ 5.000)"));
    check("max_over_time(rate(a[5m:1m] @ 3)[1h:])", Some("max_over_time(rate(a[5m:1m] @ 3.000)[1h:] @ 5.000)"));
    // What is inside of a subquery does not see the time of the query.
    check("max_over_time(timestamp(a)[5m:1m])", Some("max_over_time(timestamp(a)[5m:1m] @ 5.000)"));
    check("timestamp(a)", None);
    check("a + vector(time())", None);
    check("1 + hour()", None);
}
