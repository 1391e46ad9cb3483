//! One attempt to connect: resolve, try each address, shake hands.

use super::super::{MAX_FRAME_BYTES, SEND_BUFFER_BYTES};
use super::ClientOptions;
use crate::TlsError;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tonic::body::Body;
use tracing::debug;

/// What the peer may send as metadata; messages of errors are among it.
const MAX_HEADER_BYTES: u32 = 1 << 20;
/// A name with more addresses than these shows only the first.
const MAX_ADDRESSES: usize = 16;

pub(super) type Sender = SendRequest<Body>;

/// How to connect to one address.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) options: ClientOptions,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("cannot resolve the name: {0}")]
    Resolve(io::Error),
    #[error("the name has no address")]
    NoAddress,
    #[error("{0}")]
    Refused(io::Error),
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("no TLS: {0}")]
    Secured(io::Error),
    #[error("no HTTP/2: {0}")]
    Handshake(hyper::Error),
}

impl Connector {
    /// Connects to the first address of the name that lets it.
    pub(super) async fn connect(&self) -> Result<Sender, ConnectError> {
        let by = Instant::now() + self.options.connect_timeout;
        let late = |_| ConnectError::TimedOut(self.options.connect_timeout);
        let stream = timeout_at(by, self.dial(by)).await.map_err(late)??;
        // Messages are written whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        timeout_at(by, self.secured(stream)).await.map_err(late)?
    }

    /// With TLS, if there should be.
    async fn secured(&self, stream: TcpStream) -> Result<Sender, ConnectError> {
        let Some(tls) = &self.options.tls else {
            return self.shake_hands(stream).await;
        };
        let (config, name) = (tls.load()?, tls.name(&self.host)?);
        let connector = TlsConnector::from(Arc::new(config));
        self.shake_hands(connector.connect(name, stream).await.map_err(ConnectError::Secured)?).await
    }

    /// Each address gets its share of the time that is left.
    async fn dial(&self, by: Instant) -> Result<TcpStream, ConnectError> {
        let found = lookup_host((self.host.as_str(), self.port)).await.map_err(ConnectError::Resolve)?;
        let addresses: Vec<SocketAddr> = found.take(MAX_ADDRESSES).collect();
        let mut failure = ConnectError::NoAddress;
        for (tried, address) in addresses.iter().enumerate() {
            let now = Instant::now();
            let left = u32::try_from(addresses.len() - tried).unwrap_or(1);
            let share = by.saturating_duration_since(now) / left;
            failure = match timeout_at(now + share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(err)) => ConnectError::Refused(err),
                Err(_) => ConnectError::TimedOut(share),
            };
        }
        Err(failure)
    }

    async fn shake_hands<S>(&self, stream: S) -> Result<Sender, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = self.builder().handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(ConnectError::Handshake)?;
        // Ends with the last call and the last sender.
        TokioExecutor::new().execute(async move {
            if let Err(err) = connection.await {
                debug!(%err, "grpc connection ended early");
            }
        });
        Ok(sender)
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(self.options.stream_window_bytes)
            .initial_connection_window_size(self.options.connection_window_bytes)
            .max_frame_size(MAX_FRAME_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .max_header_list_size(MAX_HEADER_BYTES)
            .keep_alive_interval(self.options.keepalive_interval)
            .keep_alive_timeout(self.options.keepalive_timeout);
        builder
    }
}
