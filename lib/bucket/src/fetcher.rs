//! The blocks of a bucket that count: listed, their metas read and cached, and filtered.
//!
//! One listing of the whole bucket tells which blocks have a `meta.json` and which are marked; nothing is asked object by
//! object. A meta never changes, so it is read once: it is kept in memory, and on disk where Thanos keeps it
//! (`meta-syncer/<ULID>/meta.json`).

mod cache;
pub mod filters;
mod metrics;

pub use filters::Metas;
pub use metrics::FetcherMetrics;

use crate::META;
use crate::bucket::{Bucket, BucketError};
use crate::marks::{DeletionMark, Mark, MarkError};
use cache::{Cache, Cached};
use futures::StreamExt;
use model::{Clock, TimeRange};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;
use tsdb::block::{MAX_META_BYTES, Meta, parse_name};
use tsdb::fs::Fs;
use ulid::Ulid;

/// How blocks are looked for.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// How many objects are read at a time.
    pub concurrency: NonZeroUsize,
    /// Metas are kept below `meta-syncer` in this directory; `None`: in memory only.
    pub cache_dir: Option<PathBuf>,
    /// Blocks younger than that are left out, but for those that were made of others.
    pub consistency_delay: Duration,
    /// Blocks that are marked for deletion longer than that are left out.
    pub ignore_deletion_marks_delay: Duration,
}

/// Looks for the blocks of a bucket, again and again.
#[derive(Debug)]
pub struct Fetcher {
    bucket: Bucket,
    options: FetchOptions,
    clock: Arc<dyn Clock>,
    metrics: FetcherMetrics,
    /// One look at a time.
    cache: tokio::sync::Mutex<Cache>,
    marks: Mutex<BTreeMap<Ulid, (i64, DeletionMark)>>,
}

/// What a look at the bucket found.
#[derive(Debug, Clone, Default)]
pub struct Fetched {
    /// The blocks that count.
    pub blocks: Metas,
    /// Blocks without `meta.json`: being uploaded, being deleted, or left so.
    pub partial: Vec<Ulid>,
    /// Blocks whose `meta.json` is none.
    pub corrupted: Vec<Ulid>,
    /// Blocks whose meta or mark could not be read now: what is known of them is old, or nothing.
    pub failed: Vec<Ulid>,
    /// The deletion marks of all blocks, those that count among them.
    pub marked: BTreeMap<Ulid, DeletionMark>,
}

/// What a listing tells of a block.
#[derive(Debug, Clone, Copy, Default)]
struct Listed {
    /// The size of `meta.json`.
    meta_bytes: Option<u64>,
    /// When the deletion mark was last written.
    mark_ms: Option<i64>,
}

/// Why a meta could not be had.
enum NoMeta {
    Corrupted(String),
    Failed(BucketError),
}

impl Default for FetchOptions {
    /// Thanos' defaults for a store.
    fn default() -> Self {
        Self {
            concurrency: NonZeroUsize::MIN.saturating_add(31),
            cache_dir: None,
            consistency_delay: Duration::ZERO,
            ignore_deletion_marks_delay: Duration::from_secs(24 * 3600),
        }
    }
}

impl Fetcher {
    /// One for `bucket`. `fs` holds the cache.
    pub fn new(
        bucket: Bucket,
        options: FetchOptions,
        fs: Arc<dyn Fs>,
        clock: Arc<dyn Clock>,
        metrics: FetcherMetrics,
    ) -> Self {
        metrics.configured(options.consistency_delay);
        let cache = tokio::sync::Mutex::new(Cache::new(fs, options.cache_dir.clone()));
        Self { bucket, options, clock, metrics, cache, marks: Mutex::default() }
    }

    /// Looks at the bucket: which blocks may hold samples in `within`, both ends inside, and count.
    ///
    /// # Errors
    /// The bucket cannot be listed. A single block that cannot be read is no error: see [`Fetched::failed`].
    pub async fn fetch(&self, within: TimeRange) -> Result<Fetched, BucketError> {
        let began = tokio::time::Instant::now();
        self.metrics.began();
        let listed = match self.list().await {
            Ok(listed) => listed,
            Err(error) => {
                self.metrics.failed();
                return Err(error);
            }
        };
        let mut found = Fetched::default();
        self.read_metas(&listed, &mut found).await;
        self.read_marks(&listed, &mut found).await;
        let gone = self.filter(&mut found, within);
        if !found.failed.is_empty() {
            self.metrics.failed();
        }
        self.metrics.done(&found, &gone, began.elapsed());
        Ok(found)
    }

    fn filter(&self, found: &mut Fetched, within: TimeRange) -> Filtered {
        let (now_ms, metas) = (self.clock.now_ms(), &mut found.blocks);
        let (consistency, marks) = (self.options.consistency_delay, self.options.ignore_deletion_marks_delay);
        Filtered {
            time: filters::time_partition(metas, within).len(),
            fresh: filters::consistency_delay(metas, now_ms, consistency).len(),
            marked: filters::deletion_marks(metas, &found.marked, now_ms, marks).len(),
            duplicate: filters::duplicates(metas).len(),
        }
    }

    async fn list(&self) -> Result<BTreeMap<Ulid, Listed>, BucketError> {
        let mut blocks: BTreeMap<Ulid, Listed> = BTreeMap::new();
        let visit = |object: crate::ObjectInfo| {
            let mut parts = object.name.splitn(2, '/');
            let (Some(block), Some(file)) = (parts.next().and_then(parse_name), parts.next()) else { return };
            let listed = blocks.entry(block).or_default();
            match file {
                META => listed.meta_bytes = Some(object.size_bytes),
                DeletionMark::NAME => listed.mark_ms = Some(object.modified_ms),
                _ => {}
            }
        };
        self.bucket.each_object(visit).await?;
        Ok(blocks)
    }

    async fn read_metas(&self, listed: &BTreeMap<Ulid, Listed>, found: &mut Fetched) {
        let mut cache = self.cache.lock().await;
        let sizes: BTreeMap<Ulid, u64> =
            listed.iter().filter_map(|(block, listed)| listed.meta_bytes.map(|bytes| (*block, bytes))).collect();
        found.partial = listed.keys().filter(|block| !sizes.contains_key(block)).copied().collect();
        let busts = cache.refresh(&sizes).await;
        self.metrics.busted(busts);
        let missing: Vec<Ulid> = sizes.keys().filter(|block| cache.get(**block).is_none()).copied().collect();
        let read = futures::stream::iter(missing).map(|block| async move { (block, self.read_meta(block).await) });
        let mut read = read.buffer_unordered(self.options.concurrency.get());
        let mut fresh = Vec::new();
        while let Some((block, read)) = read.next().await {
            match read {
                Ok(cached) => fresh.push(cached),
                Err(NoMeta::Corrupted(fault)) => {
                    warn!(%block, fault, "a block of the bucket has a meta.json that is none, it is left out");
                    found.corrupted.push(block);
                }
                // Deleted since it was listed.
                Err(NoMeta::Failed(error)) if error.is_not_found() => found.partial.push(block),
                Err(NoMeta::Failed(error)) => {
                    warn!(%block, %error, "the meta.json of a block cannot be read now");
                    found.failed.push(block);
                }
            }
        }
        drop(read);
        cache.add(fresh).await;
        found.blocks = sizes.keys().filter_map(|block| Some((*block, cache.get(*block)?))).collect();
    }

    async fn read_meta(&self, block: Ulid) -> Result<Cached, NoMeta> {
        let object = format!("{block}/{META}");
        let bytes = match self.bucket.find(&object, MAX_META_BYTES).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(NoMeta::Failed(BucketError::NotFound { object })),
            Err(error @ BucketError::TooLarge { .. }) => return Err(NoMeta::Corrupted(error.to_string())),
            Err(error) => return Err(NoMeta::Failed(error)),
        };
        let meta = Meta::decode(&bytes, Path::new(&object)).map_err(|fault| NoMeta::Corrupted(fault.to_string()))?;
        Ok(Cached { meta: Arc::new(meta), bytes })
    }

    async fn read_marks(&self, listed: &BTreeMap<Ulid, Listed>, found: &mut Fetched) {
        let marked = listed.iter().filter_map(|(block, listed)| listed.mark_ms.map(|mark_ms| (*block, mark_ms)));
        let (mut known, mut unknown) = (BTreeMap::new(), Vec::new());
        {
            let mut before = self.marks.lock();
            for (block, mark_ms) in marked {
                match before.remove(&block) {
                    Some(mark) if mark.0 == mark_ms => drop(known.insert(block, mark)),
                    _ => unknown.push((block, mark_ms)),
                }
            }
        }
        let read = futures::stream::iter(unknown)
            .map(|(block, mark_ms)| async move { (block, mark_ms, self.bucket.mark::<DeletionMark>(block).await) });
        let mut read = read.buffer_unordered(self.options.concurrency.get());
        while let Some((block, mark_ms, read)) = read.next().await {
            match read {
                Ok(Some(mark)) => drop(known.insert(block, (mark_ms, mark))),
                // Taken back since it was listed.
                Ok(None) => {}
                // Thanos reads such a block on, or stops altogether; a block too many is no harm.
                Err(MarkError::Invalid(_, invalid)) => {
                    warn!(%block, %invalid, "a deletion mark is none and does nothing")
                }
                Err(MarkError::Bucket(error)) => {
                    warn!(%block, %error, "a deletion mark cannot be read now");
                    found.failed.push(block);
                }
            }
        }
        drop(read);
        found.marked = known.iter().map(|(block, (_, mark))| (*block, mark.clone())).collect();
        *self.marks.lock() = known;
    }
}

/// How many blocks each filter left out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filtered {
    pub(crate) time: usize,
    pub(crate) fresh: usize,
    pub(crate) marked: usize,
    pub(crate) duplicate: usize,
}

#[cfg(test)]
mod tests;
