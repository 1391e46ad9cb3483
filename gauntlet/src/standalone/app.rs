//! The parts wired together, started and stopped.

use super::config::{Config, cores};
use model::{Clock, Fingerprinter, SystemClock};
use service::{
    BindError, CpuPool, Entry, Failure, HttpMetrics, HttpServer, Probes, StopSignals, Tasks, WebOptions, Why, admin,
    raise_open_files, web,
};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use telemetry::{BuildInfo, Registry, register_process};
use tracing::{info, warn};
use tsdb::db::DbError;
use tsdb::fs::StdFs;

/// How long storage may take to close after requests have ended.
const CLOSING_GRACE: Duration = Duration::from_secs(60);

/// The name of the process in `thanos_status`.
const COMPONENT: &str = "standalone";

/// Thanos' names of the handlers, by path. The router names its own.
const HANDLERS: [(&str, &str); 12] = [
    ("/api/v1/query", "query"),
    ("/api/v1/query_range", "query_range"),
    ("/api/v1/series", "series"),
    ("/api/v1/labels", "label_names"),
    ("/api/v1/label/{name}/values", "label_values"),
    ("/api/v1/query_exemplars", "exemplars"),
    ("/api/v1/metadata", "metadata"),
    ("/api/v1/rules", "rules"),
    ("/api/v1/alerts", "alerts"),
    ("/api/v1/status/buildinfo", "status_build"),
    ("/api/v1/status/flags", "status_flags"),
    ("/api/v1/status/runtimeinfo", "status_runtime"),
];

/// What the page at `/` names, besides probes and metrics.
const ENTRIES: [Entry; 14] = [
    Entry { path: "/api/v1/receive", methods: "POST", what: "remote write 1.0, with the status codes of Thanos" },
    Entry { path: "/api/v1/write", methods: "POST", what: "remote write 1.0, with the status codes of Prometheus" },
    Entry { path: "/api/v1/query", methods: "GET, POST", what: "an expression at one time: query, time, timeout" },
    Entry {
        path: "/api/v1/query_range",
        methods: "GET, POST",
        what: "an expression over time: query, start, end, step",
    },
    Entry { path: "/api/v1/series", methods: "GET, POST", what: "series by match[], start, end" },
    Entry { path: "/api/v1/labels", methods: "GET, POST", what: "names of labels" },
    Entry { path: "/api/v1/label/{name}/values", methods: "GET", what: "values of one label" },
    Entry { path: "/api/v1/query_exemplars", methods: "GET, POST", what: "always empty: exemplars are not stored" },
    Entry { path: "/api/v1/metadata", methods: "GET", what: "always empty: metadata is not stored" },
    Entry { path: "/api/v1/rules", methods: "GET", what: "always empty: there is no ruler" },
    Entry { path: "/api/v1/alerts", methods: "GET", what: "always empty: there is no ruler" },
    Entry { path: "/api/v1/status/buildinfo", methods: "GET", what: "which build this is" },
    Entry { path: "/api/v1/status/flags", methods: "GET", what: "flags and their values" },
    Entry { path: "/api/v1/status/runtimeinfo", methods: "GET", what: "when it was started, and how" },
];

/// Why the process did not start, or did not end as it should. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StandaloneError {
    #[error("{0}: another process listens there; stop it, or choose another address with --http-address")]
    PortTaken(BindError),
    #[error("{0}: choose another address with --http-address")]
    Bind(BindError),
    #[error("the system gives no more threads: {0}; raise the limit on processes")]
    Threads(io::Error),
    #[error("the system gives no random bytes: {0}")]
    Random(String),
    #[error("signals cannot be caught: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Router(#[from] router::InvalidConfig),
    #[error("{0}; stop that process, or choose another directory with --data-dir")]
    DataDirLocked(String),
    #[error("{0}; make it a directory this user may write to, or choose another with --data-dir")]
    DataDir(String),
    #[error("{0}")]
    Task(Failure),
}

/// Runs until a signal comes or a part fails.
pub(crate) async fn run(config: Config) -> Result<(), StandaloneError> {
    let mut signals = StopSignals::catch().map_err(StandaloneError::Signals)?;
    let open_files = raise_open_files();
    let build = BuildInfo::CURRENT;
    info!(version = build.version, revision = build.revision, open_files, data_dir = %config.data_dir.display(), "starting gauntlet standalone");
    warn!(address = config.grpc_address, "grpc is not served in this version: nothing listens on --grpc-address");
    let registry = Registry::default();
    register_process(&registry);
    build.register(&registry);
    let probes = Probes::new(COMPONENT, &registry);
    let server = HttpServer::bind(&config.http_address, config.http, &registry).await.map_err(bind_error)?;
    let grace = config.http.grace + CLOSING_GRACE;
    let mut tasks = Tasks::new(probes.clone());
    start(config, server, &registry, &probes, &mut tasks)?;
    match tasks.run(async || signals.next().await, grace).await.into_iter().next() {
        None => Ok(()),
        Some(failure) => Err(task_error(failure)),
    }
}

/// Builds the parts and starts them. The server comes last, so that it stops first: what it still answers needs the rest.
fn start(
    config: Config,
    server: HttpServer,
    registry: &Registry,
    probes: &Probes,
    tasks: &mut Tasks,
) -> Result<(), StandaloneError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let fingerprinter = Arc::new(fingerprinter()?);
    let http = HttpMetrics::new(registry, config.tenants);
    let pool = CpuPool::start(cores().get(), registry).map_err(StandaloneError::Threads)?;
    let parts = ingester::Parts {
        fs: Arc::new(StdFs),
        clock: Arc::clone(&clock),
        fingerprinter: Arc::clone(&fingerprinter),
        registry: registry.clone(),
    };
    let ingester = ingester::App::build(config.ingester, parts).map_err(StandaloneError::Threads)?;
    let parts = router::Parts {
        target: ingester.ingester(),
        clock: Arc::clone(&clock),
        fingerprinter,
        registry: registry.clone(),
        http: http.clone(),
    };
    let router = router::App::build(config.router, parts)?;
    let status = query::Status { flags: config.flags, started_ms: clock.now_ms(), retention: config.retention };
    let query = query::App::build(config.query, ingester.store(), pool, clock, status, registry);
    let routes = router.routes().merge(query.routes().route_layer(http.handlers(&HANDLERS))).merge(admin(
        probes,
        registry,
        "Gauntlet standalone",
        &ENTRIES,
    ));
    let app = web(routes, registry, WebOptions { cors: config.cors });
    ingester.start(tasks, probes.part("storage"));
    tasks.spawn("http server", move |stop| server.serve(app, stop));
    Ok(())
}

/// The key by which this process names series.
fn fingerprinter() -> Result<Fingerprinter, StandaloneError> {
    let mut secret = [0_u8; _];
    getrandom::fill(&mut secret).map_err(|err| StandaloneError::Random(err.to_string()))?;
    Ok(Fingerprinter::new(secret))
}

fn bind_error(err: BindError) -> StandaloneError {
    match err.source.kind() {
        io::ErrorKind::AddrInUse => StandaloneError::PortTaken(err),
        _ => StandaloneError::Bind(err),
    }
}

/// Adds what to do, where something is known.
fn task_error(failure: Failure) -> StandaloneError {
    let Why::Failed(err) = &failure.why else {
        return StandaloneError::Task(failure);
    };
    match err.downcast_ref::<ingester::OpenError>() {
        Some(locked @ ingester::OpenError::Tenant { source: DbError::Locked(_), .. }) => {
            StandaloneError::DataDirLocked(locked.to_string())
        }
        Some(dir @ ingester::OpenError::Dir { .. }) => StandaloneError::DataDir(dir.to_string()),
        _ => StandaloneError::Task(failure),
    }
}
