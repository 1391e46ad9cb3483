//! What was deleted of samples that came in order, as the log says it. What was of late ones is in the log of these.
//!
//! A deletion takes what a series holds at that moment, here as when it was made. What is logged behind it must be seen, though
//! it may be of the same time: another program, which knows of cuts only what blocks say, may have taken it once more.

use super::Replay;
use crate::head::damaged::ChunkKind;
use crate::head::selection::Located;
use crate::head::shard::Shard;
use crate::wal::Tombstone;
use model::{SeriesRef, TimeRange};
use std::sync::atomic::Ordering;

impl Replay<'_> {
    /// Takes deletions, before all samples that came behind them. Those that blocks have as well are forgotten at the end.
    pub(super) fn deletions(&self, deletions: &[Tombstone]) {
        for Tombstone { series, range } in deletions {
            let Some(Located { shard, number }) = self.deleted_from(*series, *range) else { continue };
            self.delete(&self.head.shards[shard as usize].lock(), number, *range);
        }
    }

    /// The series that a deletion concerns, if there is one.
    ///
    /// All of time is what Prometheus logs when it has moved a series into a block of its own, and no deletion: what is in
    /// the head as well is there twice, and what was logged later, under another reference, must be seen.
    pub(super) fn deleted_from(&self, series: SeriesRef, range: TimeRange) -> Option<Located> {
        if range == TimeRange::ALL {
            return None;
        }
        let place = self.series.read().get(series);
        if place.is_none() {
            // Nobody else may get this reference: see [`Replay::samples`].
            self.highest.fetch_max(series.0, Ordering::Relaxed);
        }
        place
    }

    /// Deletes what the series at `number`, of which no sample waits, has in `range`.
    pub(super) fn delete(&self, shard: &Shard, number: u32, range: TimeRange) {
        let line = &shard.lines[number];
        let held = TimeRange::new(range.min_ms(), range.max_ms().min(line.last_ms)).filter(|_| line.has_sample());
        self.head.tombstones.add(ChunkKind::InOrder, held.map(|held| (line.reference(), held)));
    }
}
