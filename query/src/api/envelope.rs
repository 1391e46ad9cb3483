//! What surrounds every answer: `{"status": …, "data": …}`, and the table from errors to codes.

use super::json;
use super::output::Rows;
use super::pieces::Pieces;
use crate::config::Flavour;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use std::collections::BTreeSet;

/// Warnings, and infos, that a query may add to an answer; what is beyond is counted in one line more.
pub(super) const MAX_NOTES: usize = 10;

const BEFORE_DATA: &[u8] = br#"{"status":"success","data":"#;
/// To send data in pieces costs more than to move so many bytes.
const FEW_BYTES: usize = 4096;

/// A success.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The JSON of `data`, or its beginning.
    pub(crate) data: Vec<u8>,
    /// What is written of it when that was sent.
    pub(super) more: Option<Rows>,
    /// What is missing. An answer that has any must not be kept by caches.
    pub(crate) missing: Vec<String>,
    /// What is odd about the query, and what is worth knowing.
    pub(crate) warnings: Vec<String>,
    pub(crate) infos: Vec<String>,
}

/// A failure, by what the client can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request makes no sense; asking again is useless.
    #[error("{0}")]
    BadData(String),
    /// The same, because of one parameter.
    #[error("invalid parameter {name:?}: {fault}")]
    Parameter { name: String, fault: String },
    /// The query makes sense but not over this data, or is over a limit.
    #[error("{0}")]
    Execution(String),
    #[error("{0}")]
    Timeout(String),
    #[error("{0}")]
    Canceled(String),
    /// A store did not answer.
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Internal(String),
    /// A part of the API that was not switched on; the code is Prometheus'.
    #[error("{0}")]
    Disabled(&'static str),
}

impl ApiError {
    /// The parameter `name` cannot be understood.
    pub(crate) fn parameter(name: &str, fault: impl std::fmt::Display) -> Self {
        Self::Parameter { name: name.to_owned(), fault: fault.to_string() }
    }

    fn kind(&self) -> (&'static str, StatusCode) {
        match self {
            Self::BadData(_) | Self::Parameter { .. } => ("bad_data", StatusCode::BAD_REQUEST),
            Self::Execution(_) => ("execution", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Timeout(_) => ("timeout", StatusCode::SERVICE_UNAVAILABLE),
            Self::Canceled(_) => ("canceled", StatusCode::SERVICE_UNAVAILABLE),
            Self::Unavailable(_) => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal(_) => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Disabled(_) => ("unavailable", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl ApiError {
    /// The code of the answer.
    pub(super) fn status(&self) -> StatusCode {
        self.kind().1
    }
}

impl From<promql::QueryError> for ApiError {
    fn from(error: promql::QueryError) -> Self {
        use promql::QueryError;
        let text = error.to_string();
        match error {
            QueryError::Invalid(_) => Self::parameter("query", text),
            QueryError::Execution(_) | QueryError::TooManySamples | QueryError::OverBudget(_) => Self::Execution(text),
            QueryError::Cancelled => Self::Canceled(text),
            QueryError::TimedOut => Self::Timeout(text),
            QueryError::Storage(_) | QueryError::Internal(_) => Self::Internal(text),
        }
    }
}

impl ApiError {
    /// A store's failure while `doing`. To Thanos all of them are errors of execution.
    pub(crate) fn of_store(error: storeapi::StoreError, flavour: Flavour, doing: &str) -> Self {
        use storeapi::StoreError;
        if flavour == Flavour::Thanos {
            let text = match &error {
                StoreError::Invalid(text) | StoreError::LimitExceeded(text) => text.clone(),
                other => other.to_string(),
            };
            return Self::Execution(format!("{doing}: {text}"));
        }
        match &error {
            StoreError::Unavailable { .. } => Self::Unavailable(error.to_string()),
            StoreError::Invalid(_) => Self::BadData(error.to_string()),
            StoreError::LimitExceeded(_) | StoreError::Aborted { .. } => Self::Execution(error.to_string()),
            StoreError::TimedOut { .. } => Self::Timeout(error.to_string()),
            StoreError::Canceled => Self::Unavailable(error.to_string()),
            StoreError::Unsupported { .. } | StoreError::Internal { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut rest = Vec::new();
        let warnings: Vec<&String> = self.missing.iter().chain(&self.warnings).collect();
        push_notes("warnings", &warnings, &mut rest);
        push_notes("infos", &self.infos.iter().collect::<Vec<_>>(), &mut rest);
        rest.push(b'}');
        let body = match self.data.len() < FEW_BYTES && self.more.is_none() {
            true => [BEFORE_DATA, &self.data, &rest].concat().into(),
            // They may be megabytes, which are not moved for what stands around them.
            false => {
                let pieces = [Bytes::from_static(BEFORE_DATA), self.data.into(), rest.into()];
                Body::new(Pieces::new(pieces, self.more))
            }
        };
        json_response(StatusCode::OK, body, self.missing.is_empty())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.worded(&self.to_string());
        // For who words it otherwise.
        response.extensions_mut().insert(self);
        response
    }
}

impl ApiError {
    /// The error as a response that says `text`.
    pub(super) fn worded(&self, text: &str) -> Response {
        let (kind, status) = self.kind();
        let mut body = format!(r#"{{"status":"error","errorType":"{kind}","error":"#).into_bytes();
        json::push_string(text.as_bytes(), &mut body);
        body.push(b'}');
        json_response(status, body.into(), false)
    }
}

/// Adds the notes, each once.
fn push_notes(name: &str, notes: &[&String], body: &mut Vec<u8>) {
    if notes.is_empty() {
        return;
    }
    let mut seen = BTreeSet::new();
    let notes = notes.iter().filter(|note| seen.insert(note.as_str()));
    body.extend_from_slice(format!(r#","{name}":"#).as_bytes());
    json::push_list(notes, body, |note, body| json::push_string(note.as_bytes(), body));
}

fn json_response(status: StatusCode, body: Body, may_be_kept: bool) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if !may_be_kept {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

#[cfg(test)]
mod tests;
