//! Files of rules, and of their tests, as YAML has them.

use flags::PromDuration;
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A file of tests.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TestFile {
    pub(super) rule_files: Vec<String>,
    pub(super) evaluation_interval: Millis,
    pub(super) group_eval_order: Vec<String>,
    pub(super) tests: Vec<TestGroup>,
    pub(super) fuzzy_compare: bool,
}

/// Series, and what rules make of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TestGroup {
    pub(super) interval: Millis,
    pub(super) input_series: Vec<InputSeries>,
    pub(super) alert_rule_test: Vec<AlertTest>,
    pub(super) promql_expr_test: Vec<ExprTest>,
    pub(super) external_labels: BTreeMap<String, Scalar>,
    pub(super) external_url: String,
    pub(super) name: String,
    pub(super) start_timestamp: Scalar,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputSeries {
    pub(super) series: Scalar,
    #[serde(default)]
    pub(super) values: Scalar,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlertTest {
    #[serde(default)]
    pub(super) eval_time: Millis,
    #[serde(default)]
    pub(super) alertname: String,
    #[serde(default)]
    pub(super) exp_alerts: Vec<ExpectedAlert>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedAlert {
    pub(super) exp_labels: BTreeMap<String, Scalar>,
    pub(super) exp_annotations: BTreeMap<String, Scalar>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExprTest {
    pub(super) expr: Scalar,
    #[serde(default)]
    pub(super) eval_time: Millis,
    #[serde(default)]
    pub(super) exp_samples: Vec<ExpectedSample>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExpectedSample {
    pub(super) labels: Scalar,
    pub(super) value: f64,
    pub(super) histogram: String,
}

/// A file of rules.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RuleFile {
    pub(super) groups: Vec<RuleGroup>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RuleGroup {
    pub(super) name: String,
    /// How often a server evaluates it; a test says so itself.
    pub(super) interval: Millis,
    pub(super) query_offset: Millis,
    pub(super) limit: usize,
    pub(super) rules: Vec<RuleText>,
    pub(super) labels: BTreeMap<String, Scalar>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RuleText {
    pub(super) record: String,
    pub(super) alert: String,
    pub(super) expr: Scalar,
    #[serde(rename = "for")]
    pub(super) hold: Millis,
    pub(super) keep_firing_for: Millis,
    pub(super) labels: BTreeMap<String, Scalar>,
    pub(super) annotations: BTreeMap<String, Scalar>,
}

/// Text, or anything that YAML takes for something else and that is meant as text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Scalar(pub(super) String);

/// Milliseconds, written as a duration.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Millis(pub(super) i64);

/// The largest file that is read.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Reads a file.
///
/// # Errors
/// It cannot be read, or is not what it should be.
pub(super) fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T, String> {
    let fault = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text));
    read.map_err(|error: io::Error| fault(&error))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(fault(&format!("larger than {MAX_FILE_BYTES} bytes")));
    }
    let read: Option<T> = serde_saphyr::from_str(&text).map_err(|error| fault(&error))?;
    Ok(read.unwrap_or_default())
}

/// The files that `pattern` names, which is relative to `base`. `*` and `?` may be in the last part of it.
///
/// # Errors
/// A folder that cannot be listed.
pub(super) fn expand(base: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let path = base.join(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains(['*', '?']) {
        return Ok(if path.exists() { vec![path] } else { Vec::new() });
    }
    let dir = path.parent().unwrap_or(base);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))? {
        let entry = entry.map_err(|error| format!("{}: {error}", dir.display()))?;
        if matches_pattern(&name, &entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether `name` is what `pattern` says, in which `*` is anything and `?` one character.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // By each part of the pattern: which parts of the name it can be.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for part in pattern {
        let before = std::mem::replace(&mut reached, vec![false; name.len() + 1]);
        for at in 0..=name.len() {
            reached[at] = match part {
                '*' => before[at] || at > 0 && reached[at - 1],
                _ => at > 0 && before[at - 1] && (part == '?' || part == name[at - 1]),
            };
        }
    }
    reached.last() == Some(&true)
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Scalar;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Any)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Scalar(text) = Scalar::deserialize(deserializer)?;
        let duration: PromDuration = text.parse().map_err(de::Error::custom)?;
        Ok(Self(duration.as_ms()))
    }
}
