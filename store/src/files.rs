//! The files of a block in the bucket, read in parts.

use crate::block_error::BlockError;
use crate::budget::{RequestBudget, Reservation};
use crate::limits::{Fetch, Touched};
use crate::metrics::RequestMetrics;
use bucket::{Bucket, BucketError, CHUNKS, INDEX, ReadCost};
use bytes::Bytes;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tsdb::SourceError;
use tsdb::block::Meta;
use tsdb::segment::file_name;
use ulid::Ulid;

/// What is taken for the size of a series entry where the block does not tell.
const SERIES_BYTES: u64 = 64 << 10;
/// What is taken for the size of a chunk where the block does not tell.
const CHUNK_BYTES: u64 = 16_000;
/// What a frame takes besides the data of a chunk, at most: size, encoding, checksum.
const CHUNK_FRAME_BYTES: u64 = 10 + 1 + 4;

/// How the bucket is read.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) bucket: Bucket,
    /// Reads at the same time, of all requests.
    pub(crate) gets: Arc<Semaphore>,
    /// How long one read may take.
    pub(crate) timeout: Duration,
}

/// The files of one block: names, sizes, and what is known of their content.
#[derive(Debug)]
pub(crate) struct BlockFiles {
    pub(crate) block: Ulid,
    access: Access,
    pub(crate) index_bytes: u64,
    /// By index, from 0.
    pub(crate) segment_bytes: Vec<u64>,
    /// The largest series entry, or what is taken for it.
    pub(crate) series_bytes: u64,
    /// The largest chunk with its frame, or what is taken for it.
    pub(crate) chunk_bytes: u64,
    seen: SeenChunks,
}

/// The chunks of a block that were read so far, which tell what the others may be.
#[derive(Debug, Default)]
struct SeenChunks {
    count: AtomicU64,
    largest_bytes: AtomicU64,
}

/// So many chunks tell what is usual.
const TELLING_CHUNKS: u64 = 8;

/// What a request has to read with.
#[derive(Debug)]
pub(crate) struct Means {
    pub(crate) budget: RequestBudget,
    pub(crate) touched: Touched,
    pub(crate) metrics: RequestMetrics,
}

impl BlockFiles {
    /// Finds the files of the block that `meta` speaks of. The bucket is asked only where `meta` does not tell.
    ///
    /// # Errors
    /// The bucket does not answer; a block without an index.
    pub(crate) async fn find(access: Access, meta: &Meta) -> Result<Self, BlockError> {
        let thanos = meta.thanos.as_ref();
        let told = thanos.map(|thanos| thanos.files.iter().map(|file| (file.rel_path.clone(), file.size_bytes)));
        let told: Vec<(String, u64)> = told.into_iter().flatten().filter(|(_, size_bytes)| *size_bytes > 0).collect();
        let sizes = match sizes(&told) {
            Some(sizes) if meta.stats.num_chunks == 0 || !sizes.1.is_empty() => sizes,
            _ => Self::ask(&access, meta.ulid).await?,
        };
        let largest = |name: &str| {
            let stats = thanos.and_then(|thanos| thanos.other.get("index_stats"));
            stats.and_then(|stats| stats.get(name)?.as_u64()).filter(|size_bytes| *size_bytes > 0)
        };
        Ok(Self {
            block: meta.ulid,
            access,
            index_bytes: sizes.0,
            segment_bytes: sizes.1,
            series_bytes: largest("series_max_size").unwrap_or(SERIES_BYTES),
            chunk_bytes: largest("chunk_max_size").unwrap_or(CHUNK_BYTES).saturating_add(CHUNK_FRAME_BYTES),
            seen: SeenChunks::default(),
        })
    }

    async fn ask(access: &Access, block: Ulid) -> Result<(u64, Vec<u64>), BlockError> {
        let listed = access.bucket.files(block).await?;
        let dir = format!("{block}/");
        let listed = listed.into_iter().map(|file| {
            let name = file.name.strip_prefix(&dir).unwrap_or(&file.name).to_owned();
            (name, file.size_bytes)
        });
        let listed: Vec<_> = listed.collect();
        sizes(&listed).ok_or_else(|| BucketError::NotFound { object: format!("{dir}{INDEX}") }.into())
    }

    /// The name of the index in the bucket.
    pub(crate) fn index_name(&self) -> String {
        format!("{}/{INDEX}", self.block)
    }

    /// The name of a chunk file in the bucket; `index` from 0.
    pub(crate) fn segment_name(&self, index: u32) -> String {
        format!("{}/{CHUNKS}/{}", self.block, file_name(index))
    }

    /// What a chunk with its frame is taken to be: twice the largest that was read, once that says anything. A larger one is
    /// read again.
    pub(crate) fn usual_chunk_bytes(&self) -> u64 {
        match self.seen.count.load(Ordering::Relaxed) {
            0..TELLING_CHUNKS => self.chunk_bytes,
            _ => self.chunk_bytes.min(self.seen.largest_bytes.load(Ordering::Relaxed).saturating_mul(2)),
        }
    }

    /// Chunks were read, none larger than that.
    pub(crate) fn saw_chunks(&self, count: u64, largest_bytes: u64) {
        self.seen.largest_bytes.fetch_max(largest_bytes, Ordering::Relaxed);
        self.seen.count.fetch_add(count, Ordering::Relaxed);
    }

    /// What reads cost.
    pub(crate) fn read_cost(&self) -> ReadCost {
        self.access.bucket.read_cost()
    }

    /// What is wrong with a file, and where.
    pub(crate) fn damaged(object: String, offset: u64, fault: impl ToString) -> BlockError {
        SourceError::Corrupt { file: object, offset, fault: fault.to_string() }.into()
    }

    /// Reads a part of an object, for which `reservation` was taken; the bytes hold it.
    ///
    /// # Errors
    /// As [`BlockFiles::fetch`].
    pub(crate) async fn read(
        &self,
        object: &str,
        range: Range<u64>,
        means: (&Means, Fetch),
        reservation: Reservation,
    ) -> Result<Bytes, BlockError> {
        let mut parts = self.fetch(object, &[range], means).await?;
        // One was asked for.
        Ok(reservation.hold(parts.pop().unwrap_or_default()))
    }

    /// Reads parts of an object at once, for which memory was reserved.
    ///
    /// # Errors
    /// The object is shorter, cannot be read, or not in time; more bytes than the request may fetch.
    pub(crate) async fn fetch(
        &self,
        object: &str,
        ranges: &[Range<u64>],
        (means, fetch): (&Means, Fetch),
    ) -> Result<Vec<Bytes>, BlockError> {
        let size_bytes = ranges.iter().map(|range| range.end.saturating_sub(range.start)).sum();
        // As Thanos: what is read over counts as well.
        means.touched.bytes(size_bytes, fetch)?;
        let began = Instant::now();
        let parts = self.in_time(object, self.access.bucket.get_ranges(object, ranges)).await?;
        means.metrics.fetched(fetch, size_bytes, began.elapsed());
        Ok(parts)
    }

    /// Reads a part of an object, for no request.
    ///
    /// # Errors
    /// The object is shorter, cannot be read, or not in time.
    pub(crate) async fn fetch_unasked(&self, object: &str, range: Range<u64>) -> Result<Bytes, BlockError> {
        self.in_time(object, self.access.bucket.get_range(object, range)).await
    }

    /// Reads when it is its turn.
    async fn in_time<T>(
        &self,
        object: &str,
        read: impl Future<Output = Result<T, BucketError>>,
    ) -> Result<T, BlockError> {
        let Access { gets, timeout: waited, .. } = &self.access;
        let read = async {
            // Nobody closes it.
            let _place = gets.acquire().await;
            read.await
        };
        let read = timeout(*waited, read).await;
        Ok(read.map_err(|_| BlockError::TimedOut { object: object.to_owned(), waited: *waited })??)
    }
}

/// The size of the index and those of the chunk files; `None` without index, or where a chunk file is missing between others.
fn sizes(files: &[(String, u64)]) -> Option<(u64, Vec<u64>)> {
    let by_name: HashMap<&str, u64> = files.iter().map(|(name, size_bytes)| (name.as_str(), *size_bytes)).collect();
    let count = u32::try_from(by_name.keys().filter(|name| name.starts_with(CHUNKS)).count()).ok()?;
    let segment = |number| by_name.get(format!("{CHUNKS}/{}", file_name(number)).as_str()).copied();
    Some((*by_name.get(INDEX)?, (0..count).map(segment).collect::<Option<_>>()?))
}
