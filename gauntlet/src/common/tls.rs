//! TLS, as flags say it.

use service::{TlsClientConfig, TlsServerConfig, TlsVersion};
use std::path::{Path, PathBuf};

/// Files that do not make a server's TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidTls {
    #[error("both server key and certificate must be provided: give --{0}-cert and --{0}-key")]
    Half(&'static str),
    #[error(
        "when a client CA is used a server key and certificate must also be provided: give --{0}-cert and --{0}-key"
    )]
    OnlyClientCa(&'static str),
}

/// The files of a server, whose flags begin with `prefix`; an empty path is none.
pub(crate) struct ServerFiles<'a> {
    pub(crate) prefix: &'static str,
    pub(crate) cert: &'a Path,
    pub(crate) key: &'a Path,
    pub(crate) client_ca: &'a Path,
    pub(crate) min_version: TlsVersion,
}

impl ServerFiles<'_> {
    /// `None`: no TLS.
    ///
    /// # Errors
    /// One file without the other.
    pub(crate) fn read(&self) -> Result<Option<TlsServerConfig>, InvalidTls> {
        match (given(self.cert), given(self.key), given(self.client_ca)) {
            (Some(certificate), Some(key), client_ca) => {
                Ok(Some(TlsServerConfig { certificate, key, client_ca, min_version: self.min_version }))
            }
            (None, None, None) => Ok(None),
            (None, None, Some(_)) => Err(InvalidTls::OnlyClientCa(self.prefix)),
            _ => Err(InvalidTls::Half(self.prefix)),
        }
    }
}

/// How a client speaks TLS, if it is `secure`.
pub(crate) struct ClientFiles<'a> {
    pub(crate) secure: bool,
    pub(crate) skip_verify: bool,
    pub(crate) cert: &'a Path,
    pub(crate) key: &'a Path,
    pub(crate) ca: &'a Path,
    pub(crate) server_name: &'a str,
}

impl ClientFiles<'_> {
    /// `None`: no TLS.
    pub(crate) fn read(&self) -> Option<TlsClientConfig> {
        self.secure.then(|| TlsClientConfig {
            ca: given(self.ca),
            certificate: given(self.cert),
            key: given(self.key),
            server_name: (!self.server_name.is_empty()).then(|| self.server_name.to_owned()),
            skip_verify: self.skip_verify,
            min_version: TlsVersion::default(),
        })
    }
}

fn given(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}
