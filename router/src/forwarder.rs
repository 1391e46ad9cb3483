//! Series to their ingesters: a write is split by hash ring, sent to every replica, and answered by quorum.
//!
//! The life of a write here: its ring is looked up; each series is hashed once and gets its nodes; what one node shall keep
//! as one replica becomes one request, put together from slices of what came. A task of its own sends all of them, and lives
//! on when the client has gone or the answer is given, until every replica has answered or [`ForwardOptions::timeout`] is
//! over. The answer is given as soon as [`crate::quorum`] has a verdict.
//!
//! The rings are swapped whole. A write keeps those it began with.

mod metrics;
mod peer;
mod plan;

pub use peer::{Dial, GrpcDial, Transport};

use crate::hashring::{Algorithm, RingError, Rings};
use crate::quorum::{Quorum, Verdict, Vote};
use arc_swap::ArcSwapOption;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use metrics::Metrics;
use model::{Fingerprinter, TenantId};
use peer::{Answer, Peer};
use plan::{Plan, Send};
use proto::{Rejection, Rejections, WriteBatch, WriteError, WriteOutcome, WriteTarget};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Registry;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::info;

/// Writes with more series, or larger bodies (a histogram may be any size), are planned away from the threads that do I/O.
const PLANNED_INLINE_SERIES: usize = 4096;
const PLANNED_INLINE_BYTES: usize = 1 << 20;
/// How many peers that failed the text of an error tells of, each once.
const TOLD_FAILURES: usize = 3;

/// How writes are forwarded.
#[derive(Debug, Clone)]
pub struct ForwardOptions {
    /// How many replicas each series gets; at least 1.
    pub replication_factor: usize,
    /// The algorithm of rings that name none.
    pub algorithm: Algorithm,
    /// The label whose value is the tenant of its series; it is taken out of them.
    pub split_tenant_label: Option<String>,
    /// How long all of a write may take.
    pub timeout: Duration,
    /// How long a peer that cannot be reached is left alone at most; at first it is a tenth of a second.
    pub max_backoff: Duration,
    /// How many requests one peer has in flight; more wait,
    pub workers: usize,
    /// at most so many: those beyond fail at once.
    pub waiting: usize,
    /// How requests are written.
    pub form: ForwardForm,
}

/// The two ways to write a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardForm {
    /// One for each tenant and replica, in fields 1 to 3: what every version of Thanos understands.
    #[default]
    Tenant,
    /// One for each replica with all tenants, in field 4: Thanos up to 0.42 stores nothing of it and says that all is well.
    Tuples,
}

impl Default for ForwardOptions {
    fn default() -> Self {
        Self {
            replication_factor: 1,
            algorithm: Algorithm::default(),
            split_tenant_label: None,
            timeout: Duration::from_secs(5),
            max_backoff: Duration::from_secs(5),
            workers: 5,
            waiting: 256,
            form: ForwardForm::default(),
        }
    }
}

/// The node of the ring that is this process.
#[derive(Debug, Clone)]
pub struct LocalNode {
    /// As the ring has it.
    pub address: String,
    pub target: Arc<dyn WriteTarget>,
}

/// What a forwarder is given by whoever makes it.
#[derive(Debug)]
pub struct ForwarderParts {
    pub dial: Arc<dyn Dial>,
    /// `None`: this process only routes.
    pub local: Option<LocalNode>,
    /// The key of the process.
    pub fingerprinter: Arc<Fingerprinter>,
    pub registry: Registry,
}

/// Forwards writes.
#[derive(Debug)]
pub struct Forwarder {
    options: ForwardOptions,
    parts: ForwarderParts,
    metrics: Metrics,
    live: ArcSwapOption<Live>,
    sending: TaskTracker,
}

/// Rings with the peers they name.
#[derive(Debug)]
struct Live {
    rings: Rings,
    /// By node.
    peers: Vec<Arc<Peer>>,
}

/// Why rings are not taken. Those before stay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotApply {
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error("endpoint {address}: {reason}")]
    Address { address: String, reason: String },
}

impl Forwarder {
    /// A forwarder without rings: until some are applied, writes are refused as not ready.
    pub fn new(options: ForwardOptions, parts: ForwarderParts) -> Self {
        let options = ForwardOptions { replication_factor: options.replication_factor.max(1), ..options };
        let metrics = Metrics::new(&parts.registry);
        Self { options, parts, metrics, live: ArcSwapOption::empty(), sending: TaskTracker::new() }
    }

    /// Takes the rings of a hashring file. Peers that were there keep their connections.
    ///
    /// # Errors
    /// A file that is none, or under which writes would fail; the rings before stay.
    pub fn apply(&self, file: &[u8]) -> Result<(), CannotApply> {
        let ForwardOptions { algorithm, replication_factor, .. } = self.options;
        let rings = Rings::parse(file, algorithm, replication_factor)?.validate(self.parts.local.is_some())?;
        let before = self.live.load_full();
        let known: HashMap<&str, &Arc<Peer>> =
            before.iter().flat_map(|live| &live.peers).map(|peer| (peer.address(), peer)).collect();
        let mut peers = Vec::with_capacity(rings.nodes().len());
        for node in rings.nodes() {
            peers.push(match known.get(node.address.as_str()) {
                Some(peer) => {
                    peer.forget_failures();
                    Arc::clone(peer)
                }
                None => Arc::new(self.peer(&node.address)?),
            });
        }
        self.metrics.rings(&rings);
        info!(nodes = peers.len(), config_hash = rings.config_hash(), "hashrings are live");
        self.live.store(Some(Arc::new(Live { rings, peers })));
        Ok(())
    }

    /// The hash of the file whose rings are live, as `thanos_receive_config_hash` shows it; `None` before the first.
    pub fn config_hash(&self) -> Option<u64> {
        self.live.load().as_ref().map(|live| live.rings.config_hash())
    }

    /// How many replicas each series gets.
    pub fn replication_factor(&self) -> usize {
        self.options.replication_factor
    }

    /// Waits until everything under way is sent. To be called once no more writes come.
    pub async fn drain(&self) {
        self.sending.close();
        self.sending.wait().await;
    }

    fn peer(&self, address: &str) -> Result<Peer, CannotApply> {
        let local = self.parts.local.as_ref().filter(|local| local.address == address);
        let options = &self.options;
        if let Some(local) = local {
            return Ok(Peer::local(address, Arc::clone(&local.target), options));
        }
        let transport = self.parts.dial.dial(address);
        let transport = transport.map_err(|reason| CannotApply::Address { address: address.to_owned(), reason })?;
        Ok(Peer::remote(address, transport, options))
    }

    async fn take(&self, tenant: &TenantId, batch: WriteBatch) -> Result<WriteOutcome, WriteError> {
        let deadline = Instant::now() + self.options.timeout;
        let live = self.live.load_full();
        let live = live.ok_or_else(|| WriteError::NotReady("no hashring is loaded".to_owned()))?;
        let replication_factor = self.options.replication_factor;
        if batch.replica as usize > replication_factor {
            return Err(WriteError::Replica { replica: u64::from(batch.replica), replication_factor });
        }
        let plan = self.plan(live, tenant, batch).await?;
        if plan.sends.is_empty() {
            return Ok(WriteOutcome { rejections: plan.rejections, ..WriteOutcome::default() });
        }
        let (tell, told) = oneshot::channel();
        let drive = drive(plan, self.metrics.clone(), deadline, tell);
        self.sending.spawn(drive);
        told.await.unwrap_or_else(|_| Err(WriteError::Unavailable("sending was broken off".to_owned())))
    }

    async fn plan(&self, live: Arc<Live>, tenant: &TenantId, batch: WriteBatch) -> Result<Plan, WriteError> {
        let planner = plan::Planner {
            live,
            label: self.options.split_tenant_label.clone(),
            form: self.options.form,
            fingerprinter: Arc::clone(&self.parts.fingerprinter),
        };
        if batch.series.len() <= PLANNED_INLINE_SERIES && batch.body.len() <= PLANNED_INLINE_BYTES {
            return planner.plan(tenant, batch);
        }
        let tenant = tenant.clone();
        let planned = tokio::task::spawn_blocking(move || planner.plan(&tenant, batch));
        planned.await.unwrap_or_else(|_| Err(WriteError::NotReady("shutting down".to_owned())))
    }
}

impl WriteTarget for Forwarder {
    fn write<'a>(
        &'a self,
        tenant: &'a TenantId,
        batch: WriteBatch,
    ) -> Pin<Box<dyn Future<Output = Result<WriteOutcome, WriteError>> + std::marker::Send + 'a>> {
        Box::pin(self.take(tenant, batch))
    }
}

/// Sends everything and tells the verdict as soon as there is one. Goes on until all have answered or failed, so that as
/// many replicas as possible have the write.
async fn drive(
    plan: Plan,
    metrics: Metrics,
    deadline: Instant,
    tell: oneshot::Sender<Result<WriteOutcome, WriteError>>,
) {
    let Plan { sends, thresholds, series, samples, histograms, exemplars, rejections } = plan;
    let carried = Carried { samples, histograms, exemplars };
    let mut quorum = Quorum::new(series, thresholds);
    let mut report = Report { rejections, one_refusal_decides: thresholds.conflict == 1, ..Report::default() };
    let mut answers: FuturesUnordered<_> = (sends.into_iter())
        .map(|Send { peer, what, series }| async move {
            let answer = peer.send(what, deadline).await;
            (peer, series, answer)
        })
        .collect();
    let mut tell = Some(tell);
    while let Some((peer, series, answer)) = answers.next().await {
        metrics.answered(peer.is_remote(), answer.vote, thresholds);
        quorum.vote(series, answer.vote);
        report.add(&peer, answer);
        if tell.is_some()
            && let Some(verdict) = quorum.verdict()
            && let Some(tell) = tell.take()
        {
            // The client may have gone; its write goes on.
            let _ = tell.send(report.outcome(verdict, carried));
        }
    }
}

/// What a write carries that can be stored.
#[derive(Clone, Copy)]
struct Carried {
    samples: u64,
    histograms: u64,
    exemplars: u64,
}

/// What replicas said, for the client.
#[derive(Default)]
struct Report {
    /// What was refused before anything was sent.
    rejections: Rejections,
    /// What a replica refused, sample by sample. Numbers of rows in it are those of what that replica was sent.
    known: Rejections,
    /// What the first said that refused anything and told it in words.
    said: Option<String>,
    /// What was refused beside series that are stored: exemplars.
    beside: Rejections,
    /// No other replica can store what one refused.
    one_refusal_decides: bool,
    failures: Vec<(Arc<Peer>, String)>,
    failed: usize,
}

impl Report {
    fn add(&mut self, peer: &Arc<Peer>, answer: Answer) {
        match (answer.vote, answer.rejections) {
            (Vote::Stored, beside) => self.beside.merge(beside.unwrap_or_default()),
            (Vote::Conflict, Some(known)) => self.known.merge(known),
            (Vote::Conflict, None) => {
                let said = answer.why.unwrap_or_default();
                self.said.get_or_insert(said);
            }
            (Vote::Failed, _) => {
                self.failed += 1;
                let told = self.failures.iter().any(|(told, _)| Arc::ptr_eq(told, peer));
                if !told && self.failures.len() < TOLD_FAILURES {
                    self.failures.extend(answer.why.map(|why| (Arc::clone(peer), why)));
                }
            }
        }
    }

    fn outcome(&mut self, verdict: Verdict, carried: Carried) -> Result<WriteOutcome, WriteError> {
        let mut rejections = std::mem::take(&mut self.rejections);
        match verdict {
            Verdict::Stored(durable) => {
                // With more replicas a quorum may well have what this one refused.
                let beside = std::mem::take(&mut self.beside);
                let refused = if self.one_refusal_decides { beside } else { Rejections::default() };
                let exemplars_accepted = carried.exemplars.saturating_sub(refused.total());
                rejections.merge(refused);
                Ok(WriteOutcome {
                    durable: Some(durable),
                    samples_accepted: carried.samples,
                    histograms_accepted: carried.histograms,
                    exemplars_accepted,
                    rejections,
                })
            }
            Verdict::Conflict { series } => {
                // What was refused elsewhere must be told, too: the reasons known here may be none to this client.
                if self.said.is_some() || self.known.is_empty() {
                    let said = self.said.take().unwrap_or_default();
                    rejections.add(None, Rejection::Conflict, series, || said);
                }
                rejections.merge(std::mem::take(&mut self.known));
                rejections.merge(std::mem::take(&mut self.beside));
                Ok(WriteOutcome { rejections, ..WriteOutcome::default() })
            }
            Verdict::Unavailable => {
                let told: Vec<_> = self.failures.iter().map(|(_, why)| why.as_str()).collect();
                Err(WriteError::Unavailable(format!("{} requests failed: {}", self.failed, told.join("; "))))
            }
        }
    }
}
