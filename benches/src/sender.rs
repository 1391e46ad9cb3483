//! Sends a load over HTTP, and counts what was acknowledged.

use crate::cli::{Load, Protocol};
use crate::workload::{Request, Workload};
use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::Clock;
use std::time::Instant;

/// Keeps one connection open and sends on it, one request after another.
#[derive(Debug)]
pub(crate) struct Connection {
    client: Client<HttpConnector, Full<Bytes>>,
    url: http::Uri,
    protocol: Protocol,
}

/// What became of samples sent.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Sent {
    /// Samples of requests answered 2xx.
    pub(crate) acknowledged: usize,
    /// Samples of requests answered otherwise.
    pub(crate) refused: usize,
    pub(crate) bytes: usize,
}

impl Connection {
    pub(crate) fn new(url: &str, protocol: Protocol) -> anyhow::Result<Self> {
        let url = url.parse().with_context(|| format!("{url} is no URL"))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build(connector);
        Ok(Self { client, url, protocol })
    }

    pub(crate) async fn send(&self, request: Request) -> anyhow::Result<Sent> {
        let mut sent = Sent { bytes: request.body.len(), ..Sent::default() };
        let (content_type, version) = match self.protocol {
            Protocol::V1 => ("application/x-protobuf", "0.1.0"),
            Protocol::V2 => ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"),
        };
        let message = http::Request::post(self.url.clone())
            .header("Content-Encoding", "snappy")
            .header("Content-Type", content_type)
            .header("X-Prometheus-Remote-Write-Version", version)
            .body(Full::new(Bytes::from(request.body)))?;
        let answer = self.client.request(message).await.context("the system under load does not answer")?;
        let status = answer.status();
        let text = answer.into_body().collect().await?.to_bytes();
        if status.is_success() {
            sent.acknowledged = request.samples;
        } else {
            sent.refused = request.samples;
            eprintln!("answer {status}: {}", String::from_utf8_lossy(&text).chars().take(300).collect::<String>());
        }
        Ok(sent)
    }

    async fn send_all(&self, requests: Vec<Request>) -> anyhow::Result<Sent> {
        let mut total = Sent::default();
        for request in requests {
            total = total + self.send(request).await?;
        }
        Ok(total)
    }
}

/// Sends one round, each connection its part, all at once.
pub(crate) async fn send_round(connections: &[Connection], workload: &mut Workload) -> anyhow::Result<Sent> {
    let parts = workload.next_round();
    let sends = connections.iter().zip(parts).map(|(connection, requests)| connection.send_all(requests));
    let sent = futures::future::try_join_all(sends).await?;
    Ok(sent.into_iter().fold(Sent::default(), |left, right| left + right))
}

/// The command `load`.
pub(crate) fn run(load: &Load) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let connections: Vec<_> = (0..load.shape.connections.max(1))
            .map(|_| Connection::new(&load.url, load.shape.protocol))
            .collect::<Result<_, _>>()?;
        let mut workload = Workload::new(&load.shape, now_ms());
        let (mut total, started) = (Sent::default(), Instant::now());
        while workload.rounds_left() > 0 {
            total = total + send_round(&connections, &mut workload).await?;
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "{} samples acknowledged, {} refused, {} series, {:.1} MB in {seconds:.1} s",
            total.acknowledged,
            total.refused,
            workload.created(),
            total.bytes as f64 / 1e6
        );
        anyhow::ensure!(total.refused == 0, "{} samples were refused", total.refused);
        Ok(())
    })
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    model::SystemClock.now_ms()
}

impl std::ops::Add for Sent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            acknowledged: self.acknowledged + other.acknowledged,
            refused: self.refused + other.refused,
            bytes: self.bytes + other.bytes,
        }
    }
}
