//! A bound port and the permits without which no connection is accepted: what the HTTP and the gRPC server share.

pub(crate) mod guarded;

use crate::Stop;
use prometheus_client::metrics::counter::Counter;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

/// After the system refused a connection, for want of file descriptors most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    pub address: String,
    pub source: io::Error,
}

/// A bound port.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    permits: Arc<Semaphore>,
    /// Connections the system could not accept.
    pub(crate) failures: Counter,
}

/// One connection, which is counted until its permit is dropped.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) permit: OwnedSemaphorePermit,
}

impl Listener {
    /// Binds `address`: `host:port`, where an empty host means every address of this machine and port 0 any free port. At most
    /// `connections` are open at once.
    pub(crate) async fn bind(address: &str, connections: usize) -> Result<Self, BindError> {
        let fail = |source| BindError { address: address.to_owned(), source };
        let listener = listen(address).await.map_err(fail)?;
        let local = listener.local_addr().map_err(fail)?;
        let permits = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        Ok(Self { listener, address: local, permits, failures: Counter::default() })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The permit and the next connection, in this order; nothing once told to stop.
    pub(crate) async fn next(&self, stop: &Stop) -> Option<Accepted> {
        let permit = tokio::select! {
            () = stop.cancelled() => return None,
            permit = self.permits.clone().acquire_owned() => permit.ok()?,
        };
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return None,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => return Some(Accepted { stream, peer, permit }),
                Err(err) => {
                    self.failures.inc();
                    warn!(%err, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn listen(address: &str) -> io::Result<TcpListener> {
    let Some(port) = address.strip_prefix(':') else {
        return TcpListener::bind(address).await;
    };
    // Both families where there are two.
    match TcpListener::bind(format!("[::]:{port}")).await {
        Err(err) if err.kind() != io::ErrorKind::AddrInUse => TcpListener::bind(format!("0.0.0.0:{port}")).await,
        bound => bound,
    }
}
