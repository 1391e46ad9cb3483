//! What is counted about a bucket, under Thanos' names.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use std::sync::atomic::AtomicU64;
use telemetry::Registry;

/// A kind of access, as Thanos names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Iter,
    Get,
    GetRange,
    Exists,
    Upload,
    Delete,
    Attributes,
}

/// Labels of a family about operations.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OperationLabels {
    bucket: String,
    operation: &'static str,
}

/// Labels of a family about a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct BucketLabels {
    bucket: String,
}

/// The metrics of all buckets of a process.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) operations: Family<OperationLabels, Counter>,
    pub(crate) failures: Family<OperationLabels, Counter>,
    pub(crate) seconds: Family<OperationLabels, Histogram, fn() -> Histogram>,
    pub(crate) fetched_bytes: Family<OperationLabels, Counter>,
    pub(crate) transferred_bytes: Family<OperationLabels, Histogram, fn() -> Histogram>,
    pub(crate) last_upload: Family<BucketLabels, Gauge<f64, AtomicU64>>,
}

const OPERATIONS: [Operation; 7] = [
    Operation::Iter,
    Operation::Get,
    Operation::GetRange,
    Operation::Exists,
    Operation::Upload,
    Operation::Delete,
    Operation::Attributes,
];

const SECONDS: [f64; 14] = [0.001, 0.01, 0.1, 0.3, 0.6, 1.0, 3.0, 6.0, 9.0, 20.0, 30.0, 60.0, 90.0, 120.0];

impl Operation {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Iter => "iter",
            Self::Get => "get",
            Self::GetRange => "get_range",
            Self::Exists => "exists",
            Self::Upload => "upload",
            Self::Delete => "delete",
            Self::Attributes => "attributes",
        }
    }
}

impl Metrics {
    /// Registers the metrics. Once for a process: buckets are told apart by a label.
    pub fn register(registry: &Registry) -> Self {
        let metrics = Self::default();
        let prefix = "thanos_objstore_bucket";
        let help = "Total number of all attempted operations against a bucket.";
        registry.register(&format!("{prefix}_operations_total"), help, metrics.operations.clone());
        let help = "Total number of operations against a bucket that failed, but were not expected to fail in certain way from \
                    caller perspective. Those errors have to be investigated.";
        registry.register(&format!("{prefix}_operation_failures_total"), help, metrics.failures.clone());
        let help = "Duration of successful operations against the bucket per operation - iter operations include time spent \
                    on each callback.";
        registry.register(&format!("{prefix}_operation_duration_seconds"), help, metrics.seconds.clone());
        let help = "Total number of bytes fetched from bucket, per operation.";
        registry.register(&format!("{prefix}_operation_fetched_bytes_total"), help, metrics.fetched_bytes.clone());
        let help = "Number of bytes transferred from/to bucket per operation.";
        registry.register(&format!("{prefix}_operation_transferred_bytes"), help, metrics.transferred_bytes.clone());
        let help = "Second timestamp of the last successful upload to the bucket.";
        registry.register(&format!("{prefix}_last_successful_upload_time"), help, metrics.last_upload.clone());
        metrics
    }

    /// The series of one bucket, at zero from the start.
    pub(crate) fn of(&self, bucket: &str) -> BucketMetrics {
        let metrics = BucketMetrics { all: self.clone(), bucket: bucket.to_owned() };
        for operation in OPERATIONS {
            let labels = metrics.labels(operation);
            drop(self.operations.get_or_create(&labels));
            drop(self.failures.get_or_create(&labels));
            drop(self.seconds.get_or_create(&labels));
            if matches!(operation, Operation::Get | Operation::GetRange) {
                drop(self.fetched_bytes.get_or_create(&labels));
            }
            if matches!(operation, Operation::Get | Operation::GetRange | Operation::Upload) {
                drop(self.transferred_bytes.get_or_create(&labels));
            }
        }
        drop(self.last_upload.get_or_create(&BucketLabels { bucket: bucket.to_owned() }));
        metrics
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            operations: Family::default(),
            failures: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            fetched_bytes: Family::default(),
            // From 32 KiB to 1 GiB.
            transferred_bytes: Family::new_with_constructor(|| Histogram::new(exponential_buckets(32_768.0, 2.0, 16))),
            last_upload: Family::default(),
        }
    }
}

/// The metrics of one bucket.
#[derive(Debug, Clone)]
pub(crate) struct BucketMetrics {
    all: Metrics,
    bucket: String,
}

impl BucketMetrics {
    fn labels(&self, operation: Operation) -> OperationLabels {
        OperationLabels { bucket: self.bucket.clone(), operation: operation.name() }
    }

    pub(crate) fn begun(&self, operation: Operation) {
        self.all.operations.get_or_create(&self.labels(operation)).inc();
    }

    pub(crate) fn failed(&self, operation: Operation) {
        self.all.failures.get_or_create(&self.labels(operation)).inc();
    }

    pub(crate) fn done(&self, operation: Operation, seconds: f64) {
        self.all.seconds.get_or_create(&self.labels(operation)).observe(seconds);
    }

    /// Bytes that came (`get`, `get_range`) or went (`upload`).
    pub(crate) fn transferred(&self, operation: Operation, bytes: u64) {
        let labels = self.labels(operation);
        self.all.transferred_bytes.get_or_create(&labels).observe(bytes as f64);
        if operation != Operation::Upload {
            self.all.fetched_bytes.get_or_create(&labels).inc_by(bytes);
        }
    }

    pub(crate) fn uploaded(&self, now_ms: i64) {
        let labels = BucketLabels { bucket: self.bucket.clone() };
        self.all.last_upload.get_or_create(&labels).set(now_ms as f64 / 1000.0);
    }
}
