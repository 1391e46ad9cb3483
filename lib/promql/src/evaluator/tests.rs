use crate::fixture::Fixture;
use crate::{Budget, ParseOptions, Query, QueryError, QueryLimits, QueryParams};

fn query(text: &str, limits: QueryLimits) -> Query {
    let expr = crate::parse(text, &ParseOptions::default()).unwrap();
    Query::prepare(&expr, QueryParams { limits, ..QueryParams::range(0, 600_000, 60_000) }).unwrap()
}

fn three() -> Fixture {
    Fixture::new(&["__name__=x n=1 : 1 2 3", "__name__=x n=2 : 4 5 6", "__name__=x n=3 : 7 8 9"])
}

#[test]
fn a_series_that_cannot_be_read_fails_the_query() {
    let batch = Fixture::new(&["__name__=x n=1 : 1", "__name__=x broken=yes : 1"]);
    let refused = query("sum(x)", QueryLimits::default()).evaluator(0).unwrap().evaluate(&batch).unwrap_err();
    let text = "expanding series: series {__name__=\"x\", broken=\"yes\"}: chunk of no encoding";
    assert_eq!(refused.to_string(), text);
}

#[test]
fn a_stopped_query_evaluates_nothing() {
    let query = query("sum(x)", QueryLimits::default());
    let evaluator = query.evaluator(0).unwrap();
    assert!(evaluator.evaluate(&three()).is_ok());
    query.cancel().cancel();
    assert_eq!(evaluator.evaluate(&three()).unwrap_err(), QueryError::Cancelled);
}

#[test]
fn samples_are_limited_and_forgotten_with_the_partial() {
    // Each series is seen at seven of the eleven steps.
    let limits = QueryLimits { max_samples: 24, ..QueryLimits::default() };
    let query = query("x", limits);
    let evaluator = query.evaluator(0).unwrap();
    for _ in 0..3 {
        assert!(evaluator.evaluate(&three()).is_ok());
    }
    let _held = evaluator.evaluate(&three()).unwrap();
    assert_eq!(evaluator.evaluate(&three()).unwrap_err(), QueryError::TooManySamples);
}

#[test]
fn bytes_are_limited_and_given_back_with_the_partial() {
    let memory = Budget::new("query", 4_000);
    let query = query("x", QueryLimits { memory: memory.clone(), ..QueryLimits::default() });
    let refused = query.evaluator(0).unwrap().evaluate(&three()).unwrap_err();
    assert!(matches!(refused, QueryError::OverBudget(_)), "{refused:?}");
    drop(query);
    assert_eq!(memory.used_bytes(), 0);
}
