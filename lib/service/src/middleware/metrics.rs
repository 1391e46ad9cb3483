//! Requests counted, timed and measured under Thanos' names.

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, HeaderName, Method};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::RwLock;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use telemetry::Registry;
use tower::{Layer, Service};

/// As many values of the label `tenant` as one process shows; later ones count as [`OTHERS`].
const MAX_TENANTS: usize = 1000;
const OTHERS: &str = "__others__";
/// What a client's header may put into a label.
const MAX_TENANT_BYTES: usize = 255;

/// Upper bounds of `http_request_duration_seconds`: those of Thanos' receive below a second, and of its other programs above.
const SECONDS: [f64; 25] = [
    0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.3, 0.5, 0.6, 0.75, 1.0, 2.0, 3.0, 6.0, 9.0, 20.0, 30.0,
    60.0, 90.0, 120.0, 240.0, 360.0,
];
const SIZE_BYTES: [f64; 10] =
    [256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0, 67_108_864.0];

/// The request metrics of one process. Clones share them.
#[derive(Debug, Clone)]
pub struct HttpMetrics(Arc<Families>);

/// What the label `tenant` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenantLabel {
    /// There is no such label.
    None,
    /// The value of the first of `headers` that is there, else `default`.
    Header { headers: Vec<HeaderName>, default: &'static str },
}

#[derive(Debug)]
struct Families {
    requests: Family<Ended, Counter>,
    seconds: Family<Ended, Histogram>,
    request_bytes: Family<Ended, Histogram>,
    response_bytes: Family<Ended, Histogram>,
    inflight: Family<Begun, Gauge>,
    tenant: TenantLabel,
    tenants: RwLock<HashSet<Arc<str>>>,
    /// What was looked up before, each where it is counted.
    known: RwLock<HashMap<Ended, Counts>>,
}

/// Where requests that ended alike are counted.
#[derive(Debug, Clone)]
struct Counts {
    requests: Counter,
    seconds: Histogram,
    request_bytes: Histogram,
    response_bytes: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Begun {
    handler: &'static str,
    method: &'static str,
    tenant: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    code: u16,
    handler: &'static str,
    method: &'static str,
    tenant: Arc<str>,
}

impl HttpMetrics {
    /// Registers the metrics.
    pub fn new(registry: &Registry, tenant: TenantLabel) -> Self {
        let seconds = || Histogram::new(SECONDS);
        let sizes = || Histogram::new(SIZE_BYTES);
        let families = Families {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            request_bytes: Family::new_with_constructor(sizes),
            response_bytes: Family::new_with_constructor(sizes),
            inflight: Family::default(),
            tenant,
            tenants: RwLock::default(),
            known: RwLock::default(),
        };
        let register = Register { registry };
        register.metric("http_requests_total", "Tracks the number of HTTP requests.", &families.requests);
        register.metric("http_request_duration_seconds", "Tracks the latencies for HTTP requests.", &families.seconds);
        register.metric("http_request_size_bytes", "Tracks the size of HTTP requests.", &families.request_bytes);
        register.metric("http_response_size_bytes", "Tracks the size of HTTP responses.", &families.response_bytes);
        let help = "Current number of HTTP requests the handler is responding to.";
        register.metric("http_inflight_requests", help, &families.inflight);
        Self(Arc::new(families))
    }

    /// A layer that counts the requests of one route under the label `handler`.
    pub fn handler(&self, name: &'static str) -> HandlerMetrics {
        HandlerMetrics { families: self.0.clone(), handler: Handler::Named(name) }
    }

    /// A layer for a router's routes (`Router::route_layer`) that counts each by its path as it was declared, under the
    /// handler that stands beside it in `names`; other paths count as `other`.
    pub fn handlers(&self, names: &'static [(&'static str, &'static str)]) -> HandlerMetrics {
        HandlerMetrics { families: self.0.clone(), handler: Handler::ByPath(names) }
    }
}

#[derive(Debug, Clone, Copy)]
enum Handler {
    Named(&'static str),
    ByPath(&'static [(&'static str, &'static str)]),
}

impl Handler {
    fn name(self, request: &Request) -> &'static str {
        let names = match self {
            Self::Named(name) => return name,
            Self::ByPath(names) => names,
        };
        let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
        names.iter().find(|(known, _)| *known == path).map_or("other", |(_, name)| name)
    }
}

struct Register<'a> {
    registry: &'a Registry,
}

impl Register<'_> {
    fn metric(&self, name: &str, help: &str, metric: &(impl prometheus_client::registry::Metric + Clone)) {
        self.registry.register(name, help, metric.clone());
    }
}

impl Families {
    fn tenant_of(&self, headers: &HeaderMap) -> Arc<str> {
        let TenantLabel::Header { headers: names, default } = &self.tenant else {
            return Arc::default();
        };
        let given = names.iter().find_map(|name| headers.get(name)?.to_str().ok()).filter(|text| !text.is_empty());
        let name = given.filter(|text| text.len() <= MAX_TENANT_BYTES).unwrap_or(default);
        if let Some(known) = self.tenants.read().get(name) {
            return known.clone();
        }
        let mut tenants = self.tenants.write();
        let name: Arc<str> = if tenants.len() < MAX_TENANTS { name.into() } else { OTHERS.into() };
        tenants.insert(name.clone());
        name
    }

    /// Where requests that ended like this are counted.
    fn counts(&self, ended: Ended) -> Counts {
        if let Some(counts) = self.known.read().get(&ended) {
            return counts.clone();
        }
        let counts = Counts {
            requests: self.requests.get_or_create_owned(&ended),
            seconds: self.seconds.get_or_create_owned(&ended),
            request_bytes: self.request_bytes.get_or_create_owned(&ended),
            response_bytes: self.response_bytes.get_or_create_owned(&ended),
        };
        self.known.write().insert(ended, counts.clone());
        counts
    }
}

/// Counts the requests of one route, or of several. See [`HttpMetrics::handler`] and [`HttpMetrics::handlers`].
#[derive(Debug, Clone)]
pub struct HandlerMetrics {
    families: Arc<Families>,
    handler: Handler,
}

impl<S> Layer<S> for HandlerMetrics {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, metrics: self.clone() }
    }
}

/// A service whose requests are counted.
#[derive(Debug, Clone)]
pub struct Counted<S> {
    inner: S,
    metrics: HandlerMetrics,
}

impl<S> Service<Request> for Counted<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let mut observed = Observed::begin(&self.metrics, &request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            observed.code = response.status().as_u16();
            Ok(response.map(|body| Body::new(Measured { body, observed })))
        })
    }
}

/// One request; what came of it is written down when this is dropped.
struct Observed {
    families: Arc<Families>,
    labels: Begun,
    inflight: Gauge,
    began: Instant,
    request_bytes: f64,
    response_bytes: f64,
    code: u16,
}

impl Observed {
    /// A client that went away before there was an answer; nginx' number for it.
    const GONE: u16 = 499;

    fn begin(metrics: &HandlerMetrics, request: &Request) -> Self {
        let families = metrics.families.clone();
        let tenant = families.tenant_of(request.headers());
        let labels = Begun { handler: metrics.handler.name(request), method: lowercase(request.method()), tenant };
        let inflight = families.inflight.get_or_create_owned(&labels);
        inflight.inc();
        let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            families,
            labels,
            inflight,
            began: Instant::now(),
            request_bytes: length.unwrap_or(0.0),
            response_bytes: 0.0,
            code: Self::GONE,
        }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        let code = if std::thread::panicking() { 500 } else { self.code };
        let Begun { handler, method, tenant } = self.labels.clone();
        let ended = Ended { code, handler, method, tenant };
        self.inflight.dec();
        let counts = self.families.counts(ended);
        counts.requests.inc();
        counts.seconds.observe(self.began.elapsed().as_secs_f64());
        counts.request_bytes.observe(self.request_bytes);
        counts.response_bytes.observe(self.response_bytes);
    }
}

fn lowercase(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        Method::PATCH => "patch",
        _ => "unknown",
    }
}

/// A body whose bytes are counted on their way out.
struct Measured {
    body: Body,
    observed: Observed,
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            #[allow(clippy::cast_precision_loss, reason = "metrics are floats")]
            let size_bytes = data.len() as f64;
            this.observed.response_bytes += size_bytes;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
