//! One node of the rings: how it is reached, how many requests it has, and whether it is left alone for a while.

use super::ForwardOptions;
use crate::quorum::Vote;
use model::TenantId;
use parking_lot::Mutex;
use proto::grpc::Raw;
use proto::thanos::services::writeable_store_client::WriteableStoreClient;
use proto::{Rejection, Rejections, WriteBatch, WriteError, WriteOutcome, WriteTarget};
use service::{ClientMetrics, ClientOptions, GrpcChannel};
use std::fmt::Debug;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::{Code, Request, Status};

/// How long a peer is left alone after its first failure.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Carries requests to one peer.
pub trait Transport: Send + Sync + Debug {
    /// Sends a `WriteRequest` and waits for the answer, at most `timeout`.
    fn send(&self, message: Raw, timeout: Duration) -> Pin<Box<dyn Future<Output = Result<(), Status>> + Send + '_>>;
}

/// Makes transports. Nothing is connected by that.
pub trait Dial: Send + Sync + Debug {
    /// A transport to `address`, as a hashring file has it.
    ///
    /// # Errors
    /// Why the address is none.
    fn dial(&self, address: &str) -> Result<Arc<dyn Transport>, String>;
}

/// gRPC.
#[derive(Debug, Clone)]
pub struct GrpcDial {
    pub options: ClientOptions,
    pub metrics: ClientMetrics,
}

impl Dial for GrpcDial {
    fn dial(&self, address: &str) -> Result<Arc<dyn Transport>, String> {
        match GrpcChannel::new(address, &self.options, &self.metrics) {
            Ok(channel) => Ok(Arc::new(channel)),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Transport for GrpcChannel {
    fn send(&self, message: Raw, timeout: Duration) -> Pin<Box<dyn Future<Output = Result<(), Status>> + Send + '_>> {
        let mut client = WriteableStoreClient::new(self.clone());
        let mut request = Request::new(message);
        request.set_timeout(timeout);
        Box::pin(async move { client.remote_write(request).await.map(drop) })
    }
}

/// What is sent.
#[derive(Debug)]
pub(super) enum What {
    Local {
        tenant: TenantId,
        batch: WriteBatch,
        /// How many of its histograms were refused for their buckets, and told, when it was planned.
        refused: u64,
    },
    Remote(Raw),
}

/// What a peer said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) vote: Vote,
    pub(super) why: Option<String>,
    /// Each refusal, where they are known; beside [`Vote::Stored`] those of exemplars.
    pub(super) rejections: Option<Rejections>,
}

/// One node.
#[derive(Debug)]
pub(super) struct Peer {
    address: String,
    route: Route,
    workers: Semaphore,
    waiting: AtomicUsize,
    max_waiting: usize,
    backoff: Mutex<Backoff>,
}

#[derive(Debug)]
enum Route {
    Local(Arc<dyn WriteTarget>),
    Remote(Arc<dyn Transport>),
}

/// Whether a peer is left alone.
#[derive(Debug)]
struct Backoff {
    /// Until then, if that is ahead.
    until: Option<Instant>,
    /// How long it was the last time; zero after a success.
    last: Duration,
    max: Duration,
}

impl Peer {
    pub(super) fn local(address: &str, target: Arc<dyn WriteTarget>, options: &ForwardOptions) -> Self {
        Self::new(address, Route::Local(target), options)
    }

    pub(super) fn remote(address: &str, transport: Arc<dyn Transport>, options: &ForwardOptions) -> Self {
        Self::new(address, Route::Remote(transport), options)
    }

    fn new(address: &str, route: Route, options: &ForwardOptions) -> Self {
        Self {
            address: address.to_owned(),
            route,
            workers: Semaphore::new(options.workers.max(1)),
            waiting: AtomicUsize::new(0),
            max_waiting: options.waiting,
            backoff: Mutex::new(Backoff { until: None, last: Duration::ZERO, max: options.max_backoff }),
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn is_remote(&self) -> bool {
        matches!(self.route, Route::Remote(_))
    }

    /// Sends at once whatever comes next.
    pub(super) fn forget_failures(&self) {
        self.backoff.lock().succeeded();
    }

    /// Sends, and waits for the answer until `deadline`.
    pub(super) async fn send(&self, what: What, deadline: Instant) -> Answer {
        let sent = async {
            match (&self.route, what) {
                (Route::Local(target), What::Local { tenant, batch, refused }) => {
                    local(target.write(&tenant, batch).await, refused)
                }
                (Route::Remote(transport), What::Remote(message)) => {
                    self.remotely(transport.as_ref(), message, deadline).await
                }
                (Route::Local(_), What::Remote(_)) | (Route::Remote(_), What::Local { .. }) => {
                    Answer::failed("a request in the wrong form".to_owned())
                }
            }
        };
        match tokio::time::timeout_at(deadline, sent).await {
            Ok(answer) => answer,
            Err(_) => {
                self.backoff.lock().failed();
                Answer::failed(format!("{}: no answer in time", self.address))
            }
        }
    }

    async fn remotely(&self, transport: &dyn Transport, message: Raw, deadline: Instant) -> Answer {
        if self.backoff.lock().is_on() {
            return Answer::failed(format!("{}: cannot be reached, left alone for a while", self.address));
        }
        let Ok(_worker) = self.worker().await else {
            return Answer::failed(format!("{}: too many requests wait for it", self.address));
        };
        let timeout = deadline.saturating_duration_since(Instant::now());
        match transport.send(message, timeout).await {
            Ok(()) => {
                self.backoff.lock().succeeded();
                Answer { vote: Vote::Stored, why: None, rejections: None }
            }
            Err(status) => {
                let mut backoff = self.backoff.lock();
                match status.code() {
                    Code::Unavailable | Code::DeadlineExceeded => backoff.failed(),
                    _ => backoff.succeeded(),
                }
                drop(backoff);
                let vote = vote(&status);
                let why = format!("{}: {:?}: {}", self.address, status.code(), status.message());
                Answer { vote, why: Some(why), rejections: None }
            }
        }
    }

    /// One of the peer's workers, once there is one; an error if too many wait already.
    async fn worker(&self) -> Result<tokio::sync::SemaphorePermit<'_>, ()> {
        if let Ok(worker) = self.workers.try_acquire() {
            return Ok(worker);
        }
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.max_waiting {
            return Err(());
        }
        let worker = self.workers.acquire().await.map_err(drop);
        drop(waiting);
        worker
    }
}

/// Counts out one that waits, also if it is given up.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a status means to the quorum.
pub(super) fn vote(status: &Status) -> Vote {
    match status.code() {
        Code::Ok => Vote::Stored,
        Code::AlreadyExists => Vote::Conflict,
        _ => Vote::Failed,
    }
}

/// What a target in this process answered. Of invalid histograms whoever planned has told already, and of so many `refused`
/// for their buckets. Where nothing but exemplars was refused besides, every sample is stored.
fn local(written: Result<WriteOutcome, WriteError>, refused: u64) -> Answer {
    match written {
        Ok(WriteOutcome { mut rejections, .. }) => {
            rejections.forget(Rejection::InvalidHistogram);
            rejections.deduct(Rejection::TooManyBuckets, refused);
            let stored = rejections.counts().all(|(why, _)| why.is_of_exemplars());
            let vote = if stored { Vote::Stored } else { Vote::Conflict };
            Answer { vote, why: None, rejections: Some(rejections) }
        }
        Err(error) => Answer::failed(format!("here: {error}")),
    }
}

impl Answer {
    fn failed(why: String) -> Self {
        Self { vote: Vote::Failed, why: Some(why), rejections: None }
    }
}

impl Backoff {
    fn is_on(&self) -> bool {
        self.until.is_some_and(|until| until > Instant::now())
    }

    fn succeeded(&mut self) {
        self.until = None;
        self.last = Duration::ZERO;
    }

    /// Twice as long as the last time. Failures of requests that were under way together count once.
    fn failed(&mut self) {
        if self.is_on() {
            return;
        }
        let next = if self.last.is_zero() { FIRST_BACKOFF } else { self.last * 2 };
        self.last = next.min(self.max);
        // Up to a tenth less, so that routers do not come back all at once.
        let tenth = self.last / 10;
        let less = tenth.mul_f64((RandomState::new().hash_one(0) % 1000) as f64 / 1000.0);
        self.until = Some(Instant::now() + (self.last - less));
    }
}
