//! The flags of `thanos receive`.

use super::known::Receive;
use crate::common::{GrpcServerFlags, HttpFlags, ObjstoreFlags, WalDurability, optional_path};
use crate::known::Given;
use clap::Args;
use flags::{ByteSize, LabelFlag, PromDuration};
use service::TlsVersion;
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
    pub(crate) write: WriteFlags,
    #[command(flatten)]
    pub(crate) ring: RingFlags,
    #[command(flatten)]
    pub(crate) tsdb: TsdbFlags,
    #[command(flatten)]
    pub(crate) known: Given<Receive>,
}

/// Remote write in.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Remote write")]
pub(crate) struct WriteFlags {
    /// Where remote write is served
    #[arg(
        id = "remote-write.address",
        long = "remote-write.address",
        default_value = "0.0.0.0:19291",
        value_name = "HOST:PORT"
    )]
    pub(crate) address: String,

    /// The certificate of that server; empty: no TLS
    #[arg(
        id = "remote-write.server-tls-cert",
        long = "remote-write.server-tls-cert",
        default_value = "",
        value_name = "FILE",
        value_parser = optional_path
    )]
    pub(crate) cert: PathBuf,

    /// The key of that certificate
    #[arg(
        id = "remote-write.server-tls-key",
        long = "remote-write.server-tls-key",
        default_value = "",
        value_name = "FILE",
        value_parser = optional_path
    )]
    pub(crate) key: PathBuf,

    /// Who must have signed the certificates of clients; empty: clients need none
    #[arg(
        id = "remote-write.server-tls-client-ca",
        long = "remote-write.server-tls-client-ca",
        default_value = "",
        value_name = "FILE",
        value_parser = optional_path
    )]
    pub(crate) client_ca: PathBuf,

    /// The oldest version of TLS that is spoken: 1.2 or 1.3
    #[arg(
        id = "remote-write.server-tls-min-version",
        long = "remote-write.server-tls-min-version",
        default_value = "1.3",
        value_name = "VERSION"
    )]
    pub(crate) min_version: TlsVersion,

    /// The header that names the tenant of a request
    #[arg(
        id = "receive.tenant-header",
        long = "receive.tenant-header",
        default_value = "THANOS-TENANT",
        value_name = "NAME"
    )]
    pub(crate) tenant_header: String,

    /// Whose a request without that header is
    #[arg(
        id = "receive.default-tenant-id",
        long = "receive.default-tenant-id",
        default_value = "default-tenant",
        value_name = "TENANT"
    )]
    pub(crate) default_tenant: String,

    /// The label that holds the tenant when series are read
    #[arg(
        id = "receive.tenant-label-name",
        long = "receive.tenant-label-name",
        default_value = "tenant_id",
        value_name = "NAME"
    )]
    pub(crate) tenant_label: String,

    /// A label whose value is the tenant of its series, in place of the header; empty: none
    #[arg(
        id = "receive.split-tenant-label-name",
        long = "receive.split-tenant-label-name",
        default_value = "",
        value_name = "NAME"
    )]
    pub(crate) split_tenant_label: String,

    /// The header by which receivers number replicas
    #[arg(
        id = "receive.replica-header",
        long = "receive.replica-header",
        default_value = "THANOS-REPLICA",
        value_name = "NAME"
    )]
    pub(crate) replica_header: String,

    /// Requests to the Store API may take so many series at most; 0: no limit
    #[arg(
        id = "store.limits.request-series",
        long = "store.limits.request-series",
        default_value_t = 0,
        value_name = "N"
    )]
    pub(crate) store_series: u64,

    /// And so many samples at most; 0: no limit
    #[arg(
        id = "store.limits.request-samples",
        long = "store.limits.request-samples",
        default_value_t = 0,
        value_name = "N"
    )]
    pub(crate) store_samples: u64,
}

/// Who stores which series.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Hash ring")]
pub(crate) struct RingFlags {
    /// A JSON file that says which endpoints store whose series; without it this process stores everything itself
    #[arg(id = "receive.hashrings-file", long = "receive.hashrings-file", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// The same, as text
    #[arg(id = "receive.hashrings", long = "receive.hashrings", value_name = "JSON")]
    pub(crate) text: Option<String>,

    /// How series are spread where the file does not say it: hashmod or ketama
    #[arg(id = "receive.hashrings-algorithm", long = "receive.hashrings-algorithm", default_value = "hashmod", value_parser = ["hashmod", "ketama"])]
    pub(crate) algorithm: String,

    /// How often the file is read again, besides when it changes
    #[arg(
        id = "receive.hashrings-file-refresh-interval",
        long = "receive.hashrings-file-refresh-interval",
        default_value = "5m",
        value_name = "DURATION"
    )]
    pub(crate) refresh_interval: PromDuration,

    /// Which endpoint of the ring this process is; without it, it only routes
    #[arg(id = "receive.local-endpoint", long = "receive.local-endpoint", value_name = "HOST:PORT")]
    pub(crate) local_endpoint: Option<String>,

    /// How many endpoints store each series
    #[arg(
        id = "receive.replication-factor",
        long = "receive.replication-factor",
        default_value_t = 1,
        value_name = "N"
    )]
    pub(crate) replication_factor: u64,

    /// Requests in flight to one endpoint
    #[arg(
        id = "receive.forward.async-workers",
        long = "receive.forward.async-workers",
        default_value_t = 5,
        value_name = "N"
    )]
    pub(crate) workers: u32,

    /// How requests to endpoints are compressed: snappy or none
    #[arg(id = "receive.grpc-compression", long = "receive.grpc-compression", default_value = "snappy", value_parser = ["snappy", "none"])]
    pub(crate) compression: String,

    /// How long storing a request may take, all endpoints together
    #[arg(
        id = "receive-forward-timeout",
        long = "receive-forward-timeout",
        default_value = "5s",
        value_name = "DURATION",
        hide = true
    )]
    pub(crate) timeout: PromDuration,

    /// The longest an endpoint that was not reached is left alone
    #[arg(
        id = "receive-forward-max-backoff",
        long = "receive-forward-max-backoff",
        default_value = "5s",
        value_name = "DURATION",
        hide = true
    )]
    pub(crate) max_backoff: PromDuration,

    /// Which form of request endpoints understand: released (Thanos up to 0.42, and this program) or head (Thanos from 0.43 on)
    #[arg(id = "receive.forward.format", long = "receive.forward.format", default_value = "released", value_parser = ["released", "head"])]
    pub(crate) format: String,

    /// Speak TLS with endpoints
    #[arg(id = "remote-write.client-tls-secure", long = "remote-write.client-tls-secure")]
    pub(crate) tls: bool,

    /// Do not check the certificates of endpoints
    #[arg(id = "remote-write.client-tls-skip-verify", long = "remote-write.client-tls-skip-verify")]
    pub(crate) skip_verify: bool,

    /// The certificate to show to endpoints
    #[arg(
        id = "remote-write.client-tls-cert",
        long = "remote-write.client-tls-cert",
        default_value = "",
        value_name = "FILE",
        value_parser = optional_path
    )]
    pub(crate) cert: PathBuf,

    /// The key of that certificate
    #[arg(
        id = "remote-write.client-tls-key",
        long = "remote-write.client-tls-key",
        default_value = "",
        value_name = "FILE",
        value_parser = optional_path
    )]
    pub(crate) key: PathBuf,

    /// Who must have signed the certificates of endpoints; empty: whom the system trusts
    #[arg(
        id = "remote-write.client-tls-ca",
        long = "remote-write.client-tls-ca",
        default_value = "",
        value_name = "FILE",
        value_parser = optional_path
    )]
    pub(crate) ca: PathBuf,

    /// The name that the certificates of endpoints must bear, in place of the address
    #[arg(
        id = "remote-write.client-server-name",
        long = "remote-write.client-server-name",
        default_value = "",
        value_name = "NAME"
    )]
    pub(crate) server_name: String,
}

/// How samples are kept.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub(crate) struct TsdbFlags {
    /// The directory that holds a data directory of Prometheus for each tenant
    #[arg(id = "tsdb.path", long = "tsdb.path", default_value = "./data", value_name = "DIR")]
    pub(crate) path: PathBuf,

    /// An external label of all series, as name="value"; at least one is needed where samples are stored
    #[arg(id = "label", long = "label", value_name = "NAME=\"VALUE\"")]
    pub(crate) labels: Vec<LabelFlag>,

    /// How long samples are kept here; 0d keeps them for ever
    #[arg(id = "tsdb.retention", long = "tsdb.retention", default_value = "15d", value_name = "DURATION")]
    pub(crate) retention: PromDuration,

    /// The time one block covers
    #[arg(
        id = "tsdb.min-block-duration",
        long = "tsdb.min-block-duration",
        default_value = "2h",
        value_name = "DURATION",
        hide = true
    )]
    pub(crate) min_block_duration: PromDuration,

    /// The same again
    #[arg(
        id = "tsdb.max-block-duration",
        long = "tsdb.max-block-duration",
        default_value = "2h",
        value_name = "DURATION",
        hide = true
    )]
    pub(crate) max_block_duration: PromDuration,

    /// How far ahead of this machine's clock a sample may be; 0s: as far as it likes
    #[arg(
        id = "tsdb.too-far-in-future.time-window",
        long = "tsdb.too-far-in-future.time-window",
        default_value = "0s",
        value_name = "DURATION"
    )]
    pub(crate) max_ahead: PromDuration,

    /// How far behind the newest sample of its tenant a sample may be that is older than the newest of its series; 0s: none is
    /// taken
    #[arg(
        id = "tsdb.out-of-order.time-window",
        long = "tsdb.out-of-order.time-window",
        default_value = "0s",
        value_name = "DURATION"
    )]
    pub(crate) late_window: PromDuration,

    /// So many such samples of a series wait in memory before they become a chunk, at most 255; 0 and less: 32
    #[arg(
        id = "tsdb.out-of-order.cap-max",
        long = "tsdb.out-of-order.cap-max",
        default_value_t = 0,
        allow_negative_numbers = true,
        value_name = "N"
    )]
    pub(crate) late_cap: i64,

    /// Write the heads as snapshots when the process stops, so that the next start need not replay the log
    #[arg(id = "tsdb.memory-snapshot-on-shutdown", long = "tsdb.memory-snapshot-on-shutdown", default_value_t = true)]
    pub(crate) snapshot_at_end: bool,

    /// How often snapshots of the heads are written meanwhile, for a start after a crash, and sooner where as much was logged as
    /// one takes; 0s: never
    #[arg(
        id = "tsdb.memory-snapshot-interval",
        long = "tsdb.memory-snapshot-interval",
        default_value = "10m",
        value_name = "DURATION"
    )]
    pub(crate) snapshot_interval: PromDuration,

    /// Compress the write-ahead log with snappy
    #[arg(id = "tsdb.wal-compression", long = "tsdb.wal-compression", default_value_t = true)]
    pub(crate) wal_compression: bool,

    /// What a write waits for before it is acknowledged: fsync (the disk), write (the operating system, as in Thanos) or none
    #[arg(id = "tsdb.wal-durability", long = "tsdb.wal-durability", default_value = "fsync", value_name = "LEVEL")]
    pub(crate) durability: WalDurability,

    /// While less space is free below the data directory, writes are refused with 503; 0 switches that off
    #[arg(id = "tsdb.free-space-floor", long = "tsdb.free-space-floor", default_value = "512MB", value_name = "SIZE")]
    pub(crate) free_space_floor: ByteSize,

    /// How many exemplars are kept for one tenant, the newest; 0: none
    #[arg(id = "tsdb.max-exemplars", long = "tsdb.max-exemplars", default_value_t = 0, value_name = "N")]
    pub(crate) max_exemplars: usize,

    /// The most active series of one tenant; 0: no limit
    #[arg(id = "receive.max-series", long = "receive.max-series", default_value_t = 0, value_name = "N")]
    pub(crate) max_series: u64,
}
