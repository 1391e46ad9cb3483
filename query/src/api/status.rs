//! `status/*`: what people and Grafana ask about the server itself.

use super::Api;
use super::envelope::{Answer, ApiError};
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use telemetry::BuildInfo;

/// What the program knows of itself when it starts.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Every flag by its name, with the value in force.
    pub flags: BTreeMap<String, String>,
    /// Milliseconds since the epoch.
    pub started_ms: i64,
    /// As it was configured: `15d`.
    pub retention: String,
}

/// Without `features`: what Grafana finds there makes it take the server for another product.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Build {
    version: &'static str,
    revision: &'static str,
    branch: &'static str,
    build_user: &'static str,
    build_date: &'static str,
    go_version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Runtime<'a> {
    start_time: String,
    #[serde(rename = "CWD")]
    cwd: String,
    server_time: String,
    reload_config_success: bool,
    last_config_time: String,
    corruption_count: u32,
    goroutine_count: usize,
    #[serde(rename = "GOMAXPROCS")]
    cores: usize,
    #[serde(rename = "GOMEMLIMIT")]
    memory_limit: u64,
    #[serde(rename = "GOGC")]
    gc: &'static str,
    #[serde(rename = "GODEBUG")]
    debug: &'static str,
    storage_retention: &'a str,
}

pub(super) async fn build_info() -> Result<Answer, ApiError> {
    let build = BuildInfo::CURRENT;
    answer(&Build {
        version: build.version,
        revision: build.revision,
        branch: build.branch,
        build_user: build.build_user,
        build_date: build.build_date,
        // There is no Go in it.
        go_version: "",
    })
}

pub(super) async fn flags(State(api): State<Arc<Api>>) -> Result<Answer, ApiError> {
    answer(&api.status.flags)
}

pub(super) async fn runtime_info(State(api): State<Arc<Api>>) -> Result<Answer, ApiError> {
    let started = rfc3339(api.status.started_ms);
    answer(&Runtime {
        start_time: started.clone(),
        cwd: std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default(),
        server_time: rfc3339(api.clock.now_ms()),
        reload_config_success: true,
        last_config_time: started,
        corruption_count: 0,
        goroutine_count: 0,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_limit: 0,
        gc: "",
        debug: "",
        storage_retention: &api.status.retention,
    })
}

pub(super) fn rfc3339(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms).map(|time| time.to_string()).unwrap_or_default()
}

pub(super) fn answer(data: &impl Serialize) -> Result<Answer, ApiError> {
    let data = serde_json::to_vec(data).map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(Answer { data, ..Answer::default() })
}
