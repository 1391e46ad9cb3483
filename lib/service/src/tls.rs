//! TLS for servers and clients, from files that may change while the process runs.
//!
//! Cryptography is ring's, named wherever it is needed: nothing here leans on what a process may have installed.

mod client;
mod files;
mod server;

pub use client::TlsClientConfig;
pub use files::TlsError;
pub use server::TlsServerConfig;
pub(crate) use server::{Alpn, ServerTls};

use rustls::crypto::CryptoProvider;
use rustls::{SupportedProtocolVersion, version};
use rustls_pki_types::CertificateDer;
use std::str::FromStr;
use std::sync::Arc;

/// The certificates a peer showed, its own first; among a request's extensions where the connection has TLS and the peer showed
/// any. They were verified if the server has a client CA.
#[derive(Debug, Clone)]
pub struct PeerCertificates(pub Arc<[CertificateDer<'static>]>);

impl PeerCertificates {
    /// What the peer of `session` showed.
    pub(crate) fn of(session: &rustls::ServerConnection) -> Option<Self> {
        Some(Self(session.peer_certificates()?.iter().map(|certificate| certificate.clone().into_owned()).collect()))
    }
}

/// The oldest version of TLS that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    V1_2,
    #[default]
    V1_3,
}

/// A version of TLS that is not spoken here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTlsVersion {
    #[error("TLS {0} is not secure and not supported: the lowest is 1.2")]
    Insecure(String),
    #[error("{0:?} is not a version of TLS: use 1.2 or 1.3")]
    Unknown(String),
}

impl FromStr for TlsVersion {
    type Err = BadTlsVersion;

    /// Reads `1.2` or `1.3`.
    fn from_str(text: &str) -> Result<Self, BadTlsVersion> {
        match text {
            "1.2" => Ok(Self::V1_2),
            "1.3" => Ok(Self::V1_3),
            "1.0" | "1.1" => Err(BadTlsVersion::Insecure(text.to_owned())),
            _ => Err(BadTlsVersion::Unknown(text.to_owned())),
        }
    }
}

impl TlsVersion {
    fn and_later(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
        static LATEST: [&SupportedProtocolVersion; 1] = [&version::TLS13];
        match self {
            Self::V1_2 => &BOTH,
            Self::V1_3 => &LATEST,
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
pub(crate) mod tests;
