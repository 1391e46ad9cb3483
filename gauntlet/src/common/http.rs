//! Where a process listens.

use super::tls::{InvalidTls, ServerFiles};
use clap::Args;
use flags::{GoDuration, InvalidGoDuration, PromDuration};
use service::{GrpcLimits, HttpLimits, TlsServerConfig, TlsVersion};
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

/// A connection that may become as old as it likes.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// A handler may compute as long as a query may take; a connection must not be taken for idle before that.
const IDLE_MARGIN: Duration = Duration::from_secs(60);

/// The HTTP server of every sub-command.
#[derive(Debug, Clone, Args)]
pub(crate) struct HttpFlags {
    /// Where metrics, probes and the HTTP API are served
    #[arg(
        id = "http-address",
        long = "http-address",
        default_value = "0.0.0.0:10902",
        value_name = "HOST:PORT",
        help_heading = "Network"
    )]
    pub(crate) address: String,

    /// How long HTTP requests in flight may take when the process stops
    #[arg(
        id = "http-grace-period",
        long = "http-grace-period",
        default_value = "2m",
        value_name = "DURATION",
        help_heading = "Network"
    )]
    pub(crate) grace: PromDuration,
}

/// The gRPC server of the sub-commands that have one.
#[derive(Debug, Clone, Args)]
pub(crate) struct GrpcServerFlags {
    /// Where gRPC is served
    #[arg(
        id = "grpc-address",
        long = "grpc-address",
        default_value = "0.0.0.0:10901",
        value_name = "HOST:PORT",
        help_heading = "Network"
    )]
    pub(crate) address: String,

    /// The certificate of the gRPC server; empty: no TLS
    #[arg(
        id = "grpc-server-tls-cert",
        long = "grpc-server-tls-cert",
        default_value = "",
        value_name = "FILE",
        value_parser = optional_path,
        help_heading = "Network"
    )]
    pub(crate) cert: PathBuf,

    /// The key of that certificate
    #[arg(
        id = "grpc-server-tls-key",
        long = "grpc-server-tls-key",
        default_value = "",
        value_name = "FILE",
        value_parser = optional_path,
        help_heading = "Network"
    )]
    pub(crate) key: PathBuf,

    /// Who must have signed the certificates of clients; empty: clients need none
    #[arg(
        id = "grpc-server-tls-client-ca",
        long = "grpc-server-tls-client-ca",
        default_value = "",
        value_name = "FILE",
        value_parser = optional_path,
        help_heading = "Network"
    )]
    pub(crate) client_ca: PathBuf,

    /// The oldest version of TLS that is spoken: 1.2 or 1.3
    #[arg(
        id = "grpc-server-tls-min-version",
        long = "grpc-server-tls-min-version",
        default_value = "1.3",
        value_name = "VERSION",
        help_heading = "Network"
    )]
    pub(crate) min_version: TlsVersion,

    /// How old a connection may become before its client has to make a new one; 0 keeps it
    #[arg(
        id = "grpc-server-max-connection-age", long = "grpc-server-max-connection-age",
        default_value = "60m",
        value_name = "DURATION",
        value_parser = GoDuration::parse_flag,
        help_heading = "Network"
    )]
    pub(crate) max_connection_age: GoDuration,

    /// How long gRPC calls in flight may take when the process stops
    #[arg(
        id = "grpc-grace-period", long = "grpc-grace-period",
        default_value = "2m",
        value_name = "DURATION",
        value_parser = GoDuration::parse_flag,
        help_heading = "Network"
    )]
    pub(crate) grace: GoDuration,
}

/// A path as a flag's value, which may be empty: none. For clap, to which an empty path is an error.
pub(crate) fn optional_path(text: &str) -> Result<PathBuf, Infallible> {
    Ok(text.into())
}

/// A duration that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("--{flag}: {source}")]
pub(crate) struct InvalidDuration {
    flag: &'static str,
    source: InvalidGoDuration,
}

impl HttpFlags {
    /// What the server puts up with, where a handler may compute for `longest` before it answers.
    pub(crate) fn limits(&self, longest: Duration) -> HttpLimits {
        http_limits(self.grace, longest)
    }
}

/// As [`HttpFlags::limits`].
pub(crate) fn http_limits(grace: PromDuration, longest: Duration) -> HttpLimits {
    let limits = HttpLimits::default();
    HttpLimits { idle_time: limits.idle_time.max(longest + IDLE_MARGIN), grace: grace.as_std(), ..limits }
}

impl GrpcServerFlags {
    /// What the server puts up with.
    ///
    /// # Errors
    /// Durations below zero.
    pub(crate) fn limits(&self) -> Result<GrpcLimits, InvalidDuration> {
        let age = go_duration("grpc-server-max-connection-age", self.max_connection_age)?;
        let grace = go_duration("grpc-grace-period", self.grace)?;
        Ok(GrpcLimits { connection_age: if age.is_zero() { NEVER } else { age }, grace, ..GrpcLimits::default() })
    }
}

impl GrpcServerFlags {
    /// Its TLS; `None`: none.
    ///
    /// # Errors
    /// One file without the other.
    pub(crate) fn tls(&self) -> Result<Option<TlsServerConfig>, InvalidTls> {
        let Self { cert, key, client_ca, min_version, .. } = self;
        ServerFiles { prefix: "grpc-server-tls", cert, key, client_ca, min_version: *min_version }.read()
    }
}

/// The value of `flag`.
///
/// # Errors
/// It is below zero.
pub(crate) fn go_duration(flag: &'static str, value: GoDuration) -> Result<Duration, InvalidDuration> {
    value.as_std().map_err(|source| InvalidDuration { flag, source })
}

/// Thanos' names of the handlers of the query API, by path.
pub(crate) const QUERY_HANDLERS: [(&str, &str); 17] = [
    ("/api/v1/query", "query"),
    ("/api/v1/query_range", "query_range"),
    ("/api/v1/series", "series"),
    ("/api/v1/labels", "label_names"),
    ("/api/v1/label/{name}/values", "label_values"),
    ("/api/v1/stores", "stores"),
    ("/api/v1/query_exemplars", "exemplars"),
    ("/api/v1/metadata", "metadata"),
    ("/api/v1/rules", "rules"),
    ("/api/v1/alerts", "alerts"),
    ("/api/v1/status/buildinfo", "status_build"),
    ("/api/v1/status/flags", "status_flags"),
    ("/api/v1/status/runtimeinfo", "status_runtime"),
    ("/api/v1/status/tsdb", "status_tsdb"),
    ("/api/v1/admin/tsdb/delete_series", "delete_series"),
    ("/api/v1/admin/tsdb/clean_tombstones", "clean_tombstones"),
    ("/api/v1/admin/tsdb/snapshot", "snapshot"),
];
