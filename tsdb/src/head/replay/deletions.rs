//! What was deleted, as the log says it.

use super::{Part, Replay};
use crate::deleted::Deleted;
use crate::wal::Tombstone;
use model::TimeRange;
use std::sync::atomic::Ordering;

impl Replay<'_> {
    /// Takes the deletions that concern the shards of `part`. Those that blocks have as well are forgotten at the end.
    ///
    /// All of time is what Prometheus logs when it has moved a series into a block of its own, and no deletion: what is in
    /// the head as well is there twice, and what was logged later, under another reference, must be seen.
    pub fn deletions(&self, deletions: &[Tombstone], part: Part) {
        for Tombstone { series, range } in deletions.iter().filter(|deletion| deletion.range != TimeRange::ALL) {
            let Some(place) = self.series.read().get(*series) else {
                // Nobody else may get this reference: see [`Replay::samples`].
                self.highest.fetch_max(series.0, Ordering::Relaxed);
                continue;
            };
            if part.has(place.shard) {
                let shard = self.head.shards[place.shard as usize].lock();
                let deleted = Deleted { min_ms: range.min_ms(), max_ms: range.max_ms() };
                self.head.tombstones.add([(shard.lines[place.number].reference(), deleted)]);
            }
        }
    }
}
