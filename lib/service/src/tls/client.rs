//! TLS of a client, whose files are read for each connection.

use super::files::{self, TlsError};
use super::{TlsVersion, provider};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::path::PathBuf;
use std::sync::Arc;

/// Whom a client trusts, and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsClientConfig {
    /// A PEM file: certificates of which one must have signed that of the server. `None`: those the system trusts.
    pub ca: Option<PathBuf>,
    /// A PEM file: the certificate to show to servers that ask for one. Needs `key`.
    pub certificate: Option<PathBuf>,
    /// A PEM file: the key of that certificate.
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must have. `None`: the host of the address.
    pub server_name: Option<String>,
    /// Takes any certificate from a server.
    pub skip_verify: bool,
    pub min_version: TlsVersion,
}

impl Default for TlsClientConfig {
    fn default() -> Self {
        let min_version = TlsVersion::V1_2;
        Self { ca: None, certificate: None, key: None, server_name: None, skip_verify: false, min_version }
    }
}

impl TlsClientConfig {
    /// Reads the files, for one connection.
    pub(crate) fn load(&self) -> Result<ClientConfig, TlsError> {
        let versions = self.min_version.and_later();
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(versions).map_err(TlsError::Versions)?;
        let builder = match self.skip_verify {
            true => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider()))),
            false => builder.with_root_certificates(self.roots()?),
        };
        let mut built = match (&self.certificate, &self.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(path), Some(key_path)) => {
                let certificates = files::certificates(path, &files::read(path)?)?;
                let key = files::key(key_path, &files::read(key_path)?)?;
                let bad = |source| TlsError::BadPair { certificate: path.clone(), key: key_path.clone(), source };
                builder.with_client_auth_cert(certificates, key).map_err(bad)?
            }
            (Some(given), None) | (None, Some(given)) => return Err(TlsError::HalfPair { given: given.clone() }),
        };
        built.alpn_protocols = vec![b"h2".to_vec()];
        Ok(built)
    }

    /// The name that the certificate of a server at `host` must have.
    pub(crate) fn name(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(name.to_owned()).map_err(|_| TlsError::ServerName(name.to_owned()))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        if let Some(path) = &self.ca {
            return files::roots(path, &files::read(path)?);
        }
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        // Systems trust one or the other that is malformed.
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let first = found.errors.first().map_or("none found".to_owned(), ToString::to_string);
            return Err(TlsError::NoNativeRoots { first });
        }
        Ok(roots)
    }
}

/// Believes whoever holds the key of the certificate it shows.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
