//! All stories, in one binary: each more would be one more to link.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "e2e/lifecycle.rs"]
mod lifecycle;
#[path = "e2e/metrics.rs"]
mod metrics;
#[path = "e2e/write_and_query.rs"]
mod write_and_query;
