//! An HTTP server that no client can hold up: HTTP/1.1 and HTTP/2 without TLS on one port.
//!
//! A connection costs a permit before it is accepted, has a time by which its first request must have come, and is closed
//! when nothing has moved for long. Stopping closes the listener, lets requests in flight end, and drops the rest.

use crate::listener::guarded::{self, Guarded, Patience};
use crate::listener::{Accepted, BindError, Listener};
use crate::{Stop, TaskResult};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Registry;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tracing::{debug, info, warn};

/// What one server puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Connections open at once; more wait in the system's backlog.
    pub connections: usize,
    /// The head of a request. hyper reads with at least 8 KiB.
    pub header_bytes: usize,
    /// Header lines of a request (HTTP/1.1).
    pub headers: usize,
    /// Requests one HTTP/2 connection may have in flight.
    pub streams: u32,
    /// How long a client may take to send the head of its first request, and over HTTP/1.1 of each further one.
    pub header_time: Duration,
    /// How long a connection may stay without a byte moving in either direction. A handler that computes longer before it
    /// answers loses its client.
    pub idle_time: Duration,
    /// How long requests in flight may take once the server was told to stop.
    pub grace: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 8192,
            header_bytes: 64 << 10,
            headers: 128,
            streams: 256,
            header_time: Duration::from_secs(60),
            idle_time: Duration::from_secs(300),
            grace: Duration::from_secs(120),
        }
    }
}

/// A bound port that does not answer yet.
#[derive(Debug)]
pub struct HttpServer {
    listener: Listener,
    limits: HttpLimits,
    metrics: Metrics,
}

#[derive(Debug, Clone, Default)]
struct Metrics {
    open: Gauge,
    accept_failures: Counter,
    timeouts: Counter,
}

impl HttpServer {
    /// Binds `address`: `host:port`, where an empty host means every address of this machine and port 0 any free port.
    ///
    /// # Errors
    /// When the name is unknown, or the port is taken or forbidden.
    pub async fn bind(address: &str, limits: HttpLimits, registry: &Registry) -> Result<Self, BindError> {
        let listener = Listener::bind(address, limits.connections).await?;
        let metrics = Metrics { accept_failures: listener.failures.clone(), ..Metrics::default() };
        metrics.register(registry);
        Ok(Self { listener, limits, metrics })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Answers with `app` until told to stop.
    ///
    /// # Errors
    /// None: what goes wrong with one connection, or with accepting one, is counted and logged.
    pub async fn serve(self, app: Router, stop: Stop) -> TaskResult {
        info!(address = %self.address(), "listening for requests and metrics");
        let builder = Arc::new(builder(&self.limits));
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        while let Some(Accepted { stream, peer, permit }) = self.listener.next(&stop).await {
            while connections.try_join_next().is_some() {}
            let connection = Connection {
                stream,
                peer,
                app: app.clone(),
                builder: builder.clone(),
                patience: Patience { first: self.limits.header_time, idle: self.limits.idle_time },
                metrics: self.metrics.clone(),
            };
            let watcher = graceful.watcher();
            connections.spawn(async move {
                connection.serve(watcher).await;
                drop(permit);
            });
        }
        drop(self.listener);
        while connections.try_join_next().is_some() {}
        debug!(connections = connections.len(), "internal server is shutting down");
        let drained = tokio::time::timeout(self.limits.grace, graceful.shutdown()).await;
        if drained.is_err() {
            warn!(connections = connections.len(), "dropping connections whose requests did not end in time");
        }
        connections.shutdown().await;
        debug!("internal server is shutdown gracefully");
        Ok(())
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    builder: Arc<Builder<TokioExecutor>>,
    patience: Patience,
    metrics: Metrics,
}

impl Connection {
    async fn serve(self, watcher: hyper_util::server::graceful::Watcher) {
        // Answers are written whole; waiting for more to send would only delay them.
        let _ = self.stream.set_nodelay(true);
        let stream = Guarded::new(self.stream, self.patience);
        let (peer, first) = (self.peer, stream.first_request());
        let app = self.app.into_service().map_request(move |request: Request<Incoming>| {
            first.came();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        self.metrics.open.inc();
        if let Err(err) = watcher.watch(connection.into_owned()).await {
            if guarded::ran_out(err.as_ref()) {
                self.metrics.timeouts.inc();
            }
            debug!(%peer, %err, "connection ended early");
        }
        self.metrics.open.dec();
    }
}

fn builder(limits: &HttpLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(limits.headers)
        // hyper panics below 8 KiB.
        .max_buf_size(limits.header_bytes.max(8 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .keep_alive_interval(limits.header_time)
        .keep_alive_timeout(limits.header_time);
    builder
}

impl Metrics {
    fn register(&self, registry: &Registry) {
        registry.register("gauntlet_http_connections", "HTTP connections open now.", self.open.clone());
        registry.register(
            "gauntlet_http_accept_failures_total",
            "HTTP connections the system could not accept.",
            self.accept_failures.clone(),
        );
        registry.register(
            "gauntlet_http_connection_timeouts_total",
            "HTTP connections closed because the client sent or took nothing for too long.",
            self.timeouts.clone(),
        );
    }
}

#[cfg(test)]
mod tests;
