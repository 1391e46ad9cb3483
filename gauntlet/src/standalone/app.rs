//! The parts wired together, started and stopped.

use super::admin;
use super::config::Config;
use crate::common::{Base, QUERY_HANDLERS, StartError, cores, fingerprinter, heads, write_budget};
use ingester::{ServedElsewhere, Shipping};
use model::{Clock, Labels, SystemClock};
use proto::RemoteWriteServer;
use query::Admin;
use service::{CpuPool, Entry, HttpMetrics, WebOptions, admin, web};
use std::sync::Arc;
use storeapi::grpc::{ExemplarsServer, InfoServer, MetadataServer, StoreServer};
use storeapi::{Component, Proxy, Store};
use tonic::service::Routes;
use tracing::info;
use tsdb::fs::StdFs;

/// What the page at `/` names, besides probes and metrics.
const ENTRIES: [Entry; 19] = [
    Entry {
        path: "/api/v1/receive",
        methods: "POST",
        what: "remote write 1.0 and 2.0, with the status codes of Thanos",
    },
    Entry {
        path: "/api/v1/write",
        methods: "POST",
        what: "remote write 1.0 and 2.0, with the status codes of Prometheus",
    },
    Entry { path: "/api/v1/query", methods: "GET, POST", what: "an expression at one time: query, time, timeout" },
    Entry {
        path: "/api/v1/query_range",
        methods: "GET, POST",
        what: "an expression over time: query, start, end, step",
    },
    Entry { path: "/api/v1/series", methods: "GET, POST", what: "series by match[], start, end" },
    Entry { path: "/api/v1/labels", methods: "GET, POST", what: "names of labels" },
    Entry { path: "/api/v1/label/{name}/values", methods: "GET", what: "values of one label" },
    Entry { path: "/api/v1/stores", methods: "GET", what: "what is asked for series, and how it is" },
    Entry {
        path: "/api/v1/query_exemplars",
        methods: "GET, POST",
        what: "exemplars of the series of a query: query, start, end",
    },
    Entry {
        path: "/api/v1/metadata",
        methods: "GET",
        what: "kind, help and unit of metrics: metric, limit, limit_per_metric",
    },
    Entry { path: "/api/v1/rules", methods: "GET", what: "always empty: there is no ruler" },
    Entry { path: "/api/v1/alerts", methods: "GET", what: "always empty: there is no ruler" },
    Entry {
        path: "/api/v1/admin/tsdb/delete_series",
        methods: "POST, PUT",
        what: "deletes series: match[], start, end; with --web.enable-admin-api",
    },
    Entry {
        path: "/api/v1/admin/tsdb/clean_tombstones",
        methods: "POST, PUT",
        what: "rewrites blocks without what was deleted; with --web.enable-admin-api",
    },
    Entry {
        path: "/api/v1/admin/tsdb/snapshot",
        methods: "POST, PUT",
        what: "copies blocks and head into snapshots/: skip_head; with --web.enable-admin-api",
    },
    Entry { path: "/api/v1/status/buildinfo", methods: "GET", what: "which build this is" },
    Entry { path: "/api/v1/status/flags", methods: "GET", what: "flags and their values" },
    Entry { path: "/api/v1/status/runtimeinfo", methods: "GET", what: "when it was started, and how" },
    Entry {
        path: "/api/v1/status/tsdb",
        methods: "GET",
        what: "which metrics and labels a tenant's head is full of: limit",
    },
];

/// Where series are written to, and where all of them are read.
struct Storage {
    ingester: ingester::App,
    bucket_store: store::App,
    /// Heads, blocks and bucket as one.
    all: Arc<dyn Store>,
}

/// Runs until a signal comes or a part fails.
///
/// # Errors
/// What kept it from starting, or ended it.
pub(crate) async fn run(config: Config) -> Result<(), StartError> {
    let mut base = Base::new("standalone")?;
    info!(data_dir = %config.data_dir.display(), "everything is kept here");
    let server = base.http(&config.http_address, config.http).await?;
    let grpc = base.grpc(config.grpc).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let fingerprinter = fingerprinter()?;
    let parts = ingester::Parts {
        fs: Arc::new(StdFs),
        clock: Arc::clone(&clock),
        fingerprinter: Arc::clone(&fingerprinter),
        registry: base.registry.clone(),
    };
    let bucket = base.bucket(&config.bucket, "data-dir")?;
    let tenant_label = config.ingester.tenant_label.clone();
    let storage = Storage::build((config.ingester, parts), (config.store, bucket))?;
    let http = HttpMetrics::new(&base.registry, config.tenants);
    let max_message_bytes = config.router.max_decoded_bytes as usize;
    let write_budget = write_budget(&config.router);
    let parts = router::Parts {
        target: storage.ingester.ingester(),
        clock: Arc::clone(&clock),
        fingerprinter: Arc::clone(&fingerprinter),
        registry: base.registry.clone(),
        http: http.clone(),
    };
    let router = router::App::build(config.router, parts).map_err(StartError::part)?;
    let pool = CpuPool::start(cores().get(), &base.registry).map_err(StartError::Threads)?;
    let status = query::Status { flags: config.flags, started_ms: clock.now_ms(), retention: config.retention };
    let all = Arc::clone(&storage.all);
    let mut query = query::App::build(config.query, all, pool, Arc::clone(&clock), status, &base.registry);
    let heads = heads(storage.ingester.ingester(), config.whose);
    if config.admin {
        query = query.with_admin(Admin { storage: Arc::new(storage.admin(tenant_label)), whose: heads.whose.clone() });
    }
    query = query.with_heads(heads);
    let target = storage.ingester.ingester();
    let calls = Routes::new(StoreServer::service(Arc::clone(&storage.all)))
        .add_service(ExemplarsServer::service(Arc::clone(&storage.all)))
        .add_service(MetadataServer::service(Arc::clone(&storage.all)))
        .add_service(InfoServer::service(Arc::clone(&storage.all)))
        .add_service(write_budget.around(RemoteWriteServer::service(target, fingerprinter, clock, max_message_bytes)));
    let pages = admin(&base.probes, &base.registry, "Gauntlet standalone", &ENTRIES);
    let pages = pages.merge(router.routes()).merge(query.routes().route_layer(http.handlers(&QUERY_HANDLERS)));
    let pages = web(pages, &base.registry, WebOptions { cors: config.cors });
    let (blocks, heads) = (base.probes.part("blocks"), base.probes.part("storage"));
    storage.bucket_store.start(&mut base.tasks, blocks);
    storage.ingester.start(&mut base.tasks, heads);
    // The last started is the first to stop: what it still answers needs the rest.
    base.tasks.spawn("http server", move |stop| server.serve(pages, stop));
    base.tasks.spawn("grpc server", move |stop| grpc.serve(calls, stop));
    base.run(config.http.grace, "data-dir").await
}

impl Storage {
    /// What the admin API works on.
    fn admin(&self, tenant_label: Vec<u8>) -> admin::Storage {
        let (ingester, bucket) = (self.ingester.ingester(), Arc::new(self.bucket_store.store()));
        admin::Storage { ingester, bucket, tenant_label }
    }

    /// The ingester, which ships to `bucket`, and the store that reads it back. A local block goes once that store serves it.
    fn build(
        (ingester, parts): (ingester::Config, ingester::Parts),
        (store, bucket): (store::Config, bucket::Bucket),
    ) -> Result<Self, StartError> {
        let (clock, registry) = (Arc::clone(&parts.clock), parts.registry.clone());
        let reading =
            store::Parts { bucket: bucket.clone(), fs: Arc::clone(&parts.fs), clock, registry: registry.clone() };
        let bucket_store = store::App::build(store, reading);
        let served = bucket_store.store();
        let shipping = Shipping {
            // A laptop's process is started again soon, and its senders go on where they were.
            flush_at_end: false,
            served_elsewhere: Some(ServedElsewhere(Arc::new(move |block| served.serves(block)))),
            ..Shipping::new(bucket)
        };
        let ingester = ingester::Config { shipping: Some(shipping), ..ingester };
        let ingester = ingester::App::build(ingester, parts).map_err(StartError::Threads)?;
        let stores: Vec<Arc<dyn Store>> = vec![Arc::new(ingester.store()), Arc::new(bucket_store.store())];
        let all = Proxy::new("standalone", Component::Query, Arc::new(stores), Labels::empty(), &registry);
        Ok(Self { ingester, bucket_store, all: Arc::new(all) })
    }
}
