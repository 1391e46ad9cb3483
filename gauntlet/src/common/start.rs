//! What every server of the program stands on, from its first step to its last.

use bucket::Bucket;
use model::{Fingerprinter, SystemClock};
use service::{
    BindError, ClientMetrics, Descriptors, Failure, GrpcLimits, GrpcServer, HttpLimits, HttpServer, Probes,
    StopSignals, Tasks, TlsServerConfig, Why, raise_open_files,
};
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use telemetry::{BuildInfo, Registry, register_process};
use tracing::info;
use tsdb::db::DbError;

/// How long storage may take to close after requests have ended.
const CLOSING_GRACE: Duration = Duration::from_secs(60);

/// Why a process did not start, or did not end as it should. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{error}: another process listens there; stop it, or choose another address with --{flag}")]
    PortTaken { flag: &'static str, error: BindError },
    #[error("{error}: choose another address with --{flag}")]
    Bind { flag: &'static str, error: BindError },
    #[error("the system gives no more threads: {0}; raise the limit on processes")]
    Threads(io::Error),
    #[error("the system gives no random bytes: {0}")]
    Random(String),
    #[error("signals cannot be caught: {0}")]
    Signals(io::Error),
    #[error("{error}; stop that process, or choose another directory with --{flag}")]
    DataDirLocked { flag: &'static str, error: String },
    #[error("{error}; make it a directory this user may write to, or choose another with --{flag}")]
    DataDir { flag: &'static str, error: String },
    /// Of a part, which says itself what to do.
    #[error("{0}")]
    Part(String),
    #[error("{0}")]
    Task(Failure),
}

/// A gRPC server.
#[derive(Debug, Clone)]
pub(crate) struct GrpcConfig {
    pub(crate) address: String,
    pub(crate) limits: GrpcLimits,
    pub(crate) tls: Option<TlsServerConfig>,
}

/// Signals, metrics, probes and tasks of one process.
pub(crate) struct Base {
    pub(crate) registry: Registry,
    pub(crate) probes: Probes,
    pub(crate) tasks: Tasks,
    pub(crate) descriptors: Descriptors,
    signals: StopSignals,
}

impl Base {
    /// Begins a process that is `component` in `thanos_status`.
    ///
    /// # Errors
    /// The system refuses what a process needs.
    pub(crate) fn new(component: &'static str) -> Result<Self, StartError> {
        let signals = StopSignals::catch().map_err(StartError::Signals)?;
        let open_files = raise_open_files();
        let build = BuildInfo::CURRENT;
        info!(component, version = build.version, revision = build.revision, open_files, "starting gauntlet");
        let registry = Registry::default();
        register_process(&registry);
        build.register(&registry);
        let probes = Probes::new(component, &registry);
        let tasks = Tasks::new(probes.clone());
        let descriptors = Descriptors::parse(proto::grpc::DESCRIPTORS).map_err(StartError::part)?;
        Ok(Self { registry, probes, tasks, descriptors, signals })
    }

    /// A port for HTTP, as `--http-address` says.
    ///
    /// # Errors
    /// It cannot be had.
    pub(crate) async fn http(&self, address: &str, limits: HttpLimits) -> Result<HttpServer, StartError> {
        HttpServer::bind(address, limits, &self.registry).await.map_err(StartError::bind("http-address"))
    }

    /// A port for gRPC, with TLS if there are files for it, as `--grpc-address` says, with health and reflection.
    ///
    /// # Errors
    /// It cannot be had.
    pub(crate) async fn grpc(&self, config: GrpcConfig) -> Result<GrpcServer, StartError> {
        let GrpcConfig { address, limits, tls } = config;
        let server =
            GrpcServer::bind(&address, limits, &self.registry).await.map_err(StartError::bind("grpc-address"))?;
        let server = server.with_probes(&self.probes).with_descriptors(&self.descriptors);
        match tls {
            Some(tls) => server.with_tls(tls).map_err(StartError::part),
            None => Ok(server),
        }
    }

    /// Metrics of the calls this process makes.
    pub(crate) fn client_metrics(&self) -> ClientMetrics {
        ClientMetrics::new(&self.registry, &self.descriptors)
    }

    /// The bucket of that configuration, which `flag` told.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn bucket(&self, config: &bucket::Config, flag: &'static str) -> Result<Bucket, StartError> {
        let metrics = bucket::Metrics::register(&self.registry);
        bucket::open(config, &metrics, Arc::new(SystemClock)).map_err(|error| match error {
            bucket::OpenError::File { .. } => StartError::DataDir { flag, error: error.to_string() },
            other => StartError::part(other),
        })
    }

    /// Runs until a signal comes or a task fails, then stops the tasks, the last started first. Requests in flight have `grace`.
    ///
    /// # Errors
    /// The first failure; of a data directory, with the flag that names it.
    pub(crate) async fn run(self, grace: Duration, data_dir_flag: &'static str) -> Result<(), StartError> {
        let mut signals = self.signals;
        let failures = self.tasks.run(async || signals.next().await, grace + CLOSING_GRACE).await;
        failures.into_iter().next().map_or(Ok(()), |failure| Err(StartError::task(failure, data_dir_flag)))
    }
}

impl StartError {
    /// For `map_err`: a part that says itself what to do.
    pub(crate) fn part(error: impl Display) -> Self {
        Self::Part(error.to_string())
    }

    /// For `map_err`: a port that `flag` names.
    pub(crate) fn bind(flag: &'static str) -> impl FnOnce(BindError) -> Self {
        move |error| match error.source.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken { flag, error },
            _ => Self::Bind { flag, error },
        }
    }

    /// Adds what to do, where something is known.
    fn task(failure: Failure, flag: &'static str) -> Self {
        let Why::Failed(err) = &failure.why else {
            return Self::Task(failure);
        };
        match err.downcast_ref::<ingester::OpenError>() {
            Some(locked @ ingester::OpenError::Tenant { source: DbError::Locked(_), .. }) => {
                Self::DataDirLocked { flag, error: locked.to_string() }
            }
            Some(dir @ ingester::OpenError::Dir { .. }) => Self::DataDir { flag, error: dir.to_string() },
            _ => Self::Task(failure),
        }
    }
}

/// The key by which this process names series.
///
/// # Errors
/// The system gives no random bytes.
pub(crate) fn fingerprinter() -> Result<Arc<Fingerprinter>, StartError> {
    let mut secret = [0_u8; _];
    getrandom::fill(&mut secret).map_err(|err| StartError::Random(err.to_string()))?;
    Ok(Arc::new(Fingerprinter::new(secret)))
}
