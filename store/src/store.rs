//! StoreAPI over the blocks.

mod labels;
mod series;

use crate::block_error::{BlockFailure, LABEL_NAMES, LABEL_VALUES};
use crate::block_set::BlockSet;
use crate::budget::Budget;
use crate::config::Within;
use crate::files::Means;
use crate::gate::Gate;
use crate::limits::{RequestLimits, Touched};
use crate::live_block::Asked;
use crate::metrics::Metrics;
use crate::pipeline::{BlockRequest, batch_bytes};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryFutureExt};
use model::{Clock, Matcher, TenantId, TimeRange};
use parking_lot::RwLock;
use std::sync::Arc;
use storeapi::{Component, LabelsAnswer, LabelsRequest, SeriesRequest, SeriesStream, Store, StoreError, StoreInfo};
use ulid::Ulid;

/// Blocks whose labels are read at the same time for one request.
const LABEL_BLOCKS: usize = 16;

/// The [`Store`] over the blocks of a bucket.
#[derive(Debug, Clone)]
pub struct BucketStore(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    name: Arc<str>,
    /// What is outside is neither announced nor answered.
    within: Within,
    clock: Arc<dyn Clock>,
    limits: RequestLimits,
    budget: Budget,
    gate: Gate,
    metrics: Metrics,
    blocks: RwLock<Arc<BlockSet>>,
}

impl BucketStore {
    pub(crate) fn new(
        name: &str,
        (within, clock): (Within, Arc<dyn Clock>),
        limits: RequestLimits,
        (budget, gate): (Budget, Gate),
        metrics: Metrics,
    ) -> Self {
        let (name, blocks) = (name.into(), RwLock::default());
        Self(Arc::new(Inner { name, within, clock, limits, budget, gate, metrics, blocks }))
    }

    /// The blocks served from now on.
    pub(crate) fn serve(&self, blocks: BlockSet) {
        self.0.metrics.blocks_loaded.set(i64::try_from(blocks.blocks().count()).unwrap_or(i64::MAX));
        *self.0.blocks.write() = Arc::new(blocks);
    }

    /// Whether requests find what is in `block` here.
    pub fn serves(&self, block: Ulid) -> bool {
        self.blocks().blocks().any(|served| served.meta.ulid == block)
    }

    /// The blocks served now.
    pub(crate) fn blocks(&self) -> Arc<BlockSet> {
        Arc::clone(&self.0.blocks.read())
    }

    /// The memory of requests.
    pub fn budget(&self) -> &Budget {
        &self.0.budget
    }
}

impl Inner {
    /// The part of `range` that is served.
    fn clamp(&self, range: TimeRange) -> Option<TimeRange> {
        let within = self.within.at(self.clock.now_ms())?;
        TimeRange::new(range.min_ms().max(within.min_ms()), range.max_ms().min(within.max_ms()))
    }

    /// What a request of `tenant` reads `blocks` blocks with.
    fn means(&self, tenant: Option<&TenantId>, blocks: usize) -> (Means, u64) {
        let budget = self.budget.request();
        let batch_bytes = batch_bytes(budget.limit_bytes(), blocks);
        let metrics = self.metrics.of(tenant.map(TenantId::as_str));
        (Means { budget, touched: Touched::new(&self.limits), metrics }, batch_bytes)
    }
}

impl Store for BucketStore {
    fn info(&self) -> StoreInfo {
        let (store, blocks) = (&self.0, self.blocks());
        let tsdbs = blocks.tsdbs();
        let held = tsdbs.iter().map(|tsdb| tsdb.range).reduce(TimeRange::hull);
        StoreInfo {
            name: store.name.to_string(),
            component: Component::Store,
            label_sets: blocks.label_sets(),
            time_range: held.and_then(|held| store.clamp(held)),
            tsdbs,
            drops_labels: true,
            shards: true,
            exemplars: None,
            metadata: false,
        }
    }

    fn series(&self, request: SeriesRequest) -> SeriesStream {
        let store = Arc::clone(&self.0);
        let blocks = self.blocks();
        async move { series::open(&store, &blocks, request).await }.try_flatten_stream().boxed()
    }

    fn label_names(&self, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        labels::names(&self.0, self.blocks(), request).boxed()
    }

    fn label_values(&self, name: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        labels::values(&self.0, self.blocks(), name, request).boxed()
    }
}

#[cfg(test)]
mod tests;
