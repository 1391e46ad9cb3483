//! Samples that the log has and no chunk that was found.
//!
//! A series' samples come in order, so one that is not newer than the newest should lie in a chunk. It may not: a chunk file
//! was damaged and later ones were not, or a label set came under several references, with chunks under each. Such samples
//! are put aside and become chunks between the others at the end.

use super::Replay;
use crate::chunk;
use crate::head::Head;
use crate::head::chunk_list::FullChunk;
use crate::head::selection::Located;
use crate::head::shard::{EncodedChunk, Shard};
use crate::series::Chunk;
use hashbrown::HashMap;
use model::SampleColumns;
use parking_lot::Mutex;

/// Samples put aside, by series.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    samples: Mutex<HashMap<Located, SampleColumns>>,
}

/// The range of the chunk that a series' last sample was found in, both ends inside; where the next one likely lies, too.
/// Chunks do not go away during a replay, so what was found stays true.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cover {
    min_ms: i64,
    max_ms: i64,
}

impl Cover {
    /// Covers no time.
    pub(super) const NOTHING: Self = Self { min_ms: i64::MAX, max_ms: i64::MIN };

    /// Whether a chunk around `timestamp_ms` was found before.
    #[inline(always)]
    pub(super) fn knows(&self, timestamp_ms: i64) -> bool {
        self.min_ms <= timestamp_ms && timestamp_ms <= self.max_ms
    }

    /// Whether the series has a chunk around `timestamp_ms`, which is not after its newest sample.
    #[inline]
    pub(super) fn has(&mut self, shard: &Shard, number: u32, timestamp_ms: i64) -> bool {
        self.knows(timestamp_ms) || self.find(shard, number, timestamp_ms)
    }

    #[cold]
    fn find(&mut self, shard: &Shard, number: u32, timestamp_ms: i64) -> bool {
        if shard.open_min_ms(number).is_some_and(|min_ms| timestamp_ms >= min_ms) {
            return true;
        }
        let chunk = shard.full_chunks(number).find(|chunk| timestamp_ms <= chunk.max_ms);
        let around = chunk.filter(|chunk| timestamp_ms >= chunk.min_ms);
        if let Some(FullChunk { min_ms, max_ms, .. }) = around {
            *self = Self { min_ms, max_ms };
        }
        around.is_some()
    }
}

impl Gaps {
    /// Has `put` add a sample of a series to those put aside.
    pub(super) fn put_aside(&self, place: Located, put: impl FnOnce(&mut SampleColumns)) {
        put(self.samples.lock().entry(place).or_default());
    }
}

impl Replay<'_> {
    /// Makes chunks of the samples put aside that still have none.
    pub(super) fn fill_gaps(&self) {
        let gaps = std::mem::take(&mut *self.gaps.samples.lock());
        for (place, samples) in gaps {
            let mut shard = self.head.shards[place.shard as usize].lock();
            if shard.lines[place.number].is_live() {
                self.head.fill_gap(&mut shard, place.number, &samples);
            }
        }
    }
}

impl Head {
    /// Gives a series chunks of those samples, as they were logged, that no chunk of it has.
    pub(in crate::head) fn fill_gap(&self, shard: &mut Shard, number: u32, samples: &SampleColumns) {
        let times = &samples.timestamps_ms;
        let mut order: Vec<usize> = (0..samples.len()).collect();
        // Stable, so that of equal times the first that was logged stays.
        order.sort_by_key(|&at| times[at]);
        order.dedup_by_key(|at| times[*at]);
        let mut cover = Cover::NOTHING;
        // A chunk may have been found later, with another reference.
        order.retain(|&at| !cover.has(shard, number, times[at]));
        self.fill(shard, number, samples, &order);
    }

    /// Gives a series chunks of the samples at `order`, none of which lies in another chunk.
    fn fill(&self, shard: &mut Shard, number: u32, samples: &SampleColumns, order: &[usize]) {
        let mut chunks: Vec<FullChunk> = shard.full_chunks(number).collect();
        let between = |first_ms: i64, last_ms: i64| chunks.iter().any(|c| first_ms < c.min_ms && c.min_ms < last_ms);
        let (mut filled, mut some) = (Vec::new(), SampleColumns::default());
        let mut rest = order;
        while let Some(&first) = rest.first() {
            let (range_ms, first_ms) = (self.options.chunk_range_ms, samples.timestamps_ms[first]);
            let fits = |&at: &usize| {
                let timestamp_ms = samples.timestamps_ms[at];
                timestamp_ms.saturating_sub(first_ms) < range_ms && !between(first_ms, timestamp_ms)
            };
            let len = rest.iter().take_while(|at| fits(at)).count().max(1);
            let (taken, later) = rest.split_at(len);
            rest = later;
            some.clear();
            taken.iter().for_each(|&at| some.push_from(samples, at));
            self.store(shard, number, &some, &mut filled);
        }
        chunks.extend(filled);
        chunks.sort_by_key(|chunk| chunk.min_ms);
        shard.set_full_chunks(number, &chunks);
    }

    fn store(&self, shard: &mut Shard, number: u32, samples: &SampleColumns, filled: &mut Vec<FullChunk>) {
        for chunk in chunk::encode(samples) {
            let Chunk { min_ms, max_ms, encoding, data, .. } = &chunk;
            self.times.include(*min_ms, *max_ms);
            let chunk = EncodedChunk { min_ms: *min_ms, max_ms: *max_ms, encoding: *encoding, data };
            let place = shard.store(number, &chunk, &self.files);
            filled.push(FullChunk { min_ms: *min_ms, max_ms: *max_ms, place });
        }
    }
}
