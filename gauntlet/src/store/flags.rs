//! The flags of `thanos store`.

use super::known::StoreTable;
use crate::common::{GrpcServerFlags, HttpFlags, ObjstoreFlags};
use crate::known::Given;
use clap::Args;
use flags::{ByteSize, GoDuration, PromDuration, TimeOrDuration};
use std::path::PathBuf;

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) grpc: GrpcServerFlags,
    #[command(flatten)]
    pub(crate) objstore: ObjstoreFlags,
    #[command(flatten)]
    pub(crate) blocks: BlockFlags,
    #[command(flatten)]
    pub(crate) limits: LimitFlags,
    #[command(flatten)]
    pub(crate) known: Given<StoreTable>,

    /// Do not let web pages of other origins read answers
    #[arg(id = "web.disable-cors", long = "web.disable-cors", help_heading = "Network")]
    pub(crate) disable_cors: bool,
}

/// Which blocks are served.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Blocks")]
pub(crate) struct BlockFlags {
    /// The directory for what is kept of blocks here; it may be lost
    #[arg(id = "data-dir", long = "data-dir", default_value = "./data", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,

    /// How often the bucket is listed
    #[arg(
        id = "sync-block-duration", long = "sync-block-duration",
        default_value = "15m",
        value_name = "DURATION",
        value_parser = GoDuration::parse_flag
    )]
    pub(crate) sync_interval: GoDuration,

    /// Blocks that are opened at once
    #[arg(id = "block-sync-concurrency", long = "block-sync-concurrency", default_value_t = 20, value_name = "N")]
    pub(crate) sync_concurrency: usize,

    /// Files meta.json that are read at once
    #[arg(
        id = "block-meta-fetch-concurrency",
        long = "block-meta-fetch-concurrency",
        default_value_t = 32,
        value_name = "N"
    )]
    pub(crate) meta_concurrency: usize,

    /// Serve nothing before: a time by RFC 3339, or a duration from now such as -6w
    #[arg(
        id = "min-time",
        long = "min-time",
        default_value = "0000-01-01T00:00:00Z",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    pub(crate) min_time: TimeOrDuration,

    /// Serve nothing after
    #[arg(
        id = "max-time",
        long = "max-time",
        default_value = "9999-12-31T23:59:59Z",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    pub(crate) max_time: TimeOrDuration,

    /// How old a block must be before it is served
    #[arg(id = "consistency-delay", long = "consistency-delay", default_value = "0s", value_name = "DURATION")]
    pub(crate) consistency_delay: PromDuration,

    /// How long a block is still served that was marked for deletion
    #[arg(
        id = "ignore-deletion-marks-delay",
        long = "ignore-deletion-marks-delay",
        default_value = "24h",
        value_name = "DURATION"
    )]
    pub(crate) deletion_marks_delay: PromDuration,
}

/// What a request may take.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitFlags {
    /// Memory that all requests together may take
    #[arg(id = "chunk-pool-size", long = "chunk-pool-size", default_value = "2GB", value_name = "SIZE")]
    pub(crate) memory: ByteSize,

    /// Requests for series that are answered at once
    #[arg(
        id = "store.grpc.series-max-concurrency",
        long = "store.grpc.series-max-concurrency",
        default_value_t = 20,
        value_name = "N"
    )]
    pub(crate) concurrency: usize,

    /// The most series of one request; 0: no limit
    #[arg(
        id = "store.limits.request-series",
        long = "store.limits.request-series",
        default_value_t = 0,
        value_name = "N"
    )]
    pub(crate) series: u64,

    /// The most samples of one request; 0: no limit
    #[arg(
        id = "store.limits.request-samples",
        long = "store.limits.request-samples",
        default_value_t = 0,
        value_name = "N"
    )]
    pub(crate) samples: u64,

    /// The older name of store.limits.request-series
    #[arg(
        id = "store.grpc.touched-series-limit",
        long = "store.grpc.touched-series-limit",
        default_value_t = 0,
        value_name = "N",
        hide = true
    )]
    pub(crate) touched_series: u64,

    /// The older name of store.limits.request-samples
    #[arg(
        id = "store.grpc.series-sample-limit",
        long = "store.grpc.series-sample-limit",
        default_value_t = 0,
        value_name = "N",
        hide = true
    )]
    pub(crate) series_samples: u64,

    /// The most bytes that one request may fetch; 0: no limit
    #[arg(
        id = "store.grpc.downloaded-bytes-limit",
        long = "store.grpc.downloaded-bytes-limit",
        default_value = "0",
        value_name = "SIZE"
    )]
    pub(crate) downloaded: ByteSize,
}
