//! What an administrator asks for: deleting what a tenant has, and rewriting its blocks without it.

use crate::ingester::Ingester;
use crate::tenant::Tenant;
use model::{Durable, Matcher, TenantId, TimeRange};
use std::sync::Arc;
use storeapi::matchers_left;
use tracing::info;
use tsdb::db::{CleanedBlock, DbError};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Later it may be.
    #[error("not ready: {0}")]
    NotReady(String),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("broken off")]
    BrokenOff,
}

impl Ingester {
    /// Deletes what head and blocks of `tenant` have in `range` of the series that all matchers of one of `selectors` accept,
    /// by the labels they are read with. `None`: there is no such tenant, or none of the selectors is about its series.
    ///
    /// # Errors
    /// Then some of it may be deleted; an equal call makes sure of all.
    pub async fn delete(
        &self,
        tenant: &TenantId,
        selectors: Vec<Arc<[Matcher]>>,
        range: TimeRange,
    ) -> Result<Option<Durable>, AdminError> {
        self.on_tenant(tenant, move |tenant| {
            let mut durable = None;
            for matchers in selectors {
                durable = tenant.delete(&matchers, range)?.or(durable);
            }
            Ok(durable)
        })
        .await
        .map(Option::flatten)
    }

    /// Rewrites the blocks of `tenant` from which something was deleted. Those that were shipped stay as they are: they would
    /// be read in the bucket all the same.
    ///
    /// # Errors
    /// The first block that could not be rewritten; the next call goes on.
    pub async fn clean_tombstones(&self, tenant: &TenantId) -> Result<(), AdminError> {
        self.on_tenant(tenant, Tenant::clean_tombstones).await.map(drop)
    }

    /// Has `act` do something with a tenant, where it may wait for files. `None`: there is no such tenant.
    async fn on_tenant<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        act: impl FnOnce(&Tenant) -> Result<T, DbError> + Send + 'static,
    ) -> Result<Option<T>, AdminError> {
        self.check_open().map_err(|error| AdminError::NotReady(error.to_string()))?;
        let Some(tenant) = self.tenants.open().into_iter().find(|open| open.id == *tenant) else { return Ok(None) };
        let done = tokio::task::spawn_blocking(move || act(&tenant)).await;
        Ok(Some(done.map_err(|_| AdminError::BrokenOff)??))
    }
}

impl Tenant {
    fn delete(&self, matchers: &[Matcher], range: TimeRange) -> Result<Option<Durable>, DbError> {
        let Some(matchers) = matchers_left(self.external(), matchers) else { return Ok(None) };
        let deleted = self.db.delete(&matchers, range)?;
        let (series, blocks) = (deleted.head_series, deleted.blocks);
        info!(tenant = %self.id, min_ms = range.min_ms(), max_ms = range.max_ms(), series, blocks, "series were deleted");
        Ok(Some(deleted.durable))
    }

    /// Rewrites the blocks from which something was deleted, but those that were shipped.
    pub(crate) fn clean_tombstones(&self) -> Result<(), DbError> {
        let is_here_only = |block| self.shipper.as_ref().is_none_or(|shipper| shipper.shipped(block).is_none());
        for CleanedBlock { from, to } in self.db.clean_tombstones_where(&is_here_only)? {
            let to = to.map(|to| to.to_string());
            info!(tenant = %self.id, block = %from, to, "a block was rewritten without what was deleted");
        }
        Ok(())
    }
}
