//! The service by which routers write here: `thanos.WriteableStore`.
//!
//! A replica and what is not replicated yet are the same to an ingester: it stores what it is sent. OK means that all of it
//! is in the log and synced.

use crate::app::App;
use proto::RemoteWriteServer;
use proto::thanos::services::writeable_store_server::WriteableStoreServer;
use std::sync::Arc;

impl App {
    /// The service, to be added to a gRPC server's routes. Requests over [`RemoteWriteServer::MAX_BYTES`] are refused. What all of
    /// them take together is for [`service::MessageBudget`] to say.
    pub fn remote_write(&self) -> WriteableStoreServer<RemoteWriteServer> {
        let (fingerprinter, clock) = (Arc::clone(&self.fingerprinter), Arc::clone(&self.clock));
        RemoteWriteServer::service(self.ingester(), fingerprinter, clock, RemoteWriteServer::MAX_BYTES)
    }
}
