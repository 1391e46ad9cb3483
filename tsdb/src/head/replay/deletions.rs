//! What was deleted of samples that came in order, as the log says it. What was of late ones is in the log of these.

use super::{Part, Replay};
use crate::head::damaged::ChunkKind;
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
                let series = shard.lines[place.number].reference();
                self.head.tombstones.add(ChunkKind::InOrder, [(series, *range)]);
            }
        }
    }
}
