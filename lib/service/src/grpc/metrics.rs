//! Calls counted and timed, under the names of Go's middleware for gRPC.

use super::methods::{Descriptors, Method, code_name};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use std::sync::Arc;
use std::time::Instant;
use telemetry::Registry;
use tonic::Code;

/// Upper bounds of the times, Thanos'.
const SECONDS: [f64; 14] = [0.001, 0.01, 0.1, 0.3, 0.6, 1.0, 3.0, 6.0, 9.0, 20.0, 30.0, 60.0, 90.0, 120.0];

/// What is counted of the calls of one side. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct CallMetrics(Arc<Families>);

#[derive(Debug)]
struct Families {
    descriptors: Descriptors,
    started: Family<Called, Counter>,
    handled: Family<Ended, Counter>,
    received: Family<Called, Counter>,
    sent: Family<Called, Counter>,
    seconds: Family<Called, Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    grpc_method: Arc<str>,
    grpc_service: Arc<str>,
    grpc_type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    grpc_code: &'static str,
    grpc_method: Arc<str>,
    grpc_service: Arc<str>,
    grpc_type: &'static str,
}

/// Names and help texts of one side.
struct Names {
    started: (&'static str, &'static str),
    handled: (&'static str, &'static str),
    received: (&'static str, &'static str),
    sent: (&'static str, &'static str),
    seconds: (&'static str, &'static str),
}

const SERVER: Names = Names {
    started: ("grpc_server_started_total", "Total number of RPCs started on the server."),
    handled: (
        "grpc_server_handled_total",
        "Total number of RPCs completed on the server, regardless of success or failure.",
    ),
    received: ("grpc_server_msg_received_total", "Total number of RPC stream messages received on the server."),
    sent: ("grpc_server_msg_sent_total", "Total number of gRPC stream messages sent by the server."),
    seconds: (
        "grpc_server_handling_seconds",
        "Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.",
    ),
};

const CLIENT: Names = Names {
    started: ("grpc_client_started_total", "Total number of RPCs started on the client."),
    handled: (
        "grpc_client_handled_total",
        "Total number of RPCs completed by the client, regardless of success or failure.",
    ),
    received: ("grpc_client_msg_received_total", "Total number of RPC stream messages received by the client."),
    sent: ("grpc_client_msg_sent_total", "Total number of gRPC stream messages sent by the client."),
    seconds: (
        "grpc_client_handling_seconds",
        "Histogram of response latency (seconds) of the gRPC until it is finished by the application.",
    ),
};

impl CallMetrics {
    /// `grpc_server_*`.
    pub(super) fn server(registry: &Registry, descriptors: &Descriptors) -> Self {
        Self::new(registry, descriptors, &SERVER)
    }

    /// `grpc_client_*`.
    pub(super) fn client(registry: &Registry, descriptors: &Descriptors) -> Self {
        Self::new(registry, descriptors, &CLIENT)
    }

    fn new(registry: &Registry, descriptors: &Descriptors, names: &Names) -> Self {
        let families = Families {
            descriptors: descriptors.clone(),
            started: Family::default(),
            handled: Family::default(),
            received: Family::default(),
            sent: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
        };
        registry.register(names.started.0, names.started.1, families.started.clone());
        registry.register(names.handled.0, names.handled.1, families.handled.clone());
        registry.register(names.received.0, names.received.1, families.received.clone());
        registry.register(names.sent.0, names.sent.1, families.sent.clone());
        registry.register(names.seconds.0, names.seconds.1, families.seconds.clone());
        Self(Arc::new(families))
    }

    /// A call to `path` begins.
    pub(super) fn begin(&self, path: &str) -> Call {
        let families = self.0.clone();
        let Method { kind, service, name } = families.descriptors.method(path).clone();
        let labels = Called { grpc_method: name, grpc_service: service, grpc_type: kind };
        families.started.get_or_create(&labels).inc();
        let (received, sent) =
            (families.received.get_or_create_owned(&labels), families.sent.get_or_create_owned(&labels));
        Call { families, labels, received, sent, began: Instant::now(), code: Code::Cancelled }
    }
}

/// One call; what came of it is written down when this is dropped.
#[derive(Debug)]
pub(super) struct Call {
    families: Arc<Families>,
    labels: Called,
    pub(super) received: Counter,
    pub(super) sent: Counter,
    began: Instant,
    /// What it ended with; `Cancelled` if nobody waited for the end.
    pub(super) code: Code,
}

impl Drop for Call {
    fn drop(&mut self) {
        let Called { grpc_method, grpc_service, grpc_type } = self.labels.clone();
        let ended = Ended { grpc_code: code_name(self.code), grpc_method, grpc_service, grpc_type };
        self.families.handled.get_or_create(&ended).inc();
        self.families.seconds.get_or_create(&self.labels).observe(self.began.elapsed().as_secs_f64());
    }
}
