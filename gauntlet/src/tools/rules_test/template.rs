//! The templates of labels and annotations: Go's language of templates with the functions of Prometheus.
//!
//! A text becomes tokens ([`lexer`]), these a tree ([`parser`], [`tree`]), and the tree a text again for each alert
//! ([`expand`]). What templates name and call is in [`value`] and [`functions`]. Everything is bounded: how deep a template
//! is, how much it computes, how long its text becomes.
//!
//! Knows nothing of rules: whoever evaluates some hands in a way to ask queries.
//!
//! Source: Go's documentation of `text/template`, Prometheus' template reference; compared with promtool.

mod expand;
mod functions;
mod humanize;
mod lexer;
mod number;
mod parser;
mod printf;
mod quoted;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod value;

use expand::{Expansion, Fault};
use functions::World;
use parser::{Parsed, line_of, parse};
use std::collections::BTreeMap;
use std::rc::Rc;
use value::{Data, Value};

pub(super) use value::Sample;

/// A template that was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    name: String,
    /// With what every template begins with.
    text: String,
    parsed: Parsed,
}

/// What is the same for all alerts of a test.
#[derive(Debug, Default)]
pub(super) struct External {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) url: String,
}

/// What an alert is for.
pub(super) struct Alert<'a> {
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) value: f64,
    pub(super) external: &'a External,
    pub(super) now_ms: i64,
    /// Asks a query at that time.
    pub(super) query: &'a dyn Fn(&str) -> Result<Vec<Sample>, String>,
}

/// The variables that every template may use. Places in messages count them.
const VARIABLES: &str =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}";

impl Template {
    /// Reads a template of the alert called `alert`.
    ///
    /// # Errors
    /// It is none, in Go's words.
    pub(super) fn parse(alert: &str, text: &str) -> Result<Self, String> {
        let (name, text) = (format!("__alert_{alert}"), format!("{VARIABLES}{text}"));
        match parse(&text) {
            Ok(parsed) => Ok(Self { name, text, parsed }),
            Err((line, fault)) => Err(format!("template: {name}:{line}: {fault}")),
        }
    }

    /// The text for an alert, or what Prometheus puts in its place if there can be none.
    pub(super) fn expand(&self, alert: &Alert<'_>) -> String {
        self.try_expand(alert).unwrap_or_else(|fault| {
            let fault = self.locate(&fault);
            format!("<error expanding template: error executing template {}: {fault}>", self.name)
        })
    }

    fn try_expand(&self, alert: &Alert<'_>) -> Result<String, Fault> {
        let data = Value::Data(Rc::new(Data {
            labels: Value::Labels(Rc::new(alert.labels.clone())),
            external_labels: Value::Labels(Rc::new(alert.external.labels.clone())),
            external_url: Value::text(&alert.external.url),
            value: Value::Float(alert.value),
        }));
        let world = World {
            query: alert.query,
            external_url: &alert.external.url,
            now_ms: alert.now_ms,
            most: expand::MAX_BYTES,
        };
        let mut expansion = Expansion::new(&self.parsed, &world);
        expansion.run(&data)?;
        Ok(expansion.out)
    }

    /// A fault with its place, as Go tells it.
    fn locate(&self, Fault { at, node, what }: &Fault) -> String {
        let before = self.text.get(..*at).unwrap_or_default();
        let column = before.rfind('\n').map_or(before.len(), |newline| before.len() - newline - 1);
        let (name, line) = (&self.name, line_of(&self.text, *at));
        format!("template: {name}:{line}:{column}: executing {name:?} at <{node}>: {what}")
    }
}
