//! What is counted about shipping, under Thanos' names; a label tells the tenant.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use telemetry::Registry;

/// The metrics of all shippers of a process.
#[derive(Debug, Clone, Default)]
pub struct ShipperMetrics {
    dir_syncs: Family<TenantLabels, Counter>,
    dir_sync_failures: Family<TenantLabels, Counter>,
    uploads: Family<TenantLabels, Counter>,
    upload_failures: Family<TenantLabels, Counter>,
    corrupted_blocks: Family<TenantLabels, Counter>,
    upload_compacted_done: Family<TenantLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TenantLabels {
    tenant: String,
}

/// Those of one shipper.
#[derive(Debug, Clone)]
pub(super) struct TenantMetrics {
    pub(super) dir_syncs: Counter,
    pub(super) dir_sync_failures: Counter,
    pub(super) uploads: Counter,
    pub(super) upload_failures: Counter,
    pub(super) corrupted_blocks: Counter,
    pub(super) upload_compacted_done: Gauge,
}

impl ShipperMetrics {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> Self {
        let metrics = Self::default();
        let counter = |name: &str, help: &str, counter: &Family<TenantLabels, Counter>| {
            registry.register(&format!("thanos_shipper_{name}_total"), help, counter.clone());
        };
        counter("dir_syncs", "Total number of dir syncs", &metrics.dir_syncs);
        counter("dir_sync_failures", "Total number of failed dir syncs", &metrics.dir_sync_failures);
        counter("uploads", "Total number of uploaded blocks", &metrics.uploads);
        counter("upload_failures", "Total number of block upload failures", &metrics.upload_failures);
        counter("corrupted_blocks", "Total number of corrupted blocks", &metrics.corrupted_blocks);
        let help = "If 1 it means shipper uploaded all compacted blocks from the filesystem.";
        registry.register("thanos_shipper_upload_compacted_done", help, metrics.upload_compacted_done.clone());
        metrics
    }

    pub(super) fn of(&self, tenant: &str) -> TenantMetrics {
        let labels = TenantLabels { tenant: tenant.to_owned() };
        TenantMetrics {
            dir_syncs: self.dir_syncs.get_or_create_owned(&labels),
            dir_sync_failures: self.dir_sync_failures.get_or_create_owned(&labels),
            uploads: self.uploads.get_or_create_owned(&labels),
            upload_failures: self.upload_failures.get_or_create_owned(&labels),
            corrupted_blocks: self.corrupted_blocks.get_or_create_owned(&labels),
            upload_compacted_done: self.upload_compacted_done.get_or_create_owned(&labels),
        }
    }
}
