//! The heads of this process, for `status/tsdb`.

use super::Tenants;
use ingester::Ingester;
use model::TenantId;
use query::{HeadCounts, HeadCountsFuture, Heads, Whose};
use std::sync::Arc;
use tsdb::head::LabelSize;

#[derive(Debug)]
struct Counted(Arc<Ingester>);

/// Those of `ingester`; whose are asked for is told as on the write path.
pub(crate) fn heads(ingester: Arc<Ingester>, tenants: Tenants) -> Heads {
    let whose = Whose { tenant_header: tenants.header, default_tenant: tenants.default };
    Heads { counted: Arc::new(Counted(ingester)), whose }
}

impl HeadCounts for Counted {
    fn count<'a>(&'a self, tenant: Option<&'a TenantId>, most: usize, size: LabelSize) -> HeadCountsFuture<'a> {
        Box::pin(async move { self.0.statistics(tenant, most, size).await.map_err(|error| error.to_string()) })
    }
}
