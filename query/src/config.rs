//! What the component was told, checked.

use crate::features::Features;
use model::TenantId;
use std::time::Duration;
use storeapi::DedupFunc;

/// How queries are run.
#[derive(Debug, Clone)]
pub struct Config {
    /// How far back an instant selector looks for a sample.
    pub lookback: Duration,
    /// The longest a query may take; a request can ask for less.
    pub timeout: Duration,
    /// Queries that run at once; more wait within their timeout.
    pub max_concurrent: usize,
    /// Samples a query may load, as Prometheus counts them.
    pub max_samples: usize,
    /// Memory all queries may take together, and each of them, in bytes.
    pub memory_bytes: usize,
    pub query_memory_bytes: usize,
    /// The smallest step taken where a range query names none.
    pub default_step: Duration,
    /// What of the language is taken beyond what a Prometheus without feature flags takes.
    pub features: Features,
}

/// What makes it a Thanos querier over many stores, rather than a Prometheus over one that holds all there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Querier {
    /// Labels in which series of one replica differ from those of another: `--query.replica-label`.
    pub replica_labels: Vec<String>,
    /// How replicas are made one: `--deduplication.func`.
    pub dedup_func: DedupFunc,
    /// Whether stores that do not answer make a warning rather than an error: `--query.partial-response`.
    pub partial_response: bool,
    /// Whether range queries that say nothing of it take downsampled data that suits their step: `--query.auto-downsampling`.
    pub auto_downsampling: bool,
    pub tenancy: Tenancy,
}

/// Whose API it is. They differ in words, in notes on the language (Thanos has them among the warnings), and in that
/// Thanos' parameters about stores and downsampled data mean something only to the second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// That of Prometheus, over one store that holds all there is.
    #[default]
    Prometheus,
    /// That of a Thanos querier.
    Thanos,
}

/// On whose behalf requests are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenancy {
    /// The header that names the tenant, in place of `THANOS-TENANT`: `--query.tenant-header`.
    pub header: String,
    /// Who it is without the header: `--query.default-tenant-id`. `None`: then there is no request without one.
    pub default_tenant: Option<TenantId>,
    /// The label by which series belong to a tenant: `--query.tenant-label-name`.
    pub label: String,
    /// Whether a request finds series of its tenant only: `--query.enforce-tenancy`.
    pub enforce: bool,
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    #[error("--query.lookback-delta must be longer than 0")]
    NoLookback,
    #[error("--query.timeout must be longer than 0")]
    NoTimeout,
    #[error("--query.max-concurrent must be at least 1")]
    NoConcurrency,
    #[error("--query.default-step must be at least 1ms")]
    NoStep,
    #[error("--query.tenant-label-name must not be empty")]
    NoTenantLabel,
    #[error("--query.tenant-header is no name of a header")]
    TenantHeader,
}

impl Default for Config {
    /// Thanos' defaults; memory as suits a laptop.
    fn default() -> Self {
        Self {
            lookback: Duration::from_secs(5 * 60),
            timeout: Duration::from_secs(2 * 60),
            max_concurrent: 20,
            max_samples: 50_000_000,
            memory_bytes: 2 << 30,
            query_memory_bytes: 1 << 30,
            default_step: Duration::from_secs(1),
            features: Features::default(),
        }
    }
}

impl Default for Querier {
    /// Thanos' defaults.
    fn default() -> Self {
        Self {
            replica_labels: Vec::new(),
            dedup_func: DedupFunc::default(),
            partial_response: true,
            auto_downsampling: false,
            tenancy: Tenancy::default(),
        }
    }
}

impl Default for Tenancy {
    /// Thanos' defaults.
    fn default() -> Self {
        Self {
            header: "THANOS-TENANT".to_owned(),
            default_tenant: TenantId::parse("default-tenant").ok(),
            label: "tenant_id".to_owned(),
            enforce: false,
        }
    }
}

impl Config {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// Names the flag.
    pub fn check(self) -> Result<Self, InvalidConfig> {
        match () {
            () if self.lookback.is_zero() => Err(InvalidConfig::NoLookback),
            () if self.timeout.is_zero() => Err(InvalidConfig::NoTimeout),
            () if self.max_concurrent == 0 => Err(InvalidConfig::NoConcurrency),
            () if self.default_step.as_millis() == 0 => Err(InvalidConfig::NoStep),
            () => Ok(self),
        }
    }
}

impl Querier {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// Names the flag.
    pub fn check(self) -> Result<Self, InvalidConfig> {
        match () {
            () if self.tenancy.label.is_empty() => Err(InvalidConfig::NoTenantLabel),
            () if self.tenancy.header.parse::<http::HeaderName>().is_err() => Err(InvalidConfig::TenantHeader),
            () => Ok(self),
        }
    }
}
