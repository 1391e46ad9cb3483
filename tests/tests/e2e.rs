//! All stories, in one binary: each more would be one more to link.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "e2e/admin.rs"]
mod admin;
#[path = "e2e/fleet.rs"]
mod fleet;
#[path = "e2e/hostile.rs"]
mod hostile;
#[path = "e2e/kills.rs"]
mod kills;
#[path = "e2e/lifecycle.rs"]
mod lifecycle;
#[path = "e2e/metrics.rs"]
mod metrics;
#[path = "e2e/mixed.rs"]
mod mixed;
#[path = "e2e/prometheus.rs"]
mod prometheus;
#[path = "e2e/recorded.rs"]
mod recorded;
#[path = "e2e/write_and_query.rs"]
mod write_and_query;
