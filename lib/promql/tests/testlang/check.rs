//! Whether an evaluation gives what is expected of it.

use crate::script::{Eval, Expect, Text};
use crate::store::Store;
use crate::values::Loaded;
use model::{Labels, Regex};
use promql::ast::{At, Expr, ExprKind, TimeShift};
use promql::{Output, ParseErrorKind, ParseOptions, Query, QueryError, QueryLimits, QueryParams, Value};

/// What became of an evaluation.
pub(crate) enum Outcome {
    Right,
    Wrong(String),
    Skipped(String),
}

/// Runs an evaluation, and an instant one in its other forms too.
pub(crate) fn run(store: &Store, eval: &Eval) -> Outcome {
    if eval.expect.series.iter().any(|series| series.has_histograms) {
        return Outcome::Skipped("histograms".to_owned());
    }
    let options = ParseOptions {
        experimental_functions: true,
        duration_expressions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        ..ParseOptions::default()
    };
    let expr = match promql::parse(&eval.text, &options) {
        Ok(expr) => expr,
        Err(err) if err.kind == ParseErrorKind::Unsupported => return Outcome::Skipped(err.message),
        Err(err) => return failure(&eval.expect, &err.to_string()),
    };
    let first = Query::prepare(&expr, params(eval.times)).map(|query| store.meets_histograms(&query));
    if first == Ok(true) {
        return Outcome::Skipped("histograms".to_owned());
    }
    let outcome = judge(eval, evaluate(store, &expr, eval.times), true);
    let (time, _, step) = eval.times;
    if step != 0 || !matches!(outcome, Outcome::Right) || eval.expect.fail.is_some() {
        return outcome;
    }
    if let Outcome::Wrong(how) = as_range(store, eval, &expr, time) {
        return Outcome::Wrong(format!("as a range: {how}"));
    }
    if calls(&expr, &AT_UNSAFE) {
        return Outcome::Right;
    }
    let mut fixed = promql::parse(&eval.text, &options).unwrap();
    fix_time(&mut fixed, time);
    let others = if time == 0 { vec![-1000, 0, 1000] } else { vec![-10 * time, 0, time / 5, time, 10 * time] };
    for other in others {
        if let Outcome::Wrong(how) = judge(eval, evaluate(store, &fixed, (other, other, 0)), true) {
            return Outcome::Wrong(format!("@ {time} at {other}: {how}"));
        }
        if let Outcome::Wrong(how) = as_range(store, eval, &fixed, other) {
            return Outcome::Wrong(format!("@ {time} at {other} as a range: {how}"));
        }
    }
    Outcome::Right
}

/// Functions that give something else at another time whatever `@` says.
const AT_UNSAFE: [&str; 15] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "time",
    "timestamp",
    "start",
    "end",
    "range",
    "step",
];

fn params((start, end, step): (i64, i64, i64)) -> QueryParams {
    let limits = QueryLimits { max_samples: 10_000, ..QueryLimits::default() };
    QueryParams { delayed_names: true, limits, ..QueryParams::range(start, end, step) }
}

fn evaluate(store: &Store, expr: &Expr, times: (i64, i64, i64)) -> Result<Output, QueryError> {
    Query::prepare(expr, params(times)).and_then(|query| store.run(query))
}

/// The same as the middle step of a range of three.
fn as_range(store: &Store, eval: &Eval, expr: &Expr, time: i64) -> Outcome {
    if calls(expr, &["start", "end", "range", "step"]) || eval.text.contains("step()") || eval.text.contains("range()")
    {
        return Outcome::Right;
    }
    let (start, end) = (time - 60_000, time + 60_000);
    match evaluate(store, expr, (start, end, 60_000)) {
        Err(QueryError::Invalid(_)) => Outcome::Right,
        Ok(Output { value: Value::Matrix { series, .. }, annotations }) => {
            let mut middle: Vec<promql::Series> = Vec::new();
            for series in series {
                if let Some(value) = series.column.floats.get(1) {
                    middle.push(promql::Series {
                        labels: series.labels,
                        column: promql::FloatColumn::constant(value, 1).into(),
                    });
                }
            }
            let value = Value::Vector { time_ms: time, series: middle };
            judge(eval, Ok(Output { value, annotations }), false)
        }
        other => judge(eval, other, false),
    }
}

fn judge(eval: &Eval, output: Result<Output, QueryError>, strictly: bool) -> Outcome {
    let expect = &eval.expect;
    let output = match output {
        Err(err) => return failure(expect, &err.to_string()),
        Ok(_) if expect.fail.is_some() => return Outcome::Wrong("it did not fail".to_owned()),
        Ok(output) => output,
    };
    // Prometheus compares these in range form as well, where other samples may be seen.
    let (warnings, infos) = output.annotations.render(&eval.text, 0);
    if strictly {
        for (texts, wanted, none) in [(&warnings, &expect.warn, expect.no_warn), (&infos, &expect.info, expect.no_info)]
        {
            let fits = match wanted {
                None => !none || texts.is_empty(),
                Some(wanted) => {
                    let all_fit =
                        texts.iter().all(|text| wanted.is_empty() || wanted.iter().any(|want| want.fits(text)));
                    !texts.is_empty() && all_fit && wanted.iter().all(|want| texts.iter().any(|text| want.fits(text)))
                }
            };
            if !fits {
                return Outcome::Wrong(format!("notes {texts:?}, want {wanted:?}"));
            }
        }
    }
    match compare(expect, &output.value, strictly && expect.ordered) {
        Ok(()) => Outcome::Right,
        Err(how) => Outcome::Wrong(how),
    }
}

fn failure(expect: &Expect, text: &str) -> Outcome {
    match &expect.fail {
        Some(want) if want.fits(text) => Outcome::Right,
        want => Outcome::Wrong(format!("failed: {text}, want {want:?}")),
    }
}

/// The error about two series with the same key, those two the other way round: 3.14.0 names the later one first, and the
/// version that the files are from sorts them.
fn turned_round(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(" operation: [")?;
    let (pair, after) = rest.split_once("];many-to-many")?;
    let (one, other) = pair.split_once("}, {")?;
    Some(format!("{before} operation: [{{{other}, {one}}}];many-to-many{after}"))
}

impl Text {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(want) => text == want || turned_round(text).as_ref() == Some(want),
            Self::Matching(want) => Regex::new(&format!(".*(?:{want}).*")).unwrap().is_match(text.as_bytes()),
        }
    }
}

fn compare(expect: &Expect, value: &Value, ordered: bool) -> Result<(), String> {
    let got: Vec<(Labels, Vec<Option<f64>>)> = match value {
        Value::String { value, .. } => {
            let same = expect.string.as_ref().is_some_and(|want| want.as_bytes() == value);
            return if same { Ok(()) } else { Err(format!("string {value:?}")) };
        }
        Value::Scalar { value, .. } => {
            let same = expect.scalar.is_some_and(|want| almost_equal(*value, want));
            return if same { Ok(()) } else { Err(format!("scalar {value}")) };
        }
        Value::Vector { series, .. } if expect.scalar.is_some() => {
            let value = series.first().and_then(|series| series.column.floats.get(0));
            let same = value.zip(expect.scalar).is_some_and(|(got, want)| almost_equal(got, want));
            return if same { Ok(()) } else { Err(format!("scalar {value:?}")) };
        }
        Value::Vector { series, .. } => {
            series.iter().map(|series| (series.labels.clone(), vec![series.column.floats.get(0)])).collect()
        }
        Value::Matrix { series, .. } if expect.range_vector.is_none() => {
            let all = |column: &promql::FloatColumn| (0..column.steps()).map(|step| column.get(step)).collect();
            series.iter().map(|series| (series.labels.clone(), all(&series.column.floats))).collect()
        }
        Value::Matrix { grid, series } => {
            let (start, step) = expect.range_vector.unwrap_or((0, 1));
            let points = |column: &promql::FloatColumn| -> Vec<(i64, f64)> {
                column.iter().map(|(at, value)| (grid.time_ms(at), value)).collect()
            };
            series
                .iter()
                .map(|series| (series.labels.clone(), spread(points(&series.column.floats), start, step)))
                .collect()
        }
        Value::Samples { series } => {
            let (start, step) = expect.range_vector.unwrap_or((0, 1));
            let points = |columns: &model::SampleColumns| -> Vec<(i64, f64)> {
                columns.timestamps_ms.iter().copied().zip(columns.values.iter().copied()).collect()
            };
            series.iter().map(|(labels, columns)| (labels.clone(), spread(points(columns), start, step))).collect()
        }
    };
    let want: Vec<&Loaded> = expect.series.iter().filter(|want| want.values.iter().any(Option::is_some)).collect();
    if got.len() != want.len() {
        return Err(format!("{got:?}"));
    }
    for (at, want) in want.iter().enumerate() {
        let found = got.iter().position(|(labels, _)| *labels == want.labels);
        let Some(found) = found.filter(|found| !ordered || *found == at) else {
            return Err(format!("{:?} is not there, or not in order: {got:?}", want.labels));
        };
        let values = &got[found].1;
        let same = (0..values.len().max(want.values.len())).all(|at| {
            match (values.get(at).copied().flatten(), want.values.get(at).copied().flatten()) {
                (Some(got), Some(want)) => almost_equal(got, want),
                (got, want) => got.is_none() && want.is_none(),
            }
        });
        if !same {
            return Err(format!("{:?}: {values:?}, want {:?}", want.labels, want.values));
        }
    }
    Ok(())
}

/// Samples by the steps they are expected at.
fn spread(points: Vec<(i64, f64)>, start: i64, step: i64) -> Vec<Option<f64>> {
    let mut spread = Vec::new();
    for (time, value) in points {
        let at = usize::try_from((time - start) / step).unwrap();
        spread.resize(spread.len().max(at + 1), None);
        spread[at] = Some(value);
    }
    spread
}

fn almost_equal(a: f64, b: f64) -> bool {
    const EPSILON: f64 = 1e-6;
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let (sum, difference) = (a.abs() + b.abs(), (a - b).abs());
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

/// Whether any of these functions is called.
fn calls(expr: &Expr, names: &[&str]) -> bool {
    match &expr.kind {
        ExprKind::Call(call) => names.contains(&call.name.as_str()) || call.args.iter().any(|arg| calls(arg, names)),
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => calls(inner, names),
        ExprKind::Binary(binary) => calls(&binary.lhs, names) || calls(&binary.rhs, names),
        ExprKind::Aggregate(aggregate) => {
            calls(&aggregate.expr, names) || aggregate.param.as_ref().is_some_and(|param| calls(param, names))
        }
        ExprKind::Subquery(subquery) => calls(&subquery.expr, names),
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Vector(_) | ExprKind::Matrix(_) => false,
    }
}

/// Gives every selector and subquery without `@` one, but for what is in a subquery.
fn fix_time(expr: &mut Expr, time_ms: i64) {
    let fix = |time: &mut TimeShift| {
        time.at.get_or_insert(At::Timestamp(time_ms));
    };
    match &mut expr.kind {
        ExprKind::Vector(selector) => fix(&mut selector.time),
        ExprKind::Matrix(matrix) => fix(&mut matrix.selector.time),
        // What is in it is evaluated at the times it is then about.
        ExprKind::Subquery(subquery) => fix(&mut subquery.time),
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => fix_time(inner, time_ms),
        ExprKind::Binary(binary) => {
            fix_time(&mut binary.lhs, time_ms);
            fix_time(&mut binary.rhs, time_ms);
        }
        ExprKind::Aggregate(aggregate) => {
            fix_time(&mut aggregate.expr, time_ms);
            if let Some(param) = &mut aggregate.param {
                fix_time(param, time_ms);
            }
        }
        ExprKind::Call(call) => call.args.iter_mut().for_each(|arg| fix_time(arg, time_ms)),
        ExprKind::Number(_) | ExprKind::String(_) => {}
    }
}
