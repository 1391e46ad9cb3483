//! `http_config`: how connections to object storage are kept.

use super::zero::{YamlDuration, or_zero};
use flags::PromDuration;
use serde::{Deserialize, Serialize};

/// `http_config`, with Thanos' defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// How long a connection may lie idle.
    #[serde(deserialize_with = "or_zero")]
    pub idle_conn_timeout: YamlDuration,
    /// How long an answer may be silent; 0: for ever.
    #[serde(deserialize_with = "or_zero")]
    pub response_header_timeout: YamlDuration,
    #[serde(deserialize_with = "or_zero")]
    pub insecure_skip_verify: bool,
    /// How long connecting may take; 0: for ever.
    #[serde(deserialize_with = "or_zero")]
    pub tls_handshake_timeout: YamlDuration,
    /// Nothing here waits for a 100 Continue: kept so that the key is known.
    #[serde(deserialize_with = "or_zero")]
    pub expect_continue_timeout: YamlDuration,
    /// All requests go to one host: the smaller of this (unless 0) and the next counts.
    #[serde(deserialize_with = "or_zero")]
    pub max_idle_conns: u32,
    /// 0 is 2, as in Go.
    #[serde(deserialize_with = "or_zero")]
    pub max_idle_conns_per_host: u32,
    /// The most requests at a time, inside; 0: no limit.
    #[serde(deserialize_with = "or_zero")]
    pub max_conns_per_host: u32,
    #[serde(deserialize_with = "or_zero")]
    pub tls_config: TlsConfig,
    /// Objects are never asked for compressed: kept so that the key is known.
    #[serde(deserialize_with = "or_zero")]
    pub disable_compression: bool,
}

/// `tls_config`: files in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Trusted besides the system's authorities' place: only these, if given.
    #[serde(deserialize_with = "or_zero")]
    pub ca_file: String,
    #[serde(deserialize_with = "or_zero")]
    pub cert_file: String,
    #[serde(deserialize_with = "or_zero")]
    pub key_file: String,
    /// Refused unless empty: see [`super::S3Fault::ServerName`].
    #[serde(deserialize_with = "or_zero")]
    pub server_name: String,
    #[serde(deserialize_with = "or_zero")]
    pub insecure_skip_verify: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        let ms = |ms| YamlDuration(PromDuration::from_ms(ms));
        Self {
            idle_conn_timeout: ms(90_000),
            response_header_timeout: ms(120_000),
            insecure_skip_verify: false,
            tls_handshake_timeout: ms(10_000),
            expect_continue_timeout: ms(1000),
            max_idle_conns: 100,
            max_idle_conns_per_host: 100,
            max_conns_per_host: 0,
            tls_config: TlsConfig::default(),
            disable_compression: false,
        }
    }
}

impl HttpConfig {
    /// Whether the server's certificate is taken without a look.
    pub fn skips_verify(&self) -> bool {
        self.insecure_skip_verify || self.tls_config.insecure_skip_verify
    }

    /// How many idle connections are kept.
    pub fn idle_connections(&self) -> usize {
        let per_host = if self.max_idle_conns_per_host == 0 { 2 } else { self.max_idle_conns_per_host };
        let all = if self.max_idle_conns == 0 { u32::MAX } else { self.max_idle_conns };
        per_host.min(all) as usize
    }
}
