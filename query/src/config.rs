//! What the component was told, checked.

use std::time::Duration;

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
