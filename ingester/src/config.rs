//! What the ingester can be told.

use crate::shipping::Shipping;
use model::{Labels, TenantId};
use proto::LabelLimits;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;
use tsdb::db::DbOptions;

/// What the ingester can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory that holds a data directory for each tenant.
    pub dir: PathBuf,
    /// How each tenant's data directory is kept. The external labels in it are replaced by those below and the tenant's.
    pub db: DbOptions,
    /// This tenant's directory is always there, so that two processes can never both begin on an empty `dir`.
    pub default_tenant: TenantId,
    /// Labels that all series get when they are read.
    pub external_labels: Labels,
    /// The label that holds the tenant when series are read.
    pub tenant_label: Vec<u8>,
    /// The most tenants, inside; a write for one more is refused.
    pub max_tenants: usize,
    /// The most active series of a tenant, inside.
    pub max_series: u64,
    pub labels: LabelLimits,
    /// The most buckets of a histogram, inside; one with more is refused.
    pub max_histogram_buckets: usize,
    /// How far ahead of the clock a sample may be, inside.
    pub max_ahead: Duration,
    /// Writes are refused when less is free on the disk; 0: never.
    pub free_space_floor_bytes: u64,
    pub free_space_check_interval: Duration,
    /// How often heads are looked at: whether there is a block to cut, or one to drop.
    pub maintenance_interval: Duration,
    /// Threads that write the logs, of all tenants together.
    pub log_threads: NonZeroUsize,
    /// Where blocks go; `None`: they stay, and the end writes no blocks.
    pub shipping: Option<Shipping>,
}

impl Config {
    /// What `gauntlet standalone` runs with, below `dir`.
    pub fn standalone(dir: PathBuf, db: DbOptions, default_tenant: TenantId, external_labels: Labels) -> Self {
        Self {
            dir,
            db,
            default_tenant,
            external_labels,
            tenant_label: b"tenant_id".to_vec(),
            max_tenants: 10_000,
            max_series: 1_000_000,
            labels: LabelLimits::default(),
            max_histogram_buckets: 10_000,
            max_ahead: Duration::from_secs(600),
            free_space_floor_bytes: 512 << 20,
            free_space_check_interval: Duration::from_secs(1),
            maintenance_interval: Duration::from_secs(30),
            log_threads: NonZeroUsize::MIN.saturating_add(1),
            shipping: None,
        }
    }
}
