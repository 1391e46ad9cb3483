//! `format_query` and `parse_query`: what a text of the language is, without asking anybody for series.

use super::envelope::{Answer, ApiError};
use super::params::Params;
use super::tree::push_tree;
use super::{Api, json};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use promql::Pretty;
use promql::ast::Expr;
use std::sync::Arc;

/// `format_query`: the query over as many lines as it needs.
pub(super) async fn format(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    let text = Pretty(&parse(&api, &params)?).to_string();
    let mut data = Vec::with_capacity(text.len() + 2);
    json::push_string(text.as_bytes(), &mut data);
    Ok(Answer { data, ..Answer::default() })
}

/// `parse_query`: the query's tree.
pub(super) async fn tree(State(api): State<Arc<Api>>, params: Params) -> Result<Response, ApiError> {
    let mut data = Vec::new();
    Ok(match push_tree(&parse(&api, &params)?, &mut data) {
        Ok(()) => Answer { data, ..Answer::default() }.into_response(),
        // What Prometheus does where an answer cannot be written down.
        Err(fault) => plain_error(StatusCode::INTERNAL_SERVER_ERROR, &format!("v1.Response.Data: {fault}")),
    })
}

/// Whatever the language has, supported by the engine or not.
fn parse(api: &Api, params: &Params) -> Result<Expr, ApiError> {
    let text = params.get("query").unwrap_or_default();
    promql::parse(text, &api.config.features.parse_options()).map_err(|error| ApiError::parameter("query", error))
}

/// An error as Go's `http.Error` writes it.
pub(super) fn plain_error(status: StatusCode, text: &str) -> Response {
    let mut response = (status, format!("{text}\n")).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
