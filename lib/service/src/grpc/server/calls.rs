//! What stands around every call.

use super::super::bodies::{Answer, OnPanic, Passing, Side, deadline, deadline_exceeded, panicked};
use super::super::coding::Snappy;
use super::super::methods::{Descriptors, code_of};
use super::super::metrics::{Call, CallMetrics};
use crate::listener::guarded::FirstRequest;
use crate::tls::PeerCertificates;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use prometheus_client::metrics::counter::Counter;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use telemetry::Registry;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::server::TcpConnectInfo;
use tonic::{Code, Status};
use tower::ServiceExt;
use tracing::error;

/// Answers calls. Clones share it.
#[derive(Clone)]
pub(super) struct Calls {
    routes: Snappy<Routes>,
    metrics: CallMetrics,
    message_bytes: usize,
    on_panic: OnPanic,
}

/// Answers the calls of one connection.
pub(super) struct Served {
    pub(super) calls: Calls,
    pub(super) first: FirstRequest,
    pub(super) connected: Connected,
}

/// Who is at the other end, as handlers see it.
#[derive(Debug, Clone)]
pub(super) struct Connected {
    pub(super) address: TcpConnectInfo,
    pub(super) certificates: Option<PeerCertificates>,
}

impl Calls {
    /// Calls to `routes`. Registers metrics.
    pub(super) fn new(
        routes: Snappy<Routes>,
        registry: &Registry,
        descriptors: &Descriptors,
        message_bytes: usize,
    ) -> Self {
        let panics: Counter = Counter::default();
        let help = "Total number of gRPC requests recovered from internal panic.";
        registry.register("grpc_req_panics_recovered_total", help, panics.clone());
        let on_panic: OnPanic = Arc::new(move |payload| {
            panics.inc();
            error!(err = crate::tasks::panic_message(payload), "panic in a grpc handler");
        });
        Self { routes, metrics: CallMetrics::server(registry, descriptors), message_bytes, on_panic }
    }

    async fn answer(self, request: Request<Incoming>, connected: Connected) -> Response<Body> {
        let call = self.metrics.begin(request.uri().path());
        let deadline = deadline(request.headers());
        let (limit, received) = (self.message_bytes, call.received.clone());
        let mut request = request.map(|body| Body::new(Passing::new(Body::new(body), limit, received)));
        request.extensions_mut().insert(connected.address);
        if let Some(certificates) = connected.certificates {
            request.extensions_mut().insert(certificates);
        }
        let routes = self.routes.clone();
        let answered = self.caught(routes.oneshot(request));
        let response = tokio::select! {
            biased;
            response = answered => response,
            () = passed(deadline) => deadline_exceeded().into_http(),
        };
        self.finish(response, call, deadline)
    }

    /// What `answer` gives; a status if it panics.
    async fn caught(&self, answer: impl Future<Output = Result<Response<Body>, Infallible>>) -> Response<Body> {
        let mut answer = pin!(answer);
        let done =
            std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
                Ok(Poll::Ready(Err(never))) => match never {},
                Err(payload) => {
                    (self.on_panic)(payload.as_ref());
                    Poll::Ready(panicked().into_http())
                }
            });
        done.await
    }

    fn finish(self, response: Response<Body>, mut call: Call, deadline: Option<Instant>) -> Response<Body> {
        // A status without messages has no trailers after it.
        if let Some(code) = code_of(response.headers()) {
            call.code = code;
            return response;
        }
        if !response.status().is_success() {
            call.code = Code::Unknown;
            return response;
        }
        response.map(|body| Body::new(Answer::new(body, usize::MAX, call, deadline, Side::Server(self.on_panic))))
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => pending().await,
    }
}

impl Service<Request<Incoming>> for Served {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.first.came();
        let answer = self.calls.clone().answer(request, self.connected.clone());
        Box::pin(async move { Ok(answer.await) })
    }
}
