use super::{BadTlsVersion, TlsClientConfig, TlsServerConfig, TlsVersion, provider};
use crate::{HttpLimits, HttpServer, PeerCertificates, Stop, TlsError};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::version::TLS12;
use rustls::{ClientConfig, SupportedProtocolVersion};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use telemetry::Registry;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// A certificate authority, and where its files lie.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::new(vec![]).unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), folder }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Signs a certificate for `name`: the paths of it and of its key, in `folder`.
    pub(crate) fn sign(&self, name: &str, folder: &Path) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let paths = (folder.join("tls.crt"), folder.join("tls.key"));
        std::fs::write(&paths.0, certificate.pem()).unwrap();
        std::fs::write(&paths.1, key.serialize_pem()).unwrap();
        paths
    }

    /// What a server at this machine's address shows.
    pub(crate) fn server(&self, folder: &Path) -> TlsServerConfig {
        let (certificate, key) = self.sign("127.0.0.1", folder);
        TlsServerConfig { certificate, key, client_ca: None, min_version: TlsVersion::V1_3 }
    }

    /// A client that trusts this authority.
    pub(crate) fn client(&self) -> TlsClientConfig {
        TlsClientConfig { ca: Some(self.ca()), ..TlsClientConfig::default() }
    }
}

#[test]
fn versions() {
    for (text, want) in [
        ("1.2", Ok(TlsVersion::V1_2)),
        ("1.3", Ok(TlsVersion::V1_3)),
        ("1.0", Err(BadTlsVersion::Insecure("1.0".to_owned()))),
        ("1.1", Err(BadTlsVersion::Insecure("1.1".to_owned()))),
        ("", Err(BadTlsVersion::Unknown(String::new()))),
        ("TLS12", Err(BadTlsVersion::Unknown("TLS12".to_owned()))),
    ] {
        assert_eq!(text.parse::<TlsVersion>(), want);
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let good = authority.server(folder.path());
    let (empty, other) = (folder.path().join("empty"), tempfile::tempdir().unwrap());
    std::fs::write(&empty, "no certificate").unwrap();
    let (_, other_key) = authority.sign("127.0.0.1", other.path());
    let absent = folder.path().join("absent");
    for (config, named) in [
        (TlsServerConfig { certificate: absent.clone(), ..good.clone() }, &absent),
        (TlsServerConfig { certificate: empty.clone(), ..good.clone() }, &empty),
        (TlsServerConfig { key: empty.clone(), ..good.clone() }, &empty),
        (TlsServerConfig { key: other_key.clone(), ..good.clone() }, &other_key),
        (TlsServerConfig { client_ca: Some(empty.clone()), ..good.clone() }, &empty),
    ] {
        let server = HttpServer::bind("127.0.0.1:0", HttpLimits::default(), &Registry::default()).await.unwrap();
        let err = server.with_tls(config).unwrap_err().to_string();
        assert!(err.contains(named.to_str().unwrap()), "{err}");
    }
    let half = TlsClientConfig { key: Some(good.key), ..authority.client() };
    assert!(matches!(half.load(), Err(TlsError::HalfPair { .. })));
}

/// Asks how many certificates the server sees.
async fn ask(address: SocketAddr, config: ClientConfig) -> Result<Bytes, String> {
    let stream = TcpStream::connect(address).await.unwrap();
    let name = TlsClientConfig::default().name("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|err| err.to_string())?;
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(|err| err.to_string())?;
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = http::Request::get("https://127.0.0.1/").body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.map_err(|err| err.to_string())?;
    Ok(answer.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn the_http_server_has_it_too() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let seen = async |shown: Option<Extension<PeerCertificates>>| {
        shown.map_or(0, |Extension(PeerCertificates(certificates))| certificates.len()).to_string()
    };
    let only = |version: &'static SupportedProtocolVersion| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(
            super::files::certificates(&authority.ca(), &std::fs::read(authority.ca()).unwrap()).unwrap(),
        );
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
        builder.with_root_certificates(roots).with_no_client_auth()
    };
    let (certificate, key) = authority.sign("client", tempfile::tempdir_in(folder.path()).unwrap().keep().as_path());
    let shown = TlsClientConfig { certificate: Some(certificate), key: Some(key), ..authority.client() };
    let base = authority.server(folder.path());
    for (config, plain, old, shows) in [
        (base.clone(), Ok("0"), false, Ok("0")),
        (TlsServerConfig { min_version: TlsVersion::V1_2, ..base.clone() }, Ok("0"), true, Ok("0")),
        (TlsServerConfig { client_ca: Some(authority.ca()), ..base.clone() }, Err(()), false, Ok("1")),
    ] {
        let server = HttpServer::bind("127.0.0.1:0", HttpLimits::default(), &Registry::default()).await.unwrap();
        let server = server.with_tls(config).unwrap();
        let (address, stop, mut tasks) = (server.address(), Stop::new(), JoinSet::new());
        let (app, told) = (Router::new().route("/", get(seen)), stop.clone());
        tasks.spawn(async move { server.serve(app, told).await.unwrap() });
        assert_eq!(ask(address, authority.client().load().unwrap()).await.map_err(|_| ()), plain.map(Bytes::from));
        assert_eq!(ask(address, shown.load().unwrap()).await.map_err(|_| ()), shows.map(Bytes::from));
        assert_eq!(ask(address, only(&TLS12)).await.is_ok(), old);
        // One that never shakes hands does not hold the server up.
        let _silent = TcpStream::connect(address).await.unwrap();
        stop.cancel();
        tokio::time::timeout(std::time::Duration::from_secs(5), tasks.join_next()).await.expect("does not stop");
    }
}
