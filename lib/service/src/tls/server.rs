//! TLS of a server, whose certificate may be replaced without a restart.

use super::files::{self, TlsError};
use super::{TlsVersion, provider};
use crate::Stop;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

/// Files are looked at again when someone connects, but not more often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a server shows, and whom it lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsServerConfig {
    /// A PEM file: the certificate of the server, then those between it and a root.
    pub certificate: PathBuf,
    /// A PEM file: the key of that certificate.
    pub key: PathBuf,
    /// A PEM file: certificates of which one must have signed that of a client. `None`: clients show none.
    pub client_ca: Option<PathBuf>,
    pub min_version: TlsVersion,
}

/// The protocols that a client may choose.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Alpn {
    Http2,
    Http,
}

/// TLS that follows its files.
#[derive(Debug)]
pub(crate) struct ServerTls {
    config: TlsServerConfig,
    alpn: Alpn,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    live: Arc<ServerConfig>,
    contents: Contents,
    looked: Instant,
    /// What was wrong last time, and logged.
    failure: Option<String>,
}

#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A key is not for logs.
        out.write_str("Contents")
    }
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// Files that are absent, or do not fit together.
    pub(crate) fn load(config: TlsServerConfig, alpn: Alpn) -> Result<Self, TlsError> {
        let contents = Contents::read(&config)?;
        let live = Arc::new(contents.build(&config, alpn)?);
        let state = State { live, contents, looked: Instant::now(), failure: None };
        Ok(Self { config, alpn, state: Mutex::new(state) })
    }

    /// What the next connection gets: what the files hold, or what they held when they were last good.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        let mut state = self.state.lock();
        if state.looked.elapsed() >= LOOK_EVERY {
            state.looked = Instant::now();
            self.look(&mut state);
        }
        state.live.clone()
    }

    /// Shakes hands with a client, unless told to stop.
    ///
    /// # Errors
    /// What the client does not agree to.
    pub(crate) async fn accept<S>(&self, stream: S, stop: &Stop) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        tokio::select! {
            accepted = TlsAcceptor::from(self.current()).accept(stream) => accepted,
            () = stop.cancelled() => Err(io::Error::new(io::ErrorKind::Interrupted, "stopping")),
        }
    }

    fn look(&self, state: &mut State) {
        let built = Contents::read(&self.config).and_then(|contents| {
            let changed = contents != state.contents;
            let built = if changed { Some(contents.build(&self.config, self.alpn)?) } else { None };
            Ok(built.map(|live| (contents, live)))
        });
        match built {
            Ok(changed) => {
                state.failure = None;
                if let Some((contents, live)) = changed {
                    info!(certificate = %self.config.certificate.display(), "certificate was replaced");
                    state.contents = contents;
                    state.live = Arc::new(live);
                }
            }
            Err(err) => {
                let text = err.to_string();
                if state.failure.as_ref() != Some(&text) {
                    warn!(err = text, "new certificate cannot be used, keeping the old one");
                    state.failure = Some(text);
                }
            }
        }
    }
}

impl Contents {
    fn read(config: &TlsServerConfig) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: files::read(&config.certificate)?,
            key: files::read(&config.key)?,
            client_ca: config.client_ca.as_deref().map(files::read).transpose()?,
        })
    }

    fn build(&self, config: &TlsServerConfig, alpn: Alpn) -> Result<ServerConfig, TlsError> {
        let certificates = files::certificates(&config.certificate, &self.certificate)?;
        let key = files::key(&config.key, &self.key)?;
        let versions = config.min_version.and_later();
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(versions).map_err(TlsError::Versions)?;
        let builder = match (&config.client_ca, &self.client_ca) {
            (Some(path), Some(bytes)) => {
                let roots = Arc::new(files::roots(path, bytes)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
                let bad = |source| TlsError::BadClientCa { path: path.clone(), source };
                builder.with_client_cert_verifier(verifier.map_err(bad)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let (certificate, path) = (config.certificate.clone(), config.key.clone());
        let bad = |source| TlsError::BadPair { certificate, key: path, source };
        let mut built = builder.with_single_cert(certificates, key).map_err(bad)?;
        built.alpn_protocols = match alpn {
            Alpn::Http2 => vec![b"h2".to_vec()],
            Alpn::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Ok(built)
    }
}
