use crate::plan::{Plan, build};
use crate::{ParseOptions, Passes, QueryParams, parse};

fn plan(text: &str, params: &QueryParams) -> Plan {
    build(&parse(text, &ParseOptions { experimental_functions: true, ..ParseOptions::default() }).unwrap(), params)
        .unwrap()
}

/// How many selectors are evaluated, and how many operators that see several series; both also if nothing is evaluated for
/// several places.
#[track_caller]
fn check_with(params: &QueryParams, text: &str, want: (usize, usize), else_want: (usize, usize)) {
    let counts = |params| {
        let plan = plan(text, params);
        (plan.uses.iter().map(Vec::len).sum::<usize>(), plan.stages.len())
    };
    let passes = Passes { common_expressions: false, ..params.passes };
    assert_eq!((counts(params), counts(&QueryParams { passes, ..params.clone() })), (want, else_want), "{text}");
}

#[track_caller]
fn check(text: &str, want: (usize, usize), else_want: (usize, usize)) {
    check_with(&QueryParams::range(3_600_000, 4_200_000, 60_000), text, want, else_want);
}

#[test]
fn what_is_the_same_is_evaluated_once() {
    check("sum(rate(x[5m])) / count(rate(x[5m]))", (1, 3), (2, 3));
    check("sum(x) / (sum(x) + sum(y))", (2, 4), (3, 5));
    // However it is written.
    check("sum(x{b=\"1\",a=\"2\"}) + (sum((x{a=\"2\",b=\"1\"} offset 0s)))", (1, 2), (2, 3));
    check("sum(rate(x[5m])) + sum( rate( (x[300s]) ) )", (1, 2), (2, 3));
    check("sum(x) / sum by (a) (x)", (1, 3), (2, 3));
    // The largest parts are found, and parts of them that are wanted elsewhere as well.
    check("topk(1, sum by (a) (x)) + topk(1, sum by (a) (x)) + sum by (a) (x)", (1, 4), (3, 7));
    check("max_over_time(rate(x[5m])[1h:1m]) / min_over_time(rate(x[5m])[1h:1m])", (1, 1), (2, 1));
}

#[test]
fn what_is_evaluated_elsewhere_is_not_the_same() {
    let (two, three) = ((2, 3), (2, 3));
    check("sum(rate(x[5m])) / sum(rate(x[5m] offset 1m))", two, three);
    check("sum(rate(x[5m])) / sum(rate(x[6m]))", two, three);
    check("sum(x) / sum by (a) (y)", two, three);
    check("sum(x) / sum(x{a=\"\"})", two, three);
    check("sum(x) / on () sum(max_over_time(x[5m:1m]))", two, three);
    // A selector whose function the stores are told.
    check("sum(x) / count(x)", two, three);
    check("absent(x{a=\"1\",a=~\".+\"}) + absent(x{a=~\".+\",a=\"1\"})", (1, 3), (2, 3));
    check("timestamp(x) - timestamp(+x)", (2, 1), (2, 1));
}

/// What a number is computed from is finished before what it is used on, though that is the same.
#[test]
fn levels_stay_apart() {
    check("sum(x) / scalar(sum(x))", (2, 2), (2, 2));
    check("y / scalar(sum(x)) + z / scalar(sum(x))", (3, 2), (4, 3));
    let plan = plan("y / scalar(sum(x)) + z / scalar(sum(x))", &QueryParams::instant(0));
    assert_eq!(plan.selects.iter().map(|select| select.after).collect::<Vec<_>>(), [0, 1, 1]);
    // What was planned before for something else still comes before the number.
    let text = "y / scalar(abs(sum(x))) + on () group_left () sum(x)";
    let plan = super::tests::plan(text, &QueryParams::instant(0));
    assert_eq!(plan.selects.iter().map(|select| select.after).collect::<Vec<_>>(), [0, 1]);
}

/// What is held while a series is evaluated is reserved: a column for each fan besides the widest two.
#[test]
fn columns_behind_fans_are_counted() {
    let bytes = |text: &str| {
        let plan = plan(text, &QueryParams::instant(0));
        plan.uses[0][0].working_bytes(&plan)
    };
    assert_eq!(bytes("abs(x)"), 17);
    assert_eq!(bytes("abs(x) + 2 * abs(x)"), 25);
    assert_eq!(bytes("max_over_time(abs(x)[10s:1s]) + min_over_time(abs(x)[10s:1s])"), 250);
    assert_eq!(bytes("x + max_over_time(x[10s:1s])"), 170);
}

#[test]
fn what_is_evaluated_once_for_all_steps_is_found_within_what_is() {
    check("sum(x @ 10) + abs(sum(x @ 10) + sum(y @ 10))", (2, 4), (3, 5));
}

/// Ends behind fans within fans are told in the order in which series come to them.
#[test]
fn ends_are_those_of_all_ways() {
    let plan = plan("sum(abs(x)) + count(abs(x)) + max(x) + max(-x)", &QueryParams::instant(0));
    for one in plan.uses.iter().flatten() {
        assert_eq!(one.ends, plan.ends(&one.chain));
        if let crate::plan::Destination::Fan(fan) = one.chain.to {
            assert_eq!(plan.fans[fan].ends, one.ends.len());
        }
    }
}
