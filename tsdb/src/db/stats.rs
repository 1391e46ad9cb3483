//! Numbers about a database, for metrics.

use super::Db;
use crate::wal::LogStats;
use std::sync::atomic::Ordering;

/// What a database holds and did.
#[derive(Debug, Clone, Copy, Default)]
pub struct DbStats {
    pub head_series: u64,
    /// The times of the head's samples, both inside; 0 if there are none.
    pub head_min_ms: i64,
    pub head_max_ms: i64,
    /// Bytes of the head's chunk files.
    pub head_chunk_bytes: u64,
    pub blocks: u64,
    pub block_bytes: u64,
    /// Blocks of which it is not known what was deleted, because their tombstones are damaged.
    pub blocks_without_tombstones: u64,
    /// Chunks of the head that could not be read when blocks were made of them, and were set aside.
    pub chunks_set_aside: u64,
    /// What stood where something of ours was to be made, and was set aside.
    pub in_the_way: u64,
    pub log: LogStats,
    /// Snapshots of the head written since the opening.
    pub snapshots: u64,
    /// When the last of them was; `None`: there was none.
    pub last_snapshot_ms: Option<i64>,
}

impl Db {
    /// The numbers now.
    pub fn stats(&self) -> DbStats {
        let held = self.head.time_range();
        let blocks = self.blocks.read();
        DbStats {
            head_series: self.head.series(),
            head_min_ms: held.map_or(0, model::TimeRange::min_ms),
            head_max_ms: held.map_or(0, model::TimeRange::max_ms),
            head_chunk_bytes: self.head_chunks.size_bytes(),
            blocks: blocks.len() as u64,
            block_bytes: blocks.iter().map(crate::block::Block::size_bytes).sum(),
            blocks_without_tombstones: blocks.iter().filter(|block| block.tombstones_fault().is_some()).count() as u64,
            chunks_set_aside: self.chunks_set_aside.lock().len() as u64,
            in_the_way: self.in_the_way().len() as u64,
            log: self.log.stats(),
            snapshots: self.snapshots_written.load(Ordering::Relaxed),
            last_snapshot_ms: Some(self.last_snapshot_ms.load(Ordering::Relaxed)).filter(|&at_ms| at_ms > i64::MIN),
        }
    }
}
