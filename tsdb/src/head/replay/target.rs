//! The head as what a log is replayed into.

use super::super::selection::Located;
use super::{Replay, ReplayScratch};
use crate::wal::{PlacedSample, ReplayTarget};
use model::{LabelsRef, SeriesRef, TimeRange};
use std::cell::RefCell;
use std::sync::atomic::Ordering;

thread_local! {
    static SCRATCH: RefCell<ReplayScratch> = RefCell::default();
}

impl ReplayTarget for Replay<'_> {
    type Place = Located;

    fn series(&self, series: SeriesRef, labels: LabelsRef<'_>) -> (Located, SeriesRef) {
        SCRATCH.with_borrow_mut(|scratch| self.intern(series, labels, scratch))
    }

    fn lane(&self, place: Located, lanes: usize) -> usize {
        place.shard as usize % lanes.max(1)
    }

    fn samples(&self, samples: &[PlacedSample<Located>]) -> u64 {
        let floor_ms = self.head.floor_ms();
        let shards = &self.head.shards;
        SCRATCH.with_borrow_mut(|ReplayScratch { samples: by_shard, .. }| {
            by_shard.resize_with(shards.len(), Vec::new);
            for sample in samples.iter().filter(|sample| sample.timestamp_ms >= floor_ms) {
                let PlacedSample { place, timestamp_ms, value } = *sample;
                by_shard[place.shard as usize].push((place.number, timestamp_ms, value));
            }
            let mut passed_over = samples.len() as u64 - by_shard.iter().map(|some| some.len() as u64).sum::<u64>();
            for (shard, samples) in shards.iter().zip(by_shard) {
                if !samples.is_empty() {
                    passed_over += self.apply(&mut shard.lock(), samples);
                    samples.clear();
                }
            }
            self.counts.passed_over.fetch_add(passed_over, Ordering::Relaxed);
            samples.len() as u64 - passed_over
        })
    }

    /// Deletions are not kept in a head: who opens the directory says how many there were.
    fn delete(&self, _: Located, _: TimeRange) {
        self.counts.deletions.fetch_add(1, Ordering::Relaxed);
    }
}
