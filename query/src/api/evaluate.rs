//! What `query` and `query_range` share: from the request's text to the answer.

use super::Api;
use super::envelope::{Answer, ApiError};
use super::output::{self, Form};
use super::params::{Params, parse_duration_ms};
use super::scope::Scope;
use super::stats::Wanted;
use super::wording::LOOKBACK;
use promql::ast::Expr;
use promql::{Query, QueryParams};
use std::time::Duration;

/// Evaluates the query that `parse` finds in the request, at the times of `times`.
pub(super) async fn evaluate(
    api: &Api,
    params: &Params,
    limit: Option<usize>,
    times: QueryParams,
    parse: fn(&Api, &Params) -> Result<Expr, ApiError>,
) -> Result<Answer, ApiError> {
    let steps_ms = (times.start_ms, times.step_ms);
    let timeout = timeout(api, params)?;
    let scope = Scope::of_query(api, params, times.step_ms)?;
    let lookback_ms = scope.lookback_ms(lookback_ms(api, params)?);
    let began = tokio::time::Instant::now();
    let stats = Wanted::read(params, api.flavour, api.config.features.per_step_stats);
    let mut expr = parse(api, params)?;
    scope.confine(&mut expr);
    let analyze = scope.analyze;
    let query_params = QueryParams {
        lookback_ms,
        strict_sharing: scope.reads_by_function(),
        count_samples: stats.any || analyze,
        analyze,
        ..api.query_params(times)
    };
    let query = Query::prepare(&expr, query_params)?;
    let preparing = began.elapsed();
    let mut answered = api.driver.run(query, timeout, scope).await?;
    if let Some(told) = &mut answered.told {
        told.timings.preparing = preparing;
    }
    let text = params.get("query").unwrap_or_default();
    let analyzed = analyze.then_some(&expr);
    let mut answer = output::answer(answered, Form { text, limit, flavour: api.flavour, stats, steps_ms, analyzed });
    answer.warnings.splice(..0, stats.warning(params));
    Ok(answer)
}

/// How long the query may take: what the request asks for, but not more than is configured.
fn timeout(api: &Api, params: &Params) -> Result<Duration, ApiError> {
    if params.get("timeout").is_none() {
        return Ok(api.config.timeout);
    }
    let asked = u64::try_from(params.duration_ms("timeout")?)
        .map_err(|_| ApiError::parameter("timeout", "a timeout cannot be negative"))?;
    if asked == 0 {
        return Err(ApiError::parameter("query", "context deadline exceeded"));
    }
    Ok(api.config.timeout.min(Duration::from_millis(asked)))
}

/// How far back an instant selector looks; 0 or less in the request means the default.
fn lookback_ms(api: &Api, params: &Params) -> Result<i64, ApiError> {
    let default = i64::try_from(api.config.lookback.as_millis()).unwrap_or(i64::MAX);
    let Some(text) = params.get("lookback_delta") else {
        return Ok(default);
    };
    match parse_duration_ms(text) {
        Ok(asked) if asked > 0 => Ok(asked),
        Ok(_) => Ok(default),
        Err(fault) => Err(ApiError::BadData(format!("{LOOKBACK}{fault}"))),
    }
}

#[cfg(test)]
mod tests;
