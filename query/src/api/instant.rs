//! `query`: a query at one time.

use super::Api;
use super::envelope::{Answer, ApiError};
use super::evaluate::evaluate;
use super::params::Params;
use crate::config::Flavour;
use axum::extract::State;
use promql::QueryParams;
use promql::ast::{Expr, ValueType};
use std::sync::Arc;

pub(super) async fn query(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    let limit = limit(&api, &params)?;
    let time_ms = params.optional_time_ms("time")?.unwrap_or_else(|| api.clock.now_ms());
    evaluate(&api, &params, limit, QueryParams::instant(time_ms), parse).await
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
