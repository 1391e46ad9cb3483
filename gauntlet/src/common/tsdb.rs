//! How samples are kept, checked.

use flags::{ByteSize, PromDuration};
use model::{Labels, TenantId};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use tsdb::db::{DbOptions, Snapshots};
use tsdb::head::OutOfOrder;
use tsdb::wal::{Compression, Durability, LogOptions};

/// The narrowest block worth cutting.
const MIN_BLOCK_MS: i64 = 60_000;

/// What flags say of it.
#[derive(Debug, Clone)]
pub(crate) struct TsdbSettings {
    /// Has a data directory for each tenant.
    pub(crate) dir: PathBuf,
    pub(crate) block: PromDuration,
    pub(crate) max_block: PromDuration,
    pub(crate) retention: PromDuration,
    pub(crate) max_ahead: PromDuration,
    /// How late samples may come; zero: they are refused.
    pub(crate) late_window: PromDuration,
    /// 0 and less: the default.
    pub(crate) late_cap: i64,
    pub(crate) snapshot_at_end: bool,
    /// How often the heads are written as snapshots at least; zero: not before the end.
    pub(crate) snapshot_interval: PromDuration,
    pub(crate) durability: WalDurability,
    pub(crate) wal_compression: bool,
    pub(crate) free_space_floor: ByteSize,
    /// 0: no limit.
    pub(crate) max_series: u64,
    /// Of one tenant; 0: none are kept.
    pub(crate) max_exemplars: usize,
    pub(crate) external_labels: Labels,
    pub(crate) tenant_label: String,
    pub(crate) default_tenant: TenantId,
}

/// Why samples cannot be kept like that.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidTsdb {
    #[error("--tsdb.min-block-duration is {0}, at least 1m is needed")]
    BlockTooShort(PromDuration),
    #[error(
        "--tsdb.max-block-duration is {max} and --tsdb.min-block-duration {min}: blocks are not merged into longer ones in \
         this version, leave the former out"
    )]
    BlockDurationsDiffer { min: PromDuration, max: PromDuration },
    #[error(
        "--tsdb.retention is {retention}, shorter than one block of {block}: it would remove blocks as they are cut"
    )]
    RetentionTooShort { retention: PromDuration, block: PromDuration },
    #[error("--tsdb.out-of-order.cap-max is {0}, at most {most} is possible", most = OutOfOrder::MAX_CAP)]
    LateCapTooLarge(i64),
    #[error(
        "--receive.tenant-label-name is {0:?}; another name than those of external labels is needed, and not an empty one"
    )]
    TenantLabel(String),
}

impl TsdbSettings {
    /// The ingester's configuration.
    ///
    /// # Errors
    /// Settings that contradict each other.
    pub(crate) fn config(self) -> Result<ingester::Config, InvalidTsdb> {
        let Self { block, max_block, retention, .. } = self;
        if block.as_ms() < MIN_BLOCK_MS {
            return Err(InvalidTsdb::BlockTooShort(block));
        }
        if max_block != block {
            return Err(InvalidTsdb::BlockDurationsDiffer { min: block, max: max_block });
        }
        if !retention.is_zero() && retention < block {
            return Err(InvalidTsdb::RetentionTooShort { retention, block });
        }
        if self.tenant_label.is_empty() || self.external_labels.get(self.tenant_label.as_bytes()).is_some() {
            return Err(InvalidTsdb::TenantLabel(self.tenant_label));
        }
        let out_of_order = OutOfOrder { window_ms: self.late_window.as_ms(), cap: late_cap(self.late_cap)? };
        let compression = if self.wal_compression { Compression::Snappy } else { Compression::None };
        let db = DbOptions {
            block_range_ms: block.as_ms(),
            retention_ms: (!retention.is_zero()).then(|| retention.as_ms()),
            // The ingester adds those of each tenant.
            external_labels: BTreeMap::new(),
            log: LogOptions { durability: self.durability.0, compression, ..LogOptions::default() },
            out_of_order,
            // As Thanos does unless told otherwise.
            max_exemplars: self.max_exemplars,
            snapshots: Snapshots {
                at_end: self.snapshot_at_end,
                every_ms: (!self.snapshot_interval.is_zero()).then(|| self.snapshot_interval.as_ms()),
                ..Snapshots::NEVER
            },
            cores: cores(),
        };
        Ok(ingester::Config {
            tenant_label: self.tenant_label.into_bytes(),
            max_series: if self.max_series == 0 { u64::MAX } else { self.max_series },
            // As in Thanos, 0 switches the check off.
            max_ahead: if self.max_ahead.is_zero() { Duration::MAX } else { self.max_ahead.as_std() },
            free_space_floor_bytes: self.free_space_floor.0,
            ..ingester::Config::standalone(self.dir, db, self.default_tenant, self.external_labels)
        })
    }
}

/// As in Thanos, what is not above zero stands for the default; Prometheus refuses what does not fit a byte.
fn late_cap(cap: i64) -> Result<u32, InvalidTsdb> {
    match u32::try_from(cap) {
        Err(_) if cap > 0 => Err(InvalidTsdb::LateCapTooLarge(cap)),
        Err(_) | Ok(0) => Ok(OutOfOrder::default().cap),
        Ok(cap) if cap <= OutOfOrder::MAX_CAP => Ok(cap),
        Ok(_) => Err(InvalidTsdb::LateCapTooLarge(cap)),
    }
}

/// How many threads may work at once.
pub(crate) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// [`Durability`] by the name it has as a flag's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WalDurability(pub(crate) Durability);

/// A name that is none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("enum value must be one of fsync,write,none, got '{0}'")]
pub(crate) struct UnknownDurability(String);

impl FromStr for WalDurability {
    type Err = UnknownDurability;

    fn from_str(text: &str) -> Result<Self, UnknownDurability> {
        match text {
            "fsync" => Ok(Self(Durability::Synced)),
            "write" => Ok(Self(Durability::Written)),
            "none" => Ok(Self(Durability::Buffered)),
            other => Err(UnknownDurability(other.to_owned())),
        }
    }
}
