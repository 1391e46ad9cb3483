use crate::functions::FUNCTIONS;
use crate::{ParseOptions, parse};

#[test]
fn every_function_of_the_language_is_there() {
    let missing: Vec<_> = FUNCTIONS.iter().filter(|function| !function.supported).collect();
    assert!(missing.is_empty(), "{missing:?}");
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
        "histogram_sum(x) + histogram_avg(y >/ 1)",
    ] {
        parse(text, &ParseOptions::default()).unwrap();
    }
}
