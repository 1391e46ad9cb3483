//! The component, put together.

use crate::api::{self, Api, Status};
use crate::config::Config;
use crate::driver::Driver;
use crate::metrics::Metrics;
use axum::Router;
use model::Clock;
use service::CpuPool;
use std::sync::Arc;
use storeapi::Store;
use telemetry::Registry;

/// The query component: a router of the HTTP API.
#[derive(Debug)]
pub struct App {
    api: Arc<Api>,
}

impl App {
    /// Builds it over `store`, computing on `pool`.
    pub fn build(
        config: Config,
        store: Arc<dyn Store>,
        pool: CpuPool,
        clock: Arc<dyn Clock>,
        status: Status,
        registry: &Registry,
    ) -> Self {
        let metrics = Metrics::new(registry);
        let driver = Driver::new(Arc::clone(&store), pool, config.max_concurrent, metrics);
        Self { api: Arc::new(Api::new(config, store, driver, clock, status)) }
    }

    /// The routes below `/api/v1`.
    pub fn routes(&self) -> Router {
        api::routes(Arc::clone(&self.api))
    }
}
