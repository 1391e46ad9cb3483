//! Prometheus' test language: scripts that load series, evaluate expressions and say what should come.
//!
//! ```text
//! load 5m
//!   http_requests_total{job="api"} 0+10x10
//!
//! eval instant at 50m rate(http_requests_total[20m])
//!   {job="api"} 0.03333333
//! ```
//!
//! A file is read with [`Script::parse`] and run with [`run`]; both take what anybody gives them. Scripts of Prometheus run
//! as they are, with the forms in which it evaluates every instant expression once more: see [`RunOptions::again`]. Rules are
//! tested with the same pieces: [`parse_series`] reads series as they are described, and a [`MemoryStore`] gives them back as
//! Prometheus' head would.
//!
//! Source: Prometheus 3.14, `promql/promqltest`, and the series descriptions in `promql/parser`.

mod compare;
mod histogram;
mod nhcb;
mod pinned;
mod run;
mod script;
mod series;
mod store;

pub use run::{Failure, Report, RunOptions, run};
pub use script::{Script, ScriptError};
pub use series::{SequenceValue, SeriesDescription, parse_series};
pub use store::{AppendError, MemoryStore, Sample};
