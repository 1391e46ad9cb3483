//! Rules over time: what a recording rule records, and which alerts an alerting rule has.
//!
//! Pure: answers of queries in, samples out. Whoever evaluates rules for more than a test can take it over.
//!
//! Source: Prometheus 3.14, `rules/recording.go`, `rules/alerting.go`.

use model::{FloatHistogram, Labels, LabelsBuilder, METRIC_NAME};
use std::collections::BTreeMap;
use template::{External, Template};

/// A sample that a query gave, or a rule gives.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) labels: Labels,
    pub(super) value: f64,
    /// Then the value is 0.
    pub(super) histogram: Option<FloatHistogram>,
}

/// When a rule is evaluated, and what its templates see.
pub(super) struct Moment<'a> {
    pub(super) time_ms: i64,
    /// So many samples may come of it; 0: as many as there are.
    pub(super) limit: usize,
    pub(super) external: &'a External,
    /// Asks a query of a template.
    pub(super) query: &'a dyn Fn(&str) -> Result<Vec<template::Sample>, String>,
}

/// What a rule is.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Recording { name: String, labels: BTreeMap<String, String> },
    Alerting(Alerting),
}

/// An alerting rule and its alerts.
#[derive(Debug, Clone)]
pub(super) struct Alerting {
    pub(super) name: String,
    pub(super) hold_ms: i64,
    pub(super) keep_firing_ms: i64,
    pub(super) labels: BTreeMap<String, Template>,
    pub(super) annotations: BTreeMap<String, Template>,
    /// By its labels.
    pub(super) alerts: BTreeMap<Labels, Alert>,
}

/// An alert.
#[derive(Debug, Clone)]
pub(super) struct Alert {
    pub(super) state: State,
    pub(super) annotations: BTreeMap<String, String>,
    active_at_ms: i64,
    keep_firing_since_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Pending,
    Firing,
}

impl Rule {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Recording { name, .. } => name,
            Self::Alerting(alerting) => &alerting.name,
        }
    }

    /// What is to be stored of what the rule's query gave.
    ///
    /// # Errors
    /// Two samples with the same labels, or more of them than may be.
    pub(super) fn evaluate(&mut self, vector: Vec<Sample>, moment: &Moment<'_>) -> Result<Vec<Sample>, String> {
        match self {
            Self::Recording { name, labels } => record(name, labels, vector, moment.limit),
            Self::Alerting(alerting) => alerting.evaluate(&vector, moment),
        }
    }
}

fn record(
    name: &str,
    labels: &BTreeMap<String, String>,
    vector: Vec<Sample>,
    limit: usize,
) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::with_capacity(vector.len());
    for sample in vector {
        let mut edit = sample.labels.edit();
        edit.set(METRIC_NAME, name.as_bytes());
        for (name, value) in labels {
            edit.set(name.as_bytes(), value.as_bytes());
        }
        samples.push(Sample { labels: build(edit)?, ..sample });
    }
    let mut sets: Vec<&Labels> = samples.iter().map(|sample| &sample.labels).collect();
    sets.sort();
    if sets.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err("vector contains metrics with the same labelset after applying rule labels".to_owned());
    }
    if limit > 0 && samples.len() > limit {
        return Err(format!("exceeded limit of {limit} with {} series", samples.len()));
    }
    Ok(samples)
}

/// Labels as templates have them.
pub(super) fn texts(labels: &Labels) -> BTreeMap<String, String> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    labels.iter().map(|label| (text(label.name), text(label.value))).collect()
}

fn build(labels: LabelsBuilder) -> Result<Labels, String> {
    labels.build().map_err(|error| error.to_string())
}

impl Alerting {
    fn evaluate(&mut self, vector: &[Sample], moment: &Moment<'_>) -> Result<Vec<Sample>, String> {
        let &Moment { time_ms, limit, external, query } = moment;
        let mut present = BTreeMap::new();
        for sample in vector {
            let labels = texts(&sample.labels);
            let alert = template::Alert {
                labels: &labels,
                value: sample.value,
                histogram: sample.histogram.as_ref(),
                external,
                now_ms: time_ms,
                query,
            };
            let expand = |template: &Template| template.expand(&alert);
            let mut edit = sample.labels.edit();
            edit.remove(METRIC_NAME);
            for (name, value) in &self.labels {
                edit.set(name.as_bytes(), expand(value).as_bytes());
            }
            edit.set(b"alertname", self.name.as_bytes());
            let annotations = self.annotations.iter().map(|(name, text)| (name.clone(), expand(text))).collect();
            if present.insert(build(edit)?, annotations).is_some() {
                return Err("vector contains metrics with the same labelset after applying alert labels".to_owned());
            }
        }
        self.alerts.retain(|labels, alert| match present.remove(labels) {
            Some(annotations) => {
                alert.annotations = annotations;
                alert.keep_firing_since_ms = None;
                true
            }
            None => {
                let since_ms = *alert.keep_firing_since_ms.get_or_insert(time_ms);
                alert.state == State::Firing && time_ms - since_ms < self.keep_firing_ms
            }
        });
        for (labels, annotations) in present {
            let alert = Alert { state: State::Pending, annotations, active_at_ms: time_ms, keep_firing_since_ms: None };
            self.alerts.insert(labels, alert);
        }
        if limit > 0 && self.alerts.len() > limit {
            let alerts = std::mem::take(&mut self.alerts).len();
            return Err(format!("exceeded limit of {limit} with {alerts} alerts"));
        }
        let mut samples = Vec::new();
        for (labels, alert) in &mut self.alerts {
            if time_ms - alert.active_at_ms >= self.hold_ms {
                alert.state = State::Firing;
            }
            let state = if alert.state == State::Firing { "firing" } else { "pending" };
            let mut edit = labels.edit();
            edit.set(METRIC_NAME, b"ALERTS_FOR_STATE");
            let since = alert.active_at_ms.div_euclid(1000) as f64;
            samples.push(Sample { labels: build(edit)?, value: since, histogram: None });
            let mut edit = labels.edit();
            edit.set(METRIC_NAME, b"ALERTS");
            edit.set(b"alertstate", state.as_bytes());
            samples.push(Sample { labels: build(edit)?, value: 1.0, histogram: None });
        }
        Ok(samples)
    }
}
