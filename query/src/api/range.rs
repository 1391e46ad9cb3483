//! `query_range`: a query at many times.

use super::envelope::{Answer, ApiError};
use super::instant::{limit, lookback_ms, parse_for_range, timeout};
use super::output::Form;
use super::params::Params;
use super::scope::Scope;
use super::stats::Wanted;
use super::{Api, output};
use axum::extract::State;
use promql::{Query, QueryParams};
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
    let timeout = timeout(&api, &params)?;
    let scope = Scope::of_query(&api, &params, step_ms)?;
    let lookback_ms = scope.lookback_ms(lookback_ms(&api, &params)?);
    let began = tokio::time::Instant::now();
    let stats = Wanted::read(&params, api.flavour, api.config.features.per_step_stats);
    let mut expr = parse_for_range(&api, &params)?;
    scope.confine(&mut expr);
    let query_params = QueryParams {
        lookback_ms,
        strict_sharing: scope.reads_by_function(),
        count_samples: stats.any,
        ..api.query_params(QueryParams::range(start_ms, end_ms, step_ms))
    };
    let query = Query::prepare(&expr, query_params)?;
    let preparing = began.elapsed();
    let mut answered = api.driver.run(query, timeout, scope).await?;
    if let Some(told) = &mut answered.told {
        told.timings.preparing = preparing;
    }
    let text = params.get("query").unwrap_or_default();
    let form = Form { text, limit, flavour: api.flavour, stats, steps_ms: (start_ms, step_ms) };
    let mut answer = output::answer(answered, form);
    answer.warnings.splice(..0, stats.warning(&params));
    Ok(answer)
}

fn step_ms(api: &Api, params: &Params, range_ms: i64) -> Result<i64, ApiError> {
    if params.get("step").is_none() {
        let default = i64::try_from(api.config.default_step.as_millis()).unwrap_or(i64::MAX);
        return Ok((range_ms / DEFAULT_POINTS / 1000 * 1000).max(default));
    }
    let asked = params.duration_ms("step")?;
    let positive = params.get("step").and_then(|text| text.parse::<f64>().ok()).is_none_or(|seconds| seconds > 0.0);
    if asked < 0 || (asked == 0 && !positive) {
        let fault = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ApiError::parameter("step", fault));
    }
    // A step below a millisecond is 0 here: more points than any range may have.
    if asked == 0 || range_ms / asked > MAX_POINTS {
        let fault = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
        return Err(ApiError::BadData(fault.to_owned()));
    }
    Ok(asked)
}
