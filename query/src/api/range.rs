//! `query_range`: a query at many times.

use super::Api;
use super::envelope::{Answer, ApiError};
use super::evaluate::evaluate;
use super::instant::{limit, parse_for_range};
use super::params::{Params, parse_duration_nanos};
use axum::extract::State;
use promql::QueryParams;
use std::sync::Arc;

/// The most points a series of an answer may have.
const MAX_POINTS: i64 = 11_000;
/// Points a range is cut into where no step is given, at whole seconds, as Thanos does.
const DEFAULT_POINTS: i64 = 250;

pub(super) async fn query_range(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    let limit = limit(&api, &params)?;
    let (start_ms, end_ms) = (params.time_ms("start")?, params.time_ms("end")?);
    if end_ms < start_ms {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let step_ms = step_ms(&api, &params, end_ms - start_ms)?;
    evaluate(&api, &params, limit, QueryParams::range(start_ms, end_ms, step_ms), parse_for_range).await
}

fn step_ms(api: &Api, params: &Params, range_ms: i64) -> Result<i64, ApiError> {
    let Some(text) = params.get("step") else {
        let default = i64::try_from(api.config.default_step.as_millis()).unwrap_or(i64::MAX);
        return Ok((range_ms / DEFAULT_POINTS / 1000 * 1000).max(default));
    };
    let nanos = parse_duration_nanos(text).map_err(|fault| ApiError::parameter("step", fault))?;
    if nanos <= 0 {
        let fault = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ApiError::parameter("step", fault));
    }
    // A step below a millisecond is more points than any range may have.
    let asked = nanos / 1_000_000;
    if asked == 0 || range_ms / asked > MAX_POINTS {
        let fault = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
        return Err(ApiError::BadData(fault.to_owned()));
    }
    Ok(asked)
}
