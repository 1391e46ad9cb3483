//! What tenants hold in their heads, counted.

use crate::admin::AdminError;
use crate::ingester::Ingester;
use model::TenantId;
use tsdb::head::{HeadStatistics, LabelSize};

impl Ingester {
    /// The statistics of `tenant`, if it is there, or of all tenants, sorted by name; lists of at most `most`.
    ///
    /// # Errors
    /// Tenants are not open yet, or no longer.
    pub async fn statistics(
        &self,
        tenant: Option<&TenantId>,
        most: usize,
        size: LabelSize,
    ) -> Result<Vec<(TenantId, HeadStatistics)>, AdminError> {
        self.check_open().map_err(|error| AdminError::NotReady(error.to_string()))?;
        let mut tenants = self.tenants.open();
        tenants.retain(|open| tenant.is_none_or(|wanted| open.id == *wanted));
        let count = move || {
            let counted = tenants.iter().map(|tenant| (tenant.id.clone(), tenant.db.head().statistics(most, size)));
            counted.collect()
        };
        tokio::task::spawn_blocking(count).await.map_err(|_| AdminError::BrokenOff)
    }
}
