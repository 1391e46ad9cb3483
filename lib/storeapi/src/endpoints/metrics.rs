//! What is counted of endpoints and their names.

use super::address::DnsName;
use super::book::EndpointStatus;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use telemetry::Registry;

/// Of lookups.
#[derive(Debug, Clone, Default)]
pub(super) struct DnsMetrics {
    pub(super) lookups: Counter,
    pub(super) failures: Counter,
    results: Family<Addr, Gauge>,
}

/// Of endpoints.
#[derive(Debug, Clone, Default)]
pub(super) struct EndpointMetrics {
    /// Addresses found more than once.
    pub(super) duplicates: Counter,
    connections: Family<Node, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Addr {
    addr: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Node {
    external_labels: String,
    store_type: &'static str,
}

impl DnsMetrics {
    /// Under the names of today and those that dashboards still use.
    pub(super) fn new(registry: &Registry) -> Self {
        let metrics = Self::default();
        for prefix in ["thanos_query_endpoints", "thanos_query_store_apis"] {
            registry.register(
                &format!("{prefix}_dns_lookups_total"),
                "The number of DNS lookups resolutions attempts",
                metrics.lookups.clone(),
            );
            registry.register(
                &format!("{prefix}_dns_failures_total"),
                "The number of DNS lookup failures",
                metrics.failures.clone(),
            );
            registry.register(
                &format!("{prefix}_dns_provider_results"),
                "The number of resolved endpoints for each configured address",
                metrics.results.clone(),
            );
        }
        metrics
    }

    pub(super) fn set_results(&self, name: &DnsName, count: usize) {
        let gauge = self.results.get_or_create_owned(&Addr { addr: name.to_string() });
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

impl EndpointMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "thanos_query_duplicated_endpoint_addresses_total",
            "The number of times a duplicated endpoint addresses is detected from the different configs in query",
            metrics.duplicates.clone(),
        );
        registry.register(
            "thanos_store_nodes_grpc_connections",
            "Number of gRPC connection to Store APIs. Opened connection means healthy store APIs available for Querier.",
            metrics.connections.clone(),
        );
        metrics
    }

    /// Counts the endpoints that answered when they were polled last.
    pub(super) fn set_connections(&self, statuses: &[EndpointStatus]) {
        self.connections.clear();
        for status in statuses.iter().filter(|status| status.last_error.is_none()) {
            let sets = status.info.label_sets.iter().map(|labels| format!("{labels:?}")).collect::<Vec<_>>();
            let node = Node { external_labels: sets.join(","), store_type: status.info.component.name() };
            self.connections.get_or_create_owned(&node).inc();
        }
    }
}
