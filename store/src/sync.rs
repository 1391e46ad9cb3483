//! Keeping the blocks that are served those of the bucket.

use crate::block_error::BlockError;
use crate::block_set::BlockSet;
use crate::config::Within;
use crate::files::Access;
use crate::header_files::HeaderFiles;
use crate::live_block::LiveBlock;
use crate::metrics::Metrics;
use crate::store::BucketStore;
use bucket::BucketError;
use bucket::fetcher::{Fetched, Fetcher};
use futures::StreamExt;
use model::{Clock, TimeRange};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::{info, warn};
use tsdb::block::Meta;
use ulid::Ulid;

/// Looks at the bucket and changes what is served.
#[derive(Debug)]
pub(crate) struct Syncer {
    pub(crate) fetcher: Fetcher,
    pub(crate) store: BucketStore,
    pub(crate) access: Access,
    pub(crate) headers: Arc<HeaderFiles>,
    pub(crate) within: Within,
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) lazy_headers: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
}

type Blocks = BTreeMap<Ulid, Arc<LiveBlock>>;

impl Syncer {
    /// Looks once. A block that cannot be loaded is left out until the next look, and the blocks that it replaces stay.
    ///
    /// # Errors
    /// The bucket cannot be listed; then all stays as it is.
    pub(crate) async fn sync(&self) -> Result<(), BucketError> {
        let fetched = match self.within.at(self.clock.now_ms()) {
            Some(within) => self.fetcher.fetch(within).await?,
            None => Fetched::default(),
        };
        let before: Blocks = self.store.blocks().blocks().map(|block| (block.meta.ulid, Arc::clone(block))).collect();
        let new = fetched.blocks.iter().filter(|(block, _)| !before.contains_key(*block));
        let (loaded, failed) = self.load(new.map(|(_, meta)| Arc::clone(meta)).collect()).await;
        let (mut blocks, mut gone) = (loaded, Vec::new());
        let added = blocks.len();
        for (block, live) in before {
            let unknown = fetched.failed.contains(&block);
            let stays =
                fetched.blocks.contains_key(&block) || unknown || failed.iter().any(|new| replaces(new, &live.meta));
            match stays {
                true => drop(blocks.insert(block, live)),
                false => gone.push(block),
            }
        }
        if added > 0 || !gone.is_empty() {
            info!(
                added,
                dropped = gone.len(),
                failed = failed.len(),
                served = blocks.len(),
                "the blocks served changed"
            );
        }
        self.store.serve(BlockSet::new(blocks.into_values()));
        for block in gone {
            self.forget(block).await;
        }
        Ok(())
    }

    /// The blocks that could be loaded, and the metas of the others.
    async fn load(&self, metas: Vec<Arc<Meta>>) -> (Blocks, Vec<Arc<Meta>>) {
        let loading =
            futures::stream::iter(metas).map(|meta| async move { (Arc::clone(&meta), self.load_one(meta).await) });
        let mut loading = std::pin::pin!(loading.buffer_unordered(self.concurrency.get()));
        let (mut loaded, mut failed) = (Blocks::new(), Vec::new());
        while let Some((meta, block)) = loading.next().await {
            match block {
                Ok(block) => drop(loaded.insert(meta.ulid, Arc::new(block))),
                Err(error) => {
                    self.metrics.block_load_failures.inc();
                    warn!(block = %meta.ulid, %error, "a block cannot be loaded, it is left out until the next look");
                    failed.push(meta);
                }
            }
        }
        (loaded, failed)
    }

    async fn load_one(&self, meta: Arc<Meta>) -> Result<LiveBlock, BlockError> {
        self.metrics.block_loads.inc();
        let began = Instant::now();
        let block = LiveBlock::find(self.access.clone(), meta, Arc::clone(&self.headers)).await?;
        if !self.lazy_headers {
            block.header().await?;
        }
        self.metrics.block_load_seconds.observe(began.elapsed().as_secs_f64());
        self.metrics.last_loaded.set(self.clock.now_ms() as f64 / 1000.0);
        Ok(block)
    }

    /// Removes what is kept of blocks that are not served.
    pub(crate) async fn sweep(&self) {
        let served = self.store.blocks().blocks().map(|block| block.meta.ulid).collect();
        if let Err(error) = self.headers.keep_only(served).await {
            warn!(%error, "what was kept of blocks that are gone cannot be removed");
        }
    }

    async fn forget(&self, block: Ulid) {
        self.metrics.block_drops.inc();
        if let Err(error) = self.headers.forget(block).await {
            self.metrics.block_drop_failures.inc();
            warn!(%block, %error, "what was kept of a block cannot be removed");
        }
    }
}

/// Whether `new` may hold what `old` holds.
fn replaces(new: &Meta, old: &Meta) -> bool {
    let labels = |meta: &Meta| meta.thanos.as_ref().map(|thanos| thanos.labels.clone()).unwrap_or_default();
    // A compactor may have taken labels of replicas away.
    let of_old = labels(old);
    let keeps_labels = labels(new).iter().all(|(name, value)| of_old.get(name) == Some(value));
    let range = |meta: &Meta| TimeRange::new(meta.min_ms, meta.max_ms);
    let overlap = range(new).zip(range(old)).is_some_and(|(new, old)| new.overlaps(old));
    keeps_labels && overlap
}

#[cfg(test)]
mod tests;
