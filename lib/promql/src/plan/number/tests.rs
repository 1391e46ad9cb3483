use crate::ast::Expr;
use crate::number_column::Scalar;
use crate::plan::{Plan, build};
use crate::{ParseOptions, Passes, QueryParams, parse};

fn plan(text: &str, params: &QueryParams) -> Plan {
    let options = ParseOptions { experimental_functions: true, duration_expressions: true, ..ParseOptions::default() };
    let expr: Expr = parse(text, &options).unwrap();
    build(&expr, params).unwrap()
}

/// The one number that is left of `text`, and how many there are if none is computed before.
#[track_caller]
fn check(text: &str, params: QueryParams, want: f64, else_count: usize) {
    let folded = plan(text, &params).scalars;
    let [Scalar::Constant { value, .. }] = folded.as_slice() else { panic!("{text}: {folded:?}") };
    assert_eq!(value.to_bits(), want.to_bits(), "{text}: {value}");
    let passes = Passes { constants: false, ..params.passes };
    assert_eq!(plan(text, &QueryParams { passes, ..params }).scalars.len(), else_count, "{text}");
}

#[test]
fn numbers_of_numbers_are_computed_before_the_query_runs() {
    let range = || QueryParams::range(10_000, 70_000, 15_000);
    check("1 + 2 * 3", range(), 7.0, 6);
    check("-(2 ^ 3 ^ 0) % 1.5", range(), -0.5, 9);
    check("1 > bool 2", range(), 0.0, 4);
    check("0 / 0 == bool 0 / 0", range(), 0.0, 8);
    check("vector(pi() * -1)", range(), -std::f64::consts::PI, 3);
    check("x * (60 * 60)", range(), 3600.0, 4);
}

#[test]
fn what_is_asked_of_the_query_is_known() {
    let range = || QueryParams::range(10_000, 70_000, 15_000);
    check("end() - start()", range(), 60.0, 4);
    check("range() / step()", range(), 4.0, 4);
    check("min_of(1, -0) + max_of(step(), 2)", range(), 15.0, 8);
    // As Go counts seconds: whole ones, and the rest.
    check("range()", QueryParams::range(0, 10_556, 30_000), 10.556000000000001, 1);
    check("step()", QueryParams::range(0, 70_000, 10_556), 10.556000000000001, 1);
    check("time() * 2", QueryParams::instant(1_500), 3.0, 3);
    check("min_of(time(), 1) - -time()", QueryParams::instant(1_500), 2.5, 6);
}

#[test]
fn what_depends_on_steps_or_series_is_not() {
    let range = QueryParams::range(10_000, 70_000, 15_000);
    assert_eq!(plan("time() + 1 + 2", &range).scalars.len(), 5);
    assert_eq!(plan("scalar(x) + (1 + 2)", &range).scalars.len(), 3);
    // Within a subquery there are more steps than one.
    assert_eq!(plan("max_over_time(vector(time() + 1)[1m:1s])", &QueryParams::instant(0)).scalars.len(), 3);
}

/// Thousands of operators take no stack and no time.
#[test]
fn long_chains_are_folded() {
    let text = format!("time() {}", "+ 1".repeat(4000));
    check(&text, QueryParams::instant(1_000), 4001.0, 8001);
}
