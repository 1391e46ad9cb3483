//! Parameters that Thanos adds.
//!
//! One that would change the answer and is not honoured is refused; `dedup`, `partial_response`, `replicaLabels[]`, `engine`,
//! `analyze` and `shard_info` change nothing while one process holds all there is, and are read for their form only.

use super::envelope::ApiError;
use super::params::Params;

/// Checks the parameters of a query.
pub(super) fn check_query(params: &Params) -> Result<(), ApiError> {
    check_stores(params)?;
    match params.get("max_source_resolution") {
        None | Some("0" | "0s" | "auto") => {}
        Some(other) => {
            let fault = format!("{other:?} asks for downsampled data, of which there is none; use 0s or auto");
            return Err(ApiError::parameter("max_source_resolution", fault));
        }
    }
    for name in ["dedup", "partial_response", "analyze"] {
        check_bool(params, name)?;
    }
    match params.get("engine") {
        None | Some("prometheus" | "thanos") => Ok(()),
        Some(other) => Err(ApiError::parameter("engine", format!("{other:?} is neither prometheus nor thanos"))),
    }
}

/// Checks the parameters of a question about labels or series.
pub(super) fn check_metadata(params: &Params) -> Result<(), ApiError> {
    check_stores(params)?;
    for name in ["dedup", "partial_response"] {
        check_bool(params, name)?;
    }
    Ok(())
}

fn check_stores(params: &Params) -> Result<(), ApiError> {
    match params.all("storeMatch[]").next() {
        None => Ok(()),
        Some(_) => Err(ApiError::parameter("storeMatch[]", "stores cannot be chosen: there is one")),
    }
}

/// What Go's `strconv.ParseBool` takes.
fn check_bool(params: &Params, name: &str) -> Result<(), ApiError> {
    match params.get(name) {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True" | "0" | "f" | "F" | "false" | "FALSE" | "False") => {
            Ok(())
        }
        Some(other) => Err(ApiError::parameter(name, format!("strconv.ParseBool: parsing {other:?}: invalid syntax"))),
    }
}
