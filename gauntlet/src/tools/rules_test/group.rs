//! One group of tests: its series, the rules over them, and what is asked of both.

use super::file::{AlertTest, ExpectedSample, ExprTest, RuleFile, RuleText, Scalar, TestFile, TestGroup, read};
use super::rule::{self, Alerting, Moment, Rule, Sample, State};
use model::{FloatHistogram, Labels, STALE_NAN};
use promql::ast::Expr;
use promql::testlang::{AppendError, MemoryStore, Sample as Stored, SequenceValue, SeriesDescription, parse_series};
use promql::{ParseOptions, Query, QueryLimits, QueryParams, Value, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use template::{External, Template};

/// So many values may the series of a group have.
const MAX_VALUES: usize = 1 << 22;
/// Samples that a query may hold, as in promtool.
const MAX_SAMPLES: usize = 10_000;
/// So often rules are evaluated at most, which is a year of minutes and more.
const MAX_EVALUATIONS: i64 = 1 << 20;

/// A rule with what is needed to evaluate it.
struct Placed {
    rule: Rule,
    expr: Expr,
    limit: usize,
    query_offset_ms: i64,
    /// What it gave at the time before.
    given: BTreeSet<Labels>,
}

/// What a group of tests has while it runs.
struct Running {
    store: MemoryStore,
    input: Vec<(SeriesDescription, usize)>,
    rules: Vec<Placed>,
    external: External,
    start_ms: i64,
    step_ms: i64,
    /// How often rules are evaluated, which is also the step of subqueries without one.
    every_ms: i64,
}

/// Runs a group; what failed.
pub(super) fn run_group(
    tests: &TestFile,
    group: &TestGroup,
    order: &BTreeMap<String, usize>,
    rule_files: &[PathBuf],
) -> Vec<String> {
    let mut running = match prepare(tests, group, order, rule_files) {
        Ok(running) => running,
        Err(error) => return vec![error],
    };
    let mut failures = Vec::new();
    if let Err(error) = running.evaluate_all(group, &mut failures) {
        failures.push(error);
        return failures;
    }
    for test in &group.promql_expr_test {
        if let Err(error) = running.check_expr(test, tests.fuzzy_compare) {
            failures.push(error);
        }
    }
    failures
}

// === preparing ===

fn prepare(
    tests: &TestFile,
    group: &TestGroup,
    order: &BTreeMap<String, usize>,
    rule_files: &[PathBuf],
) -> Result<Running, String> {
    if let Some(test) = group.alert_rule_test.iter().find(|test| test.alertname.is_empty()) {
        return Err(format!("an item under alert_rule_test has no alertname (eval_time {} ms)", test.eval_time.0));
    }
    let mut room = MAX_VALUES;
    let mut input = Vec::new();
    for series in &group.input_series {
        let text = format!("{} {}", series.series.0, series.values.0);
        let described = parse_series(&text, room).map_err(|error| format!("{text}: {error}"))?;
        room = room.saturating_sub(described.values.len() + described.histograms.cells());
        input.push((described, 0));
    }
    let every_ms = tests.evaluation_interval.0;
    Ok(Running {
        store: MemoryStore::default(),
        input,
        rules: rules(order, rule_files)?,
        external: External { labels: texts(&group.external_labels), url: group.external_url.clone() },
        start_ms: start_ms(&group.start_timestamp.0)?,
        step_ms: if group.interval.0 == 0 { every_ms } else { group.interval.0 },
        every_ms,
    })
}

/// When time begins: seconds since the epoch or RFC 3339; nothing: the epoch.
fn start_ms(text: &str) -> Result<i64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok((seconds * 1000.0) as i64);
    }
    let time = text.parse::<jiff::Timestamp>().map_err(|error| format!("start_timestamp {text:?}: {error}"))?;
    Ok(time.as_millisecond())
}

fn texts(map: &BTreeMap<String, Scalar>) -> BTreeMap<String, String> {
    map.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect()
}

/// The rules of all files, in the order in which they are evaluated.
fn rules(order: &BTreeMap<String, usize>, files: &[PathBuf]) -> Result<Vec<Placed>, String> {
    let mut groups = Vec::new();
    for path in files {
        for group in read::<RuleFile>(path)?.groups {
            let mut placed = Vec::new();
            for text in &group.rules {
                let at = |error: String| format!("{}: group {:?}: {error}", path.display(), group.name);
                let mut labels = group.labels.clone();
                labels.extend(text.labels.clone());
                let (rule, expr) = rule(text, &labels).map_err(at)?;
                let query_offset_ms = group.query_offset.0;
                placed.push(Placed { rule, expr, limit: group.limit, query_offset_ms, given: BTreeSet::new() });
            }
            groups.push((order.get(&group.name).copied().unwrap_or(0), placed));
        }
    }
    groups.sort_by_key(|(at, _)| *at);
    Ok(groups.into_iter().flat_map(|(_, rules)| rules).collect())
}

fn rule(text: &RuleText, labels: &BTreeMap<String, Scalar>) -> Result<(Rule, Expr), String> {
    let is_alert = !text.alert.is_empty();
    let name = if is_alert { &text.alert } else { &text.record };
    if name.is_empty() || is_alert && !text.record.is_empty() {
        return Err("a rule has one of record and alert".to_owned());
    }
    let expr = parse(&text.expr.0, &ParseOptions::default()).map_err(|error| format!("rule {name:?}: {error}"))?;
    if !is_alert {
        return Ok((Rule::Recording { name: name.clone(), labels: texts(labels) }, expr));
    }
    let templates = |of: &str, map: &BTreeMap<String, Scalar>| {
        let parse = |(key, text): (&String, &Scalar)| match Template::parse(name, &text.0) {
            Ok(template) => Ok((key.clone(), template)),
            Err(error) => Err(format!("rule {name:?}: {of} {key:?}: {error}")),
        };
        map.iter().map(parse).collect::<Result<BTreeMap<_, _>, String>>()
    };
    let alerting = Alerting {
        name: name.clone(),
        hold_ms: text.hold.0,
        keep_firing_ms: text.keep_firing_for.0,
        labels: templates("label", labels)?,
        annotations: templates("annotation", &text.annotations)?,
        alerts: BTreeMap::new(),
    };
    Ok((Rule::Alerting(alerting), expr))
}

// === running ===

impl Running {
    /// Evaluates the rules up to the last time that is asked for, and compares alerts on the way.
    ///
    /// # Errors
    /// A rule that fails.
    fn evaluate_all(&mut self, group: &TestGroup, failures: &mut Vec<String>) -> Result<(), String> {
        let alert_times = group.alert_rule_test.iter().map(|test| test.eval_time.0);
        let last_ms = alert_times.chain(group.promql_expr_test.iter().map(|test| test.eval_time.0)).max().unwrap_or(0);
        if last_ms / self.every_ms >= MAX_EVALUATIONS {
            return Err(format!("rules would be evaluated more than {MAX_EVALUATIONS} times"));
        }
        let mut after_ms = 0;
        while after_ms <= last_ms {
            let time_ms = self.start_ms.saturating_add(after_ms);
            self.load_until(time_ms)?;
            for at in 0..self.rules.len() {
                self.evaluate(at, time_ms)?;
            }
            let next_ms = after_ms + self.every_ms;
            // What is asked for a time in between is seen at the time before.
            let due = group.alert_rule_test.iter().filter(|test| (after_ms..next_ms).contains(&test.eval_time.0));
            failures.extend(due.filter_map(|test| self.check_alerts(test).err()));
            after_ms = next_ms;
        }
        Ok(())
    }

    /// Stores the samples up to `until_ms`.
    fn load_until(&mut self, until_ms: i64) -> Result<(), String> {
        for (series, next) in &mut self.input {
            while let Some(value) = series.values.get(*next) {
                let after_ms = i64::try_from(*next).ok().and_then(|next| next.checked_mul(self.step_ms));
                let time_ms = after_ms.and_then(|after_ms| after_ms.checked_add(self.start_ms)).unwrap_or(i64::MAX);
                if time_ms > until_ms {
                    break;
                }
                *next += 1;
                let sample = match *value {
                    SequenceValue::Omitted => continue,
                    SequenceValue::Float(value) => Stored::Float(value),
                    SequenceValue::Histogram { row, .. } => match series.histograms.get(row) {
                        Some(histogram) => Stored::Histogram(histogram),
                        None => continue,
                    },
                };
                let stored = self.store.append(&series.labels, time_ms, sample, 0);
                stored.map_err(|why| format!("{:?} at {time_ms} ms: {why}", series.labels))?;
            }
        }
        Ok(())
    }

    /// Evaluates a rule, and stores what it gives.
    fn evaluate(&mut self, at: usize, time_ms: i64) -> Result<(), String> {
        let rule = &self.rules[at];
        let name = rule.rule.name().to_owned();
        let failed = |why: String| format!("rule {name:?} at {time_ms} ms: {why}");
        let vector = self.query(&rule.expr, time_ms - rule.query_offset_ms).map_err(failed)?;
        let (store, every_ms) = (&self.store, self.every_ms);
        let rule = &mut self.rules[at];
        let stored_ms = time_ms - rule.query_offset_ms;
        let ask = |text: &str| ask_of_template(store, text, time_ms, every_ms);
        let moment = Moment { time_ms, limit: rule.limit, external: &self.external, query: &ask };
        let samples = rule.rule.evaluate(vector, &moment).map_err(failed)?;
        let mut given = BTreeSet::new();
        for sample in samples {
            let value = match &sample.histogram {
                Some(histogram) => Stored::Histogram(histogram.as_ref()),
                None => Stored::Float(sample.value),
            };
            self.store.append(&sample.labels, stored_ms, value, 0).map_err(|why| failed(why.to_string()))?;
            given.insert(sample.labels);
        }
        for gone in rule.given.difference(&given) {
            match self.store.append(gone, stored_ms, Stored::Float(STALE_NAN), 0) {
                // Another rule gives it now.
                Ok(()) | Err(AppendError::OutOfOrder | AppendError::Duplicate) => {}
                Err(why) => return Err(failed(why.to_string())),
            }
        }
        rule.given = given;
        Ok(())
    }

    fn query(&self, expr: &Expr, time_ms: i64) -> Result<Vec<Sample>, String> {
        query(&self.store, expr, time_ms, self.every_ms)
    }

    // === checking ===

    fn check_alerts(&self, test: &AlertTest) -> Result<(), String> {
        let mut got = Vec::new();
        for placed in &self.rules {
            let Rule::Alerting(alerting) = &placed.rule else { continue };
            if alerting.name == test.alertname {
                let firing = alerting.alerts.iter().filter(|(_, alert)| alert.state == State::Firing);
                got.extend(firing.map(|(labels, alert)| (labels.clone(), alert.annotations.clone())));
            }
        }
        let mut want = Vec::new();
        for expected in &test.exp_alerts {
            let mut labels = texts(&expected.exp_labels);
            labels.insert("alertname".to_owned(), test.alertname.clone());
            let labels = Labels::from_pairs(labels).map_err(|error| error.to_string())?;
            want.push((labels, texts(&expected.exp_annotations)));
        }
        got.sort();
        want.sort();
        if got == want {
            return Ok(());
        }
        let text = |(labels, annotations): &(Labels, BTreeMap<String, String>)| format!("{labels:?} {annotations:?}");
        let head = format!("alert {:?} at {} ms", test.alertname, test.eval_time.0);
        Err(difference(&head, want.iter().map(text), got.iter().map(text)))
    }

    fn check_expr(&self, test: &ExprTest, is_fuzzy: bool) -> Result<(), String> {
        let head = format!("{} at {} ms", test.expr.0, test.eval_time.0);
        let expr = parse(&test.expr.0, &ParseOptions::default()).map_err(|error| format!("{head}: {error}"))?;
        let mut got =
            self.query(&expr, self.start_ms + test.eval_time.0).map_err(|error| format!("{head}: {error}"))?;
        let want = test.exp_samples.iter().map(expected).collect::<Result<Vec<_>, String>>();
        let mut want = want.map_err(|error| format!("{head}: {error}"))?;
        got.sort_by(|one, other| one.labels.cmp(&other.labels));
        want.sort_by(|one, other| one.labels.cmp(&other.labels));
        let same = |(want, got): (&Sample, &Sample)| {
            let fits = want.value == got.value
                || is_fuzzy && (want.value.next_up() == got.value || want.value.next_down() == got.value);
            fits && want.labels == got.labels && histogram_text(want) == histogram_text(got)
        };
        if want.len() == got.len() && want.iter().zip(&got).all(same) {
            return Ok(());
        }
        let text = |sample: &Sample| {
            let value = histogram_text(sample).unwrap_or_else(|| sample.value.to_string());
            format!("{:?} {value}", sample.labels)
        };
        Err(difference(&head, want.iter().map(text), got.iter().map(text)))
    }
}

/// What an expression gives at one time: a vector, or a scalar as one.
fn query(store: &MemoryStore, expr: &Expr, time_ms: i64, every_ms: i64) -> Result<Vec<Sample>, String> {
    let limits = QueryLimits { max_samples: MAX_SAMPLES, ..QueryLimits::default() };
    let params = QueryParams { subquery_step_ms: every_ms, limits, ..QueryParams::instant(time_ms) };
    let output = Query::prepare(expr, params).and_then(|query| store.run(query));
    match output.map_err(|error| error.to_string())?.value {
        Value::Scalar { value, .. } => Ok(vec![Sample { labels: Labels::empty(), value, histogram: None }]),
        Value::Vector { series, .. } => {
            let sample = |series: promql::Series| {
                let histogram = series.column.histograms.get(0).map(FloatHistogram::from_ref);
                let value = if histogram.is_some() { 0.0 } else { series.column.floats.get(0).unwrap_or(0.0) };
                Sample { labels: series.labels, value, histogram }
            };
            Ok(series.into_iter().map(sample).collect())
        }
        _ => Err("rule result is not a vector or scalar".to_owned()),
    }
}

/// What the query of a template gives.
fn ask_of_template(
    store: &MemoryStore,
    text: &str,
    time_ms: i64,
    every_ms: i64,
) -> Result<Vec<template::Sample>, String> {
    let expr = parse(text, &ParseOptions::default()).map_err(|error| error.to_string())?;
    let samples = query(store, &expr, time_ms, every_ms)?;
    let sample =
        |Sample { labels, value, histogram }| template::Sample { labels: rule::texts(&labels), value, histogram };
    Ok(samples.into_iter().map(sample).collect())
}

fn histogram_text(sample: &Sample) -> Option<String> {
    sample.histogram.as_ref().map(|histogram| histogram.test_expression().to_string())
}

fn expected(sample: &ExpectedSample) -> Result<Sample, String> {
    let text = &sample.labels.0;
    let in_labels = |error: promql::ParseError| format!("labels {text:?}: {error}");
    let labels = parse_series(text, MAX_VALUES).map_err(in_labels)?;
    if !labels.values.is_empty() {
        return Err(format!("labels {text:?}: there is more than labels"));
    }
    let mut histogram = None;
    if !sample.histogram.is_empty() {
        let described = parse_series(&format!("{{}} {}", sample.histogram), MAX_VALUES).map_err(in_labels)?;
        histogram = match described.values.as_slice() {
            [SequenceValue::Histogram { row, .. }] => described.histograms.get(*row).map(FloatHistogram::from_ref),
            _ => return Err(format!("labels {text:?}: one histogram is expected, and not {}", sample.histogram)),
        };
    }
    // Of a histogram the value is left out.
    let value = if histogram.is_some() { 0.0 } else { sample.value };
    Ok(Sample { labels: labels.labels, value, histogram })
}

/// What is expected (`-`) and what came (`+`), without what is in both.
fn difference(head: &str, want: impl Iterator<Item = String>, got: impl Iterator<Item = String>) -> String {
    let (want, got): (Vec<String>, Vec<String>) = (want.collect(), got.collect());
    let missing = want.iter().filter(|line| !got.contains(line)).map(|line| format!("\n    - {line}"));
    let others = got.iter().filter(|line| !want.contains(line)).map(|line| format!("\n    + {line}"));
    format!("{head}{}", missing.chain(others).collect::<String>())
}
