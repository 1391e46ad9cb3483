//! Certificates and keys as files hold them.

use rustls::RootCertStore;
use rustls::server::VerifierBuilderError;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} is not PEM: {source}")]
    Pem { path: PathBuf, source: pem::Error },
    #[error("{path} holds no certificate")]
    NoCertificate { path: PathBuf },
    #[error("{path} holds a certificate that cannot be used: {source}")]
    BadCertificate { path: PathBuf, source: rustls::Error },
    #[error("certificate {certificate} and key {key} cannot be used: {source}")]
    BadPair { certificate: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("client CA {path} cannot be used: {source}")]
    BadClientCa { path: PathBuf, source: VerifierBuilderError },
    #[error("a certificate needs a key and a key a certificate: only {given} is given")]
    HalfPair { given: PathBuf },
    #[error("the system has no certificates to trust: {first}")]
    NoNativeRoots { first: String },
    #[error("no version of TLS can be used: {0}")]
    Versions(rustls::Error),
    #[error("{0:?} is not a name a server can have")]
    ServerName(String),
}

/// All of the file at `path`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

/// The certificates in `bytes`, which `path` held.
pub(super) fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let parsed = parsed.map_err(|source| TlsError::Pem { path: path.to_owned(), source })?;
    if parsed.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(parsed)
}

/// The first key in `bytes`, which `path` held.
pub(super) fn key(path: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|source| TlsError::Pem { path: path.to_owned(), source })
}

/// The certificates in `bytes`, which `path` held, as those to trust.
pub(super) fn roots(path: &Path, bytes: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, bytes)? {
        let bad = |source| TlsError::BadCertificate { path: path.to_owned(), source };
        roots.add(certificate).map_err(bad)?;
    }
    Ok(roots)
}
