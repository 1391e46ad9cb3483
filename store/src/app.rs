//! The store put together, and the task that keeps its blocks those of the bucket.

use crate::budget::Budget;
use crate::config::Config;
use crate::files::Access;
use crate::gate::Gate;
use crate::header_files::HeaderFiles;
use crate::metrics::Metrics;
use crate::store::BucketStore;
use crate::sync::Syncer;
use bucket::Bucket;
use bucket::fetcher::{Fetcher, FetcherMetrics};
use model::Clock;
use service::{Readiness, Stop, TaskResult, Tasks};
use std::sync::Arc;
use std::time::Duration;
use telemetry::Registry;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};
use tsdb::fs::Fs;

/// What the store is given by whoever starts it.
#[derive(Debug)]
pub struct Parts {
    pub bucket: Bucket,
    /// Holds index-headers and metas.
    pub fs: Arc<dyn Fs>,
    pub clock: Arc<dyn Clock>,
    pub registry: Registry,
}

/// The store with what keeps it going.
#[derive(Debug)]
pub struct App {
    store: BucketStore,
    syncer: Syncer,
    sync_interval: Duration,
}

/// As large a part of the memory of requests is used besides to build index-headers.
const BUILDING_SHARE: u64 = 4;
/// How soon the first look is repeated when the bucket could not be listed.
const FIRST_RETRY: Duration = Duration::from_secs(5);

impl App {
    /// Puts the parts together. Nothing is read yet.
    pub fn build(config: Config, parts: Parts) -> Self {
        let Parts { bucket, fs, clock, registry } = parts;
        let metrics = Metrics::register(&registry);
        let gate = Gate::new(config.series_concurrency.get(), config.series_waiting, metrics.clone());
        let budget = Budget::new(config.memory);
        let building_bytes = config.memory.total_bytes / BUILDING_SHARE;
        metrics.watch_memory(&registry, &budget);
        let time = (config.within, Arc::clone(&clock));
        let store = BucketStore::new(bucket.name(), time, config.limits, (budget, gate), metrics.clone());
        let gets = Arc::new(Semaphore::new(config.reads_at_once.get()));
        let access = Access { bucket: bucket.clone(), gets, timeout: config.read_timeout };
        let fetcher_metrics = FetcherMetrics::register(&registry);
        let fetcher = Fetcher::new(bucket, config.fetch, Arc::clone(&fs), Arc::clone(&clock), fetcher_metrics);
        let syncer = Syncer {
            fetcher,
            store: store.clone(),
            access,
            headers: Arc::new(HeaderFiles::new(fs, config.dir, building_bytes)),
            within: config.within,
            concurrency: config.sync_concurrency,
            lazy_headers: config.lazy_headers,
            clock,
            metrics,
        };
        Self { store, syncer, sync_interval: config.sync_interval }
    }

    /// All blocks to read.
    pub fn store(&self) -> BucketStore {
        self.store.clone()
    }

    /// The memory of requests.
    pub fn budget(&self) -> Budget {
        self.store.budget().clone()
    }

    /// Looks at the bucket once.
    ///
    /// # Errors
    /// The bucket cannot be listed.
    pub async fn sync(&self) -> Result<(), bucket::BucketError> {
        self.syncer.sync().await
    }

    /// Starts the task that looks at the bucket again and again. `readiness` turns ready after the first look.
    pub fn start(self, tasks: &mut Tasks, readiness: Readiness) {
        tasks.spawn("store", move |stop| self.run(stop, readiness));
    }

    async fn run(self, stop: Stop, readiness: Readiness) -> TaskResult {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.keep_up(&readiness) => {}
        }
        Ok(())
    }

    async fn keep_up(&self, readiness: &Readiness) {
        readiness.not_ready("looking for blocks");
        let mut first = interval(FIRST_RETRY.min(self.sync_interval));
        first.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            first.tick().await;
            match self.sync().await {
                Ok(()) => break,
                Err(error) => {
                    warn!(%error, "the bucket cannot be looked at");
                    readiness.not_ready(format!("the bucket cannot be looked at: {error}"));
                }
            }
        }
        self.syncer.sweep().await;
        info!("blocks are served");
        readiness.ready();
        let mut again = interval(self.sync_interval);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        again.tick().await;
        loop {
            again.tick().await;
            if let Err(error) = self.sync().await {
                warn!(%error, "the bucket cannot be looked at, the blocks served stay as they are");
            }
        }
    }
}
