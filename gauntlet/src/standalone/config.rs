//! What was accepted: every part's own configuration, checked.

use super::flags::Flags;
use crate::common::{GrpcConfig, InvalidTenants, InvalidTsdb, Tenants, TsdbSettings, budget_bytes, http_limits};
use model::{Labels, TenantId};
use service::{GrpcLimits, HttpLimits, TenantLabel};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::BudgetLimits;

/// The external label of every series, and its value: there is one of us.
const REPLICA: (&str, &str) = ("replica", "standalone");

/// How often the bucket of this process is looked through.
const BUCKET_SYNC_INTERVAL: Duration = Duration::from_secs(30);

/// Tenants' directories are below this one, as under `thanos receive`.
const TENANTS_DIR: &str = "receive";

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) http_address: String,
    pub(crate) http: HttpLimits,
    pub(crate) cors: bool,
    /// Whether the admin API is switched on.
    pub(crate) admin: bool,
    /// Whose requests are that are about one tenant.
    pub(crate) whose: Tenants,
    pub(crate) grpc: GrpcConfig,
    pub(crate) bucket: bucket::Config,
    pub(crate) store: store::Config,
    pub(crate) tenants: TenantLabel,
    pub(crate) router: router::Config,
    pub(crate) ingester: ingester::Config,
    pub(crate) query: query::Config,
    /// As typed, for `/api/v1/status/flags`.
    pub(crate) flags: BTreeMap<String, String>,
    pub(crate) retention: String,
}

/// Why flags that were read cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidConfig {
    #[error(transparent)]
    Tsdb(#[from] InvalidTsdb),
    #[error(transparent)]
    Tenants(#[from] InvalidTenants),
    #[error("--query.lookback-delta: {0}")]
    Lookback(flags::InvalidGoDuration),
    #[error("--query.max-memory-per-query is {one}, more than the {all} that --query.max-memory allows all of them")]
    QueryMemory { one: flags::ByteSize, all: flags::ByteSize },
    #[error(transparent)]
    Query(#[from] query::InvalidConfig),
    #[error(transparent)]
    Labels(#[from] model::InvalidLabels),
}

impl Config {
    /// Checks `flags`; `values` are the same as typed.
    pub(crate) fn read(flags: Flags, values: Vec<(String, String)>) -> Result<Self, InvalidConfig> {
        let tenants = Tenants::read(
            ("receive.tenant-header", &flags.tenant_header),
            ("receive.default-tenant-id", &flags.default_tenant),
        )?;
        let router = router::Config {
            tenant_header: tenants.header.clone(),
            default_tenant: tenants.default.clone(),
            ..router::Config::default()
        };
        let query = query_config(&flags)?;
        let ingester = ingester_config(&flags, tenants.default.clone())?;
        let http = http_limits(flags.http_grace, query.timeout);
        Ok(Self {
            http,
            router,
            ingester,
            query,
            tenants: tenants.label(),
            http_address: flags.http_address,
            cors: !flags.disable_cors,
            admin: flags.enable_admin_api,
            whose: tenants,
            grpc: GrpcConfig { address: flags.grpc_address, limits: GrpcLimits::default(), tls: None },
            bucket: bucket::Config::filesystem(flags.data_dir.join("bucket")),
            store: store_config(&flags.data_dir),
            flags: values.into_iter().collect(),
            retention: flags.retention.to_string(),
            data_dir: flags.data_dir,
        })
    }
}

fn query_config(flags: &Flags) -> Result<query::Config, InvalidConfig> {
    if flags.memory_per_query > flags.query_memory {
        return Err(InvalidConfig::QueryMemory { one: flags.memory_per_query, all: flags.query_memory });
    }
    let bytes = |size: flags::ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
    let config = query::Config {
        lookback: flags.lookback.as_std().map_err(InvalidConfig::Lookback)?,
        timeout: flags.query_timeout.as_std(),
        max_concurrent: flags.max_concurrent,
        max_samples: flags.max_samples,
        memory_bytes: bytes(flags.query_memory),
        query_memory_bytes: bytes(flags.memory_per_query),
        default_step: flags.default_step.as_std(),
        features: crate::common::query_features(&flags.features),
    };
    Ok(config.check()?)
}

/// The store over this process' own bucket: it looks often, for what it finds makes room on the disk.
fn store_config(data_dir: &Path) -> store::Config {
    let defaults = store::Config::new(data_dir.join("store"));
    let total_bytes = budget_bytes(defaults.memory.total_bytes);
    store::Config {
        sync_interval: BUCKET_SYNC_INTERVAL,
        memory: BudgetLimits { total_bytes, request_bytes: total_bytes / 2, ..defaults.memory },
        ..defaults
    }
}

fn ingester_config(flags: &Flags, default_tenant: TenantId) -> Result<ingester::Config, InvalidConfig> {
    let settings = TsdbSettings {
        dir: flags.data_dir.join(TENANTS_DIR),
        block: flags.min_block_duration,
        max_block: flags.max_block_duration.unwrap_or(flags.min_block_duration),
        retention: flags.retention,
        max_ahead: flags.max_ahead,
        late_window: flags.late_window,
        late_cap: flags.late_cap,
        snapshot_at_end: flags.snapshot_at_end,
        snapshot_interval: flags.snapshot_interval,
        durability: flags.durability,
        wal_compression: flags.wal_compression,
        free_space_floor: flags.free_space_floor,
        max_series: flags.max_series,
        max_exemplars: flags.max_exemplars,
        external_labels: Labels::from_pairs([REPLICA])?,
        tenant_label: flags.tenant_label.clone(),
        default_tenant,
    };
    Ok(settings.config()?)
}

#[cfg(test)]
mod tests;
