//! Asks over HTTP on a connection that stays open, so that what is counted is the question.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// One who asks, one question after another.
#[derive(Debug)]
pub(crate) struct Asker {
    runtime: tokio::runtime::Runtime,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Asker {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self { runtime, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Status and body of what `url` answers to a GET.
    pub(crate) fn get(&self, url: &str) -> anyhow::Result<(u16, Bytes)> {
        self.call(http::Method::GET, url)
    }

    /// Status and body of what `url` answers to a request without a body.
    pub(crate) fn call(&self, method: http::Method, url: &str) -> anyhow::Result<(u16, Bytes)> {
        self.runtime.block_on(async {
            let request = http::Request::builder().method(method).uri(url).body(Empty::new())?;
            let answer = self.client.request(request).await?;
            Ok((answer.status().as_u16(), answer.into_body().collect().await?.to_bytes()))
        })
    }
}

/// `text` as it may stand in a URL.
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
