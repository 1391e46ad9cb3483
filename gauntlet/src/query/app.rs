//! The parts wired together, started and stopped.

use super::config::Config;
use crate::common::{Base, QUERY_HANDLERS, StartError, cores};
use model::{Clock, Labels, SystemClock};
use query::Status;
use service::{ClientMetrics, ClientOptions, CpuPool, Entry, GrpcChannel, HttpMetrics, WebOptions, admin, web};
use std::sync::Arc;
use std::time::Duration;
use storeapi::grpc::{ExemplarsServer, InfoServer, MetadataServer, StoreServer};
use storeapi::{Component, Dial, Endpoints, Proxy, StatusProvider, Store, StoreProvider};
use tonic::service::Routes;

/// What the page at `/` names, besides probes and metrics.
const ENTRIES: [Entry; 7] = [
    Entry { path: "/api/v1/query", methods: "GET, POST", what: "an expression at one time: query, time, timeout" },
    Entry {
        path: "/api/v1/query_range",
        methods: "GET, POST",
        what: "an expression over time: query, start, end, step",
    },
    Entry { path: "/api/v1/series", methods: "GET, POST", what: "series by match[], start, end" },
    Entry { path: "/api/v1/labels", methods: "GET, POST", what: "names of labels" },
    Entry { path: "/api/v1/label/{name}/values", methods: "GET", what: "values of one label" },
    Entry { path: "/api/v1/stores", methods: "GET", what: "the endpoints that are asked, and how they are" },
    Entry { path: "/api/v1/status/flags", methods: "GET", what: "flags and their values" },
];

/// The way to endpoints.
#[derive(Debug)]
struct Channels {
    options: ClientOptions,
    metrics: ClientMetrics,
}

impl Dial for Channels {
    type Channel = GrpcChannel;

    fn dial(&self, address: &str) -> Result<GrpcChannel, String> {
        GrpcChannel::new(address, &self.options, &self.metrics).map_err(|error| error.to_string())
    }
}

/// How long readiness waits for endpoints to say what they hold.
const FIRST_UPDATE: Duration = Duration::from_secs(30);

/// Runs until a signal comes or a part fails.
///
/// # Errors
/// What kept it from starting, or ended it.
pub(crate) async fn run(config: Config) -> Result<(), StartError> {
    let mut base = Base::new("query")?;
    let http = base.http(&config.http_address, config.http).await?;
    let grpc = base.grpc(config.grpc).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let channels = Channels { options: config.client, metrics: base.client_metrics() };
    let endpoints = Endpoints::new(config.endpoints, Arc::clone(&clock), channels, &base.registry);
    let endpoints = endpoints.map_err(StartError::part)?;
    let provider = Arc::clone(&endpoints) as Arc<dyn StoreProvider>;
    let proxy = Proxy::new("query", Component::Query, provider, Labels::empty(), &base.registry);
    let store: Arc<dyn Store> = Arc::new(proxy);
    let pool = CpuPool::start(cores().get(), &base.registry).map_err(StartError::Threads)?;
    let status = Status { flags: config.flags, started_ms: clock.now_ms(), retention: String::new() };
    let app = query::App::build(config.query, Arc::clone(&store), pool, clock, status, &base.registry);
    let statuses = Arc::clone(&endpoints) as Arc<dyn StatusProvider>;
    let app = app.with_querier(config.querier, Some(statuses));
    let calls = Routes::new(StoreServer::service(Arc::clone(&store)))
        .add_service(ExemplarsServer::service(Arc::clone(&store)))
        .add_service(MetadataServer::service(Arc::clone(&store)))
        .add_service(InfoServer::service(store));
    let metrics = HttpMetrics::new(&base.registry, config.tenants);
    let pages = admin(&base.probes, &base.registry, "Gauntlet query", &ENTRIES);
    let pages = pages.merge(app.routes().route_layer(metrics.handlers(&QUERY_HANDLERS)));
    let pages = web(pages, &base.registry, WebOptions { cors: config.cors });
    let (polled, readiness) = (Arc::clone(&endpoints), base.probes.part("endpoints"));
    base.tasks.spawn("endpoints", move |stop| async move {
        endpoints.run(stop.cancelled()).await;
        Ok(())
    });
    base.tasks.spawn("first look at endpoints", move |stop| async move {
        readiness.not_ready("endpoints are asked what they hold");
        tokio::select! {
            _ = tokio::time::timeout(FIRST_UPDATE, polled.first_update()) => readiness.ready(),
            () = stop.cancelled() => {}
        }
        stop.cancelled().await;
        Ok(())
    });
    base.tasks.spawn("grpc server", move |stop| grpc.serve(calls, stop));
    base.tasks.spawn("http server", move |stop| http.serve(pages, stop));
    base.run(config.http.grace, "http-address").await
}
