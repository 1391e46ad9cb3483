//! The admin API's storage: this process' heads and blocks, with an eye on its bucket.

use futures::StreamExt;
use ingester::Ingester;
use model::{Durable, MatchOp, Matcher, TenantId, TimeRange};
use query::{AdminError, AdminFuture, AdminStorage};
use std::sync::Arc;
use storeapi::{SeriesFrame, SeriesRequest, Store};
use tsdb::db::DbError;

/// Deletes from heads and blocks, and says so if the bucket goes on answering: nothing is deleted from there.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) ingester: Arc<Ingester>,
    pub(super) bucket: Arc<dyn Store>,
    /// The label that holds the tenant when series are read.
    pub(super) tenant_label: Vec<u8>,
}

const IN_BUCKET: &str = "deleted from what has not been shipped; blocks in the bucket hold such series in that time, too, and stay as they are";

impl Storage {
    async fn delete(
        &self,
        tenant: &TenantId,
        selectors: Vec<Arc<[Matcher]>>,
        range: TimeRange,
    ) -> Result<Option<Durable>, AdminError> {
        let deleted = self.ingester.delete(tenant, selectors.clone(), range).await.map_err(told)?.unwrap_or_default();
        if deleted.shipped {
            return Err(AdminError::Refused(IN_BUCKET.to_owned()));
        }
        for matchers in selectors {
            if self.bucket_has(tenant, &matchers, range).await? {
                return Err(AdminError::Refused(IN_BUCKET.to_owned()));
            }
        }
        Ok(deleted.durable)
    }

    async fn bucket_has(&self, tenant: &TenantId, matchers: &[Matcher], range: TimeRange) -> Result<bool, AdminError> {
        let failed = |error: &dyn std::fmt::Display| {
            AdminError::Failed(format!("deleted, but the bucket was not looked through: {error}"))
        };
        let of_tenant = Matcher::new(MatchOp::Equal, self.tenant_label.as_slice(), tenant.as_str());
        let of_tenant = of_tenant.map_err(|error| failed(&error))?;
        let matchers: Vec<_> = matchers.iter().cloned().chain([of_tenant]).collect();
        let request = SeriesRequest { skip_chunks: true, limit: Some(1), ..SeriesRequest::new(matchers, range) };
        let mut frames = self.bucket.series(request);
        // The first frame tells: one series is asked for.
        match frames.next().await.transpose().map_err(|error| failed(&error))? {
            Some(SeriesFrame::Series(_)) => Ok(true),
            Some(SeriesFrame::Warning(warning)) => Err(failed(&warning)),
            None => Ok(false),
        }
    }
}

impl AdminStorage for Storage {
    fn delete<'a>(
        &'a self,
        tenant: &'a TenantId,
        selectors: Vec<Arc<[Matcher]>>,
        range: TimeRange,
    ) -> AdminFuture<'a, Option<Durable>> {
        Box::pin(Storage::delete(self, tenant, selectors, range))
    }

    fn clean_tombstones<'a>(&'a self, tenant: &'a TenantId) -> AdminFuture<'a, ()> {
        Box::pin(async move { self.ingester.clean_tombstones(tenant).await.map_err(told) })
    }

    fn snapshot<'a>(&'a self, tenant: &'a TenantId, skip_head: bool) -> AdminFuture<'a, String> {
        Box::pin(async move {
            let name = self.ingester.back_up(tenant, !skip_head).await.map_err(told)?;
            name.ok_or_else(|| AdminError::Refused(format!("there is no tenant {tenant}")))
        })
    }
}

fn told(error: ingester::AdminError) -> AdminError {
    match error {
        // The log takes more when the disk has caught up.
        ingester::AdminError::NotReady(_)
        | ingester::AdminError::Shipping
        | ingester::AdminError::Db(DbError::Log(_)) => AdminError::Unavailable(error.to_string()),
        ingester::AdminError::Db(_) | ingester::AdminError::BrokenOff => AdminError::Failed(error.to_string()),
    }
}
