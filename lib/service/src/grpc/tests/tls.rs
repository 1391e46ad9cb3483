//! Calls over TLS.

use super::echo::{Client, Served, serve_as};
use crate::grpc::{ClientError, ClientOptions, GrpcLimits};
use crate::tls::tests::Authority;
use crate::{TlsClientConfig, TlsServerConfig};
use std::time::Duration;
use tonic::{Code, Status};

/// Files are not looked at more often.
const LOOK_EVERY: Duration = Duration::from_millis(1100);

async fn serve(config: TlsServerConfig) -> Served {
    serve_as(GrpcLimits::default(), |server| server.with_tls(config).unwrap()).await
}

/// A call over a connection of its own.
async fn call(served: &Served, tls: TlsClientConfig) -> Result<(), Status> {
    let client = served.client(&ClientOptions { tls: Some(tls), ..ClientOptions::default() });
    client.unary("hello").await.map(drop)
}

#[track_caller]
fn unavailable(called: Result<(), Status>, served: &Served, why: &str) {
    let status = called.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    let text = status.message();
    assert!(text.contains(&served.address.to_string()) && text.contains(why), "{text}");
}

#[tokio::test]
async fn a_client_believes_whom_it_is_told_to() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let served = serve(authority.server(folder.path())).await;
    call(&served, authority.client()).await.unwrap();
    let other = Authority::new();
    let stranger = other.client();
    unavailable(call(&served, stranger.clone()).await, &served, "invalid peer certificate");
    call(&served, TlsClientConfig { skip_verify: true, ..stranger }).await.unwrap();
    let named = TlsClientConfig { server_name: Some("other.example".to_owned()), ..authority.client() };
    unavailable(call(&served, named).await, &served, "other.example");
    // Without TLS, the server is none.
    let plain = served.client(&ClientOptions::default()).unary("hello").await.unwrap_err();
    assert_eq!(plain.code(), Code::Unavailable, "{plain}");
    assert_ne!(served.metric("gauntlet_grpc_tls_failures_total"), "0");
}

#[tokio::test]
async fn a_server_lets_in_whom_it_is_told_to() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let config = TlsServerConfig { client_ca: Some(authority.ca()), ..authority.server(folder.path()) };
    let served = serve(config).await;
    unavailable(call(&served, authority.client()).await, &served, "");
    let shown = |by: &Authority, to: &std::path::Path| {
        let (certificate, key) = by.sign("client.example", to);
        TlsClientConfig { certificate: Some(certificate), key: Some(key), ..authority.client() }
    };
    let (mine, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    call(&served, shown(&authority, mine.path())).await.unwrap();
    let stranger = shown(&Authority::new(), theirs.path());
    unavailable(call(&served, stranger.clone()).await, &served, "");
    // A client's files are read for each connection.
    let options = ClientOptions { tls: Some(stranger), ..ClientOptions::default() };
    let client = served.client(&options);
    assert_eq!(client.unary("hello").await.unwrap_err().code(), Code::Unavailable);
    authority.sign("client.example", theirs.path());
    assert_eq!(client.unary("hello").await.unwrap(), "hello");
}

#[tokio::test]
async fn a_certificate_is_replaced_without_a_restart() {
    let (old, new, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let config = old.server(folder.path());
    let served = serve(config.clone()).await;
    let both = || async { (call(&served, old.client()).await.is_ok(), call(&served, new.client()).await.is_ok()) };
    assert_eq!(both().await, (true, false));
    // Half a change, and one that is none, keep what was good.
    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&config.certificate, broken).unwrap();
        tokio::time::sleep(LOOK_EVERY).await;
        assert_eq!(both().await, (true, false));
    }
    new.sign("127.0.0.1", folder.path());
    tokio::time::sleep(LOOK_EVERY).await;
    assert_eq!(both().await, (false, true));
}

#[tokio::test]
async fn files_that_cannot_be_used_are_told_at_once() {
    let tls = TlsClientConfig { ca: Some("/nowhere/ca.pem".into()), ..TlsClientConfig::default() };
    let options = ClientOptions { tls: Some(tls), ..ClientOptions::default() };
    let err = Client::try_to("127.0.0.1:1", &options).unwrap_err();
    assert!(matches!(err, ClientError::Tls(_)) && err.to_string().contains("/nowhere/ca.pem"), "{err}");
}
