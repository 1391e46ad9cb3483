//! What other routers send to a process that routes and stores.

use crate::forwarder::Forwarder;
use model::TenantId;
use proto::{WriteBatch, WriteError, WriteOutcome, WriteTarget};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Stores here what is a replica already, and distributes what is not. The one who sent a replica has looked at the ring;
/// looking again during a change of it could send the series around in circles. A process that stores nothing distributes
/// everything, whatever it was before, as Thanos does.
#[derive(Debug, Clone)]
pub struct Inbound {
    pub forwarder: Arc<Forwarder>,
    /// `None`: this process stores nothing.
    pub local: Option<Arc<dyn WriteTarget>>,
}

impl WriteTarget for Inbound {
    fn write<'a>(
        &'a self,
        tenant: &'a TenantId,
        mut batch: WriteBatch,
    ) -> Pin<Box<dyn Future<Output = Result<WriteOutcome, WriteError>> + Send + 'a>> {
        let Some(local) = &self.local else {
            batch.replica = 0;
            return self.forwarder.write(tenant, batch);
        };
        // The forwarder refuses what is no replica of anything.
        if batch.replica == 0 || batch.replica as usize > self.forwarder.replication_factor() {
            return self.forwarder.write(tenant, batch);
        }
        local.write(tenant, batch)
    }
}
