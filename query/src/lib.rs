//! PromQL over stores, behind the Prometheus HTTP API.
//!
//! A request becomes parameters (`api/params.rs`), the query an expression and then a plan (`promql`). The `driver` opens
//! each select of the plan on the store and feeds what comes back to the engine: batches are evaluated on the CPU pool,
//! their results accepted in order. The answer is written as JSON straight from the engine's columns.
//!
//! Whom a request asks, on whose behalf and how answers are read is its scope (`api/scope.rs`).
//! What it does not have (rules, targets) it answers with empty successes; what would change an answer and
//! is not honoured it refuses.

mod api;
mod app;
mod config;
mod driver;
mod features;
mod metrics;
mod tenancy;

pub use api::{
    Admin, AdminError, AdminFuture, AdminStorage, HeadCounts, HeadCountsFuture, Heads, Status, Whose, receive_routes,
};
pub use app::App;
pub use config::{Config, InvalidConfig, Querier, Tenancy};
pub use features::Features;
pub use metrics::Metrics;
