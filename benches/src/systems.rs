//! The systems that are compared, and how each is started.

use crate::cli::Ingest;
use crate::process::Process;
use anyhow::{Context, ensure};
use clap::ValueEnum;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SystemKind {
    Gauntlet,
    /// `prometheus` on the path, or `$PROMETHEUS`.
    Prometheus,
    /// `victoria-metrics` on the path, or `$VICTORIA_METRICS`.
    VictoriaMetrics,
}

/// A system to be measured.
#[derive(Debug, Clone)]
pub(crate) struct System {
    pub(crate) kind: SystemKind,
    program: PathBuf,
    /// Further arguments.
    extra: Vec<String>,
    /// As the program says it.
    pub(crate) version: String,
    /// What an acknowledgement of it is worth.
    pub(crate) durability: &'static str,
}

/// A system that takes load.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) process: Process,
    pub(crate) write_url: String,
    /// The HTTP API, without a slash at its end.
    pub(crate) api_url: String,
    pub(crate) query_url: String,
    /// Answers 200 to whoever wants to know whether it is ready.
    pub(crate) ready_url: String,
    _data: Option<tempfile::TempDir>,
}

/// Who answers queries, and whose CPU they take.
#[derive(Debug)]
pub(crate) struct Queried<'a> {
    pub(crate) processes: Vec<&'a Process>,
    pub(crate) query_url: String,
    pub(crate) ready_url: String,
    /// Goes with each question.
    pub(crate) params: &'static str,
}

/// VictoriaMetrics is not to remember answers.
pub(crate) const NO_CACHE: &str = "nocache=1";

impl Running {
    pub(crate) fn queried(&self) -> Queried<'_> {
        let (query_url, ready_url) = (self.query_url.clone(), self.ready_url.clone());
        Queried { processes: vec![&self.process], query_url, ready_url, params: NO_CACHE }
    }
}

impl System {
    /// Ours first, then the peers that are on this machine.
    pub(crate) fn find_all(bench: &Ingest) -> anyhow::Result<Vec<Self>> {
        let kinds = std::iter::once(SystemKind::Gauntlet).chain(bench.peers.iter().copied());
        let systems: Vec<Self> = kinds.filter_map(|kind| Self::find(kind, bench.gauntlet.as_deref())).collect();
        ensure!(systems.first().is_some_and(|system| system.kind == SystemKind::Gauntlet), "build gauntlet first");
        Ok(systems)
    }

    /// Finds the program; `None` with a printed line if it is not on this machine.
    pub(crate) fn find(kind: SystemKind, gauntlet: Option<&Path>) -> Option<Self> {
        let program = match kind {
            SystemKind::Gauntlet => gauntlet.map_or_else(beside_this_program, Path::to_owned),
            SystemKind::Prometheus => from_env("PROMETHEUS", "prometheus"),
            SystemKind::VictoriaMetrics => from_env("VICTORIA_METRICS", "victoria-metrics"),
        };
        let asked = Command::new(&program).arg("--version").output();
        let Ok(output) = asked else {
            println!("SKIPPED: {} is not on this machine", program.display());
            return None;
        };
        let text = [output.stdout, output.stderr].concat();
        let version = String::from_utf8_lossy(&text);
        let version = version.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown").to_owned();
        let durability = match kind {
            SystemKind::Gauntlet => "fdatasync a group before the answer",
            SystemKind::Prometheus => "written, not synced, before the answer",
            SystemKind::VictoriaMetrics => "in memory, flushed within seconds",
        };
        Some(Self { kind, program, extra: Vec::new(), version, durability })
    }

    /// The same with all of PromQL, without a limit of samples, and with a head that holds months: what is asked then is
    /// the head alone, and no block is cut while CPU is counted.
    pub(crate) fn for_questions(mut self) -> Self {
        let features = "--enable-feature=promql-experimental-functions,promql-extended-range-selectors";
        self.extra = match self.kind {
            SystemKind::Gauntlet => vec![
                features.to_owned(),
                "--tsdb.min-block-duration=60d".to_owned(),
                "--tsdb.retention=0d".to_owned(),
                "--query.max-samples=2000000000".to_owned(),
                "--query.max-memory-per-query=2GB".to_owned(),
            ],
            SystemKind::Prometheus => vec![
                features.to_owned(),
                "--storage.tsdb.min-block-duration=60d".to_owned(),
                "--storage.tsdb.max-block-duration=60d".to_owned(),
                "--storage.tsdb.retention.time=10y".to_owned(),
            ],
            SystemKind::VictoriaMetrics => Vec::new(),
        };
        self
    }

    /// Starts it on an empty directory and waits until it is ready.
    pub(crate) fn start(&self, log: &Path) -> anyhow::Result<Running> {
        let data = tempfile::tempdir()?;
        let running = self.start_on(data.path(), log)?;
        Ok(Running { _data: Some(data), ..running })
    }

    /// Starts it on what `data` holds and waits until it is ready.
    pub(crate) fn start_on(&self, data: &Path, log: &Path) -> anyhow::Result<Running> {
        let (address, other) = (free_address()?, free_address()?);
        let dir = data.display();
        let (mut args, write, ready) = match self.kind {
            SystemKind::Gauntlet => (
                vec![
                    "standalone".to_owned(),
                    format!("--data-dir={dir}"),
                    format!("--http-address={address}"),
                    format!("--grpc-address={other}"),
                    "--web.enable-admin-api".to_owned(),
                ],
                "/api/v1/receive",
                "/-/ready",
            ),
            SystemKind::Prometheus => {
                std::fs::write(data.join("empty.yml"), "")?;
                let args = [
                    format!("--config.file={dir}/empty.yml"),
                    format!("--storage.tsdb.path={dir}"),
                    format!("--web.listen-address={address}"),
                    "--web.enable-remote-write-receiver".to_owned(),
                    "--web.enable-admin-api".to_owned(),
                    "--enable-feature=memory-snapshot-on-shutdown".to_owned(),
                    "--query.max-samples=2000000000".to_owned(),
                ];
                (args.to_vec(), "/api/v1/write", "/-/ready")
            }
            SystemKind::VictoriaMetrics => {
                let args = [
                    format!("-storageDataPath={dir}"),
                    format!("-httpListenAddr={address}"),
                    "-retentionPeriod=100y".to_owned(),
                    "-search.maxUniqueTimeseries=100000000".to_owned(),
                    "-search.maxSamplesPerQuery=100000000000".to_owned(),
                ];
                (args.to_vec(), "/api/v1/write", "/health")
            }
        };
        args.extend_from_slice(&self.extra);
        let mut process = Process::start(&self.program, &args, log)?;
        let ready_url = format!("http://{address}{ready}");
        process.wait_until(|| crate::answers::is_ok(&ready_url)).with_context(|| format!("see {}", log.display()))?;
        let (api_url, write_url) = (format!("http://{address}/api/v1"), format!("http://{address}{write}"));
        let query_url = format!("{api_url}/query");
        Ok(Running { process, write_url, api_url, query_url, ready_url, _data: None })
    }

    pub(crate) fn name(&self) -> String {
        self.kind.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

fn from_env(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| default.into(), PathBuf::from)
}

pub(crate) fn beside_this_program() -> PathBuf {
    let this = std::env::current_exe().unwrap_or_default();
    this.with_file_name("gauntlet")
}

/// A loopback address whose port nobody uses right now.
pub(crate) fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
