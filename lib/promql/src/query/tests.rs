use super::{Query, QueryError, QueryLimits, QueryParams};
use crate::fixture::{Fixture, labels};
use crate::{Budget, Output, ParseOptions, Value};

fn prepare(text: &str, params: QueryParams) -> Result<Query, QueryError> {
    Query::prepare(&crate::parse(text, &ParseOptions::default()).unwrap(), params)
}

/// The selects of a query over ten minutes: name, range and function, and how many have to be finished before.
#[track_caller]
fn check_selects(text: &str, want: &[(&str, i64, i64, &str, usize)]) {
    check_selects_with(QueryParams::range(3_600_000, 4_200_000, 60_000), text, want);
}

#[track_caller]
fn check_selects_with(params: QueryParams, text: &str, want: &[(&str, i64, i64, &str, usize)]) {
    let query = prepare(text, params).unwrap();
    let got: Vec<_> = query
        .selects()
        .iter()
        .map(|select| {
            let name = String::from_utf8_lossy(select.matchers[0].value()).into_owned();
            let seconds = (select.range.min_ms() / 1000, select.range.max_ms() / 1000);
            (name, seconds.0, seconds.1, select.func.clone(), select.after)
        })
        .collect();
    let want: Vec<_> = want
        .iter()
        .map(|(name, min, max, func, after)| ((*name).to_owned(), *min, *max, (*func).to_owned(), *after))
        .collect();
    assert_eq!(got, want, "{text}");
}

#[test]
fn equal_matchers_share_a_select() {
    check_selects("sum(rate(x[5m])) / sum(rate(x[10m]))", &[("x", 3000, 4200, "rate", 0)]);
    check_selects("rate(x[5m]) / max_over_time(x[10m])", &[("x", 3000, 4200, "", 0)]);
    // Not if that made the stores give a week of which minutes are wanted.
    check_selects("x / x offset 1w", &[("x", -601_499, -600_600, "", 0), ("x", 3300, 4200, "", 0)]);
}

#[test]
fn strictly_only_what_is_asked_alike_is_shared() {
    let params = || QueryParams { strict_sharing: true, ..QueryParams::range(3_600_000, 4_200_000, 60_000) };
    let both = [("x", 3000, 4200, "rate", 0), ("x", 3300, 4200, "rate", 0)];
    check_selects_with(params(), "sum(rate(x[5m])) / sum(rate(x[10m]))", &both);
    check_selects_with(params(), "rate(x[5m]) / x", &[("x", 3300, 4200, "", 0), ("x", 3300, 4200, "rate", 0)]);
    check_selects_with(params(), "rate(x[5m]) / sum(rate(x[5m]))", &[("x", 3300, 4200, "rate", 0)]);
}

#[test]
fn selects_come_in_the_order_they_are_wanted_in() {
    // The side that is kept first.
    check_selects("a + b", &[("b", 3300, 4200, "", 0), ("a", 3300, 4200, "", 0)]);
    check_selects("a or b", &[("a", 3300, 4200, "", 0), ("b", 3300, 4200, "", 0)]);
    check_selects("a * on (x) group_right b", &[("a", 3300, 4200, "", 0), ("b", 3300, 4200, "", 0)]);
    // What a number is computed from before what it is used on, even if that is the same.
    check_selects("a / scalar(b)", &[("b", 3300, 4200, "scalar", 0), ("a", 3300, 4200, "", 1)]);
    check_selects("a / scalar(sum(a))", &[("a", 3300, 4200, "sum", 0), ("a", 3300, 4200, "", 1)]);
}

#[test]
fn ranges_follow_offsets_subqueries_and_at() {
    check_selects("x offset 1h", &[("x", -299, 600, "", 0)]);
    check_selects("x @ 100", &[("x", -199, 100, "", 0)]);
    check_selects("rate(x[5m] @ 1000 offset 100s)", &[("x", 600, 900, "rate", 0)]);
    check_selects("max_over_time(rate(x[5m])[10m:1m])", &[("x", 2760, 4200, "rate", 0)]);
}

#[test]
fn a_select_waits_for_the_numbers_it_needs() {
    let mut query = prepare("a / scalar(b)", QueryParams::instant(0)).unwrap();
    assert!(matches!(query.evaluator(1), Err(QueryError::Internal(_))));
    query.finish(0).unwrap();
    assert!(query.evaluator(1).is_ok());
    assert!(matches!(query.finish(0), Err(QueryError::Internal(_))), "finished twice");
    assert!(matches!(query.into_output(), Err(QueryError::Internal(_))), "not finished");
}

/// Both sides of an operator may come at the same time, and end in any order.
#[test]
fn sides_may_come_together() {
    let [left, right] = ["__name__=a n=1 : 10", "__name__=b n=1 : 4"].map(|line| Fixture::new(&[line]));
    for order in [[0, 1], [1, 0]] {
        let mut query = prepare("a - on (n) b", QueryParams::instant(0)).unwrap();
        for select in order {
            query.push(select, if select == 0 { &right } else { &left }).unwrap();
        }
        order.iter().for_each(|select| query.finish(*select).unwrap());
        let Output { value: Value::Vector { series, .. }, .. } = query.into_output().unwrap() else {
            panic!("no vector")
        };
        assert_eq!(series[0].column.floats.get(0), Some(6.0), "{order:?}");
    }
}

/// As long as the parser lets it be, on a stack as small as that of a worker.
#[test]
fn a_long_chain_of_operators_needs_little_stack() {
    for operator in [" + ", " or ", " * 2 - "] {
        let text = vec!["x"; 1300].join(operator);
        let run = move || {
            let mut query = prepare(&text, QueryParams::instant(0)).unwrap();
            query.push(0, &Fixture::new(&["__name__=x n=1 : 1"])).unwrap();
            query.finish(0).unwrap();
            query.into_output().map(|_| ())
        };
        let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap();
        assert_eq!(thread.join().unwrap(), Ok(()), "{operator}");
    }
}

/// The first duration that cannot be had, from the outside in, and before all that is found out when series are there.
#[test]
fn durations_are_worked_out_first() {
    let options = ParseOptions { extended_range_selectors: true, ..ParseOptions::default() };
    for (text, want) in [
        ("deriv(x[step()] smoothed)", "8:14: duration must be greater than 0"),
        ("rate(x[step()]) + rate(x[2 * step()])", "7:13: duration must be greater than 0"),
        ("rate(x[2 * step():step()])", "18:24: duration must be greater than 0"),
        ("rate(x[step()] offset (1m / step()))", "7:13: duration must be greater than 0"),
    ] {
        let refused = Query::prepare(&crate::parse(text, &options).unwrap(), QueryParams::instant(0)).unwrap_err();
        assert_eq!(refused, QueryError::Invalid(want.to_owned()), "{text}");
    }
}

/// What is in a subquery without steps is not evaluated: nothing is refused or said of it.
#[test]
fn what_has_no_steps_is_not_looked_at() {
    let options = ParseOptions { extended_range_selectors: true, ..ParseOptions::default() };
    for text in [
        "max_over_time(sort(x)[15s:1m])",
        "max_over_time(histogram_quantile(7, x)[15s:1m])",
        "max_over_time(deriv(x[5m] smoothed)[15s:1m])",
        "max_over_time(label_replace(x, \"a\", \"b\", \"c\", \"(\")[15s:1m])",
        "max_over_time(vector(scalar(y) </ 2)[15s:1m])",
    ] {
        let params = QueryParams::range(30_000, 30_003, 1);
        let query = Query::prepare(&crate::parse(text, &options).unwrap(), params).unwrap();
        assert_eq!(query.selects(), [], "{text}");
        assert!(query.into_output().unwrap().annotations.is_empty(), "{text}");
    }
}

/// What `count_values` writes into the name of a metric is taken away by functions.
#[test]
fn values_counted_into_names_go() {
    let answer = |text: &str| {
        let mut query = prepare(text, QueryParams::instant(0)).unwrap();
        query.push(0, &Fixture::new(&["__name__=x n=1 : 1", "__name__=x n=2 : 2"]))?;
        query.finish(0)?;
        query.into_output().map(|output| match output.value {
            Value::Vector { series, .. } => series.iter().map(|series| series.labels.clone()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        })
    };
    let values = |label: &str| Ok(["1", "2"].map(|value| labels(&format!("{label}={value}"))).to_vec());
    assert_eq!(answer("count_values(\"__name__\", x)"), values("__name__"));
    assert_eq!(answer("-count_values(\"v\", x)"), values("v"));
    assert_eq!(answer("-count_values(\"__name__\", x == 1)"), Ok(vec![labels("")]));
    let refused = QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned());
    assert_eq!(answer("-count_values(\"__name__\", x)"), Err(refused));
}

/// Types and units that a selector fixes stay where nothing is found at one time, and go where nothing is found in a window.
#[test]
fn what_is_absent_keeps_its_type_unless_windows_are_looked_at() {
    for (text, delayed_names, want) in [
        ("absent(x{__type__=\"gauge\", a=\"1\"})", false, "__type__=gauge a=1"),
        ("absent(x{__type__=\"gauge\", a=\"1\"})", true, "__type__=gauge a=1"),
        ("absent_over_time(x{__type__=\"gauge\", a=\"1\"}[5m])", false, "__type__=gauge a=1"),
        ("absent_over_time(x{__type__=\"gauge\", a=\"1\"}[5m])", true, "a=1"),
        ("-absent(x{__type__=\"gauge\", a=\"1\"})", false, "a=1"),
        ("max_over_time(absent_over_time(x{__type__=\"gauge\", a=\"1\"}[5m])[1m:])", false, "a=1"),
    ] {
        let mut query = prepare(text, QueryParams { delayed_names, ..QueryParams::instant(0) }).unwrap();
        query.finish(0).unwrap();
        let Value::Vector { series, .. } = query.into_output().unwrap().value else { panic!("{text}: no vector") };
        assert_eq!(series[0].labels, labels(want), "{text} {delayed_names}");
    }
}

/// `timestamp` takes the newest sample as it is, and does not ask for those behind it that smoothing would need.
#[test]
fn the_time_of_a_smoothed_sample_is_that_of_the_newest() {
    let options = ParseOptions { extended_range_selectors: true, ..ParseOptions::default() };
    let select = |text: &str| {
        let query = Query::prepare(&crate::parse(text, &options).unwrap(), QueryParams::instant(600_000)).unwrap();
        (query.selects()[0].range.max_ms(), query.selects()[0].newest_only)
    };
    assert_eq!(select("timestamp(x smoothed)"), (600_000, true));
    assert_eq!(select("x smoothed"), (900_000, false));
}

/// Series that are labelled alike, at different steps, are one, behind what picks among series as well.
#[test]
fn series_that_take_turns_are_one() {
    let [a, b] = [&["__name__=a n=1 : 1 _", "__name__=a n=2 : _ 2"][..], &["__name__=b : 10 10"]].map(Fixture::new);
    for text in ["a + ignoring (n) b", "topk(1, a + ignoring (n) b)", "sort(bottomk(1, -(a + ignoring (n) b)))"] {
        let params = QueryParams { lookback_ms: 30_000, ..QueryParams::range(0, 60_000, 60_000) };
        let mut query = prepare(text, params).unwrap();
        let names: Vec<_> = query.selects().iter().map(|select| select.matchers[0].value().to_vec()).collect();
        for (select, name) in names.iter().enumerate() {
            query.push(select, if name == b"a" { &a } else { &b }).unwrap();
            query.finish(select).unwrap();
        }
        let Value::Matrix { series, .. } = query.into_output().unwrap().value else { panic!("{text}: no matrix") };
        assert_eq!(series.len(), 1, "{text}: {series:?}");
    }
}

#[test]
fn more_steps_than_samples_are_allowed_are_refused() {
    let refused = prepare("max_over_time(x[100y:1ms])", QueryParams::instant(0)).unwrap_err();
    assert_eq!(refused, QueryError::TooManySamples);
}

#[test]
fn what_a_query_holds_is_limited_and_given_back() {
    let memory = Budget::new("query", 300_000);
    let limits = QueryLimits { memory: memory.clone(), ..QueryLimits::default() };
    let mut query = prepare("x", QueryParams { limits, ..QueryParams::range(0, 60_000_000, 60_000) }).unwrap();
    let batches = |n: usize| Fixture::new(&[format!("__name__=x n={n:04} : 1 2 3 4 5").as_str()]);
    let refused = (0..100).find_map(|n| query.push(0, &batches(n)).err());
    assert!(matches!(refused, Some(QueryError::OverBudget(_))), "{refused:?}");
    drop(query);
    assert_eq!(memory.used_bytes(), 0);
}

#[test]
fn a_timed_out_query_says_so() {
    let mut query = prepare("sum(x)", QueryParams::instant(0)).unwrap();
    query.cancel().time_out();
    let refused = query.push(0, &Fixture::new(&["__name__=x : 1"])).unwrap_err();
    assert_eq!(refused.to_string(), "query timed out in expression evaluation");
    assert_eq!(query.finish(0), Err(QueryError::TimedOut));
}
