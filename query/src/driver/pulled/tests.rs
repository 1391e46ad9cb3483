use super::is_small;
use promql::Select;
use promql::{ParseOptions, Query, QueryParams};

const MINUTE_MS: i64 = 60_000;

/// The first select of `text`, asked for the last hour at so many steps.
fn select(text: &str, steps: i64) -> Select {
    let expr = promql::parse(text, &ParseOptions::default()).unwrap();
    let end_ms = 1_000 * MINUTE_MS;
    let params = match steps {
        1 => QueryParams::instant(end_ms),
        steps => QueryParams::range(end_ms - 60 * MINUTE_MS, end_ms, 60 * MINUTE_MS / steps),
    };
    Query::prepare(&expr, params).unwrap().selects()[0].clone()
}

#[test]
fn what_looks_at_few_samples_is_small() {
    let table = [
        ("sum(x)", 1, 100, true),
        ("sum(x)", 1, 1_000, false),
        ("x", 60, 20, true),
        ("x", 60, 50, false),
        ("rate(x[5m])", 60, 5, true),
        ("rate(x[5m])", 60, 20, false),
        // One series alone may be much.
        ("quantile_over_time(0.9, x[12h])", 1, 1, true),
        ("quantile_over_time(0.9, x[12h])", 60, 1, false),
        ("max_over_time(rate(x[5m])[10d:1m])", 1, 1, false),
        ("sum(x)", 1, 0, true),
        ("sum(x)", 1, u64::MAX, false),
    ];
    for (text, steps, series, want) in table {
        assert_eq!(is_small(series, &select(text, steps)), want, "{text} over {steps} steps, {series} series");
    }
}
