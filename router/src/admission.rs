//! Whose a request is, and how much it may carry.

use crate::config::Config;
use crate::status::Refusal;
use http::{HeaderMap, HeaderName};
use model::TenantId;
use proto::Tally;

static TENANT: HeaderName = HeaderName::from_static("thanos-tenant");

/// The tenant of a request: from the configured header, from `THANOS-TENANT`, or the default one. An empty header counts
/// as absent.
pub(crate) fn tenant(headers: &HeaderMap, config: &Config) -> Result<TenantId, Refusal> {
    let named = [&config.tenant_header, &TENANT].into_iter().filter_map(|name| headers.get(name));
    let Some(value) = named.map(http::HeaderValue::as_bytes).find(|value| !value.is_empty()) else {
        return Ok(config.default_tenant.clone());
    };
    let name = std::str::from_utf8(value).map_err(|_| Refusal::TenantNotUtf8)?;
    TenantId::parse(name).map_err(Refusal::Tenant)
}

/// Holds a request against the limits on what one request may carry.
pub(crate) fn check_size(tally: &Tally, config: &Config) -> Result<(), Refusal> {
    match (config.max_series, config.max_samples) {
        (Some(limit), _) if tally.series > limit => Err(Refusal::TooManySeries { series: tally.series, limit }),
        (_, Some(limit)) if tally.samples > limit => Err(Refusal::TooManySamples { samples: tally.samples, limit }),
        _ => Ok(()),
    }
}
