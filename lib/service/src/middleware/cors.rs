//! Cross-origin requests, as Prometheus answers them with its default origin: every page may read.

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method};

/// Below this path, `OPTIONS` is answered whether or not there is something.
const API: &str = "/api/v1/";

/// Whether a request only asks what it may.
pub(super) fn only_asks(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.uri().path().starts_with(API)
}

/// Lets a page of `origin` read the answer with these headers.
pub(super) fn allow(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        let allowed = HeaderValue::from_static("Accept, Authorization, Content-Type, Origin");
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Date"));
    }
}
