//! What was deleted, as the log says it.

use super::{Part, Replay};
use crate::deleted::Deleted;
use crate::wal::Tombstone;
use std::sync::atomic::Ordering;

impl Replay<'_> {
    /// Takes the deletions that concern the shards of `part`. What lies before the head's floor belongs to blocks, and so do
    /// its deletions, if there are no late samples.
    pub fn deletions(&self, deletions: &[Tombstone], part: Part) {
        let may_be_late = self.head.late.is_some() || self.head.times.any_late();
        let floor_ms = if may_be_late { i64::MIN } else { self.head.floor_ms() };
        for Tombstone { series, range } in deletions.iter().filter(|deletion| deletion.range.max_ms() >= floor_ms) {
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
