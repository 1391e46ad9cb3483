//! What an administrator asks for: deleting what a tenant has, rewriting its blocks without it, backing it up.

use crate::ingester::Ingester;
use crate::tenant::Tenant;
use model::{Durable, Matcher, TenantId, TimeRange};
use std::sync::Arc;
use storeapi::matchers_left;
use tracing::info;
use tsdb::db::{CleanedBlock, DbError};
use ulid::Ulid;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Later it may be.
    #[error("not ready: {0}")]
    NotReady(String),
    #[error("blocks are on their way to the bucket, try again when they are there")]
    Shipping,
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("broken off")]
    BrokenOff,
}

/// What was deleted of a tenant.
#[derive(Debug, Default)]
pub struct Deleted {
    /// `None`: none of the selectors is about its series.
    pub durable: Option<Durable>,
    /// Something was deleted from a block that was shipped: the bucket still has it.
    pub shipped: bool,
}

impl Ingester {
    /// Deletes what head and blocks, shipped ones among them, of `tenant` have in `range` of the series that all matchers of one of `selectors` accept,
    /// by the labels they are read with. `None`: there is no such tenant.
    ///
    /// # Errors
    /// Then some of it may be deleted; an equal call makes sure of all.
    pub async fn delete(
        &self,
        tenant: &TenantId,
        selectors: Vec<Arc<[Matcher]>>,
        range: TimeRange,
    ) -> Result<Option<Deleted>, AdminError> {
        self.on_tenant(tenant, move |tenant| tenant.delete(&selectors, range)).await
    }

    /// Rewrites the blocks of `tenant` from which something was deleted. Those that were shipped stay as they are: they would
    /// be read in the bucket all the same.
    ///
    /// # Errors
    /// The first block that could not be rewritten; the next call goes on.
    pub async fn clean_tombstones(&self, tenant: &TenantId) -> Result<(), AdminError> {
        self.on_tenant(tenant, |tenant| Ok(tenant.clean_tombstones()?)).await.map(drop)
    }

    /// Puts all blocks of `tenant`, and with `with_head` its head as one more, into a directory of its own; says how that is
    /// called. `None`: there is no such tenant.
    ///
    /// # Errors
    /// Then nothing of it is left behind.
    pub async fn back_up(&self, tenant: &TenantId, with_head: bool) -> Result<Option<String>, AdminError> {
        self.on_tenant(tenant, move |tenant| {
            let name = tenant.db.back_up(with_head)?;
            info!(tenant = %tenant.id, name, with_head, "blocks were put into a directory of snapshots");
            Ok(name)
        })
        .await
    }

    /// Has `act` do something with a tenant, where it may wait for files. `None`: there is no such tenant.
    async fn on_tenant<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        act: impl FnOnce(&Tenant) -> Result<T, AdminError> + Send + 'static,
    ) -> Result<Option<T>, AdminError> {
        self.check_open().map_err(|error| AdminError::NotReady(error.to_string()))?;
        let Some(tenant) = self.tenants.open().into_iter().find(|open| open.id == *tenant) else {
            let not_open = self.tenants.not_open().into_iter().find(|(id, _)| id == tenant);
            return not_open.map_or(Ok(None), |(_, reason)| Err(AdminError::NotReady(reason)));
        };
        let done = tokio::task::spawn_blocking(move || act(&tenant)).await;
        Ok(Some(done.map_err(|_| AdminError::BrokenOff)??))
    }
}

impl Tenant {
    fn delete(&self, selectors: &[Arc<[Matcher]>], range: TimeRange) -> Result<Deleted, AdminError> {
        // A block on its way to the bucket would arrive with what is deleted here.
        let held = self.shipper.as_ref().map(|shipper| shipper.hold_back().ok_or(AdminError::Shipping)).transpose();
        let _held = held?;
        let mut all = Deleted::default();
        for matchers in selectors {
            let Some(matchers) = matchers_left(self.external(), matchers) else { continue };
            let deleted = self.db.delete(&matchers, range)?;
            let (series, blocks) = (deleted.head_series, deleted.blocks.len());
            info!(tenant = %self.id, min_ms = range.min_ms(), max_ms = range.max_ms(), series, blocks, "series were deleted");
            all.durable = Some(deleted.durable);
            all.shipped |= deleted.blocks.iter().any(|&block| self.is_shipped(block));
        }
        Ok(all)
    }

    fn is_shipped(&self, block: Ulid) -> bool {
        self.shipper.as_ref().is_some_and(|shipper| shipper.shipped(block).is_some())
    }

    /// Rewrites the blocks from which something was deleted, but those that were shipped.
    pub(crate) fn clean_tombstones(&self) -> Result<(), DbError> {
        for CleanedBlock { from, to } in self.db.clean_tombstones_where(&|block| !self.is_shipped(block))? {
            let to = to.map(|to| to.to_string());
            info!(tenant = %self.id, block = %from, to, "a block was rewritten without what was deleted");
        }
        Ok(())
    }
}
