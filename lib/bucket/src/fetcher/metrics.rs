//! What is counted about looking for blocks, under Thanos' names.

use super::{Fetched, Filtered};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use telemetry::Registry;

/// The metrics of a fetcher.
#[derive(Debug, Clone)]
pub struct FetcherMetrics {
    syncs: Counter,
    sync_failures: Counter,
    base_syncs: Counter,
    busts: Counter,
    seconds: Histogram,
    synced: Family<StateLabels, Gauge>,
    consistency_delay: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

const SECONDS: [f64; 7] = [0.01, 1.0, 10.0, 100.0, 300.0, 600.0, 1000.0];

impl FetcherMetrics {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> Self {
        let metrics = Self::default();
        let prefix = "thanos_blocks_meta";
        let counter = |name: &str, help: &str, counter: &Counter| {
            registry.register(&format!("{prefix}_{name}_total"), help, counter.clone());
        };
        counter("syncs", "Total blocks metadata synchronization attempts", &metrics.syncs);
        counter("sync_failures", "Total blocks metadata synchronization failures", &metrics.sync_failures);
        let help = "Total blocks metadata synchronization attempts by base Fetcher";
        counter("base_syncs", help, &metrics.base_syncs);
        counter("base_cache_busts", "Total blocks metadata cache busts by base Fetcher", &metrics.busts);
        let help = "Duration of the blocks metadata synchronization in seconds";
        registry.register(&format!("{prefix}_sync_duration_seconds"), help, metrics.seconds.clone());
        registry.register(&format!("{prefix}_synced"), "Number of block metadata synced", metrics.synced.clone());
        let help = "Configured consistency delay in seconds.";
        registry.register("thanos_consistency_delay_seconds", help, metrics.consistency_delay.clone());
        metrics
    }

    pub(super) fn configured(&self, consistency_delay: Duration) {
        self.consistency_delay.set(consistency_delay.as_secs_f64());
    }

    pub(super) fn began(&self) {
        self.syncs.inc();
        self.base_syncs.inc();
    }

    pub(super) fn failed(&self) {
        self.sync_failures.inc();
    }

    pub(super) fn busted(&self, busts: u64) {
        self.busts.inc_by(busts);
    }

    pub(super) fn done(&self, found: &Fetched, gone: &Filtered, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
        let states = [
            ("loaded", found.blocks.len()),
            ("no-meta-json", found.partial.len()),
            ("corrupted-meta-json", found.corrupted.len()),
            ("failed", found.failed.len()),
            ("time-excluded", gone.time),
            ("too-fresh", gone.fresh),
            ("marked-for-deletion", gone.marked),
            ("duplicate", gone.duplicate),
        ];
        for (state, count) in states {
            self.synced.get_or_create(&StateLabels { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

impl Default for FetcherMetrics {
    fn default() -> Self {
        Self {
            syncs: Counter::default(),
            sync_failures: Counter::default(),
            base_syncs: Counter::default(),
            busts: Counter::default(),
            seconds: Histogram::new(SECONDS),
            synced: Family::default(),
            consistency_delay: Gauge::default(),
        }
    }
}
