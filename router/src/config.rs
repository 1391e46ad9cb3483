//! What the router can be told.

use http::HeaderName;
use model::TenantId;
use std::time::Duration;

/// What the router can be told; [`Default`] is what `gauntlet standalone` runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The header that names the tenant. `THANOS-TENANT` counts, too, where this one is absent.
    pub tenant_header: HeaderName,
    /// Whose a request without such a header is.
    pub default_tenant: TenantId,
    /// The header by which receivers number replicas.
    pub replica_header: HeaderName,
    /// Whether a write with such a header is that one replica already: for a process that routes and stores. Others look at
    /// the number only to refuse what is none.
    pub takes_replicas: bool,
    /// How often each series is stored, as `thanos_receive_replication_factor` shows it.
    pub replication_factor: usize,
    /// The largest body as it comes over the wire, inside.
    pub max_body_bytes: u32,
    /// The largest body decompressed, inside.
    pub max_decoded_bytes: u32,
    /// The most series in one request, inside; `None`: no limit.
    pub max_series: Option<u64>,
    /// The most float samples in one request, inside; `None`: no limit.
    pub max_samples: Option<u64>,
    /// How long a body may take to arrive.
    pub read_timeout: Duration,
    /// How long a request waits for memory before it is sent away.
    pub memory_timeout: Duration,
    /// Memory for bodies as they came, of all requests together.
    pub body_budget_bytes: u32,
    /// Memory for decompressed bodies with their tables of series, of all requests together.
    pub decoded_budget_bytes: u32,
}

/// Why a configuration cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfig {
    #[error("a body of {max_bytes} bytes can never be taken in: the budget for bodies is {budget_bytes} bytes")]
    BodyBudget { max_bytes: u32, budget_bytes: u32 },
    #[error(
        "a decompressed body of {max_bytes} bytes can never be taken in: the budget for them is {budget_bytes} bytes"
    )]
    DecodedBudget { max_bytes: u32, budget_bytes: u32 },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tenant_header: HeaderName::from_static("thanos-tenant"),
            default_tenant: default_tenant(),
            replica_header: HeaderName::from_static("thanos-replica"),
            takes_replicas: false,
            replication_factor: 1,
            max_body_bytes: 12 << 20,
            max_decoded_bytes: 32 << 20,
            max_series: Some(50_000),
            max_samples: Some(500_000),
            read_timeout: Duration::from_secs(30),
            memory_timeout: Duration::from_secs(10),
            // With the buffers kept idle well below 64 MiB: what hostile bodies may add to the process.
            body_budget_bytes: 12 << 20,
            decoded_budget_bytes: 36 << 20,
        }
    }
}

/// `default-tenant`, as in Thanos.
fn default_tenant() -> TenantId {
    TenantId::parse("default-tenant").expect("a valid name")
}

impl Config {
    /// Checks what the parts rely on.
    ///
    /// # Errors
    /// A limit that the budget behind it could never serve.
    pub fn checked(self) -> Result<Self, InvalidConfig> {
        if self.max_body_bytes > self.body_budget_bytes {
            let (max_bytes, budget_bytes) = (self.max_body_bytes, self.body_budget_bytes);
            return Err(InvalidConfig::BodyBudget { max_bytes, budget_bytes });
        }
        if self.max_decoded_bytes > self.decoded_budget_bytes {
            let (max_bytes, budget_bytes) = (self.max_decoded_bytes, self.decoded_budget_bytes);
            return Err(InvalidConfig::DecodedBudget { max_bytes, budget_bytes });
        }
        Ok(self)
    }
}
