//! The templates of labels and annotations of rules: Go's language of templates with the functions of Prometheus.
//!
//! A [`Template`] is read once: its text becomes tokens (`lexer`), these a tree (`parser`, `tree`). For each [`Alert`] the tree
//! becomes a text again (`expand`). What templates name and call is in `value` and `functions`. Everything is bounded: how
//! deep a template is, how much it computes, how long its text becomes.
//!
//! Knows nothing of rules: whoever evaluates some hands in a way to ask queries.
//!
//! Source: Go's documentation of `text/template`, Prometheus' template reference; compared with promtool.

mod expand;
mod fields;
mod functions;
mod humanize;
mod layout;
mod lexer;
mod methods;
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
use model::FloatHistogram;
use parser::{Parsed, line_of, parse};
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::rc::Rc;
use value::{Data, Value};

pub use value::Sample;

/// A template that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    name: String,
    /// With what every template begins with.
    text: String,
    parsed: Parsed,
}

/// What is the same for all alerts.
#[derive(Debug, Default)]
pub struct External {
    pub labels: BTreeMap<String, String>,
    pub url: String,
}

/// What an alert is for.
pub struct Alert<'a> {
    pub labels: &'a BTreeMap<String, String>,
    pub value: f64,
    /// Then it is what is told of, and the value is not.
    pub histogram: Option<&'a FloatHistogram>,
    pub external: &'a External,
    pub now_ms: i64,
    /// Asks a query at that time.
    pub query: &'a dyn Fn(&str) -> Result<Vec<Sample>, String>,
}

impl Debug for Alert<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.debug_struct("Alert").field("labels", self.labels).field("value", &self.value).finish_non_exhaustive()
    }
}

/// The variables that every template may use. Places in messages count them.
const VARIABLES: &str =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}";

impl Template {
    /// Reads a template of the alert called `alert`.
    ///
    /// # Errors
    /// It is none, in Go's words.
    pub fn parse(alert: &str, text: &str) -> Result<Self, String> {
        let (name, text) = (format!("__alert_{alert}"), format!("{VARIABLES}{text}"));
        match parse(&text) {
            Ok(parsed) => Ok(Self { name, text, parsed }),
            Err((line, fault)) => Err(format!("template: {name}:{line}: {fault}")),
        }
    }

    /// The text for an alert, or what Prometheus puts in its place if there can be none.
    pub fn expand(&self, alert: &Alert<'_>) -> String {
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
            value: Value::of_number(alert.value, alert.histogram),
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
