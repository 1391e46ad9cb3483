//! An HTTP server that no client can hold up: HTTP/1.1 and HTTP/2 on one port, with TLS or without.
//!
//! A connection costs a permit before it is accepted, has a time by which its first request must have come, and is closed
//! when nothing has moved for long. Stopping closes the listener, lets requests in flight end, and drops the rest.

use crate::listener::guarded::{self, FirstRequest, Guarded, Patience};
use crate::listener::{Accepted, BindError, Listener};
use crate::tls::{Alpn, PeerCertificates, ServerTls};
use crate::{Stop, TaskResult, TlsError, TlsServerConfig};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Registry;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tower::{Service, ServiceExt};
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

/// What answers requests: a router, or one with something around it.
pub trait WebApp:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<A> WebApp for A where
    A: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

/// A bound port that does not answer yet.
#[derive(Debug)]
pub struct HttpServer {
    listener: Listener,
    limits: HttpLimits,
    metrics: Metrics,
    tls: Option<Arc<ServerTls>>,
}

#[derive(Debug, Clone, Default)]
struct Metrics {
    open: Gauge,
    accept_failures: Counter,
    timeouts: Counter,
    tls_failures: Counter,
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
        Ok(Self { listener, limits, metrics, tls: None })
    }

    /// Another port of the same process, with the same limits and counted together with this one.
    ///
    /// # Errors
    /// As [`HttpServer::bind`].
    pub async fn beside(&self, address: &str) -> Result<Self, BindError> {
        let mut listener = Listener::bind(address, self.limits.connections).await?;
        listener.failures = self.listener.failures.clone();
        Ok(Self { listener, limits: self.limits, metrics: self.metrics.clone(), tls: None })
    }

    /// Takes connections with TLS only. Files that change are read again; ones that cannot be used are logged, and what was
    /// good before stays. What a client showed is among the extensions of its requests ([`PeerCertificates`]).
    ///
    /// # Errors
    /// Files that are absent, or do not fit together.
    pub fn with_tls(mut self, config: TlsServerConfig) -> Result<Self, TlsError> {
        self.tls = Some(Arc::new(ServerTls::load(config, Alpn::Http)?));
        Ok(self)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Answers with `app` until told to stop.
    ///
    /// # Errors
    /// None: what goes wrong with one connection, or with accepting one, is counted and logged.
    pub async fn serve(self, app: impl WebApp, stop: Stop) -> TaskResult {
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
                tls: self.tls.clone(),
                stop: stop.clone(),
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

struct Connection<A> {
    stream: TcpStream,
    peer: SocketAddr,
    app: A,
    builder: Arc<Builder<TokioExecutor>>,
    patience: Patience,
    metrics: Metrics,
    tls: Option<Arc<ServerTls>>,
    stop: Stop,
}

impl<A: WebApp> Connection<A> {
    async fn serve(mut self, watcher: Watcher) {
        // Answers are written whole; waiting for more to send would only delay them.
        let _ = self.stream.set_nodelay(true);
        let stream = Guarded::new(self.stream, self.patience);
        let first = stream.first_request();
        let requests = Requests { peer: self.peer, app: self.app, builder: self.builder, metrics: self.metrics, first };
        requests.metrics.open.inc();
        match self.tls.take() {
            None => requests.serve(stream, None, watcher).await,
            Some(tls) => match tls.accept(stream, &self.stop).await {
                Ok(stream) => {
                    let certificates = PeerCertificates::of(stream.get_ref().1);
                    requests.serve(stream, certificates, watcher).await;
                }
                Err(err) => {
                    requests.metrics.tls_failures.inc();
                    debug!(peer = %requests.peer, %err, "tls handshake failed");
                }
            },
        }
    }
}

/// The requests of one connection.
struct Requests<A> {
    peer: SocketAddr,
    app: A,
    builder: Arc<Builder<TokioExecutor>>,
    metrics: Metrics,
    first: FirstRequest,
}

impl<A: WebApp> Requests<A> {
    async fn serve<S>(&self, stream: S, certificates: Option<PeerCertificates>, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let first = self.first.clone();
        let app = self.app.clone().map_request(move |request: Request<Incoming>| {
            first.came();
            let mut request = request.map(Body::new);
            if let Some(certificates) = &certificates {
                request.extensions_mut().insert(certificates.clone());
            }
            request
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        if let Err(err) = watcher.watch(connection.into_owned()).await {
            if guarded::ran_out(err.as_ref()) {
                self.metrics.timeouts.inc();
            }
            debug!(peer = %self.peer, %err, "connection ended early");
        }
    }
}

impl<A> Drop for Requests<A> {
    fn drop(&mut self) {
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
        registry.register(
            "gauntlet_http_tls_failures_total",
            "HTTP connections that ended before TLS was agreed on.",
            self.tls_failures.clone(),
        );
    }
}

#[cfg(test)]
mod tests;
