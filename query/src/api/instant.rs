//! `query`: a query at one time.

use super::envelope::{Answer, ApiError};
use super::output::Form;
use super::params::{Params, parse_duration_ms};
use super::scope::Scope;
use super::stats::Wanted;
use super::wording::LOOKBACK;
use super::{Api, output};
use crate::config::Flavour;
use axum::extract::State;
use promql::ast::{Expr, ValueType};
use promql::{Query, QueryParams};
use std::sync::Arc;
use std::time::Duration;

pub(super) async fn query(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    let limit = limit(&api, &params)?;
    let time_ms = params.optional_time_ms("time")?.unwrap_or_else(|| api.clock.now_ms());
    let timeout = timeout(&api, &params)?;
    let scope = Scope::of_query(&api, &params, 0)?;
    let lookback_ms = scope.lookback_ms(lookback_ms(&api, &params)?);
    let began = tokio::time::Instant::now();
    let stats = Wanted::read(&params, api.flavour, api.config.features.per_step_stats);
    let mut expr = parse(&api, &params)?;
    scope.confine(&mut expr);
    let query_params = QueryParams {
        lookback_ms,
        strict_sharing: scope.reads_by_function(),
        count_samples: stats.any,
        ..api.query_params(QueryParams::instant(time_ms))
    };
    let query = Query::prepare(&expr, query_params)?;
    let preparing = began.elapsed();
    let mut answered = api.driver.run(query, timeout, scope).await?;
    if let Some(told) = &mut answered.told {
        told.timings.preparing = preparing;
    }
    let text = params.get("query").unwrap_or_default();
    let form = Form { text, limit, flavour: api.flavour, stats, steps_ms: (time_ms, 0) };
    let mut answer = output::answer(answered, form);
    answer.warnings.splice(..0, stats.warning(&params));
    Ok(answer)
}

/// How many series are wanted. Thanos does not look.
pub(super) fn limit(api: &Api, params: &Params) -> Result<Option<usize>, ApiError> {
    match api.flavour {
        Flavour::Prometheus => params.limit(),
        Flavour::Thanos => Ok(None),
    }
}

/// The query's text, parsed; all that is supported.
pub(super) fn parse(api: &Api, params: &Params) -> Result<Expr, ApiError> {
    promql::parse(params.get("query").unwrap_or_default(), &api.config.features.parse_options())
        .map_err(|error| ApiError::parameter("query", error))
}

/// As [`parse`], and of a type that a range query may have.
pub(super) fn parse_for_range(api: &Api, params: &Params) -> Result<Expr, ApiError> {
    let expr = parse(api, params)?;
    match expr.value_type() {
        ValueType::Scalar | ValueType::Vector => Ok(expr),
        other @ (ValueType::Matrix | ValueType::String) => Err(ApiError::parameter(
            "query",
            format!("invalid expression type \"{other}\" for range query, must be Scalar or instant Vector"),
        )),
    }
}

/// How long the query may take: what the request asks for, but not more than is configured.
pub(super) fn timeout(api: &Api, params: &Params) -> Result<Duration, ApiError> {
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

/// How far back an instant selector looks; 0 in the request means the default.
pub(super) fn lookback_ms(api: &Api, params: &Params) -> Result<i64, ApiError> {
    let default = i64::try_from(api.config.lookback.as_millis()).unwrap_or(i64::MAX);
    let Some(text) = params.get("lookback_delta") else {
        return Ok(default);
    };
    match parse_duration_ms(text) {
        Ok(0) => Ok(default),
        Ok(asked) if asked > 0 => Ok(asked),
        Ok(_) => Err(ApiError::BadData(format!("{LOOKBACK}it is negative"))),
        Err(fault) => Err(ApiError::BadData(format!("{LOOKBACK}{fault}"))),
    }
}
