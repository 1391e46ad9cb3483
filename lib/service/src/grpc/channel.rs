//! A gRPC client that connects when it is needed, and again whenever the connection is gone.
//!
//! At most one attempt to connect runs at a time; calls that come meanwhile wait for it and share its end. There is no pause
//! between attempts: whoever calls again and again decides how often. Names are resolved for each attempt.

mod connect;

use super::bodies::{Answer, Passing, Side, deadline, deadline_exceeded, unreachable_peer, without_details};
use super::coding::{SnappyClient, SnappyClientLayer};
use super::methods::{Descriptors, code_of};
use super::metrics::{Call, CallMetrics};
use crate::{TlsClientConfig, TlsError};
use connect::{ConnectError, Connector, Sender};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use hyper::rt::Executor;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use telemetry::Registry;
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("gauntlet/", env!("CARGO_PKG_VERSION")));

/// How a [`GrpcChannel`] talks to its peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// Of requests. Answers may always be compressed with `snappy`.
    pub compression: Compression,
    /// `None`: no TLS.
    pub tls: Option<TlsClientConfig>,
    /// The largest message taken, when decompressed; a larger one is `ResourceExhausted`. Clients made by tonic have a limit of
    /// their own, of 4 MiB if nobody raised it.
    pub message_bytes: usize,
    /// How long it may take to connect, over all addresses of a name.
    pub connect_timeout: Duration,
    /// While calls are in flight and nothing came for so long, the peer is asked for a sign of life,
    pub keepalive_interval: Duration,
    /// and the connection is closed if there is none for so long.
    pub keepalive_timeout: Duration,
    /// What the peer may send ahead of what was read, of one call.
    pub stream_window_bytes: u32,
    /// The same, of all calls.
    pub connection_window_bytes: u32,
}

/// What requests are compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    #[default]
    None,
    Snappy,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            compression: Compression::None,
            tls: None,
            message_bytes: 256 << 20,
            connect_timeout: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(10),
            keepalive_timeout: Duration::from_secs(5),
            stream_window_bytes: 2 << 20,
            connection_window_bytes: 16 << 20,
        }
    }
}

/// `grpc_client_*` of one process. Clones share them.
#[derive(Debug, Clone)]
pub struct ClientMetrics(CallMetrics);

impl ClientMetrics {
    /// Registers the metrics. Calls of methods that `descriptors` does not name are counted as one.
    pub fn new(registry: &Registry, descriptors: &Descriptors) -> Self {
        Self(CallMetrics::client(registry, descriptors))
    }
}

/// An address that is not `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address of the form host:port or [ipv6]:port")]
pub struct BadAddress(pub String);

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error(transparent)]
    Address(#[from] BadAddress),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A client's end of the calls to one address. Clones share the connection.
///
/// What does not reach the peer is `Unavailable`, with the address in its text.
#[derive(Debug, Clone)]
pub struct GrpcChannel {
    snappy: SnappyClient<Direct>,
    metrics: ClientMetrics,
    limit_bytes: usize,
}

impl GrpcChannel {
    /// Calls to `address`, `host:port` or `[ipv6]:port`. Does not connect yet.
    ///
    /// # Errors
    /// An address that is none, and files of TLS that cannot be used now. They are read again for each connection.
    pub fn new(address: &str, options: &ClientOptions, metrics: &ClientMetrics) -> Result<Self, ClientError> {
        let bad = || BadAddress(address.to_owned());
        let authority: Authority = address.parse().map_err(|_| bad())?;
        let port = authority.port_u16().ok_or_else(bad)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || address.contains('@') {
            return Err(bad().into());
        }
        if let Some(tls) = &options.tls {
            tls.load()?;
            tls.name(&host)?;
        }
        let connector = Connector { host, port, options: options.clone() };
        let link = Link { address: address.into(), authority, connector, attempt: Mutex::default() };
        let layer = SnappyClientLayer {
            compress: options.compression == Compression::Snappy,
            message_bytes: options.message_bytes,
        };
        let snappy = layer.layer(Direct { link: Arc::new(link) });
        Ok(Self { snappy, metrics: metrics.clone(), limit_bytes: options.message_bytes })
    }

    /// The address it was made for.
    pub fn address(&self) -> &str {
        &self.snappy.inner().link.address
    }

    async fn exchange(mut self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let mut call = self.metrics.0.begin(request.uri().path());
        let deadline = deadline(request.headers());
        let sent = call.sent.clone();
        let request = request.map(|body| Body::new(Passing::new(body, usize::MAX, sent)));
        let answered = tokio::select! {
            biased;
            answered = self.snappy.call(request) => answered,
            () = passed(deadline) => Err(deadline_exceeded()),
        };
        match answered {
            Ok(response) => Ok(self.answer(response, call, deadline)),
            Err(status) => {
                call.code = status.code();
                Err(status)
            }
        }
    }

    fn answer(&self, mut response: Response<Body>, mut call: Call, deadline: Option<Instant>) -> Response<Body> {
        without_details(response.headers_mut());
        // A status without messages has no trailers after it.
        if let Some(code) = code_of(response.headers()) {
            call.code = code;
            return response;
        }
        let side = Side::Client(self.snappy.inner().link.address.clone());
        response.map(|body| Body::new(Answer::new(body, self.limit_bytes, call, deadline, side)))
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Service<Request<Body>> for GrpcChannel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().exchange(request))
    }
}

/// Calls without anything around them.
#[derive(Debug, Clone)]
struct Direct {
    link: Arc<Link>,
}

/// The connection to one address, if there is one.
#[derive(Debug)]
struct Link {
    address: Arc<str>,
    authority: Authority,
    connector: Connector,
    /// The last attempt to connect, which may not have ended yet.
    attempt: Mutex<Option<Attempt>>,
}

type Attempt = watch::Receiver<Option<Result<Sender, Arc<ConnectError>>>>;

impl Link {
    /// An attempt that may still succeed, or did and holds.
    fn attempt(&self) -> Attempt {
        let mut last = self.attempt.lock();
        if let Some(attempt) = last.as_ref().filter(|attempt| holds(attempt)) {
            return attempt.clone();
        }
        let (end, attempt) = watch::channel(None);
        let connector = self.connector.clone();
        // Ends by itself within its timeout.
        TokioExecutor::new().execute(async move {
            let connected = connector.connect().await.map_err(Arc::new);
            end.send_replace(Some(connected));
        });
        *last = Some(attempt.clone());
        attempt
    }

    async fn sender(&self) -> Result<Sender, Status> {
        let mut attempt = self.attempt();
        let ended = attempt.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
        match ended {
            Some(Ok(sender)) => Ok(sender),
            Some(Err(err)) => Err(Status::unavailable(format!("cannot reach {}: {err}", self.address))),
            None => Err(Status::unavailable(format!("cannot reach {}: the attempt was dropped", self.address))),
        }
    }

    async fn exchange(&self, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = self.uri(path)?;
        request.headers_mut().insert(header::USER_AGENT, USER_AGENT);
        let mut sender = self.sender().await?;
        let failed = match sender.try_send_request(request).await {
            Ok(response) => return Ok(response.map(Body::new)),
            Err(failed) => failed,
        };
        let mut failed = failed;
        // A connection that ended before the request was on it leaves the request whole.
        if let Some(request) = failed.take_message() {
            let mut sender = self.sender().await?;
            return match sender.try_send_request(request).await {
                Ok(response) => Ok(response.map(Body::new)),
                Err(failed) => Err(self.lost(failed.into_error())),
            };
        }
        Err(self.lost(failed.into_error()))
    }

    fn lost(&self, err: hyper::Error) -> Status {
        // Nobody here cancels a call and waits for its answer: the connection ended while the call stood in line.
        if err.is_canceled() {
            return Status::unavailable(format!("{}: the connection ended before the call was sent", self.address));
        }
        unreachable_peer(&self.address, &Status::from_error(Box::new(err)))
    }

    fn uri(&self, path: Option<PathAndQuery>) -> Result<Uri, Status> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if self.connector.options.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        Uri::from_parts(parts).map_err(|err| Status::internal(format!("no uri for {}: {err}", self.address)))
    }
}

/// Whether an attempt goes on, or its connection does.
fn holds(attempt: &Attempt) -> bool {
    match &*attempt.borrow() {
        None => attempt.has_changed().is_ok(),
        Some(Ok(sender)) => !sender.is_closed(),
        Some(Err(_)) => false,
    }
}

impl Service<Request<Body>> for Direct {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let link = self.link.clone();
        Box::pin(async move { link.exchange(request).await })
    }
}

#[cfg(test)]
mod tests;
