//! What happens around every request: compression, cross-origin headers, panics caught, requests counted.

mod cors;
mod metrics;

pub use metrics::{HandlerMetrics, HttpMetrics, TenantLabel};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use prometheus_client::metrics::counter::Counter;
use std::any::Any;
use telemetry::Registry;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tracing::error;

/// Below this, a packet holds the answer as it is.
const MIN_COMPRESSED_BYTES: u64 = 1024;

/// What goes around a whole application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebOptions {
    /// Whether pages of other origins may read answers.
    pub cors: bool,
}

/// `routes` with what every listener needs around them: answers are gzipped for clients that take it, `OPTIONS` below
/// `/api/v1/` is answered, a panic in a handler becomes a 500 that is counted, and an unknown path is 404 as Go says it.
pub fn web(routes: Router, registry: &Registry, options: WebOptions) -> Router {
    let panics: Counter = Counter::default();
    registry.register("gauntlet_http_panics_total", "HTTP requests that ended in a panic.", panics.clone());
    let on_panic = move |payload: Box<dyn Any + Send>| {
        panics.inc();
        error!(err = crate::tasks::panic_message(payload.as_ref()), "panic in an http handler");
        plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error: a bug, and logged\n")
    };
    let routes = routes
        .fallback(async || plain(StatusCode::NOT_FOUND, "404 page not found\n"))
        .layer(CatchPanicLayer::custom(on_panic));
    let routes = match options.cors {
        true => routes.layer(axum::middleware::from_fn(cors::answer)),
        false => routes,
    };
    let worth_it = SizeAbove::new(MIN_COMPRESSED_BYTES).and(NotForContentType::GRPC);
    routes.layer(CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest).compress_when(worth_it))
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, text).into_response()
}

#[cfg(test)]
mod tests;
