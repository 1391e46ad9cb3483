//! What was accepted: every part's own configuration, checked.

use super::flags::Flags;
use http::HeaderName;
use model::{InvalidTenant, Labels, TenantId};
use service::{HttpLimits, TenantLabel};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;
use tsdb::db::DbOptions;
use tsdb::wal::{Compression, LogOptions};

/// The external label of every series, and its value: there is one of us.
const REPLICA: (&str, &str) = ("replica", "standalone");

/// Tenants' directories are below this one, as under `thanos receive`.
const TENANTS_DIR: &str = "receive";

/// The narrowest block worth cutting.
const MIN_BLOCK_MS: i64 = 60_000;

/// A handler may compute as long as a query may take; a connection must not be taken for idle before that.
const IDLE_MARGIN: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) http_address: String,
    pub(crate) http: HttpLimits,
    pub(crate) cors: bool,
    pub(crate) grpc_address: String,
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
    #[error("--tsdb.min-block-duration is {0}, at least 1m is needed")]
    BlockTooShort(flags::PromDuration),
    #[error(
        "--tsdb.max-block-duration is {max} and --tsdb.min-block-duration {min}: blocks are not merged into longer ones in \
         this version, leave the former out"
    )]
    BlockDurationsDiffer { min: flags::PromDuration, max: flags::PromDuration },
    #[error(
        "--tsdb.retention is {retention}, shorter than one block of {block}: it would remove blocks as they are cut"
    )]
    RetentionTooShort { retention: flags::PromDuration, block: flags::PromDuration },
    #[error("--receive.tenant-header is {0:?}, which is no name of a header")]
    TenantHeader(String),
    #[error("--receive.default-tenant-id: {0}")]
    DefaultTenant(InvalidTenant),
    #[error("--receive.tenant-label-name is {0:?}; another name than {replica:?} is needed, and not an empty one", replica = REPLICA.0)]
    TenantLabel(String),
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
        let default_tenant = TenantId::parse(&flags.default_tenant).map_err(InvalidConfig::DefaultTenant)?;
        let header = flags.tenant_header.to_ascii_lowercase();
        let tenant_header = HeaderName::try_from(header.as_str())
            .map_err(|_| InvalidConfig::TenantHeader(flags.tenant_header.clone()))?;
        let router = router::Config {
            tenant_header: tenant_header.clone(),
            default_tenant: default_tenant.clone(),
            ..router::Config::default()
        };
        let query = query_config(&flags)?;
        let ingester = ingester_config(&flags, default_tenant.clone())?;
        let http = HttpLimits {
            idle_time: HttpLimits::default().idle_time.max(query.timeout + IDLE_MARGIN),
            grace: flags.http_grace.as_std(),
            ..HttpLimits::default()
        };
        Ok(Self {
            http,
            router,
            ingester,
            query,
            tenants: TenantLabel::Header {
                headers: vec![tenant_header, HeaderName::from_static("thanos-tenant")],
                // Lives as long as the process.
                default: default_tenant.as_str().to_owned().leak(),
            },
            data_dir: flags.data_dir,
            http_address: flags.http_address,
            cors: !flags.disable_cors,
            grpc_address: flags.grpc_address,
            flags: values.into_iter().collect(),
            retention: flags.retention.to_string(),
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
    };
    Ok(config.check()?)
}

fn ingester_config(flags: &Flags, default_tenant: TenantId) -> Result<ingester::Config, InvalidConfig> {
    let block = flags.min_block_duration;
    if block.as_ms() < MIN_BLOCK_MS {
        return Err(InvalidConfig::BlockTooShort(block));
    }
    if let Some(max) = flags.max_block_duration.filter(|max| *max != block) {
        return Err(InvalidConfig::BlockDurationsDiffer { min: block, max });
    }
    let retention = flags.retention;
    if !retention.is_zero() && retention < block {
        return Err(InvalidConfig::RetentionTooShort { retention, block });
    }
    if flags.tenant_label.is_empty() || flags.tenant_label == REPLICA.0 {
        return Err(InvalidConfig::TenantLabel(flags.tenant_label.clone()));
    }
    let db = DbOptions {
        block_range_ms: block.as_ms(),
        retention_ms: (!retention.is_zero()).then(|| retention.as_ms()),
        external_labels: BTreeMap::from([(REPLICA.0.to_owned(), REPLICA.1.to_owned())]),
        log: LogOptions {
            durability: flags.durability.0,
            compression: if flags.wal_compression { Compression::Snappy } else { Compression::None },
            ..LogOptions::default()
        },
        cores: cores(),
    };
    let external_labels = Labels::from_pairs([REPLICA])?;
    let dir = flags.data_dir.join(TENANTS_DIR);
    Ok(ingester::Config {
        tenant_label: flags.tenant_label.clone().into_bytes(),
        max_series: flags.max_series,
        // As in Thanos, 0 switches the check off.
        max_ahead: if flags.max_ahead.is_zero() { Duration::MAX } else { flags.max_ahead.as_std() },
        free_space_floor_bytes: flags.free_space_floor.0,
        ..ingester::Config::standalone(dir, db, default_tenant, external_labels)
    })
}

/// How many threads may work at once.
pub(super) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests;
