//! Whose a request is that names its tenant as writes do.

use super::envelope::ApiError;
use super::params::Params;
use http::HeaderName;
use model::TenantId;

/// How the tenant of a request is told.
#[derive(Debug, Clone)]
pub struct Whose {
    /// The header that names it, and `THANOS-TENANT`; without either it is the default one's.
    pub tenant_header: HeaderName,
    pub default_tenant: TenantId,
}

impl Whose {
    /// Whose a request is.
    pub(super) fn tenant(&self, params: &Params) -> Result<TenantId, ApiError> {
        Ok(self.named(params)?.unwrap_or_else(|| self.default_tenant.clone()))
    }

    /// Whom a request names; an empty header counts as absent.
    pub(super) fn named(&self, params: &Params) -> Result<Option<TenantId>, ApiError> {
        let named = [self.tenant_header.as_str(), "thanos-tenant"].into_iter().filter_map(|name| params.header(name));
        let Some(name) = named.map(http::HeaderValue::as_bytes).find(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let parsed = std::str::from_utf8(name).ok().and_then(|name| TenantId::parse(name).ok());
        parsed.map(Some).ok_or_else(|| ApiError::BadData("tenant name not valid".to_owned()))
    }
}
