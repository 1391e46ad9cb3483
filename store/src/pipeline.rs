//! From the ids of series to series with their chunks, for one block.
//!
//! Two tasks, each with several reads in flight: [`series`] reads entries and sends batches of rows, [`chunks`] reads what
//! these need and sends whole series. What comes next is waited for; what comes after that is read ahead only while the
//! budget has plenty, so that of all that a request has begun, the one thing that the merge waits for can go on.

pub(crate) mod chunks;
pub(crate) mod series;

use crate::budget::Reservation;
use crate::files::Means;
use model::TimeRange;
use std::sync::Arc;
use storeapi::Shard;
use tsdb::{Aggregate, ChunkSeriesBatch};

/// What a request asks of each block.
#[derive(Debug)]
pub(crate) struct BlockRequest {
    pub(crate) range: TimeRange,
    pub(crate) skip_chunks: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) shard: Option<Arc<Shard>>,
    /// Of downsampled chunks.
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) means: Means,
    /// About as much is read, and held decoded, at a time.
    pub(crate) batch_bytes: u64,
}

/// Series of one block in the order of the labels they are sent with.
#[derive(Debug)]
pub(crate) struct BlockBatch {
    pub(crate) series: ChunkSeriesBatch,
    /// For labels and places; chunks hold what they are slices of.
    pub(crate) _reservation: Reservation,
}

/// A request works on that much of its memory: so many of the largest things each block holds at a time while it waits for
/// what comes next. An entry read, three batches of rows, three of chunks, and as much again for those larger than usual.
const BATCHES_PER_BLOCK: u64 = 14;
const MIN_BATCH_BYTES: u64 = 4 << 10;
const MAX_BATCH_BYTES: u64 = 2 << 20;

/// The batch size for a request that may hold `request_bytes` and reads `blocks` blocks.
pub(crate) fn batch_bytes(request_bytes: u64, blocks: usize) -> u64 {
    let share = request_bytes / BATCHES_PER_BLOCK / (blocks as u64).max(1);
    share.clamp(MIN_BATCH_BYTES, MAX_BATCH_BYTES)
}

#[cfg(test)]
mod tests;
