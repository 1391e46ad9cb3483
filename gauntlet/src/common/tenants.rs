//! Whose a request is.

use http::HeaderName;
use model::{InvalidTenant, TenantId};
use service::TenantLabel;

/// The header that names the tenant, and whose a request without it is.
#[derive(Debug, Clone)]
pub(crate) struct Tenants {
    pub(crate) header: HeaderName,
    pub(crate) default: TenantId,
}

/// Why tenants cannot be told like that.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidTenants {
    #[error("--{flag} is {name:?}, which is no name of a header")]
    Header { flag: &'static str, name: String },
    #[error("--{flag}: {source}")]
    Default { flag: &'static str, source: InvalidTenant },
}

impl Tenants {
    /// Checks what the flags `header_flag` and `default_flag` say.
    ///
    /// # Errors
    /// No header, or no tenant.
    pub(crate) fn read(header: (&'static str, &str), default: (&'static str, &str)) -> Result<Self, InvalidTenants> {
        let (flag, text) = default;
        let default = TenantId::parse(text).map_err(|source| InvalidTenants::Default { flag, source })?;
        Ok(Self { header: read_header(header.0, header.1)?, default })
    }

    /// How requests are counted by tenant.
    pub(crate) fn label(&self) -> TenantLabel {
        TenantLabel::Header {
            headers: vec![self.header.clone(), HeaderName::from_static("thanos-tenant")],
            // Lives as long as the process.
            default: self.default.as_str().to_owned().leak(),
        }
    }
}

/// The header that `flag` names.
///
/// # Errors
/// No name of a header.
pub(crate) fn read_header(flag: &'static str, name: &str) -> Result<HeaderName, InvalidTenants> {
    let lower = name.to_ascii_lowercase();
    HeaderName::try_from(lower.as_str()).map_err(|_| InvalidTenants::Header { flag, name: name.to_owned() })
}
