//! Who owns a series.

use std::fmt;
use std::sync::Arc;

/// The longest tenant name, in bytes: what a file name may have.
const MAX_BYTES: usize = 255;

/// A tenant that passed validation: one path segment, safe as the name of a directory. The only key to tenant storage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

/// Why a name is no tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTenant {
    #[error("tenant name is empty")]
    Empty,
    #[error("tenant name has {size_bytes} bytes, {MAX_BYTES} are allowed")]
    TooLong { size_bytes: usize },
    #[error("tenant name {0:?} is a relative path")]
    Relative(String),
    #[error("tenant name has a forbidden byte at {at}: a slash, a backslash or a control character")]
    BadByte { at: usize },
}

impl TenantId {
    /// Checks `raw`. Every byte but slashes and control characters is allowed, as in Thanos; `.` and `..`, which Thanos
    /// lets through, are not.
    ///
    /// # Errors
    /// Says what is wrong and where.
    pub fn parse(raw: &str) -> Result<Self, InvalidTenant> {
        if raw.is_empty() {
            return Err(InvalidTenant::Empty);
        }
        if raw.len() > MAX_BYTES {
            return Err(InvalidTenant::TooLong { size_bytes: raw.len() });
        }
        if raw == "." || raw == ".." {
            return Err(InvalidTenant::Relative(raw.to_owned()));
        }
        match raw.bytes().position(|byte| byte == b'/' || byte == b'\\' || byte.is_ascii_control()) {
            Some(at) => Err(InvalidTenant::BadByte { at }),
            None => Ok(Self(raw.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
