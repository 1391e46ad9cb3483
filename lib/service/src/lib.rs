//! What every long-running program needs around its work: tasks that stop in order, probes, an HTTP server, a pool for
//! work that computes. No word of the field is known here: no line speaks of what is stored or asked.
//!
//! The life of a program: bind an [`HttpServer`] and hand it the [`admin`] routes at once, so that `/-/healthy` answers while
//! the rest still opens; start the parts as [`Tasks`]; each part tells through its [`Readiness`] when it can work;
//! [`Tasks::run`] waits for a signal or a failure and stops everything, last started first.

mod admin;
mod cpu_pool;
mod http_server;
mod middleware;
mod open_files;
mod probes;
mod stop_signals;
mod tasks;

pub use admin::{Entry, admin};
pub use cpu_pool::{CpuPool, CpuPoolError};
pub use http_server::{BindError, HttpLimits, HttpServer};
pub use middleware::{HandlerMetrics, HttpMetrics, TenantLabel, WebOptions, web};
pub use open_files::raise_open_files;
pub use probes::{Probes, Readiness};
pub use stop_signals::StopSignals;
pub use tasks::{Failure, Stop, TaskResult, Tasks, Why};
