//! What a replay found.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a replay found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayStats {
    /// Series created.
    pub series: u64,
    /// References that lead to a label set which had one already.
    pub aliases: u64,
    /// Samples appended.
    pub samples: u64,
    /// Samples that were there already, or belong to blocks.
    pub passed_over: u64,
    /// Samples appended without what the log says of when their counters began: chunks of the kinds that are written do not
    /// hold it.
    pub starts_left_out: u64,
    /// Samples, not belonging to blocks, of references that no series record names.
    pub orphans: u64,
    /// Late samples put into buffers.
    pub late_samples: u64,
    /// Samples in open chunks of a snapshot.
    pub restored: u64,
    /// Chunks taken over, late ones among them.
    pub chunks: u64,
    /// Chunks not taken over: overlapping though not late, of no series, or of times that blocks have.
    pub chunks_left_out: u64,
    /// Blocks have late samples that the log has still.
    pub late_unfinished: bool,
}

/// The same while it goes on, counted by all threads.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) series: AtomicU64,
    pub(super) aliases: AtomicU64,
    pub(super) samples: AtomicU64,
    pub(super) passed_over: AtomicU64,
    pub(super) starts_left_out: AtomicU64,
    pub(super) orphans: AtomicU64,
    pub(super) late_samples: AtomicU64,
    pub(super) restored: AtomicU64,
    pub(super) chunks: AtomicU64,
    pub(super) chunks_left_out: AtomicU64,
    pub(super) late_unfinished: AtomicBool,
}

impl Counts {
    pub(super) fn stats(&self) -> ReplayStats {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ReplayStats {
            series: get(&self.series),
            aliases: get(&self.aliases),
            samples: get(&self.samples),
            passed_over: get(&self.passed_over),
            starts_left_out: get(&self.starts_left_out),
            orphans: get(&self.orphans),
            late_samples: get(&self.late_samples),
            restored: get(&self.restored),
            chunks: get(&self.chunks),
            chunks_left_out: get(&self.chunks_left_out),
            late_unfinished: self.late_unfinished.load(Ordering::Relaxed),
        }
    }
}
