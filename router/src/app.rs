//! The router put together.

use crate::body::BodyReader;
use crate::buffers::BufferPool;
use crate::config::{Config, InvalidConfig};
use crate::log_limit::LogLimit;
use crate::metrics::{MemoryInUse, Metrics};
use crate::protocol::{Endpoint, Version};
use crate::remote_write::{Decoder, Receiver, respond};
use crate::status::{Answer, Asked, Refusal};
use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodRouter, post};
use model::{Clock, Fingerprinter};
use proto::{Spellings, WriteTarget};
use service::Account;
use service::HttpMetrics;
use std::sync::Arc;
use telemetry::Registry;

/// What the router is given by whoever starts it.
#[derive(Debug)]
pub struct Parts {
    /// Who stores.
    pub target: Arc<dyn WriteTarget>,
    pub clock: Arc<dyn Clock>,
    /// The key of the process; the target must name series by the same one.
    pub fingerprinter: Arc<Fingerprinter>,
    pub registry: Registry,
    /// Where requests are counted, under the handler `receive`.
    pub http: HttpMetrics,
}

/// The router: all its parts, ready to be served.
#[derive(Debug, Clone)]
pub struct App {
    receiver: Arc<Receiver>,
    http: HttpMetrics,
}

impl App {
    /// Puts the parts together and registers their metrics.
    ///
    /// # Errors
    /// A configuration whose limits contradict each other.
    pub fn build(config: Config, parts: Parts) -> Result<Self, InvalidConfig> {
        let config = config.checked()?;
        let bodies = Account::new(config.body_budget_bytes, config.memory_timeout);
        let decoded = Account::new(config.decoded_budget_bytes, config.memory_timeout);
        let buffers = Arc::new(BufferPool::default());
        let in_use = MemoryInUse { bodies: bodies.clone(), decoded: decoded.clone() };
        parts.registry.register_collector(Box::new(in_use));
        let receiver = Receiver {
            bodies: BodyReader {
                max_bytes: config.max_body_bytes,
                timeout: config.read_timeout,
                account: bodies,
                buffers: Arc::clone(&buffers),
            },
            decoder: Decoder {
                max_bytes: config.max_decoded_bytes,
                account: decoded,
                buffers,
                spells: !parts.target.reads_symbols(),
                spellings: Arc::new(Spellings::new(&parts.fingerprinter)),
                fingerprinter: parts.fingerprinter,
            },
            metrics: Metrics::new(&parts.registry, &config),
            target: parts.target,
            clock: parts.clock,
            rejections_log: LogLimit::new(),
            failures_log: LogLimit::new(),
            config,
        };
        Ok(Self { receiver: Arc::new(receiver), http: parts.http })
    }

    /// `POST /api/v1/receive` and `POST /api/v1/write`, the former also with a slash behind it, as in Thanos.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/api/v1/receive", self.endpoint(Endpoint::Receive))
            .route("/api/v1/receive/", self.endpoint(Endpoint::Receive))
            .route("/api/v1/write", self.endpoint(Endpoint::Write))
            .layer(self.http.handler("receive"))
    }

    fn endpoint(&self, endpoint: Endpoint) -> MethodRouter {
        let receiver = Arc::clone(&self.receiver);
        let handle = move |request: Request| {
            let receiver = Arc::clone(&receiver);
            async move { receiver.handle(endpoint, request).await }
        };
        post(handle).fallback(move || async move {
            respond(&Answer::Refused(Refusal::Method), Asked { endpoint, version: Version::One })
        })
    }
}
