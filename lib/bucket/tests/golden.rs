//! Recordings of Thanos: its configuration, what its shipper and its metadata code read and write, which blocks count.
#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "golden/config.rs"]
mod config;
#[path = "golden/fetch.rs"]
mod fetch;
#[path = "golden/filters.rs"]
mod filters;
#[path = "golden/marks.rs"]
mod marks;
#[path = "golden/meta.rs"]
mod meta;
#[path = "golden/shipper.rs"]
mod shipper;

use serde_json::Value;
use std::path::Path;

/// The documents of a file, one a line.
fn lines(path: &Path) -> Vec<Value> {
    let lines: Vec<Value> =
        std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!lines.is_empty(), "{} is empty", path.display());
    lines
}
