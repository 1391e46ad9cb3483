//! Peers that answer as told, and a forwarder over them.

use bytes::Bytes;
use model::{Fingerprinter, TenantId};
use parking_lot::Mutex;
use prost::Message;
use proto::grpc::Raw;
use proto::{WriteBatch, WriteError, WriteOutcome, WriteTarget, count_rows, thanos};
use router::{Dial, ForwardOptions, Forwarder, ForwarderParts, LocalNode, Transport};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use telemetry::{Format, Registry};
use tonic::{Code, Status};

/// What a peer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Script {
    #[default]
    Ok,
    Fails(Code),
    /// After some milliseconds.
    Slow(u64),
    Hangs,
}

/// Everything that peers were sent: (address, request).
pub(crate) type Sent = Vec<(String, thanos::WriteRequest)>;

/// The peers by address; who is not scripted answers OK.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    pub(crate) scripts: Mutex<BTreeMap<String, Script>>,
    sent: Mutex<Sent>,
}

impl Peers {
    /// Notes a request that was sent elsewhere.
    pub(crate) fn push(&self, address: &str, request: thanos::WriteRequest) {
        self.sent.lock().push((address.to_owned(), request));
    }
}

#[derive(Debug)]
struct Peer {
    address: String,
    peers: Arc<Peers>,
}

#[derive(Debug)]
struct PeersDial(Arc<Peers>);

impl Dial for PeersDial {
    fn dial(&self, address: &str) -> Result<Arc<dyn Transport>, String> {
        match address.contains(':') {
            true => Ok(Arc::new(Peer { address: address.to_owned(), peers: Arc::clone(&self.0) })),
            false => Err("no port".to_owned()),
        }
    }
}

impl Transport for Peer {
    fn send(&self, message: Raw, _: Duration) -> Pin<Box<dyn Future<Output = Result<(), Status>> + Send + '_>> {
        Box::pin(async move {
            let script = self.peers.scripts.lock().get(&self.address).copied().unwrap_or_default();
            let request = thanos::WriteRequest::decode(message.into_bytes()).unwrap();
            if let Script::Slow(ms) = script {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
            self.peers.sent.lock().push((self.address.clone(), request));
            match script {
                Script::Ok | Script::Slow(_) => Ok(()),
                Script::Fails(code) => Err(Status::new(code, "scripted answer")),
                Script::Hangs => std::future::pending().await,
            }
        })
    }
}

/// A forwarder over scripted peers.
pub(crate) struct Rig {
    pub(crate) forwarder: Arc<Forwarder>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) registry: Registry,
    pub(crate) fingerprinter: Arc<Fingerprinter>,
}

impl Rig {
    pub(crate) fn new(options: ForwardOptions, local: Option<LocalNode>) -> Self {
        let (peers, registry) = (Arc::new(Peers::default()), Registry::default());
        let fingerprinter = Arc::new(Fingerprinter::new([3; 192]));
        let parts = ForwarderParts {
            dial: Arc::new(PeersDial(Arc::clone(&peers))),
            local,
            fingerprinter: Arc::clone(&fingerprinter),
            registry: registry.clone(),
        };
        Self { forwarder: Arc::new(Forwarder::new(options, parts)), peers, registry, fingerprinter }
    }

    /// Over `addresses` in one ring.
    pub(crate) fn over(addresses: &[&str], options: ForwardOptions) -> Self {
        let rig = Self::new(options, None);
        rig.forwarder.apply(ring(addresses).as_bytes()).unwrap();
        rig
    }

    pub(crate) fn script(&self, address: &str, script: Script) {
        self.peers.scripts.lock().insert(address.to_owned(), script);
    }

    pub(crate) fn batch(&self, body: &[u8]) -> WriteBatch {
        let rows = count_rows(body).unwrap();
        WriteBatch::walk(Bytes::copy_from_slice(body), rows, &self.fingerprinter, 0).unwrap().0
    }

    pub(crate) async fn write(&self, tenant: &str, body: &[u8]) -> Result<WriteOutcome, WriteError> {
        self.forwarder.write(&TenantId::parse(tenant).unwrap(), self.batch(body)).await
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> Sent {
        self.peers.sent.lock().clone()
    }

    /// (address, tenant, replica, series) of everything sent so far, sorted.
    pub(crate) fn series(&self) -> Vec<(String, String, i64, String)> {
        let mut all = Vec::new();
        for (address, request) in self.sent() {
            let own = (request.tenant, request.timeseries);
            let tuples = request.timeseries_tenant_data.into_iter().map(|tuple| (tuple.tenant, tuple.timeseries));
            for (tenant, series) in tuples.chain([own]) {
                let told = series.iter().map(|series| format!("{series:?}"));
                all.extend(told.map(|series| (address.clone(), tenant.clone(), request.replica, series)));
            }
        }
        all.sort();
        all
    }

    /// The value of a series on `/metrics`.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let text = String::from_utf8(self.registry.encode(Format::Text).unwrap()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    }
}

/// A hashring file.
pub(crate) fn ring(addresses: &[&str]) -> String {
    serde_json::json!([{ "endpoints": addresses }]).to_string()
}
