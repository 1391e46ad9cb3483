use crate::fixture::Fixture;
use crate::{ParseOptions, Query, QueryParams, Statistics, parse};

/// What a query over a series of a value each minute, from 0 to 9, looks at.
fn counted(text: &str, params: QueryParams) -> Statistics {
    let expr = parse(text, &ParseOptions::default()).unwrap();
    let mut query = Query::prepare(&expr, QueryParams { count_samples: true, ..params }).unwrap();
    for select in 0..query.selects().len() {
        query.push(select, &Fixture::new(&["__name__=x n=1 : 0 1 2 3 4 5 6 7 8 9"])).unwrap();
        query.finish(select).unwrap();
    }
    query.statistics().unwrap()
}

#[track_caller]
fn check(text: &str, queryable: &[u64], read: &[u64]) {
    let found = counted(text, QueryParams::range(300_000, 420_000, 60_000));
    assert_eq!((found.queryable.as_slice(), found.read.as_slice()), (queryable, read), "{text}");
}

#[test]
fn a_window_counts_at_every_step_and_is_read_once() {
    check("x", &[1, 1, 1], &[1, 1, 1]);
    check("sum(x) + x", &[2, 2, 2], &[2, 2, 2]);
    check("rate(x[3m])", &[3, 3, 3], &[3, 1, 1]);
    check("rate(x[30s])", &[1, 1, 1], &[1, 1, 1]);
    check("rate(x[3m] offset 30m)", &[0, 0, 0], &[0, 0, 0]);
}

#[test]
fn what_is_evaluated_once_is_read_once() {
    check("abs(x @ 60)", &[1, 1, 1], &[1, 0, 0]);
    check("rate(x[2m] @ 120)", &[2, 2, 2], &[2, 0, 0]);
}

#[test]
fn of_a_subquery_its_window_counts() {
    check("max_over_time(x[2m:1m])", &[2, 2, 2], &[4, 0, 0]);
    // The window sees two results of the rate at each step, of samples from the second to the eighth.
    check("max_over_time(rate(x[3m])[2m:1m])", &[2, 2, 2], &[6, 0, 0]);
}

#[test]
fn a_subquery_that_is_the_query_has_no_window() {
    let check = |text: &str, want: (u64, u64)| {
        let found = counted(text, QueryParams::instant(300_000));
        assert_eq!((found.total_queryable(), found.total_read()), want, "{text}");
    };
    check("x[3m:1m]", (3, 3));
    check("(x @ 60)[3m:1m]", (3, 1));
}

#[test]
fn instant_queries_have_one_step() {
    let found = counted("x[3m]", QueryParams::instant(300_000));
    assert_eq!((found.total_queryable(), found.total_read()), (3, 3));
    assert!(found.peak >= 3, "{found:?}");
}

#[test]
fn nothing_is_counted_unless_asked() {
    let expr = parse("x", &ParseOptions::default()).unwrap();
    assert_eq!(Query::prepare(&expr, QueryParams::instant(0)).unwrap().statistics(), None);
}
