//! What the forwarder counts, under Thanos' names.

use crate::hashring::Rings;
use crate::quorum::{Thresholds, Vote};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use telemetry::Registry;

#[derive(Debug, Clone)]
pub(super) struct Metrics {
    requests: Family<ResultLabel, Counter>,
    replications: Family<ResultLabel, Counter>,
    nodes: Family<RingLabel, Gauge>,
    tenants: Family<RingLabel, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RingLabel {
    name: String,
}

const SUCCESS: ResultLabel = ResultLabel { result: "success" };
const ERROR: ResultLabel = ResultLabel { result: "error" };

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            replications: Family::default(),
            nodes: Family::default(),
            tenants: Family::default(),
        };
        for family in [&metrics.requests, &metrics.replications] {
            for result in [SUCCESS, ERROR] {
                // So that it is there before the first.
                family.get_or_create(&result).inc_by(0);
            }
        }
        registry.register(
            "thanos_receive_forward_requests_total",
            "The number of forward requests.",
            metrics.requests.clone(),
        );
        registry.register(
            "thanos_receive_replications_total",
            "The number of replication operations done by the receiver. The success of replication is fulfilled when a quorum is met.",
            metrics.replications.clone(),
        );
        registry.register("thanos_receive_hashring_nodes", "The number of nodes per hashring.", metrics.nodes.clone());
        registry.register(
            "thanos_receive_hashring_tenants",
            "The number of tenants per hashring.",
            metrics.tenants.clone(),
        );
        metrics
    }

    /// Counts an answer. A conflict is one, too.
    pub(super) fn answered(&self, remote: bool, vote: Vote, thresholds: Thresholds) {
        let result = match vote {
            Vote::Stored | Vote::Conflict => SUCCESS,
            Vote::Failed => ERROR,
        };
        if remote {
            self.requests.get_or_create(&result).inc();
        }
        if thresholds.replicas > 1 {
            self.replications.get_or_create(&result).inc();
        }
    }

    /// Shows the rings that are live now.
    pub(super) fn rings(&self, rings: &Rings) {
        self.nodes.clear();
        self.tenants.clear();
        for config in rings.configs() {
            let label = RingLabel { name: config.name.clone() };
            let size = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
            self.nodes.get_or_create(&label).set(size(config.endpoints.len()));
            self.tenants.get_or_create(&label).set(size(config.tenants.len()));
        }
    }
}
