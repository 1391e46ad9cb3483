//! What stands in braces in the labels and annotations of an alert.
//!
//! Rules of Prometheus may hold whole programs there. Known here are the values themselves: `{{ $labels.NAME }}`,
//! `{{ $value }}`, `{{ $externalLabels.NAME }}`, `{{ $externalURL }}`; anything else is refused by name.

#[cfg(test)]
mod tests;

use model::{Labels, PlainFloat, ShortFloat};
use std::collections::BTreeMap;

/// Text with values in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Label(String),
    ExternalLabel(String),
    ExternalUrl,
    Value,
}

/// What the same for all alerts of a test.
#[derive(Debug, Default)]
pub(super) struct External {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) url: String,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is in braces is not known.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once("{{") {
            let unknown = |inner: &str| {
                format!(
                    "{{{{{inner}}}}} is not known here: only $labels.NAME, $value, $externalLabels.NAME and $externalURL are"
                )
            };
            let (inner, after) = behind.split_once("}}").ok_or_else(|| unknown(behind))?;
            // A dash takes away the space beside the braces.
            let cut_before = inner.starts_with("- ");
            let cut_after = inner.ends_with(" -");
            let name = inner.strip_prefix("- ").unwrap_or(inner);
            let name = name.strip_suffix(" -").unwrap_or(name).trim();
            let part = match name {
                "$value" | ".Value" => Part::Value,
                "$externalURL" | ".ExternalURL" => Part::ExternalUrl,
                _ => match (field(name, "$labels.", ".Labels."), field(name, "$externalLabels.", ".ExternalLabels.")) {
                    (Some(label), _) => Part::Label(label),
                    (_, Some(label)) => Part::ExternalLabel(label),
                    _ => return Err(unknown(inner)),
                },
            };
            parts.push(Part::Text(if cut_before { before.trim_end() } else { before }.to_owned()));
            parts.push(part);
            rest = if cut_after { after.trim_start() } else { after };
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The text for an alert.
    pub(super) fn expand(&self, labels: &Labels, value: f64, external: &External) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out += text,
                Part::Label(name) => {
                    out += &String::from_utf8_lossy(labels.get(name.as_bytes()).unwrap_or_default());
                }
                Part::ExternalLabel(name) => out += external.labels.get(name).map_or("", String::as_str),
                Part::ExternalUrl => out += &external.url,
                Part::Value => out += &value_text(value),
            }
        }
        out
    }
}

fn field(name: &str, short: &str, long: &str) -> Option<String> {
    let field = name.strip_prefix(short).or_else(|| name.strip_prefix(long))?;
    let is_name = !field.is_empty() && field.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    is_name.then(|| field.to_owned())
}

/// Go's `%v`: an exponent below 1e-4 and from 1e21 on.
fn value_text(value: f64) -> String {
    match value.abs() {
        size if size >= 1e21 || size < 1e-4 && size > 0.0 => ShortFloat(value).to_string(),
        _ => PlainFloat(value).to_string(),
    }
}
