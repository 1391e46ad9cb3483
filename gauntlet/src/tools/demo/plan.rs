//! Who is in the fleet, and how each is started.

use std::io;
use std::path::{Path, PathBuf};

/// How many ingesters there are; each series is on all of them.
const INGESTERS: usize = 3;
const INGESTER_NAMES: [&str; INGESTERS] = ["ingester-1", "ingester-2", "ingester-3"];
/// Short, so that what is written is soon in the bucket.
const BLOCK: &str = "2h";
const SYNC: &str = "15s";

/// The ports of one member.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemberPorts {
    pub(super) http: u16,
    pub(super) grpc: u16,
    pub(super) write: u16,
}

/// The ports of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) ingesters: [MemberPorts; INGESTERS],
    pub(super) store: MemberPorts,
    pub(super) query: MemberPorts,
    pub(super) router: MemberPorts,
}

/// One process.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) args: Vec<String>,
    /// Files it reads, to be written before it starts.
    pub(super) files: Vec<(PathBuf, String)>,
    /// Where it tells whether it is ready.
    pub(super) http: String,
    /// What a user does with it.
    pub(super) about: String,
}

impl Ports {
    /// Takes each from `port`.
    ///
    /// # Errors
    /// Those of `port`.
    pub(super) fn from(port: &mut dyn FnMut() -> io::Result<u16>) -> io::Result<Self> {
        let mut member = || Ok::<_, io::Error>(MemberPorts { http: port()?, grpc: port()?, write: port()? });
        Ok(Self { ingesters: [member()?, member()?, member()?], store: member()?, query: member()?, router: member()? })
    }
}

/// The fleet in the order in which it starts: those that others ask come first.
pub(super) fn plan(dir: &Path, ports: Ports) -> Vec<Member> {
    let bucket = format!("type: FILESYSTEM\nconfig:\n  directory: {}\n", quoted(&dir.join("bucket")));
    let mut members: Vec<_> = INGESTER_NAMES
        .into_iter()
        .zip(ports.ingesters)
        .map(|(name, ports)| ingester(dir, name, ports, &bucket))
        .collect();
    members.push(store(dir, ports.store, &bucket));
    members.push(query(&ports));
    members.push(router(dir, &ports));
    members
}

fn ingester(dir: &Path, name: &'static str, ports: MemberPorts, bucket: &str) -> Member {
    let mut args = servers("receive", ports);
    args.extend([
        format!("--remote-write.address={}", local(ports.write)),
        format!("--tsdb.path={}", dir.join(name).display()),
        format!("--label=replica=\"{name}\""),
        format!("--tsdb.min-block-duration={BLOCK}"),
        format!("--tsdb.max-block-duration={BLOCK}"),
        format!("--objstore.config={bucket}"),
    ]);
    member(name, args, ports, format!("http://{}/metrics", local(ports.http)))
}

fn store(dir: &Path, ports: MemberPorts, bucket: &str) -> Member {
    let mut args = servers("store", ports);
    args.extend([
        format!("--data-dir={}", dir.join("store").display()),
        format!("--sync-block-duration={SYNC}"),
        format!("--objstore.config={bucket}"),
    ]);
    member("store", args, ports, format!("http://{}/metrics", local(ports.http)))
}

fn query(ports: &Ports) -> Member {
    let mut args = servers("query", ports.query);
    args.push("--query.replica-label=replica".to_owned());
    args.extend(ports.ingesters.iter().chain([&ports.store]).map(|of| format!("--endpoint={}", local(of.grpc))));
    let about = format!("http://{}  the Prometheus HTTP API: point Grafana here", local(ports.query.http));
    member("query", args, ports.query, about)
}

fn router(dir: &Path, ports: &Ports) -> Member {
    let path = dir.join("hashring.json");
    let endpoints: Vec<_> = ports.ingesters.iter().map(|of| format!("\"{}\"", local(of.grpc))).collect();
    let ring = format!("[{{\"algorithm\": \"ketama\", \"endpoints\": [{}]}}]\n", endpoints.join(", "));
    let mut args = servers("receive", ports.router);
    args.extend([
        format!("--remote-write.address={}", local(ports.router.write)),
        format!("--receive.hashrings-file={}", path.display()),
        format!("--receive.replication-factor={INGESTERS}"),
        "--label=replica=\"router\"".to_owned(),
    ]);
    let about = format!("http://{}/api/v1/receive  remote write goes here", local(ports.router.write));
    Member { files: vec![(path, ring)], ..member("router", args, ports.router, about) }
}

fn member(name: &'static str, args: Vec<String>, ports: MemberPorts, about: String) -> Member {
    Member { name, args, files: Vec::new(), http: local(ports.http), about }
}

/// The sub-command with its servers.
fn servers(command: &str, ports: MemberPorts) -> Vec<String> {
    let (http, grpc) = (local(ports.http), local(ports.grpc));
    vec![command.to_owned(), format!("--http-address={http}"), format!("--grpc-address={grpc}")]
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// As a string of YAML.
fn quoted(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

#[cfg(test)]
mod tests;
