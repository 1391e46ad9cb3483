//! What was accepted, checked.

use super::flags::{BlockFlags, Flags, LimitFlags};
use crate::common::{GrpcConfig, InvalidDuration, InvalidObjstore, InvalidTls, budget_bytes, go_duration};
use crate::known::NotYet;
use bucket::fetcher::FetchOptions;
use flags::TimeOrDuration;
use service::HttpLimits;
use std::num::NonZeroUsize;
use std::time::Duration;
use store::{BudgetLimits, RequestLimits, TimeBound, Within};

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) http_address: String,
    pub(crate) http: HttpLimits,
    pub(crate) cors: bool,
    pub(crate) grpc: GrpcConfig,
    pub(crate) bucket: bucket::Config,
    pub(crate) store: store::Config,
}

/// Why flags that were read cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidConfig {
    #[error(transparent)]
    NotYet(#[from] NotYet),
    #[error("no bucket: give --objstore.config-file or --objstore.config")]
    NoBucket,
    #[error("--{0} must be at least 1")]
    Zero(&'static str),
    #[error("--min-time is later than --max-time")]
    Backwards,
    #[error(transparent)]
    Objstore(#[from] InvalidObjstore),
    #[error(transparent)]
    Duration(#[from] InvalidDuration),
    #[error(transparent)]
    Tls(#[from] InvalidTls),
}

impl Config {
    /// Checks `flags`.
    ///
    /// # Errors
    /// Flags that contradict each other, or that this version does not honour.
    pub(crate) fn read(flags: Flags) -> Result<Self, InvalidConfig> {
        flags.known.check()?;
        flags.known.tell();
        let bucket = flags.objstore.read()?.ok_or(InvalidConfig::NoBucket)?;
        let store = store_config(&flags.blocks, &flags.limits)?;
        let grpc = GrpcConfig { limits: flags.grpc.limits()?, tls: flags.grpc.tls()?, address: flags.grpc.address };
        Ok(Self {
            http: flags.http.limits(Duration::ZERO),
            http_address: flags.http.address,
            cors: !flags.disable_cors,
            grpc,
            bucket,
            store,
        })
    }
}

fn store_config(blocks: &BlockFlags, limits: &LimitFlags) -> Result<store::Config, InvalidConfig> {
    let within = Within { min: bound(blocks.min_time), max: bound(blocks.max_time) };
    if let (TimeOrDuration::Time { ms: min }, TimeOrDuration::Time { ms: max }) = (blocks.min_time, blocks.max_time)
        && min > max
    {
        return Err(InvalidConfig::Backwards);
    }
    let count = |flag, count| NonZeroUsize::new(count).ok_or(InvalidConfig::Zero(flag));
    let total_bytes = budget_bytes(limits.memory.0);
    let defaults = store::Config::new(blocks.data_dir.clone());
    let either = |newer: u64, older: u64| if newer > 0 { Some(newer) } else { (older > 0).then_some(older) };
    Ok(store::Config {
        within,
        fetch: FetchOptions {
            concurrency: count("block-meta-fetch-concurrency", blocks.meta_concurrency)?,
            consistency_delay: blocks.consistency_delay.as_std(),
            ignore_deletion_marks_delay: blocks.deletion_marks_delay.as_std(),
            ..defaults.fetch
        },
        sync_interval: go_duration("sync-block-duration", blocks.sync_interval)?,
        sync_concurrency: count("block-sync-concurrency", blocks.sync_concurrency)?,
        memory: BudgetLimits { total_bytes, request_bytes: total_bytes / 2, ..defaults.memory },
        limits: RequestLimits {
            series: either(limits.series, limits.touched_series),
            samples: either(limits.samples, limits.series_samples),
            downloaded_bytes: (limits.downloaded.0 > 0).then_some(limits.downloaded.0),
        },
        series_concurrency: count("store.grpc.series-max-concurrency", limits.concurrency)?,
        ..defaults
    })
}

fn bound(of: TimeOrDuration) -> TimeBound {
    match of {
        TimeOrDuration::Time { ms } => TimeBound::At(ms),
        from_now @ TimeOrDuration::FromNow { .. } => TimeBound::FromNow(from_now.at_ms(0)),
    }
}

#[cfg(test)]
mod tests;
