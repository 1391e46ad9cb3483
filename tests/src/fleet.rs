//! Router, ingesters, store and querier as processes of their own, over one bucket.

use crate::remote_write::{Series, body};
use crate::server::{Answer, Launch, Server};
use serde_json::Value;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long it may take until something that happens by itself has happened.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(200);

/// Who is in a fleet.
#[derive(Debug, Clone)]
pub struct Topology {
    pub ingesters: usize,
    /// On how many of them each series is.
    pub replication: usize,
    /// The time a block covers.
    pub block: &'static str,
    /// Whether they ship to the bucket.
    pub ships: bool,
    /// What else each ingester is told.
    pub ingester_args: Vec<String>,
    /// What else the router is told.
    pub router_args: Vec<String>,
}

/// One that runs on a directory.
#[derive(Debug)]
pub struct Fleet {
    dir: PathBuf,
    topology: Topology,
    /// What those that start from now on are.
    pub programs: Programs,
    ports: Vec<Ports>,
    /// By number, from 0; `None`: it is down.
    pub ingesters: Vec<Option<Server>>,
    pub router: Server,
    pub store: Server,
    pub query: Server,
}

/// The program of each kind of member: ours, or a peer that takes the same flags.
#[derive(Debug, Clone)]
pub struct Programs {
    pub router: PathBuf,
    pub ingester: PathBuf,
    pub store: PathBuf,
    pub query: PathBuf,
}

/// Where a member listens.
#[derive(Debug, Clone)]
pub struct Ports {
    pub http: String,
    pub grpc: String,
    pub write: String,
    pub capnproto: String,
}

impl Topology {
    /// Three ingesters, each series on all of them, blocks of two hours.
    pub fn three() -> Self {
        Self {
            ingesters: 3,
            replication: 3,
            block: "2h",
            ships: true,
            ingester_args: Vec::new(),
            router_args: Vec::new(),
        }
    }
}

impl Default for Programs {
    /// All ours.
    fn default() -> Self {
        let ours = || crate::binary().to_owned();
        Self { router: ours(), ingester: ours(), store: ours(), query: ours() }
    }
}

impl Fleet {
    /// Starts one of our own programs on `dir`, and waits until every member is ready.
    pub async fn start(dir: &Path, topology: Topology) -> Self {
        Self::of(dir, topology, Programs::default()).await
    }

    /// The same with other programs.
    pub async fn of(dir: &Path, topology: Topology, programs: Programs) -> Self {
        // The ingesters, then router, store and querier.
        let ports = free_ports(topology.ingesters + 3);
        let plan = Plan { dir, topology: &topology, programs: &programs, ports: &ports };
        let mut ingesters = Vec::new();
        for number in 0..topology.ingesters {
            ingesters.push(Some(plan.ingester(number).start().await));
        }
        let store = plan.store().start().await;
        let query = plan.query().start().await;
        let router = plan.router().start().await;
        let fleet = Self { dir: dir.to_owned(), ingesters, router, store, query, ports, programs, topology };
        fleet.until_the_querier_knows(fleet.topology.ingesters + 1).await;
        fleet
    }

    /// Writes `series` as `tenant` through the router.
    pub async fn write(&self, tenant: &str, series: &[Series]) -> Answer {
        let request = self.router.write_request("/api/v1/receive", body(series)).header("thanos-tenant", tenant);
        self.router.send(request).await
    }

    /// Writes `series` again and again, as a sender does, until the write is taken.
    pub async fn until_written(&self, tenant: &str, series: &[Series]) {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.write(tenant, series).await;
            if answer.status == 200 {
                return;
            }
            assert!(answer.status == 503 && Instant::now() < until, "{answer:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// The result of `expression` at `time_ms`, sorted by labels.
    pub async fn answer(&self, expression: &str, time_ms: i64) -> Vec<Value> {
        let mut result = self.query.query(expression, time_ms).await.as_array().unwrap().clone();
        result.sort_by_key(|series| series["metric"].to_string());
        result
    }

    /// Waits until `expression` finds `count` series at `time_ms`: the querier asks a new tenant's ingesters once they told it
    /// of the tenant.
    pub async fn until_found(&self, expression: &str, time_ms: i64, count: usize) {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.answer(expression, time_ms).await;
            if found.len() == count {
                return;
            }
            assert!(Instant::now() < until, "{count} series wanted for too long: {found:?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Kills ingester `number`.
    pub fn kill(&mut self, number: usize) {
        self.ingesters[number].take().expect("it runs").kill();
    }

    /// Stops ingester `number` as an operator does, and waits until it has ended: what it holds is in the bucket then.
    pub fn stop(&mut self, number: usize) {
        let ended = self.ingesters[number].take().expect("it runs").stop();
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    }

    /// Starts ingester `number` again.
    pub async fn start_ingester(&mut self, number: usize) {
        let started = self.plan().ingester(number).start().await;
        self.ingesters[number] = Some(started);
    }

    /// Starts the querier again.
    pub async fn restart_query(&mut self) {
        end(&mut self.query).await;
        self.query = self.plan().query().start().await;
        self.until_the_querier_knows(self.topology.ingesters + 1).await;
    }

    /// Starts the store again, on an empty directory.
    pub async fn restart_store(&mut self) {
        end(&mut self.store).await;
        std::fs::remove_dir_all(self.dir.join("store")).unwrap();
        self.store = self.plan().store().start().await;
        self.until_the_querier_knows(self.topology.ingesters + 1).await;
    }

    /// The directory of ingester `number`.
    pub fn ingester_dir(&self, number: usize) -> PathBuf {
        self.dir.join(format!("ingester-{number}"))
    }

    /// The directory of the bucket.
    pub fn bucket(&self) -> PathBuf {
        self.dir.join("bucket")
    }

    /// The blocks in the bucket that are visible: those with a `meta.json`.
    pub fn blocks(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.bucket()) else { return Vec::new() };
        let mut blocks: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        blocks.retain(|path| path.join("meta.json").exists());
        blocks.sort();
        blocks
    }

    /// Waits until `told` says so of the sum of `server`'s `metric`.
    pub async fn until(server: &Server, metric: &str, told: impl Fn(f64) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let value = server.metric(metric).await;
            if value.is_some_and(&told) {
                return;
            }
            assert!(Instant::now() < until, "{metric} is {value:?} for too long");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the querier lists `count` endpoints that answer.
    pub async fn until_the_querier_knows(&self, count: usize) {
        let until = Instant::now() + PATIENCE;
        loop {
            let stores = self.query.get("/api/v1/stores").await.json();
            let kinds = stores["data"].as_object().into_iter().flat_map(|kinds| kinds.values());
            let known =
                kinds.filter_map(Value::as_array).flatten().filter(|store| store["lastError"].is_null()).count();
            if known == count {
                return;
            }
            assert!(Instant::now() < until, "{known} endpoints instead of {count}: {stores}");
            tokio::time::sleep(POLL).await;
        }
    }

    fn plan(&self) -> Plan<'_> {
        Plan { dir: &self.dir, topology: &self.topology, programs: &self.programs, ports: &self.ports }
    }
}

/// Ends `server`, and waits until its addresses are free.
async fn end(server: &mut Server) {
    server.process.kill();
    while server.process.is_running() {
        tokio::time::sleep(POLL).await;
    }
}

/// What members are started with.
struct Plan<'a> {
    dir: &'a Path,
    topology: &'a Topology,
    programs: &'a Programs,
    ports: &'a [Ports],
}

impl Plan<'_> {
    fn ingester(&self, number: usize) -> Launch {
        let (ports, name) = (&self.ports[number], format!("ingester-{number}"));
        let launch = Server::command(&self.programs.ingester, "receive", &ports.http, Some(&ports.write))
            .arg(format!("--grpc-address={}", ports.grpc))
            // Thanos binds it whether it is used or not.
            .arg(format!("--receive.capnproto-address={}", ports.capnproto))
            .arg(format!("--tsdb.path={}", self.dir.join(&name).display()))
            .arg(format!("--label=replica=\"{name}\""))
            .arg(format!("--tsdb.min-block-duration={}", self.topology.block))
            .arg(format!("--tsdb.max-block-duration={}", self.topology.block));
        let launch = if self.topology.ships { launch.arg(self.bucket()) } else { launch };
        self.topology.ingester_args.iter().fold(launch, Launch::arg)
    }

    fn router(&self) -> Launch {
        let ports = &self.ports[self.topology.ingesters];
        let ring = self.dir.join("hashring.json");
        let endpoints: Vec<_> = self.ports.iter().take(self.topology.ingesters).map(|of| of.grpc.as_str()).collect();
        let document = serde_json::json!([{ "algorithm": "ketama", "endpoints": endpoints }]);
        std::fs::write(&ring, document.to_string()).unwrap();
        let launch = Server::command(&self.programs.router, "receive", &ports.http, Some(&ports.write))
            .arg(format!("--grpc-address={}", ports.grpc))
            .arg(format!("--receive.capnproto-address={}", ports.capnproto))
            .arg(format!("--receive.hashrings-file={}", ring.display()))
            .arg(format!("--receive.replication-factor={}", self.topology.replication))
            .arg("--label=replica=\"router\"");
        self.topology.router_args.iter().fold(launch, Launch::arg)
    }

    fn store(&self) -> Launch {
        let ports = &self.ports[self.topology.ingesters + 1];
        Server::command(&self.programs.store, "store", &ports.http, None)
            .arg(format!("--grpc-address={}", ports.grpc))
            .arg(format!("--data-dir={}", self.dir.join("store").display()))
            .arg("--sync-block-duration=1s")
            .arg(self.bucket())
    }

    fn query(&self) -> Launch {
        let ports = &self.ports[self.topology.ingesters + 2];
        let launch = Server::command(&self.programs.query, "query", &ports.http, None)
            .arg(format!("--grpc-address={}", ports.grpc))
            .arg("--endpoint.info-timeout=1s")
            .arg("--query.replica-label=replica");
        let asked = self.ports.iter().take(self.topology.ingesters).chain([&self.ports[self.topology.ingesters + 1]]);
        asked.fold(launch, |launch, of| launch.arg(format!("--endpoint={}", of.grpc)))
    }

    fn bucket(&self) -> String {
        let directory = self.dir.join("bucket");
        std::fs::create_dir_all(&directory).unwrap();
        format!("--objstore.config=type: FILESYSTEM\nconfig:\n  directory: {:?}\n", directory.display().to_string())
    }
}

/// Addresses of this machine that were free a moment ago, for `count` members. Below those that the system gives to
/// connections, so that no story in progress takes one meanwhile; and no two stories of this process are given the same.
pub fn free_ports(count: usize) -> Vec<Ports> {
    let address = || loop {
        let port = FIRST_PORT + (std::process::id() as usize * 101 + TAKEN.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap()));
        if let Ok(listener) = free {
            break listener.local_addr().unwrap().to_string();
        }
    };
    (0..count).map(|_| Ports { http: address(), grpc: address(), write: address(), capnproto: address() }).collect()
}

const FIRST_PORT: usize = 12_000;
const PORTS: usize = 20_000;
static TAKEN: AtomicUsize = AtomicUsize::new(0);
