use super::Classes;
use crate::ast::{Expr, ExprKind};
use crate::plan::time::QueryTimes;
use crate::{ParseOptions, QueryParams, parse};

/// Whether both sides of the operator that `text` is are the same.
fn are_same(text: &str) -> bool {
    let options =
        ParseOptions { experimental_functions: true, extended_range_selectors: true, ..ParseOptions::default() };
    let expr: Expr = parse(text, &options).unwrap();
    let params = QueryParams::range(10_000, 20_000, 1_000);
    let times = QueryTimes { start_ms: params.start_ms, end_ms: params.end_ms, step_ms: params.step_ms };
    let classes = Classes::of(&expr, &times, &params);
    let ExprKind::Binary(binary) = &expr.kind else { panic!("{text} is no operator") };
    classes.get(&binary.lhs) == classes.get(&binary.rhs)
}

#[track_caller]
fn check(want: bool, texts: &[&str]) {
    for text in texts {
        assert_eq!(are_same(text), want, "{text}");
    }
}

#[test]
fn how_it_is_written_makes_no_difference() {
    check(
        true,
        &[
            "x + x",
            "(x) + ((x))",
            "x{a=\"1\",b!=\"2\"} + {b!=\"2\",__name__=\"x\",a=\"1\"}",
            "x{a=\"1\"} + x{a=~\"1\",b=~\".*\"}",
            "x + x offset 0s",
            "rate(x[1m]) + rate(x[60s])",
            "x[1m:10s] == x[60s:10s]"
                .replace("x[1m:10s]", "rate(x[1m:10s])")
                .replace("x[60s:10s]", "rate(x[60s:10s])")
                .as_str(),
            "x @ start() + x @ 10",
            "(x offset (1 + 1)) + x offset 2s",
            "sum by (a) (x) + sum(x) by (a)",
            "x * 60 + x * 1m",
        ],
    );
}

#[test]
fn all_that_counts_is_looked_at() {
    check(
        false,
        &[
            "x + y",
            "x + x{a=\"\"}",
            "x{a=\"1\"} + x{a=~\"2\"}",
            "x + x offset 1s",
            "x + x @ 10",
            "x @ end() + x @ 10",
            "x + +x",
            "-x + +x",
            "rate(x[1m]) + rate(x[2m])",
            "rate(x[1m]) + irate(x[1m])",
            "rate(x[1m:10s]) + rate(x[1m:20s])",
            "rate(x[1m:10s]) + rate(x[1m:])",
            "rate(x[1m:10s]) + rate(x[1m:10s] offset 1s)",
            "rate(x[1m]) + rate(x[1m] anchored)",
            "sum by (a) (x) + sum by (b) (x)",
            "sum by (a) (x) + sum without (a) (x)",
            "sum by (a) (x) + max by (a) (x)",
            "topk(1, x) + topk(2, x)",
            "x * 0 + x * -0",
            "x * 2 + 2 * x",
            "(x > 1) + (x > bool 1)",
            "(x > 1) + (x >= 1)",
            "(x / on (a) y) + (x / ignoring (a) y)",
            "(x / on (a) y) + (x / on (b) y)",
            "(x / on (a) group_left y) + (x / on (a) y)",
            "(x / on (a) group_left (c) y) + (x / on (a) group_left y)",
            "label_join(x, \"a\", \"b\") + label_join(x, \"a\", \"c\")",
            // They tell how the selector is written.
            "absent(x{a=\"1\",a!=\"2\"}) + absent(x{a!=\"2\",a=\"1\"})",
        ],
    );
}

#[test]
fn only_what_is_wanted_twice_is_repeated() {
    let text = "sum(rate(x[1m])) + sum(rate(x[1m])) + vector(1) + vector(1) + y";
    let expr = parse(text, &ParseOptions::default()).unwrap();
    let params = QueryParams::instant(0);
    let times = QueryTimes { start_ms: 0, end_ms: 0, step_ms: 0 };
    let classes = Classes::of(&expr, &times, &params);
    let (mut found, mut open) = (Vec::new(), vec![&expr]);
    while let Some(expr) = open.pop() {
        if classes.repeated(expr).is_some() {
            found.push(&text[expr.span.start..expr.span.end]);
        }
        open.extend(expr.children().rev());
    }
    // Not what is within it, and not what costs nothing.
    assert_eq!(found, ["sum(rate(x[1m]))", "sum(rate(x[1m]))"]);
}
