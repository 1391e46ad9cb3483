//! The client of all stories.

use reqwest::Client;

/// A client that goes straight to where it is sent: what proxies this machine knows is no business of ours.
///
/// # Panics
/// When there is none to be had.
pub fn client() -> Client {
    // Another crate of the workspace has reqwest speak TLS, with a provider that must be named once; a second time changes
    // nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}
