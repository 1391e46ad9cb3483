//! What the store shows, under Thanos' names. Of what we do not do (caches of postings, lazily expanded postings) nothing is
//! shown.

use crate::budget::Budget;
use crate::limits::Fetch;
use parking_lot::RwLock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use telemetry::Registry;

/// Where no tenant is named. As Thanos.
const DEFAULT_TENANT: &str = "default-tenant";
/// As many values of the label `tenant` as are shown; later ones count as [`OTHERS`].
const MAX_TENANTS: usize = 1000;
const OTHERS: &str = "__others__";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByTenant {
    tenant: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByDataType {
    data_type: &'static str,
    tenant: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ByReason {
    reason: &'static str,
    tenant: Arc<str>,
}

type PerTenant = Family<ByTenant, Histogram>;

/// The metrics of one store. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics(Arc<Families>);

#[derive(Debug)]
pub(crate) struct Families {
    pub(crate) block_loads: Counter,
    pub(crate) block_load_failures: Counter,
    pub(crate) block_drops: Counter,
    pub(crate) block_drop_failures: Counter,
    pub(crate) blocks_loaded: Gauge,
    pub(crate) last_loaded: Gauge<f64, AtomicU64>,
    pub(crate) block_load_seconds: Histogram,
    pub(crate) gate_in_flight: Gauge,
    pub(crate) gate_max: Gauge,
    pub(crate) gate_queries: Counter,
    pub(crate) gate_seconds: Histogram,
    queries_dropped: Family<ByReason, Counter>,
    size_fetched: Family<ByDataType, Histogram>,
    blocks_queried: PerTenant,
    result_series: PerTenant,
    merge_seconds: PerTenant,
    sent_chunk_bytes: PerTenant,
    series_fetch_seconds: PerTenant,
    postings_fetch_seconds: PerTenant,
    chunks_fetch_seconds: PerTenant,
    empty_postings: Family<ByTenant, Counter>,
    series_refetches: Family<ByTenant, Counter>,
    chunk_refetches: Family<ByTenant, Counter>,
    tenants: RwLock<HashSet<Arc<str>>>,
}

/// The metrics as one request counts them.
#[derive(Debug, Clone)]
pub(crate) struct RequestMetrics {
    all: Metrics,
    tenant: Arc<str>,
}

/// Whether the series or the chunk was larger than it was taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refetch {
    Series,
    Chunk,
}

const LOAD_SECONDS: [f64; 12] = [0.1, 0.5, 1.0, 10.0, 20.0, 30.0, 60.0, 120.0, 240.0, 360.0, 720.0, 1440.0];
const SECONDS: [f64; 14] = [0.001, 0.01, 0.1, 0.3, 0.6, 1.0, 3.0, 6.0, 9.0, 20.0, 30.0, 60.0, 90.0, 120.0];
const COUNTS: [f64; 15] = [
    1.0,
    9.0,
    99.0,
    999.0,
    9_999.0,
    19_999.0,
    49_999.0,
    99_999.0,
    149_999.0,
    199_999.0,
    299_999.0,
    499_999.0,
    749_999.0,
    999_999.0,
    1_999_999.0,
];

impl Metrics {
    /// Registers the metrics.
    pub(crate) fn register(registry: &Registry) -> Self {
        let (seconds, counts) = (|| Histogram::new(SECONDS), || Histogram::new(COUNTS));
        // From 32 bytes to 2 GiB.
        let sizes = || Histogram::new(exponential_buckets(32.0, 4.0, 14));
        let families = Families {
            block_loads: Counter::default(),
            block_load_failures: Counter::default(),
            block_drops: Counter::default(),
            block_drop_failures: Counter::default(),
            blocks_loaded: Gauge::default(),
            last_loaded: Gauge::default(),
            block_load_seconds: Histogram::new(LOAD_SECONDS),
            gate_in_flight: Gauge::default(),
            gate_max: Gauge::default(),
            gate_queries: Counter::default(),
            gate_seconds: Histogram::new(SECONDS),
            queries_dropped: Family::default(),
            size_fetched: Family::new_with_constructor(sizes),
            blocks_queried: Family::new_with_constructor(|| Histogram::new(exponential_buckets(1.0, 2.0, 10))),
            result_series: Family::new_with_constructor(counts),
            merge_seconds: Family::new_with_constructor(seconds),
            sent_chunk_bytes: Family::new_with_constructor(sizes),
            series_fetch_seconds: Family::new_with_constructor(seconds),
            postings_fetch_seconds: Family::new_with_constructor(seconds),
            chunks_fetch_seconds: Family::new_with_constructor(seconds),
            empty_postings: Family::default(),
            series_refetches: Family::default(),
            chunk_refetches: Family::default(),
            tenants: RwLock::default(),
        };
        families.register_blocks(registry);
        families.register_requests(registry);
        Self(Arc::new(families))
    }

    /// Shows the memory of requests.
    pub(crate) fn watch_memory(&self, registry: &Registry, budget: &Budget) {
        registry.register_collector(Box::new(Memory(budget.clone())));
    }

    /// The metrics as a request of `tenant` counts them.
    pub(crate) fn of(&self, tenant: Option<&str>) -> RequestMetrics {
        let tenant = tenant.unwrap_or(DEFAULT_TENANT);
        if let Some(known) = self.tenants.read().get(tenant) {
            return RequestMetrics { all: self.clone(), tenant: Arc::clone(known) };
        }
        let mut tenants = self.tenants.write();
        let name: Arc<str> = if tenants.len() < MAX_TENANTS { tenant.into() } else { OTHERS.into() };
        tenants.insert(Arc::clone(&name));
        RequestMetrics { all: self.clone(), tenant: name }
    }
}

impl std::ops::Deref for Metrics {
    type Target = Families;

    fn deref(&self) -> &Families {
        &self.0
    }
}

/// Reads a budget when somebody asks.
#[derive(Debug)]
struct Memory(Budget);

impl Collector for Memory {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(budget) = self;
        for (name, help, value) in [
            ("used_bytes", "Memory that requests hold.", budget.used_bytes() as f64),
            ("peak_bytes", "The most memory that requests held at a time.", budget.peak_bytes() as f64),
            ("limit_bytes", "The most memory that requests may hold.", budget.limits().total_bytes as f64),
            ("waiting", "Reads that wait for memory.", budget.waiting() as f64),
        ] {
            let (name, gauge) = (format!("gauntlet_store_memory_{name}"), ConstGauge::new(value));
            gauge.encode(encoder.encode_descriptor(&name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

impl RequestMetrics {
    /// Bytes came from the bucket.
    pub(crate) fn fetched(&self, fetch: Fetch, size_bytes: u64, took: Duration) {
        let data_type = match fetch {
            Fetch::Postings => "postings",
            Fetch::Series => "series",
            Fetch::Chunks => "chunks",
        };
        let labels = ByDataType { data_type, tenant: Arc::clone(&self.tenant) };
        self.all.size_fetched.get_or_create(&labels).observe(size_bytes as f64);
        let seconds = match fetch {
            Fetch::Postings => &self.all.postings_fetch_seconds,
            Fetch::Series => &self.all.series_fetch_seconds,
            Fetch::Chunks => &self.all.chunks_fetch_seconds,
        };
        self.observe(seconds, took.as_secs_f64());
    }

    /// Something was larger than it was taken to be, or damaged, and is read once more.
    pub(crate) fn refetched(&self, what: Refetch) {
        let family = match what {
            Refetch::Series => &self.all.series_refetches,
            Refetch::Chunk => &self.all.chunk_refetches,
        };
        family.get_or_create(&self.by_tenant()).inc();
    }

    /// No series of a block was accepted.
    pub(crate) fn empty_postings(&self) {
        self.all.empty_postings.get_or_create(&self.by_tenant()).inc();
    }

    /// A request was refused.
    pub(crate) fn dropped(&self, reason: &'static str) {
        let labels = ByReason { reason, tenant: Arc::clone(&self.tenant) };
        self.all.queries_dropped.get_or_create(&labels).inc();
    }

    /// A request asks so many blocks.
    pub(crate) fn asked(&self, blocks: usize) {
        self.observe(&self.all.blocks_queried, blocks as f64);
    }

    /// A request was answered to its end.
    pub(crate) fn merged(&self, series: u64, took: Duration) {
        self.observe(&self.all.result_series, series as f64);
        self.observe(&self.all.merge_seconds, took.as_secs_f64());
    }

    /// The chunks of a series are sent.
    pub(crate) fn sent(&self, chunk_bytes: u64) {
        self.observe(&self.all.sent_chunk_bytes, chunk_bytes as f64);
    }

    fn observe(&self, family: &PerTenant, value: f64) {
        family.get_or_create(&self.by_tenant()).observe(value);
    }

    fn by_tenant(&self) -> ByTenant {
        ByTenant { tenant: Arc::clone(&self.tenant) }
    }
}

impl Families {
    fn register_blocks(&self, registry: &Registry) {
        let name = |rest: &str| format!("thanos_bucket_store_{rest}");
        let help = "Total number of remote block loading attempts.";
        registry.register(&name("block_loads_total"), help, self.block_loads.clone());
        let help = "Total number of failed remote block loading attempts.";
        registry.register(&name("block_load_failures_total"), help, self.block_load_failures.clone());
        let help = "Total number of local blocks that were dropped.";
        registry.register(&name("block_drops_total"), help, self.block_drops.clone());
        let help = "Total number of local blocks that failed to be dropped.";
        registry.register(&name("block_drop_failures_total"), help, self.block_drop_failures.clone());
        let help = "Number of currently loaded blocks.";
        registry.register(&name("blocks_loaded"), help, self.blocks_loaded.clone());
        let help = "Timestamp when last block got loaded.";
        registry.register(&name("blocks_last_loaded_timestamp_seconds"), help, self.last_loaded.clone());
        let help = "The total time taken to load a block in seconds.";
        registry.register(&name("block_load_duration_seconds"), help, self.block_load_seconds.clone());
        let help = "Number of queries that are currently in flight.";
        registry.register(&name("series_gate_queries_in_flight"), help, self.gate_in_flight.clone());
        let help = "Maximum number of concurrent queries.";
        registry.register(&name("series_gate_queries_max"), help, self.gate_max.clone());
        let help = "Total number of queries.";
        registry.register(&name("series_gate_queries_total"), help, self.gate_queries.clone());
        let help = "How many seconds it took for queries to wait at the gate.";
        registry.register(&name("series_gate_queries_duration_seconds"), help, self.gate_seconds.clone());
    }

    fn register_requests(&self, registry: &Registry) {
        let name = |rest: &str| format!("thanos_bucket_store_{rest}");
        let help = "Number of queries that were dropped due to the limit.";
        registry.register(&name("queries_dropped_total"), help, self.queries_dropped.clone());
        let help = "Total size of items of a data type fetched to fulfill a single Store API series request in Bytes.";
        registry.register(&name("series_data_size_fetched_bytes"), help, self.size_fetched.clone());
        let help = "Number of blocks in a bucket store that were touched to satisfy a query.";
        registry.register(&name("series_blocks_queried"), help, self.blocks_queried.clone());
        let help = "Number of series observed in the final result of a query.";
        registry.register(&name("series_result_series"), help, self.result_series.clone());
        let help = "Time it takes to merge sub-results from all queried blocks into a single result.";
        registry.register(&name("series_merge_duration_seconds"), help, self.merge_seconds.clone());
        let help = "Size in bytes of the chunks for the single series, which is adequate to the gRPC message size sent to \
                    querier.";
        registry.register(&name("sent_chunk_size_bytes"), help, self.sent_chunk_bytes.clone());
        let help = "The time it takes to fetch series to respond to a request sent to a store gateway.";
        registry.register(&name("series_fetch_duration_seconds"), help, self.series_fetch_seconds.clone());
        let help = "The time it takes to fetch postings to respond to a request sent to a store gateway.";
        registry.register(&name("postings_fetch_duration_seconds"), help, self.postings_fetch_seconds.clone());
        let help = "The total time spent fetching chunks within a single request for one block.";
        registry.register(&name("chunks_fetch_duration_seconds"), help, self.chunks_fetch_seconds.clone());
        let help = "Total number of empty postings when fetching block series.";
        registry.register(&name("empty_postings_total"), help, self.empty_postings.clone());
        let help = "Total number of cases where configured estimated series bytes was not enough was to fetch series from \
                    index, resulting in refetch.";
        registry.register(&name("series_refetches_total"), help, self.series_refetches.clone());
        let help = "Total number of cases where configured estimated chunk bytes was not enough was to fetch chunks from \
                    object store, resulting in refetch.";
        registry.register(&name("chunk_refetches_total"), help, self.chunk_refetches.clone());
    }
}
