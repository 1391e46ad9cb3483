//! What can be typed. The names are those of Thanos' sub-commands (`receive`, `query`) where these have them, else
//! Prometheus', else ours.

use crate::common::WalDurability;
use clap::Args;
use flags::{ByteSize, GoDuration, PromDuration};
use std::path::PathBuf;

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    /// The directory for everything that is kept; a data directory of Prometheus for each tenant below `receive/`
    #[arg(long = "data-dir", default_value = "./data", value_name = "DIR", help_heading = "Storage")]
    pub(crate) data_dir: PathBuf,

    /// How long samples are kept; 0d keeps them for ever
    #[arg(long = "tsdb.retention", default_value = "15d", value_name = "DURATION", help_heading = "Storage")]
    pub(crate) retention: PromDuration,

    /// The time one block covers
    #[arg(long = "tsdb.min-block-duration", default_value = "2h", value_name = "DURATION", help_heading = "Storage")]
    pub(crate) min_block_duration: PromDuration,

    /// The same again, if given: blocks are not merged into longer ones yet
    #[arg(long = "tsdb.max-block-duration", value_name = "DURATION", help_heading = "Storage")]
    pub(crate) max_block_duration: Option<PromDuration>,

    /// How far ahead of this machine's clock a sample may be; 0s: as far as it likes
    #[arg(
        long = "tsdb.too-far-in-future.time-window",
        default_value = "10m",
        value_name = "DURATION",
        help_heading = "Storage"
    )]
    pub(crate) max_ahead: PromDuration,

    /// How far behind the newest sample a sample may be that is older than the newest of its series; 0s: none is taken
    #[arg(
        long = "tsdb.out-of-order.time-window",
        default_value = "0s",
        value_name = "DURATION",
        help_heading = "Storage"
    )]
    pub(crate) late_window: PromDuration,

    /// So many such samples of a series wait in memory before they become a chunk, at most 255; 0 and less: 32
    #[arg(
        long = "tsdb.out-of-order.cap-max",
        default_value_t = 0,
        allow_negative_numbers = true,
        value_name = "N",
        help_heading = "Storage"
    )]
    pub(crate) late_cap: i64,

    /// Write the heads as snapshots when the process stops, so that the next start need not replay the log
    #[arg(long = "tsdb.memory-snapshot-on-shutdown", default_value_t = true, help_heading = "Storage")]
    pub(crate) snapshot_at_end: bool,

    /// How often snapshots of the heads are written meanwhile, for a start after a crash, and sooner where as much was logged as
    /// one takes; 0s: never
    #[arg(
        long = "tsdb.memory-snapshot-interval",
        default_value = "10m",
        value_name = "DURATION",
        help_heading = "Storage"
    )]
    pub(crate) snapshot_interval: PromDuration,

    /// What a write waits for before it is acknowledged: fsync (the disk), write (the operating system, as in Prometheus) or
    /// none
    #[arg(long = "tsdb.wal-durability", default_value = "fsync", value_name = "LEVEL", help_heading = "Storage")]
    pub(crate) durability: WalDurability,

    /// Compress the write-ahead log with snappy
    #[arg(long = "tsdb.wal-compression", default_value_t = true, help_heading = "Storage")]
    pub(crate) wal_compression: bool,

    /// While less space is free below the data directory, writes are refused with 503; 0 switches that off
    #[arg(long = "tsdb.free-space-floor", default_value = "512MB", value_name = "SIZE", help_heading = "Storage")]
    pub(crate) free_space_floor: ByteSize,

    /// How many exemplars are kept for one tenant, the newest; 0: none
    #[arg(long = "tsdb.max-exemplars", default_value_t = 100_000, value_name = "N", help_heading = "Storage")]
    pub(crate) max_exemplars: usize,

    /// The most active series of one tenant
    #[arg(long = "receive.max-series", default_value_t = 1_000_000, value_name = "N", help_heading = "Remote write")]
    pub(crate) max_series: u64,

    /// The header that names the tenant of a request
    #[arg(
        long = "receive.tenant-header",
        default_value = "THANOS-TENANT",
        value_name = "NAME",
        help_heading = "Remote write"
    )]
    pub(crate) tenant_header: String,

    /// Whose a request without that header is
    #[arg(
        long = "receive.default-tenant-id",
        default_value = "default-tenant",
        value_name = "TENANT",
        help_heading = "Remote write"
    )]
    pub(crate) default_tenant: String,

    /// The label that holds the tenant when series are read
    #[arg(
        long = "receive.tenant-label-name",
        default_value = "tenant_id",
        value_name = "NAME",
        help_heading = "Remote write"
    )]
    pub(crate) tenant_label: String,

    /// The longest a query may take
    #[arg(long = "query.timeout", default_value = "2m", value_name = "DURATION", help_heading = "Queries")]
    pub(crate) query_timeout: PromDuration,

    /// Queries that run at once; more wait
    #[arg(long = "query.max-concurrent", default_value_t = 20, value_name = "N", help_heading = "Queries")]
    pub(crate) max_concurrent: usize,

    /// The most samples one query may load
    #[arg(long = "query.max-samples", default_value_t = 50_000_000, value_name = "N", help_heading = "Queries")]
    pub(crate) max_samples: usize,

    /// Memory that all queries together may take
    #[arg(long = "query.max-memory", default_value = "2GB", value_name = "SIZE", help_heading = "Queries")]
    pub(crate) query_memory: ByteSize,

    /// Memory that one query may take
    #[arg(long = "query.max-memory-per-query", default_value = "1GB", value_name = "SIZE", help_heading = "Queries")]
    pub(crate) memory_per_query: ByteSize,

    /// How far back a selector looks for the newest sample
    #[arg(
        long = "query.lookback-delta",
        default_value = "5m",
        value_name = "DURATION",
        value_parser = GoDuration::parse_flag,
        help_heading = "Queries"
    )]
    pub(crate) lookback: GoDuration,

    /// A feature of the language that is off by default, such as promql-experimental-functions
    #[arg(long = "enable-feature", value_name = "NAME", value_delimiter = ',', help_heading = "Queries")]
    pub(crate) features: Vec<String>,

    /// The smallest step of a range query that names none
    #[arg(long = "query.default-step", default_value = "1s", value_name = "DURATION", help_heading = "Queries")]
    pub(crate) default_step: PromDuration,

    /// Where HTTP is served: remote write, queries, metrics, probes
    #[arg(
        long = "http-address",
        default_value = "127.0.0.1:10902",
        value_name = "HOST:PORT",
        help_heading = "Network"
    )]
    pub(crate) http_address: String,

    /// How long requests in flight may take when the process stops
    #[arg(long = "http-grace-period", default_value = "2m", value_name = "DURATION", help_heading = "Network")]
    pub(crate) http_grace: PromDuration,

    /// Where gRPC is served: the Store API over all there is, and writes of routers
    #[arg(
        long = "grpc-address",
        default_value = "127.0.0.1:10901",
        value_name = "HOST:PORT",
        help_heading = "Network"
    )]
    pub(crate) grpc_address: String,

    /// Answer `/api/v1/admin/tsdb/delete_series`, `clean_tombstones` and `snapshot`: whoever reaches the HTTP port may then delete
    #[arg(long = "web.enable-admin-api", help_heading = "Network")]
    pub(crate) enable_admin_api: bool,

    /// Do not let web pages of other origins read answers
    #[arg(long = "web.disable-cors", help_heading = "Network")]
    pub(crate) disable_cors: bool,
}
