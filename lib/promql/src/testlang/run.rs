//! Running a script.

#[cfg(test)]
mod tests;

use super::compare::{Answer, compare, compare_middle};
use super::nhcb::Families;
use super::pinned::pin;
use super::script::{Command, EVERYTHING, Eval, Expect, Load, Script, Text};
use super::{MemoryStore, Sample, SequenceValue};
use crate::ast::Expr;
use crate::{Annotations, Budget, ParseOptions, Query, QueryError, QueryLimits, QueryParams, Value, parse};

/// With what settings scripts are run. The default is what Prometheus' own tests have.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// What expressions may have; by default everything.
    pub parse: ParseOptions,
    /// Metric names are taken away at the very end instead of by each function.
    pub delayed_names: bool,
    /// Functions of counters look at when those began.
    pub use_start_timestamps: bool,
    /// It is the label `__type__` that tells what a counter is, and not the name.
    pub type_and_unit_labels: bool,
    pub lookback_ms: i64,
    /// Samples that a query may hold.
    pub max_samples: usize,
    /// Where queries reserve their bytes.
    pub memory: Budget,
    /// Whether what is expected of an instant evaluation is also expected of it as the middle of a range, and, with `@`
    /// everywhere, at other times.
    pub again: bool,
}

/// What came of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Evaluations that gave what was expected.
    pub passed: usize,
    /// In the order of the lines.
    pub failures: Vec<Failure>,
}

/// A command that did not give what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// From 1.
    pub line: usize,
    /// The expression; of a load the word.
    pub text: String,
    /// In which form it failed, if not as it is written: an expression with `@`, or a range.
    pub form: Option<String>,
    /// What was expected, and what came: lines that begin with `-` and with `+`, or a sentence.
    pub diff: String,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            parse: EVERYTHING,
            delayed_names: true,
            use_start_timestamps: true,
            type_and_unit_labels: false,
            lookback_ms: 300_000,
            max_samples: 10_000,
            memory: Budget::unlimited(),
            again: true,
        }
    }
}

/// Runs a script. After a failure it goes on.
pub fn run(script: &Script, options: &RunOptions) -> Report {
    let mut store = MemoryStore::default();
    let mut report = Report::default();
    for command in &script.commands {
        match command {
            Command::Clear => store.clear(),
            Command::Load(load) => {
                if let Err(diff) = append(&mut store, load) {
                    report.failures.push(Failure { line: load.line, text: "load".to_owned(), form: None, diff });
                }
            }
            Command::Eval(eval) => match (Runner { store: &store, options, eval }).run() {
                Ok(()) => report.passed += 1,
                Err(Wrong { form, diff }) => {
                    report.failures.push(Failure { line: eval.line, text: eval.text.clone(), form, diff });
                }
            },
        }
    }
    report
}

// === load ===

fn append(store: &mut MemoryStore, load: &Load) -> Result<(), String> {
    let mut families = Families::default();
    for series in &load.series {
        let described = &series.described;
        for (at, value) in described.values.iter().enumerate() {
            let time_ms = i64::try_from(at).unwrap_or(i64::MAX).saturating_mul(load.step_ms);
            let sample = match *value {
                SequenceValue::Omitted => continue,
                SequenceValue::Float(value) => Sample::Float(value),
                SequenceValue::Histogram { row, .. } => match described.histograms.get(row) {
                    Some(histogram) => Sample::Histogram(histogram),
                    None => continue,
                },
            };
            let offset = series.starts.get(at).copied().flatten();
            let start_ms = offset.map_or(0, |offset| time_ms.saturating_add(offset));
            let stored = store.append(&described.labels, time_ms, sample, start_ms);
            stored.map_err(|why| format!("{:?} at {time_ms} ms: {why}", described.labels))?;
        }
        if load.with_nhcb {
            families.add(&described.labels, series.floats(load.step_ms)).map_err(|why| why.to_string())?;
        }
    }
    for (labels, histograms) in families.finish().map_err(|why| why.to_string())? {
        for (time_ms, histogram) in histograms {
            let stored = store.append(&labels, time_ms, Sample::Histogram(histogram.as_ref()), 0);
            stored.map_err(|why| format!("{labels:?} at {time_ms} ms: {why}"))?;
        }
    }
    Ok(())
}

// === eval ===

/// How far the ends of a range are from its middle.
const AROUND_MS: i64 = 60_000;

/// What did not come as expected.
struct Wrong {
    form: Option<String>,
    diff: String,
}

struct Runner<'a> {
    store: &'a MemoryStore,
    options: &'a RunOptions,
    eval: &'a Eval,
}

/// One form of an evaluation.
struct Form<'a> {
    expr: &'a Expr,
    /// What `expr` was parsed from.
    text: &'a str,
    time_ms: i64,
}

impl Runner<'_> {
    fn run(&self) -> Result<(), Wrong> {
        let Eval { text, times, .. } = self.eval;
        let plainly = |diff| Wrong { form: None, diff };
        let expr = match parse(text, &self.options.parse) {
            Ok(expr) => expr,
            Err(error) => return self.check_failure(&error.to_string()).map_err(plainly),
        };
        if times.is_range {
            let got = self.evaluate(&expr, (times.start_ms, times.end_ms, times.step_ms));
            return self.judge(text, got).map(|_| ()).map_err(plainly);
        }
        let time_ms = times.end_ms;
        self.instant(&Form { expr: &expr, text, time_ms }, None)?;
        let mut pinned = expr;
        if !self.options.again || !pin(&mut pinned, time_ms) {
            return Ok(());
        }
        let text = pinned.to_string();
        let form = |time_ms: i64| Some(format!("{text} at {} s", time_ms as f64 / 1000.0));
        // Positions in messages are those of what is written out.
        let expr = parse(&text, &self.options.parse);
        let expr = expr.map_err(|error| Wrong { form: form(time_ms), diff: error.to_string() })?;
        let others = if time_ms == 0 {
            vec![-1000, 0, 1000]
        } else {
            vec![-10 * time_ms, 0, time_ms / 5, time_ms, 10 * time_ms]
        };
        others
            .into_iter()
            .try_for_each(|time_ms| self.instant(&Form { expr: &expr, text: &text, time_ms }, form(time_ms)))
    }

    /// Evaluates at one time, and as the middle of a range.
    fn instant(&self, form: &Form<'_>, name: Option<String>) -> Result<(), Wrong> {
        let Form { expr, text, time_ms } = *form;
        let got = self.evaluate(expr, (time_ms, time_ms, 0));
        let was_scalar = matches!(got, Ok((Value::Scalar { .. }, _)));
        let is_done = self.judge(text, got).map_err(|diff| Wrong { form: name.clone(), diff })?;
        let expect = &self.eval.expect;
        let context = ["start()", "end()", "range()", "step()"];
        if is_done
            || !self.options.again
            || expect.range_vector
            || expect.string.is_some()
            || context.iter().any(|call| text.contains(call))
        {
            return Ok(());
        }
        let range = self.evaluate(expr, (time_ms - AROUND_MS, time_ms + AROUND_MS, AROUND_MS));
        let same = match range {
            Err(error) => Err(error.to_string()),
            Ok(_) if expect.ordered => Ok(()),
            Ok((value, _)) => compare_middle(expect, &value, was_scalar),
        };
        same.map_err(|diff| Wrong {
            form: Some(format!("{}, as the middle of a range", name.unwrap_or_else(|| "as it is".to_owned()))),
            diff,
        })
    }

    fn evaluate(
        &self,
        expr: &Expr,
        (start_ms, end_ms, step_ms): (i64, i64, i64),
    ) -> Result<(Value, Annotations), QueryError> {
        let limits = QueryLimits { max_samples: self.options.max_samples, memory: self.options.memory.clone() };
        let params = QueryParams {
            lookback_ms: self.options.lookback_ms,
            delayed_names: self.options.delayed_names,
            use_start_timestamps: self.options.use_start_timestamps,
            type_and_unit_labels: self.options.type_and_unit_labels,
            limits,
            ..QueryParams::range(start_ms, end_ms, step_ms)
        };
        let output = self.store.run(Query::prepare(expr, params)?)?;
        Ok((output.value, output.annotations))
    }

    /// Compares what came with what is expected; true if it failed as expected, and nothing more is to be seen.
    fn judge(&self, text: &str, got: Result<(Value, Annotations), QueryError>) -> Result<bool, String> {
        let expect = &self.eval.expect;
        match got {
            Err(error) => self.check_failure(&error.to_string()).map(|()| true),
            Ok(_) if expect.fails => Err("it should have failed, and did not".to_owned()),
            Ok((value, annotations)) => {
                check_annotations(expect, &annotations, text)?;
                compare(expect, self.eval.times, &Answer::new(&value)?)?;
                Ok(false)
            }
        }
    }

    fn check_failure(&self, error: &str) -> Result<(), String> {
        let expect = &self.eval.expect;
        if !expect.fails {
            return Err(format!("it failed: {error}"));
        }
        let fits = |want: &Text| want.fits(error) || turned_round(error).is_some_and(|error| want.fits(&error));
        match expect.failures.iter().find(|want| !fits(want)) {
            Some(want) => Err(format!("- error: {want}\n+ error: {error:?}")),
            None => Ok(()),
        }
    }
}

/// The error about two series with the same key, those two the other way round: 3.14.0 names the later one first, later
/// versions sort them.
fn turned_round(text: &str) -> Option<String> {
    let (before, rest) = text.split_once(" operation: [")?;
    let (pair, after) = rest.split_once("];many-to-many")?;
    let (one, other) = pair.split_once("}, {")?;
    Some(format!("{before} operation: [{{{other}, {one}}}];many-to-many{after}"))
}

fn check_annotations(expect: &Expect, annotations: &Annotations, text: &str) -> Result<(), String> {
    let (warnings, infos) = annotations.render(text, 0);
    let kinds = [
        ("warning", &warnings, &expect.warnings, expect.warns, expect.no_warnings),
        ("info", &infos, &expect.infos, expect.informs, expect.no_infos),
    ];
    for (kind, got, wanted, some, none) in kinds {
        if none && !got.is_empty() {
            return Err(format!("- no {kind}\n+ {kind}: {}", got.join("\n+ ")));
        }
        if some && got.is_empty() {
            return Err(format!("- some {kind}\n+ none"));
        }
        if wanted.is_empty() {
            continue;
        }
        let unfit = got.iter().filter(|got| !wanted.iter().any(|want| want.fits(got)));
        let mut lines: Vec<String> = unfit.map(|got| format!("+ {kind}: {got:?}")).collect();
        let missing = wanted.iter().filter(|want| !got.iter().any(|got| want.fits(got)));
        lines.splice(0..0, missing.map(|want| format!("- {kind}: {want}")));
        if !lines.is_empty() {
            return Err(lines.join("\n"));
        }
    }
    Ok(())
}
