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
    check_refused("1 + histogram_count(x)", "1:5: not supported yet: function \"histogram_count\"");
    check_refused("sum(histogram_sum(x))", "1:5: not supported yet: function \"histogram_sum\"");
}

#[test]
fn the_first_missing_thing_is_named() {
    check_refused("histogram_sum(x) + histogram_avg(x)", "1:1: not supported yet: function \"histogram_sum\"");
    check_refused("sum(x) + (y >/ histogram_sum(x))", "1:16: not supported yet: function \"histogram_sum\"");
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
        "(a and b) or (c unless d) + on(x) group_left e",
        "max_over_time(deriv(x[5m])[1h:1m] offset step())",
        "count_values(\"v\", x atan2 y)",
    ] {
        parse(text, &ParseOptions::default()).unwrap();
    }
}
