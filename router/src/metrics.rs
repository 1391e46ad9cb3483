//! What the router counts, under Thanos' names where Thanos counts it too.

use crate::config::Config;
use crate::status::{Answer, Refusal, Status};
use model::TenantId;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use proto::{Tally, WriteError};
use service::Account;
use std::collections::HashSet;
use telemetry::Registry;

/// So many tenants get series of their own; those after them share one, as in the metrics of HTTP. Names come from
/// outside, and series are for ever.
const MAX_TENANTS: usize = 1000;
const OTHERS: &str = "__others__";

/// What the router counts; made once and handed down.
#[derive(Debug)]
pub(crate) struct Metrics {
    write_timeseries: Family<CodeLabels, Histogram, fn() -> Histogram>,
    write_samples: Family<CodeLabels, Histogram, fn() -> Histogram>,
    /// Requests at work.
    pub(crate) pending: Gauge,
    limited_by_head: Family<TenantLabel, Counter>,
    refused: Family<ReasonLabel, Counter>,
    rejected: Family<TenantReasonLabels, Counter>,
    empty: Counter,
    dropped: Family<KindLabel, Counter>,
    tenants: Mutex<HashSet<TenantId>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: u32,
    tenant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TenantLabel {
    tenant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TenantReasonLabels {
    reason: &'static str,
    tenant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
    tenant: &'static str,
}

/// Shows how much of the memory for requests is taken.
#[derive(Debug)]
pub(crate) struct MemoryInUse {
    pub(crate) bodies: Account,
    pub(crate) decoded: Account,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry, config: &Config) -> Self {
        let metrics = Self {
            write_timeseries: Family::new_with_constructor(sizes),
            write_samples: Family::new_with_constructor(sizes),
            pending: Gauge::default(),
            limited_by_head: Family::default(),
            refused: Family::default(),
            rejected: Family::default(),
            empty: Counter::default(),
            dropped: Family::default(),
            tenants: Mutex::default(),
        };
        metrics.register(registry);
        let factor = Gauge::<i64>::default();
        factor.set(i64::try_from(config.replication_factor).unwrap_or(i64::MAX));
        registry.register(
            "thanos_receive_replication_factor",
            "The number of times to replicate incoming write requests.",
            factor,
        );
        let limits = Family::<LimitLabels, Gauge>::default();
        for (limit, value) in [
            ("body_size", u64::from(config.max_body_bytes)),
            ("series", config.max_series.unwrap_or(0)),
            ("samples", config.max_samples.unwrap_or(0)),
        ] {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            limits.get_or_create(&LimitLabels { limit, tenant: "" }).set(value);
        }
        registry.register("thanos_receive_write_limits", "The configured write limits.", limits);
        metrics
    }

    fn register(&self, registry: &Registry) {
        registry.register(
            "thanos_receive_write_timeseries",
            "The number of timeseries received in the incoming write requests.",
            self.write_timeseries.clone(),
        );
        registry.register(
            "thanos_receive_write_samples",
            "The number of sampled received in the incoming write requests.",
            self.write_samples.clone(),
        );
        registry.register(
            "thanos_receive_pending_write_requests",
            "The number of pending write requests.",
            self.pending.clone(),
        );
        registry.register(
            "thanos_receive_head_series_limited_requests_total",
            "The total number of remote write requests that have been dropped due to active series limiting.",
            self.limited_by_head.clone(),
        );
        registry.register(
            "gauntlet_receive_requests_refused_total",
            "Write requests that were refused as a whole.",
            self.refused.clone(),
        );
        registry.register(
            "gauntlet_receive_rejected_total",
            "Samples, series, histograms and exemplars that were refused while the rest of their request was stored.",
            self.rejected.clone(),
        );
        registry.register(
            "gauntlet_receive_empty_requests_total",
            "Well-formed write requests without anything that is stored.",
            self.empty.clone(),
        );
        registry.register(
            "gauntlet_receive_dropped_total",
            "Metadata of requests of 1.0, accepted and not stored.",
            self.dropped.clone(),
        );
    }

    /// Counts a request that was walked, whatever became of it.
    pub(crate) fn walked(&self, tally: &Tally) {
        if tally.metadata > 0 {
            self.dropped.get_or_create(&KindLabel { kind: "metadata" }).inc_by(tally.metadata);
        }
    }

    /// Counts what became of a request. `carried` is its tenant and content, where it came so far.
    pub(crate) fn answered(&self, answer: &Answer, status: Status, carried: Option<(&TenantId, &Tally)>) {
        match answer {
            Answer::Stored(..) => {}
            Answer::Nothing(_) => {
                self.empty.inc();
            }
            Answer::Rejected(rejections, ..) => {
                let tenant = carried.map_or_else(String::new, |(tenant, _)| self.label_of(tenant));
                for (why, count) in rejections.counts() {
                    let labels = TenantReasonLabels { reason: why.as_str(), tenant: tenant.clone() };
                    self.rejected.get_or_create(&labels).inc_by(count);
                }
            }
            Answer::Refused(refusal) => {
                self.refused.get_or_create(&ReasonLabel { reason: refusal.reason() }).inc();
            }
        }
        let unknown_tenant = matches!(answer, Answer::Refused(Refusal::Write(WriteError::TenantLimit { .. })));
        if let Some((tenant, tally)) = carried.filter(|_| !unknown_tenant) {
            let tenant = self.label_of(tenant);
            if let Answer::Refused(Refusal::Write(WriteError::SeriesLimit { .. })) = answer {
                self.limited_by_head.get_or_create(&TenantLabel { tenant: tenant.clone() }).inc();
            }
            let labels = CodeLabels { code: u32::from(status.code.as_u16()), tenant };
            self.write_timeseries.get_or_create(&labels).observe(tally.series as f64);
            self.write_samples.get_or_create(&labels).observe(tally.samples as f64);
        }
    }

    fn label_of(&self, tenant: &TenantId) -> String {
        let mut tenants = self.tenants.lock();
        if !tenants.contains(tenant) {
            if tenants.len() >= MAX_TENANTS {
                return OTHERS.to_owned();
            }
            tenants.insert(tenant.clone());
        }
        tenant.to_string()
    }
}

/// The buckets of Thanos.
fn sizes() -> Histogram {
    Histogram::new([10.0, 50.0, 100.0, 500.0, 1000.0, 5000.0, 10_000.0])
}

impl Collector for MemoryInUse {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        for (name, help, account) in [
            ("gauntlet_receive_body_bytes", "Memory taken by request bodies as they came.", &self.bodies),
            (
                "gauntlet_receive_decoded_bytes",
                "Memory taken by decompressed request bodies and their tables of series.",
                &self.decoded,
            ),
        ] {
            let gauge = ConstGauge::new(i64::from(account.taken_bytes()));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
