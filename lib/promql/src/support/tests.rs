use crate::{ParseErrorKind, ParseOptions, parse, parse_syntax};

const EVERYTHING: ParseOptions = ParseOptions {
    experimental_functions: true,
    duration_expressions: true,
    extended_range_selectors: true,
    fill_modifiers: true,
    limits: crate::Limits { length_bytes: 1000, terms: 100 },
};

/// `text` is a valid expression that is refused for want of `want`.
#[track_caller]
fn check_refused(text: &str, want: &str) {
    parse_syntax(text, &EVERYTHING).unwrap();
    let err = parse(text, &EVERYTHING).expect_err(text);
    assert_eq!((err.kind, err.to_string().as_str()), (ParseErrorKind::Unsupported, want), "{text}");
}

#[test]
fn what_the_engine_has_not_is_named() {
    check_refused("1 + deriv(x[5m])", "1:5: not supported yet: function \"deriv\"");
    check_refused("sum(stddev(x))", "1:5: not supported yet: aggregation \"stddev\"");
    check_refused("topk(scalar(bottomk(1, x)), y)", "1:13: not supported yet: aggregation \"bottomk\"");
    check_refused("x + (a or b)", "1:6: not supported yet: operator \"or\"");
    check_refused("a </ 1", "1:1: not supported yet: operator \"</\"");
    check_refused("a + on(x) group_left b", "1:1: not supported yet: group_left");
    check_refused("a + on(x) group_right b", "1:1: not supported yet: group_right");
    check_refused("a + fill_left(1) b", "1:1: not supported yet: fill");
    check_refused("max_over_time(x[1h:1m])", "1:15: not supported yet: subquery");
    check_refused("rate(x[5m] anchored)", "1:6: not supported yet: anchored");
    check_refused("-x smoothed", "1:2: not supported yet: smoothed");
    check_refused("rate(x[5m + 1m])", "1:6: not supported yet: duration expression");
    check_refused("x offset step()", "1:1: not supported yet: duration expression");
}

#[test]
fn the_first_missing_thing_is_named() {
    check_refused("deriv(x[5m]) + resets(x[5m])", "1:1: not supported yet: function \"deriv\"");
    check_refused("sum(x) + (resets(y[5m]) and deriv(x[5m]))", "1:11: not supported yet: operator \"and\"");
    check_refused("clamp(resets(x[5m]), 1, 2)", "1:1: not supported yet: function \"clamp\"");
}

#[test]
fn what_the_engine_has_passes() {
    for text in [
        "sum by (job) (rate(http_requests_total{code=~\"5..\"}[5m])) / sum by (job) (rate(http_requests_total[5m]))",
        "histogram_quantile(0.99, sum by (le) (rate(x_bucket[5m])))",
        "topk(5, x offset 1h @ end()) > bool on (a) -y % 2 ^ 3",
        "label_replace(absent(x), \"a\", \"$1\", \"b\", \"(.*)\")",
        "sort(vector(scalar(x) + time()))",
        "quantile_over_time(0.5, x[5m]) == last_over_time(x[1m])",
    ] {
        parse(text, &ParseOptions::default()).unwrap();
    }
}
