//! Errors in Thanos' words, where they are not Prometheus'.

use super::envelope::ApiError;
use axum::response::Response;

/// What begins the text of a lookback that cannot be read.
pub(super) const LOOKBACK: &str = "error parsing lookback delta duration: ";

/// Says an error as Thanos would; leaves other answers as they are.
pub(super) async fn as_thanos(response: Response) -> Response {
    match response.extensions().get::<ApiError>().map(|error| (error, text(error))) {
        Some((error, Some(text))) => error.worded(&text),
        _ => response,
    }
}

/// What Thanos says of `error`; `None` if it is the same.
fn text(error: &ApiError) -> Option<String> {
    match error {
        ApiError::Parameter { name, fault } => Some(of_parameter(name, fault)),
        ApiError::BadData(text) => {
            text.strip_prefix(LOOKBACK).map(|fault| format!("'lookback_delta' parameter: {fault}"))
        }
        _ => None,
    }
}

fn of_parameter(name: &str, fault: &str) -> String {
    let cannot_parse = fault.starts_with("cannot parse");
    match (name, fault.strip_prefix("invalid time value")) {
        ("time", Some(rest)) => format!("Invalid time value{rest}"),
        (_, Some(rest)) => format!("bad_data: Invalid time value{rest}"),
        ("dedup" | "partial_response" | "analyze", None) => format!("'{name}' parameter: {fault}"),
        ("max_source_resolution" | "step", None) if cannot_parse => format!("'{name}' parameter: {fault}"),
        _ => fault.to_owned(),
    }
}

#[cfg(test)]
mod tests;
