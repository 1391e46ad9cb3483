//! What happens around every request: compression, cross-origin headers, panics caught, requests counted.

mod compression;
mod cors;
mod metrics;

pub use metrics::{HandlerMetrics, HttpMetrics, TenantLabel};

use axum::Router;
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use prometheus_client::metrics::counter::Counter;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};
use telemetry::Registry;
use tower::Service;
use tracing::error;

/// What goes around a whole application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebOptions {
    /// Whether pages of other origins may read answers.
    pub cors: bool,
}

/// Routes with what every listener needs around them. One service: of each layer of its own a router keeps a box, all of which
/// are cloned for each request.
#[derive(Debug, Clone)]
pub struct Web {
    routes: Router,
    panics: Counter,
    options: WebOptions,
}

/// `routes` with what every listener needs around them: answers are gzipped for clients that take it, `OPTIONS` below
/// `/api/v1/` is answered, a panic in a handler becomes a 500 that is counted, and an unknown path is 404 as Go says it.
pub fn web(routes: Router, registry: &Registry, options: WebOptions) -> Web {
    let panics: Counter = Counter::default();
    registry.register("gauntlet_http_panics_total", "HTTP requests that ended in a panic.", panics.clone());
    let routes = routes.fallback(async || plain(StatusCode::NOT_FOUND, "404 page not found\n"));
    Web { routes, panics, options }
}

impl Service<Request> for Web {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    /// Routes are always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let web = self.clone();
        Box::pin(async move { Ok(web.answer(request).await) })
    }
}

impl Web {
    async fn answer(self, request: Request) -> Response {
        let accepted: Vec<HeaderValue> = request.headers().get_all(ACCEPT_ENCODING).iter().cloned().collect();
        let response = match self.options.cors {
            true => self.routed_with_cors(request).await,
            false => self.routed(request).await,
        };
        compression::compressed(response, accepted).await
    }

    async fn routed_with_cors(self, request: Request) -> Response {
        let origin = request.headers().get(ORIGIN).cloned();
        let mut response = match cors::only_asks(&request) {
            true => StatusCode::NO_CONTENT.into_response(),
            false => self.routed(request).await,
        };
        cors::allow(response.headers_mut(), origin);
        response
    }

    async fn routed(mut self, request: Request) -> Response {
        let answered = AssertUnwindSafe(async { self.routes.call(request).await }).catch_unwind().await;
        match answered {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(payload) => {
                self.panics.inc();
                error!(err = crate::tasks::panic_message(payload.as_ref()), "panic in an http handler");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error: a bug, and logged\n")
            }
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, text).into_response()
}

#[cfg(test)]
mod tests;
