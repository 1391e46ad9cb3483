//! The component, put together.

use crate::api::{self, Admin, Api, Heads, Status};
use crate::config::{Config, Querier};
use crate::driver::Driver;
use crate::metrics::Metrics;
use axum::Router;
use model::Clock;
use service::CpuPool;
use std::sync::Arc;
use storeapi::{StatusProvider, Store};
use telemetry::Registry;

/// The query component: a router of the HTTP API.
#[derive(Debug)]
pub struct App {
    api: Api,
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
        Self { api: Api::new(config, store, driver, clock, status) }
    }

    /// Makes it a Thanos querier. `/api/v1/stores` tells what `stores` knows of each; without, of the one store that is asked.
    pub fn with_querier(self, querier: Querier, stores: Option<Arc<dyn StatusProvider>>) -> Self {
        Self { api: self.api.with_querier(querier, stores) }
    }

    /// Switches the admin API on. A Thanos querier has none.
    pub fn with_admin(self, admin: Admin) -> Self {
        Self { api: self.api.with_admin(admin) }
    }

    /// Answers `status/tsdb`, of these heads.
    pub fn with_heads(self, heads: Heads) -> Self {
        Self { api: self.api.with_heads(heads) }
    }

    /// The routes below `/api/v1`.
    pub fn routes(self) -> Router {
        api::routes(Arc::new(self.api))
    }
}
