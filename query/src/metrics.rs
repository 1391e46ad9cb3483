//! What the component counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use promql::SeriesBatch as _;
use storeapi::EngineBatch;
use telemetry::Registry;

/// Metrics of queries, under the names of Prometheus' engine and of Thanos' gate.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Queries running or waiting to.
    pub in_flight: Gauge,
    /// The most that may run at once.
    pub max_in_flight: Gauge,
    /// Seconds a query took, waiting included.
    pub duration_seconds: Histogram,
    /// Queries that ended with an error.
    pub failed: Counter,
    /// Series that stores sent for queries.
    pub series: Counter,
    /// Bytes of labels and chunks that stores sent for queries.
    pub bytes: Counter,
}

impl Metrics {
    /// Counts a batch that a store sent.
    pub(crate) fn read(&self, batch: &EngineBatch) {
        self.series.inc_by(batch.len() as u64);
        self.bytes.inc_by(batch.size_bytes() as u64);
    }

    /// Makes and registers them.
    pub fn new(registry: &Registry) -> Self {
        let buckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
        let metrics = Self {
            in_flight: Gauge::default(),
            max_in_flight: Gauge::default(),
            duration_seconds: Histogram::new(buckets),
            failed: Counter::default(),
            series: Counter::default(),
            bytes: Counter::default(),
        };
        registry.register(
            "thanos_query_concurrent_gate_queries_in_flight",
            "Number of queries that are currently in flight.",
            metrics.in_flight.clone(),
        );
        registry.register(
            "thanos_query_concurrent_gate_queries_max",
            "Number of maximum concurrent queries.",
            metrics.max_in_flight.clone(),
        );
        registry.register(
            "gauntlet_query_duration_seconds",
            "How long queries took, from request to result.",
            metrics.duration_seconds.clone(),
        );
        registry.register("gauntlet_query_failures_total", "Queries that ended with an error.", metrics.failed.clone());
        registry.register(
            "gauntlet_query_fetched_series_total",
            "Series that stores sent for queries.",
            metrics.series.clone(),
        );
        registry.register(
            "gauntlet_query_fetched_bytes_total",
            "Bytes of labels and chunks that stores sent for queries.",
            metrics.bytes.clone(),
        );
        metrics
    }
}
