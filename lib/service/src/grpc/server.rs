//! A gRPC server that no client can hold up.
//!
//! Its connections are accepted, limited and stopped as those of the HTTP server. A connection is told to go after a while, so
//! that clients spread over servers that came later. Around each call stand, from outside: metrics, the caller's deadline, the
//! limit of a message, panics, and the content coding.

mod calls;
mod system;

use super::coding::SnappyLayer;
use super::methods::Descriptors;
use crate::listener::guarded::{self, FirstRequest, Guarded, Patience};
use crate::listener::{Accepted, BindError, Listener};
use crate::tls::{Alpn, PeerCertificates, ServerTls};
use crate::{Probes, Stop, TaskResult, TlsError, TlsServerConfig};
use calls::{Calls, Connected, Served};
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Registry;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::service::Routes;
use tonic::transport::server::TcpConnectInfo;
use tower::Layer;
use tracing::{debug, info, warn};

/// What one server puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrpcLimits {
    /// Connections open at once; more wait in the system's backlog.
    pub connections: usize,
    /// Calls one connection may have in flight.
    pub streams: u32,
    /// Metadata of a call.
    pub header_bytes: u32,
    /// The largest message taken, when decompressed; a larger one is `ResourceExhausted`. Services made by tonic have a limit of
    /// their own, of 4 MiB if nobody raised it.
    pub message_bytes: usize,
    /// What a client may send ahead of what was read, of one call.
    pub stream_window_bytes: u32,
    /// The same, of all calls of a connection.
    pub connection_window_bytes: u32,
    /// How long a client may take to make its first call, the handshake of TLS included.
    pub first_call_time: Duration,
    /// A connection on which nothing came for so long is asked for a sign of life,
    pub keepalive_interval: Duration,
    /// and closed if there is none for so long.
    pub keepalive_timeout: Duration,
    /// After so long, give or take a tenth, a connection takes no more calls.
    pub connection_age: Duration,
    /// How long the calls in flight on such a connection may go on.
    pub connection_age_grace: Duration,
    /// How long calls in flight may go on once the server was told to stop.
    pub grace: Duration,
}

impl Default for GrpcLimits {
    fn default() -> Self {
        Self {
            connections: 8192,
            streams: 1024,
            header_bytes: 64 << 10,
            message_bytes: 256 << 20,
            stream_window_bytes: 2 << 20,
            connection_window_bytes: 16 << 20,
            first_call_time: Duration::from_secs(120),
            keepalive_interval: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(20),
            connection_age: Duration::from_secs(3600),
            connection_age_grace: Duration::from_secs(600),
            grace: Duration::from_secs(120),
        }
    }
}

/// A bound port that does not answer yet.
#[derive(Debug)]
pub struct GrpcServer {
    listener: Listener,
    limits: GrpcLimits,
    metrics: Metrics,
    registry: Registry,
    probes: Option<Probes>,
    descriptors: Option<Descriptors>,
    tls: Option<Arc<ServerTls>>,
}

#[derive(Debug, Clone, Default)]
struct Metrics {
    open: Gauge,
    timeouts: Counter,
    tls_failures: Counter,
}

impl GrpcServer {
    /// Binds `address`: `host:port`, where an empty host means every address of this machine and port 0 any free port.
    ///
    /// # Errors
    /// When the name is unknown, or the port is taken or forbidden.
    pub async fn bind(address: &str, limits: GrpcLimits, registry: &Registry) -> Result<Self, BindError> {
        let listener = Listener::bind(address, limits.connections).await?;
        let metrics = Metrics::default();
        metrics.register(registry, &listener.failures);
        let registry = registry.clone();
        Ok(Self { listener, limits, metrics, registry, probes: None, descriptors: None, tls: None })
    }

    /// Takes connections with TLS only. Files that change are read again; ones that cannot be used are logged, and what was
    /// good before stays.
    ///
    /// # Errors
    /// Files that are absent, or do not fit together.
    pub fn with_tls(mut self, config: TlsServerConfig) -> Result<Self, TlsError> {
        self.tls = Some(Arc::new(ServerTls::load(config, Alpn::Http2)?));
        Ok(self)
    }

    /// The health service answers `SERVING` while `probes` are ready and healthy; without them always.
    #[must_use]
    pub fn with_probes(mut self, probes: &Probes) -> Self {
        self.probes = Some(probes.clone());
        self
    }

    /// What the reflection service shows, and metrics name: calls of other methods are counted as one.
    #[must_use]
    pub fn with_descriptors(mut self, descriptors: &Descriptors) -> Self {
        self.descriptors = Some(descriptors.clone());
        self
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Answers with `routes`, and with the services for health and reflection, until told to stop.
    ///
    /// # Errors
    /// When the descriptors cannot be shown. What goes wrong with one connection, or with accepting one, is counted and logged.
    pub async fn serve(self, routes: Routes, stop: Stop) -> TaskResult {
        let descriptors = match &self.descriptors {
            Some(descriptors) => descriptors.clone(),
            None => Descriptors::parse(&[])?,
        };
        let (health, system) = system::add(routes, &descriptors)?;
        let snappy = SnappyLayer { message_bytes: self.limits.message_bytes };
        let calls = Calls::new(snappy.layer(system), &self.registry, &descriptors, self.limits.message_bytes);
        info!(address = %self.address(), "listening for grpc");
        let mut connections = JoinSet::new();
        let accepted = self.accept(&calls, &stop, &mut connections);
        tokio::select! {
            () = accepted => {}
            never = health.follow(self.probes.as_ref()) => match never {},
        }
        drop(self.listener);
        // Whoever watches would watch for ever.
        health.end().await;
        drain(connections, self.limits.grace).await;
        Ok(())
    }

    async fn accept(&self, calls: &Calls, stop: &Stop, connections: &mut JoinSet<()>) {
        let builder = Arc::new(builder(&self.limits));
        while let Some(Accepted { stream, peer, permit }) = self.listener.next(stop).await {
            while connections.try_join_next().is_some() {}
            let connection = Connection {
                peer,
                calls: calls.clone(),
                builder: builder.clone(),
                limits: self.limits,
                metrics: self.metrics.clone(),
                tls: self.tls.clone(),
                stop: stop.clone(),
            };
            connections.spawn(async move {
                connection.serve(stream).await;
                drop(permit);
            });
        }
    }
}

/// Waits for the connections to end; those that do not within `grace` are dropped.
async fn drain(mut connections: JoinSet<()>, grace: Duration) {
    while connections.try_join_next().is_some() {}
    debug!(connections = connections.len(), "gracefully stopping internal server");
    let ended = tokio::time::timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        warn!(connections = connections.len(), "dropping connections whose calls did not end in time");
    }
    connections.shutdown().await;
    debug!("internal server is shutdown gracefully");
}

struct Connection {
    peer: SocketAddr,
    calls: Calls,
    builder: Arc<Builder<TokioExecutor>>,
    limits: GrpcLimits,
    metrics: Metrics,
    tls: Option<Arc<ServerTls>>,
    stop: Stop,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        // Messages are written whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().ok();
        let idle = self.limits.keepalive_interval + self.limits.keepalive_timeout * 2;
        let stream = Guarded::new(stream, Patience { first: self.limits.first_call_time, idle });
        let first = stream.first_request();
        self.metrics.open.inc();
        let address = TcpConnectInfo { local_addr: local, remote_addr: Some(self.peer) };
        match &self.tls {
            None => self.serve_calls(stream, first, Connected { address, certificates: None }).await,
            Some(tls) => match tls.accept(stream, &self.stop).await {
                Ok(stream) => {
                    let certificates = PeerCertificates::of(stream.get_ref().1);
                    self.serve_calls(stream, first, Connected { address, certificates }).await;
                }
                Err(err) => {
                    self.metrics.tls_failures.inc();
                    debug!(peer = %self.peer, %err, "tls handshake failed");
                }
            },
        }
        self.metrics.open.dec();
    }

    async fn serve_calls<S>(&self, stream: S, first: FirstRequest, connected: Connected)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if let Err(err) = self.serve_until_old(stream, first, connected).await {
            if guarded::ran_out(&err) {
                self.metrics.timeouts.inc();
            }
            debug!(peer = %self.peer, %err, "connection ended early");
        }
    }

    async fn serve_until_old<S>(&self, stream: S, first: FirstRequest, connected: Connected) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let served = Served { calls: self.calls.clone(), first, connected };
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), served));
        let stopped = tokio::select! {
            ended = connection.as_mut() => return ended,
            () = self.stop.cancelled() => true,
            () = tokio::time::sleep(jittered(self.limits.connection_age)) => false,
        };
        connection.as_mut().graceful_shutdown();
        if stopped {
            // Whoever told to stop does not wait for ever.
            return connection.await;
        }
        tokio::time::timeout(self.limits.connection_age_grace, connection).await.unwrap_or(Ok(()))
    }
}

/// `age`, give or take a tenth, so that connections that came together do not go together.
fn jittered(age: Duration) -> Duration {
    let chance = RandomState::new().hash_one(()) % 2001;
    let permille = u32::try_from(chance).unwrap_or(1000) + 9000;
    age / 10_000 * permille
}

fn builder(limits: &GrpcLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(limits.header_bytes)
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
        .max_frame_size(super::MAX_FRAME_BYTES)
        .max_send_buf_size(super::SEND_BUFFER_BYTES)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout);
    builder
}

impl Metrics {
    fn register(&self, registry: &Registry, failures: &Counter) {
        registry.register("gauntlet_grpc_connections", "gRPC connections open now.", self.open.clone());
        registry.register(
            "gauntlet_grpc_accept_failures_total",
            "gRPC connections the system could not accept.",
            failures.clone(),
        );
        registry.register(
            "gauntlet_grpc_connection_timeouts_total",
            "gRPC connections closed because the client sent or took nothing for too long.",
            self.timeouts.clone(),
        );
        registry.register(
            "gauntlet_grpc_tls_failures_total",
            "gRPC connections that ended before TLS was agreed on.",
            self.tls_failures.clone(),
        );
    }
}

#[cfg(test)]
mod tests;
