use crate::plan::{Plan, build};
use crate::{ParseOptions, Passes, QueryParams, parse};

fn plan(text: &str, params: &QueryParams) -> Plan {
    build(&parse(text, &ParseOptions::default()).unwrap(), params).unwrap()
}

/// The selectors that are left of `text`, and how many stages.
#[track_caller]
fn check(text: &str, want: (&[&str], usize)) {
    let left = |params: &QueryParams| {
        let plan = plan(text, params);
        let mut uses: Vec<_> = plan.uses.iter().flatten().map(|one| &text[one.node.start..one.node.end]).collect();
        uses.sort_unstable();
        (uses.into_iter().map(str::to_owned).collect::<Vec<_>>(), plan.stages.len())
    };
    let params = QueryParams::range(0, 60_000, 15_000);
    let expected = want.0.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(left(&params), (expected, want.1), "{text}");
    let passes = Passes { toggles: false, ..params.passes };
    let (all, stages) = left(&QueryParams { passes, ..params });
    assert!(all.len() > want.0.len() || stages > want.1, "{text}");
}

/// Switches that change nothing, or cannot be known.
#[track_caller]
fn check_kept(text: &str) {
    let passes = Passes { toggles: false, ..Passes::default() };
    let counts = |params: &QueryParams| {
        let plan = plan(text, params);
        (plan.uses.iter().map(Vec::len).sum::<usize>(), plan.stages.len(), plan.sources.len())
    };
    let params = QueryParams::range(0, 60_000, 15_000);
    assert_eq!(counts(&params), counts(&QueryParams { passes, ..params.clone() }), "{text}");
}

#[test]
fn a_switch_that_is_on_goes() {
    check("x and on () vector(1)", (&["x"], 0));
    check("rate(x[5m]) and on () (vector(1) == 1)", (&["x[5m]"], 0));
    check("x or vector(1) > 2", (&["x"], 0));
    check("vector(0) == 1 or sum(x)", (&["x"], 1));
    check("x unless vector(1) + 1 < 2", (&["x"], 0));
    check("x unless on (a) (2 > vector(4 - 1))", (&["x"], 0));
    check("vector(1) or on () x", (&[], 0));
}

#[test]
fn what_is_switched_off_is_not_read() {
    check("x and on () vector(1) == 0", (&[], 0));
    check("count(x or y) and vector(1) == 0", (&[], 0));
    check("vector(1) == 0 unless x", (&[], 0));
    check("x unless on () vector(1)", (&[], 0));
    check("y + (x and vector(1) == 0)", (&["y"], 1));
}

#[test]
fn what_may_say_something_is_read() {
    check_kept("rate(x[5m]) and on () vector(1) == 0");
    check_kept("sum(x) unless on () vector(1)");
    check_kept("-x and vector(1) == 0");
    check_kept("vector(1) or on () x + y");
}

/// That it was read is told where samples are counted.
#[test]
fn what_counts_is_read() {
    let params = QueryParams { count_samples: true, ..QueryParams::instant(0) };
    assert_eq!(plan("x and on () vector(1) == 0", &params).selects.len(), 1);
    assert_eq!(plan("x and on () vector(1)", &params).stages.len(), 0);
}

#[test]
fn what_is_not_known_stays() {
    check_kept("x and vector(1)");
    check_kept("x unless vector(1)");
    check_kept("x or on () vector(1)");
    check_kept("x or vector(1)");
    check_kept("x and on (a) vector(1)");
    check_kept("x and on () vector(time()) > 5");
    check_kept("x and on () vector(scalar(y)) > 5");
    check_kept("x and on () y == 0");
}

#[test]
fn deep_switches_take_no_stack() {
    let plan = plan(&format!("x and on () vector(1) {}", "+ 1".repeat(4000)), &QueryParams::instant(0));
    assert_eq!(plan.stages.len(), 1);
}
