use super::Operator;
use crate::fixture::Fixture;
use crate::{BatchError, ParseOptions, Query, QueryParams, SeriesBatch, parse};
use model::{LabelsRef, SampleColumns};

/// A batch that takes a hundred bytes a series, and a while.
#[derive(Debug)]
struct Slow(Fixture);

impl SeriesBatch for Slow {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, index: usize) -> LabelsRef<'_> {
        self.0.labels(index)
    }

    fn samples(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        std::thread::sleep(std::time::Duration::from_millis(1));
        self.0.samples(index, columns)
    }

    fn size_bytes(&self) -> usize {
        100 * self.0.len()
    }
}

/// Three series of four samples at minutes 0 to 3, in batches of two and one, for every select of a query at those minutes.
fn operators(text: &str, analyze: bool) -> Vec<Operator> {
    let batches = [vec!["a=1 b=1 : 1 2 3 4", "a=1 b=2 : 1 2 3 4"], vec!["a=2 b=1 : 1 2 3 4"]];
    let params = QueryParams { count_samples: true, analyze, ..QueryParams::range(0, 180_000, 60_000) };
    let mut query = Query::prepare(&parse(text, &ParseOptions::default()).unwrap(), params).unwrap();
    for select in 0..query.selects().len() {
        for batch in &batches {
            query.push(select, &Slow(Fixture::new(batch))).unwrap();
        }
        query.finish(select).unwrap();
    }
    query.operators()
}

/// What it is of, series, samples; of a selector bytes and samples looked at, or that another one has it all; of others
/// whether they held anything.
#[track_caller]
fn check(text: &str, want: &[&str]) {
    let line = |operator: &Operator| {
        let Operator { node, series, samples, bytes, .. } = operator;
        let selected = match &operator.selected {
            _ if operator.is_shared => format!(", {bytes} bytes, shared"),
            None if *bytes == 0 => String::new(),
            None => ", held".to_owned(),
            Some(selected) => format!(", {bytes} bytes, {} looked at", selected.queryable),
        };
        format!("{}: {series} series, {samples} samples{selected}", &text[node.start..node.end])
    };
    let mut found: Vec<_> = operators(text, true).iter().map(line).collect();
    found.sort();
    assert_eq!(found, want, "{text}");
}

#[test]
fn operators_tell_what_came_in() {
    check("x", &["x: 3 series, 12 samples, 300 bytes, 12 looked at"]);
    check(
        "-sum by (a) (rate(x[2m]))",
        &[
            // Nothing at minute 0, where there is one sample.
            "sum by (a) (rate(x[2m])): 3 series, 9 samples, held",
            "x[2m]: 3 series, 12 samples, 300 bytes, 21 looked at",
        ],
    );
    // It is the window that looks at what comes out of a subquery.
    check("max_over_time(x[2m:1m])", &["x: 3 series, 12 samples, 300 bytes, 21 looked at"]);
}

#[test]
fn a_select_that_is_shared_counts_once() {
    check(
        "x + x",
        &[
            "x + x: 6 series, 24 samples, held",
            "x: 0 series, 0 samples, 0 bytes, shared",
            "x: 3 series, 12 samples, 300 bytes, 24 looked at",
        ],
    );
}

#[test]
fn what_is_the_same_counts_once() {
    check(
        "sum(rate(x[2m])) / (sum(rate( x[2m] )))",
        &[
            "sum(rate( x[2m] )): 3 series, 9 samples, held",
            "sum(rate(x[2m])) / (sum(rate( x[2m] ))): 2 series, 6 samples, held",
            "sum(rate(x[2m])): 0 series, 0 samples, 0 bytes, shared",
            "x[2m]: 3 series, 12 samples, 300 bytes, 42 looked at",
        ],
    );
}

#[test]
fn what_numbers_are_computed_from_counts_too() {
    check(
        "topk(scalar(count(y)), x)",
        &[
            "count(y): 3 series, 12 samples, held",
            "topk(scalar(count(y)), x): 3 series, 12 samples, held",
            "x: 3 series, 12 samples, 300 bytes, 12 looked at",
            "y: 3 series, 12 samples, 300 bytes, 12 looked at",
        ],
    );
    check(
        "absent(x) or vector(1)",
        &[
            // Of the absence nothing is left.
            "absent(x) or vector(1): 1 series, 4 samples, held",
            "absent(x): 3 series, 12 samples",
            "x: 3 series, 12 samples, 300 bytes, 12 looked at",
        ],
    );
}

/// Evaluating sleeps a millisecond a series, which is the selector's time, and in the time for which it is open.
#[test]
fn time_is_taken_where_it_goes() {
    let of = |text: &str| operators(text, true).into_iter().partition::<Vec<_>, _>(|one| one.selected.is_some());
    let (selectors, stages) = of("sum(x)");
    let selected = selectors[0].selected.clone().unwrap();
    assert!(selectors[0].time.as_millis() >= 3, "{selectors:?}");
    assert!(selected.open >= selectors[0].time, "{selectors:?}");
    assert!(!stages[0].time.is_zero(), "{stages:?}");
}

#[test]
fn nothing_is_written_down_unless_asked_for() {
    assert_eq!(operators("sum(x)", false), []);
}
