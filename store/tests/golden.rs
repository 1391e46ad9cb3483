//! What Thanos' store gateway wrote, decided and answered.
#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "golden/index_header.rs"]
mod index_header;
#[path = "golden/posting_groups.rs"]
mod posting_groups;
#[path = "golden/selection.rs"]
mod selection;
#[path = "golden/storeapi.rs"]
mod storeapi_calls;

use model::{MatchOp, Matcher};
use serde_json::Value;
use std::path::Path;

/// The rows of a recording, one document a line.
fn rows(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A matcher as Thanos prints it: `name=~"value"`, the value in Go's quotes.
fn matcher(text: &str) -> Matcher {
    let at = text.find(['=', '!']).unwrap();
    let (name, rest) = text.split_at(at);
    let (op, quoted) =
        [("=~", MatchOp::Regex), ("!~", MatchOp::NotRegex), ("!=", MatchOp::NotEqual), ("=", MatchOp::Equal)]
            .into_iter()
            .find_map(|(sign, op)| Some((op, rest.strip_prefix(sign)?)))
            .unwrap();
    let value: String = serde_json::from_str(quoted).unwrap();
    Matcher::new(op, name, value).unwrap()
}

fn matchers(of: &Value) -> Vec<Matcher> {
    of.as_array().into_iter().flatten().map(|text| matcher(text.as_str().unwrap())).collect()
}
