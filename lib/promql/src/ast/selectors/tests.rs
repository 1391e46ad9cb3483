use crate::{ParseOptions, parse};

#[track_caller]
fn check(text: &str, want: &[&str]) {
    let expr = parse(text, &ParseOptions::default()).unwrap();
    let name = |matcher: &model::Matcher| String::from_utf8_lossy(matcher.value()).into_owned();
    let found: Vec<_> = expr.selectors().iter().map(|selector| name(&selector.matchers[0])).collect();
    assert_eq!(found, want, "{text}");
}

#[test]
fn selectors_are_found_from_left_to_right() {
    check("1 + time()", &[]);
}

#[test]
fn selectors_are_found_within_everything() {
    check("-a + (b or c)", &["a", "b", "c"]);
    check("topk(scalar(a), rate(b[5m])) > quantile_over_time(scalar(c), d[5m:1m])", &["a", "b", "c", "d"]);
}
