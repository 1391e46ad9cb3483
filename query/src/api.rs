//! The Prometheus HTTP API.
//!
//! A handler reads its parameters, asks the store or the engine, and writes JSON straight from what comes back. The one table
//! from errors to codes is in `envelope`.

mod admin;
mod envelope;
mod evaluate;
mod exemplars;
mod federate;
#[cfg(test)]
mod fixture;
mod head_status;
mod histogram;
mod instant;
mod json;
mod labels;
mod language;
mod metadata;
mod nothing;
mod number;
mod operators;
mod output;
mod params;
mod pieces;
mod range;
mod read;
mod scope;
mod selectors;
mod series;
mod stats;
mod status;
mod stores;
mod tree;
mod whose;
mod wording;

pub use admin::{Admin, AdminError, AdminFuture, AdminStorage};
pub use head_status::{HeadCounts, HeadCountsFuture, Heads, receive_routes};
pub use status::Status;
pub use whose::Whose;

pub(crate) use envelope::ApiError;
pub(crate) use scope::Scope;
pub(crate) use stats::{Timings, Told};

use crate::config::{Config, Flavour, Querier};
use crate::driver::Driver;
use axum::Router;
use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::handler::Handler;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{Method, StatusCode, header};
use model::{Clock, TimeRange};
use params::Params;
use promql::{Budget, QueryLimits, QueryParams};
use std::sync::Arc;
use storeapi::{StatusProvider, Store};

/// The largest body read, in bytes: many times the longest query, and room for thousands of selectors.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Api {
    config: Config,
    flavour: Flavour,
    querier: Querier,
    store: Arc<dyn Store>,
    /// How the stores behind it are, where anybody knows.
    stores: Option<Arc<dyn StatusProvider>>,
    driver: Driver,
    clock: Arc<dyn Clock>,
    status: Status,
    /// What the admin API works on, where it is switched on.
    admin: Option<Admin>,
    /// The heads that `status/tsdb` tells of, where there are any.
    heads: Option<Heads>,
    /// Memory all queries share.
    budget: Budget,
}

impl Api {
    pub(crate) fn new(
        config: Config,
        store: Arc<dyn Store>,
        driver: Driver,
        clock: Arc<dyn Clock>,
        status: Status,
    ) -> Self {
        let budget = Budget::new("process", config.memory_bytes);
        Self {
            config,
            flavour: Flavour::Prometheus,
            querier: Querier::default(),
            store,
            stores: None,
            driver,
            clock,
            status,
            admin: None,
            heads: None,
            budget,
        }
    }

    /// Answers the admin API.
    pub(crate) fn with_admin(self, admin: Admin) -> Self {
        Self { admin: Some(admin), ..self }
    }

    /// Answers `status/tsdb`.
    pub(crate) fn with_heads(self, heads: Heads) -> Self {
        Self { heads: Some(heads), ..self }
    }

    /// Speaks as Thanos' querier does.
    pub(crate) fn with_querier(self, querier: Querier, stores: Option<Arc<dyn StatusProvider>>) -> Self {
        Self { flavour: Flavour::Thanos, querier, stores, ..self }
    }

    /// The range of a question about labels or series; `None` if it runs backwards, which Thanos refuses.
    fn range(&self, params: &Params) -> Result<Option<TimeRange>, ApiError> {
        match params.range()? {
            None if self.flavour == Flavour::Thanos => {
                Err(ApiError::BadData("bad_data: end timestamp must not be before start time".to_owned()))
            }
            range => Ok(range),
        }
    }

    /// As configured: what one query may use, and how it is evaluated.
    fn query_params(&self, params: QueryParams) -> QueryParams {
        QueryParams {
            delayed_names: self.config.features.delayed_names,
            use_start_timestamps: self.config.features.use_start_timestamps,
            type_and_unit_labels: self.config.features.type_and_unit_labels,
            limits: self.query_limits(),
            ..params
        }
    }

    /// What one query may use.
    fn query_limits(&self) -> QueryLimits {
        let memory = self.budget.within("query", self.config.query_memory_bytes);
        QueryLimits { max_samples: self.config.max_samples, memory }
    }
}

/// The API's routes, below `/api/v1`.
pub(crate) fn routes(api: Arc<Api>) -> Router {
    let both = MethodFilter::GET.or(MethodFilter::POST);
    let flavour = api.flavour;
    let routes = Router::new()
        .route("/api/v1/query", only(both, instant::query))
        .route("/api/v1/query_range", only(both, range::query_range))
        .route("/api/v1/format_query", only(both, language::format))
        .route("/api/v1/parse_query", only(both, language::tree))
        .route("/api/v1/query_explain", only(both, operators::explain))
        .route("/api/v1/query_range_explain", only(both, operators::explain_range))
        .route("/api/v1/series", only(both, series::series))
        .route("/api/v1/labels", only(both, labels::names))
        .route("/api/v1/label/{name}/values", only(MethodFilter::GET, labels::values))
        .route("/api/v1/query_exemplars", only(both, exemplars::exemplars))
        .route("/api/v1/metadata", only(MethodFilter::GET, metadata::metadata))
        .route("/api/v1/rules", only(MethodFilter::GET, nothing::rules))
        .route("/api/v1/alerts", only(MethodFilter::GET, nothing::alerts))
        .route("/api/v1/targets", only(MethodFilter::GET, nothing::targets))
        .route("/api/v1/stores", only(MethodFilter::GET, stores::stores))
        .route("/api/v1/status/buildinfo", only(MethodFilter::GET, status::build_info))
        .route("/api/v1/status/flags", only(MethodFilter::GET, status::flags))
        .route("/api/v1/status/runtimeinfo", only(MethodFilter::GET, status::runtime_info));
    let routes = match api.heads {
        Some(_) => routes.route("/api/v1/status/tsdb", only(MethodFilter::GET, head_status::tsdb)),
        None => routes,
    };
    match flavour {
        Flavour::Prometheus => {
            let routes = routes.merge(admin_routes()).route("/federate", only(MethodFilter::GET, federate::federate));
            routes.route("/api/v1/read", only(MethodFilter::POST, read::read)).with_state(api)
        }
        Flavour::Thanos => routes.with_state(api).layer(map_response(wording::as_thanos)),
    }
}

fn admin_routes() -> Router<Arc<Api>> {
    let both = MethodFilter::POST.or(MethodFilter::PUT);
    Router::new()
        .route("/api/v1/admin/tsdb/delete_series", only(both, admin::delete_series))
        .route("/api/v1/admin/tsdb/clean_tombstones", only(both, admin::clean_tombstones))
        .route("/api/v1/admin/tsdb/snapshot", only(both, admin::snapshot))
}

/// A route for some methods; others, `HEAD` among them, get 405 and are told which.
fn only<H, T, S>(methods: MethodFilter, handler: H) -> MethodRouter<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    let allowed = match methods {
        MethodFilter::GET => "GET, OPTIONS",
        MethodFilter::POST => "OPTIONS, POST",
        _ if methods == MethodFilter::POST.or(MethodFilter::PUT) => "OPTIONS, POST, PUT",
        _ => "GET, OPTIONS, POST",
    };
    let refuse = move |method: Method| async move {
        let text = if method == Method::HEAD { "" } else { "Method Not Allowed\n" };
        (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allowed)], text)
    };
    on(methods, handler).head(refuse).fallback(refuse)
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        if body.is_end_stream() {
            return Ok(Self::read(parts, &Bytes::new()));
        }
        let too_large = |_| ApiError::BadData(format!("the request's body is over {MAX_BODY_BYTES} bytes, or was cut"));
        let body = axum::body::to_bytes(body, MAX_BODY_BYTES).await.map_err(too_large);
        body.map(|body| Self::read(parts, &body)).map_err(IntoResponse::into_response)
    }
}
