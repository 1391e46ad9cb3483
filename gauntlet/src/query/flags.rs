//! The flags of `thanos query`.

use super::known::QueryTable;
use crate::common::{GrpcServerFlags, HttpFlags, optional_path};
use crate::known::Given;
use clap::Args;
use flags::{ByteSize, GoDuration, PromDuration};
use std::path::PathBuf;

#[derive(Debug, Clone, Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) grpc: GrpcServerFlags,
    #[command(flatten)]
    pub(crate) endpoints: EndpointFlags,
    #[command(flatten)]
    pub(crate) query: QueryFlags,
    #[command(flatten)]
    pub(crate) tenancy: TenancyFlags,
    #[command(flatten)]
    pub(crate) known: Given<QueryTable>,

    /// Do not let web pages of other origins read answers
    #[arg(id = "web.disable-cors", long = "web.disable-cors", help_heading = "Network")]
    pub(crate) disable_cors: bool,
}

/// Whom to ask, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Endpoints")]
pub(crate) struct EndpointFlags {
    /// A server of the Store API: host:port, or found by DNS: dns+host:port, dnssrv+name, dnssrvnoa+name, dnsdualstack+host:port
    #[arg(id = "endpoint", long = "endpoint", value_name = "ADDRESS", aliases = ["store", "rule", "target", "metadata", "exemplar"])]
    pub(crate) endpoints: Vec<String>,

    /// One that is asked always, whether it answers or not
    #[arg(id = "endpoint-strict", long = "endpoint-strict", value_name = "HOST:PORT", alias = "store-strict")]
    pub(crate) strict: Vec<String>,

    /// How long a question for what an endpoint holds may take, and how often it is asked
    #[arg(
        id = "endpoint.info-timeout",
        long = "endpoint.info-timeout",
        default_value = "5s",
        value_name = "DURATION",
        hide = true
    )]
    pub(crate) info_timeout: PromDuration,

    /// How long an endpoint that does not answer is still listed
    #[arg(
        id = "store.unhealthy-timeout",
        long = "store.unhealthy-timeout",
        default_value = "5m",
        value_name = "DURATION"
    )]
    pub(crate) unhealthy_timeout: PromDuration,

    /// How often names are resolved again
    #[arg(
        id = "store.sd-dns-interval",
        long = "store.sd-dns-interval",
        default_value = "30s",
        value_name = "DURATION"
    )]
    pub(crate) dns_interval: PromDuration,

    /// The longest wait for the next part of an answer, after which its endpoint is given up; 0: no bound
    #[arg(
        id = "store.response-timeout",
        long = "store.response-timeout",
        default_value = "0ms",
        value_name = "DURATION"
    )]
    pub(crate) response_timeout: PromDuration,

    /// How requests are compressed: none or snappy
    #[arg(id = "grpc-compression", long = "grpc-compression", default_value = "none", value_parser = ["snappy", "none"])]
    pub(crate) compression: String,

    /// Speak TLS with endpoints
    #[arg(id = "grpc-client-tls-secure", long = "grpc-client-tls-secure")]
    pub(crate) tls: bool,

    /// Do not check the certificates of endpoints
    #[arg(id = "grpc-client-tls-skip-verify", long = "grpc-client-tls-skip-verify")]
    pub(crate) skip_verify: bool,

    /// The certificate to show to endpoints
    #[arg(id = "grpc-client-tls-cert", long = "grpc-client-tls-cert", default_value = "", value_name = "FILE", value_parser = optional_path)]
    pub(crate) cert: PathBuf,

    /// The key of that certificate
    #[arg(id = "grpc-client-tls-key", long = "grpc-client-tls-key", default_value = "", value_name = "FILE", value_parser = optional_path)]
    pub(crate) key: PathBuf,

    /// Who must have signed the certificates of endpoints; empty: whom the system trusts
    #[arg(id = "grpc-client-tls-ca", long = "grpc-client-tls-ca", default_value = "", value_name = "FILE", value_parser = optional_path)]
    pub(crate) ca: PathBuf,

    /// The name that the certificates of endpoints must bear, in place of the address
    #[arg(id = "grpc-client-server-name", long = "grpc-client-server-name", default_value = "", value_name = "NAME")]
    pub(crate) server_name: String,
}

/// How queries are run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Queries")]
pub(crate) struct QueryFlags {
    /// The longest a query may take
    #[arg(id = "query.timeout", long = "query.timeout", default_value = "2m", value_name = "DURATION")]
    pub(crate) timeout: PromDuration,

    /// Queries that run at once; more wait
    #[arg(id = "query.max-concurrent", long = "query.max-concurrent", default_value_t = 20, value_name = "N")]
    pub(crate) max_concurrent: usize,

    /// How far back a selector looks for the newest sample; without it, 5m
    #[arg(id = "query.lookback-delta", long = "query.lookback-delta", value_name = "DURATION", value_parser = GoDuration::parse_flag)]
    pub(crate) lookback: Option<GoDuration>,

    /// The smallest step of a range query that names none
    #[arg(id = "query.default-step", long = "query.default-step", default_value = "1s", value_name = "DURATION")]
    pub(crate) default_step: PromDuration,

    /// A feature of the language that is off by default, such as promql-experimental-functions
    #[arg(id = "enable-feature", long = "enable-feature", value_name = "NAME", value_delimiter = ',')]
    pub(crate) features: Vec<String>,

    /// A label that tells replicas of the same series apart
    #[arg(id = "query.replica-label", long = "query.replica-label", value_name = "NAME")]
    pub(crate) replica_labels: Vec<String>,

    /// How replicas become one: penalty or chain
    #[arg(id = "deduplication.func", long = "deduplication.func", default_value = "penalty", value_parser = ["penalty", "chain"])]
    pub(crate) dedup: String,

    /// Whether an endpoint that fails is a warning where a request does not say it
    #[arg(id = "query.partial-response", long = "query.partial-response", default_value_t = true)]
    pub(crate) partial_response: bool,

    /// Read downsampled data where the step allows and a request does not say it
    #[arg(id = "query.auto-downsampling", long = "query.auto-downsampling")]
    pub(crate) auto_downsampling: bool,

    /// The most samples one query may load
    #[arg(id = "query.max-samples", long = "query.max-samples", default_value_t = 50_000_000, value_name = "N")]
    pub(crate) max_samples: usize,

    /// Memory that all queries together may take
    #[arg(id = "query.max-memory", long = "query.max-memory", default_value = "2GB", value_name = "SIZE")]
    pub(crate) memory: ByteSize,

    /// Memory that one query may take
    #[arg(
        id = "query.max-memory-per-query",
        long = "query.max-memory-per-query",
        default_value = "1GB",
        value_name = "SIZE"
    )]
    pub(crate) memory_per_query: ByteSize,

    /// The most series that one request to this process' own Store API may take; 0: no limit
    #[arg(
        id = "store.limits.request-series",
        long = "store.limits.request-series",
        default_value_t = 0,
        value_name = "N"
    )]
    pub(crate) store_series: u64,

    /// And the most samples; 0: no limit
    #[arg(
        id = "store.limits.request-samples",
        long = "store.limits.request-samples",
        default_value_t = 0,
        value_name = "N"
    )]
    pub(crate) store_samples: u64,
}

/// Who asks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tenants")]
pub(crate) struct TenancyFlags {
    /// The header that names the tenant of a request
    #[arg(
        id = "query.tenant-header",
        long = "query.tenant-header",
        default_value = "THANOS-TENANT",
        value_name = "NAME"
    )]
    pub(crate) header: String,

    /// Whose a request without that header is
    #[arg(
        id = "query.default-tenant-id",
        long = "query.default-tenant-id",
        default_value = "default-tenant",
        value_name = "TENANT"
    )]
    pub(crate) default_tenant: String,

    /// Answer with the series of the tenant only
    #[arg(id = "query.enforce-tenancy", long = "query.enforce-tenancy")]
    pub(crate) enforce: bool,

    /// The label that holds the tenant of a series
    #[arg(
        id = "query.tenant-label-name",
        long = "query.tenant-label-name",
        default_value = "tenant_id",
        value_name = "NAME"
    )]
    pub(crate) label: String,
}
