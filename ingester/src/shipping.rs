//! Blocks of the tenants go to a bucket, and leave the disk no sooner than others can read them there.

use crate::tenant::Tenant;
use bucket::{Bucket, HashFunction, ShipError, ShipOptions, ShipRules};
use futures::StreamExt;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, warn};
use ulid::Ulid;

/// How blocks are shipped.
#[derive(Debug, Clone)]
pub struct Shipping {
    pub bucket: Bucket,
    /// Whether files are hashed before they go up.
    pub hash: HashFunction,
    pub rules: ShipRules,
    /// How often each tenant's directory is looked through.
    pub interval: Duration,
    /// How long one pass over a tenant may take.
    pub timeout: Duration,
    /// How many tenants ship at the same time.
    pub tenants_at_once: NonZeroUsize,
    /// A block past its retention stays at least so long after it was shipped (or, after a restart, was found to be): stores
    /// look at the bucket now and then only.
    pub margin: Duration,
    /// Whether heads become blocks at the end, and are shipped, as under Thanos: the next process then begins with an empty
    /// head, and takes nothing older. Otherwise the log has them.
    pub flush_at_end: bool,
    /// Who knows better than to wait: whether somebody serves the block from the bucket. In place of the margin.
    pub served_elsewhere: Option<ServedElsewhere>,
}

/// Whether a block is served from the bucket by somebody who is asked with ours.
#[derive(Clone)]
pub struct ServedElsewhere(pub Arc<dyn Fn(Ulid) -> bool + Send + Sync>);

impl Shipping {
    /// Thanos' times, and an hour's margin.
    pub fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            hash: HashFunction::None,
            rules: ShipRules::default(),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(600),
            tenants_at_once: NonZeroUsize::MIN.saturating_add(1),
            margin: Duration::from_secs(3600),
            flush_at_end: true,
            served_elsewhere: None,
        }
    }

    /// Whether a block may leave the disk that was shipped at `shipped_ms`, as far as the bucket is concerned.
    pub(crate) fn may_go(&self, block: Ulid, shipped_ms: Option<i64>, now_ms: i64) -> bool {
        let Some(shipped_ms) = shipped_ms else { return false };
        match &self.served_elsewhere {
            Some(ServedElsewhere(is_served)) => is_served(block),
            None => {
                let margin_ms = i64::try_from(self.margin.as_millis()).unwrap_or(i64::MAX);
                now_ms.saturating_sub(shipped_ms) >= margin_ms
            }
        }
    }

    /// What one tenant's shipper is told.
    pub(crate) fn options(&self, tenant: &str, dir: &Path, labels: BTreeMap<String, String>) -> ShipOptions {
        ShipOptions {
            dir: dir.to_owned(),
            labels,
            source: "receive",
            hash: self.hash,
            rules: self.rules,
            tenant: tenant.to_owned(),
        }
    }

    /// Ships what the tenants have, a few of them at a time. A tenant that fails is tried again with the next call.
    pub(crate) async fn ship_all(&self, tenants: Vec<Arc<Tenant>>) {
        let ship = async |tenant: Arc<Tenant>| {
            let Some(shipper) = &tenant.shipper else { return };
            if !clean(&tenant).await {
                return;
            }
            match tokio::time::timeout(self.timeout, shipper.sync()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tell(&tenant, &error),
                Err(_) => {
                    warn!(tenant = %tenant.id, timeout = ?self.timeout, "shipping took too long, it goes on later")
                }
            }
        };
        futures::stream::iter(tenants).for_each_concurrent(self.tenants_at_once.get(), ship).await;
    }
}

/// Rewrites blocks without what was deleted from them: it must not come back in the bucket, which has no tombstones. `false`:
/// that failed, and nothing may be shipped.
async fn clean(tenant: &Arc<Tenant>) -> bool {
    let to_clean = Arc::clone(tenant);
    let cleaned = tokio::task::spawn_blocking(move || to_clean.clean_tombstones()).await;
    match cleaned {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            error!(tenant = %tenant.id, %error, "a block could not be rewritten without what was deleted, none is shipped");
            false
        }
        Err(panic) => {
            error!(tenant = %tenant.id, %panic, "rewriting blocks panicked, none is shipped");
            false
        }
    }
}

fn tell(tenant: &Tenant, error: &ShipError) {
    error!(tenant = %tenant.id, %error, "blocks could not be shipped, they stay and are tried again");
}

impl fmt::Debug for ServedElsewhere {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ServedElsewhere")
    }
}

#[cfg(test)]
mod tests;
