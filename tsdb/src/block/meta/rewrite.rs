//! What was done to a block by rewriting it. Kept as it is read: nothing here acts on it.

use super::or_default;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use ulid::Ulid;

/// One rewriting of a block.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rewrite {
    /// The blocks that it was made of.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub sources: Vec<Ulid>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub deletions_applied: Vec<Deletion>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub relabels_applied: Vec<Relabel>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Series of which times were left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deletion {
    #[serde(deserialize_with = "or_default")]
    pub matchers: Vec<RewriteMatcher>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub intervals: Vec<Interval>,
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub request_id: String,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A matcher, its kind as a number: `=`, `!=`, `=~`, `!~` from 0 on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RewriteMatcher {
    #[serde(rename = "Type")]
    pub kind: u8,
    pub name: String,
    pub value: String,
}

/// A range in milliseconds, both ends inside.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interval {
    #[serde(rename = "Mint")]
    pub min_ms: i64,
    #[serde(rename = "Maxt")]
    pub max_ms: i64,
}

/// A relabel rule, in the order in which Prometheus writes its fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Relabel {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_labels: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modulus: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_label: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Value>,
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
