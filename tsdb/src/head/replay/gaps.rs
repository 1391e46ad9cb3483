//! Samples that the log has and no chunk that was found.
//!
//! A series' samples come in order, so one that is not newer than the newest should lie in a chunk. It may not: a chunk file
//! was damaged and later ones were not, or a label set came under several references, with chunks under each. Such samples
//! are put aside and become chunks between the others at the end.

use super::Replay;
use crate::chunk::xor::XorState;
use crate::head::chunk_list::FullChunk;
use crate::head::selection::Located;
use crate::head::shard::{EncodedChunk, Shard, TARGET_SAMPLES};
use crate::series::Encoding;
use hashbrown::HashMap;
use parking_lot::Mutex;

/// Samples put aside, by series.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    samples: Mutex<HashMap<Located, Vec<(i64, f64)>>>,
}

/// The range of the chunk that a series' last sample was found in, both ends inside; where the next one likely lies, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cover {
    min_ms: i64,
    max_ms: i64,
}

impl Cover {
    /// Covers no time.
    pub(super) const NOTHING: Self = Self { min_ms: i64::MAX, max_ms: i64::MIN };

    /// Whether the series has a chunk around `timestamp_ms`, which is not after its newest sample.
    #[inline]
    pub(super) fn has(&mut self, shard: &Shard, number: u32, timestamp_ms: i64) -> bool {
        if self.min_ms <= timestamp_ms && timestamp_ms <= self.max_ms {
            return true;
        }
        self.find(shard, number, timestamp_ms)
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
    /// Puts a sample aside.
    pub(super) fn push(&self, place: Located, timestamp_ms: i64, value: f64) {
        self.samples.lock().entry(place).or_default().push((timestamp_ms, value));
    }
}

impl Replay<'_> {
    /// Makes chunks of the samples put aside that still have none.
    pub(super) fn fill_gaps(&self) {
        let gaps = std::mem::take(&mut *self.gaps.samples.lock());
        for (place, mut samples) in gaps {
            // Stable, so that of equal times the first that was logged stays.
            samples.sort_by_key(|(timestamp_ms, _)| *timestamp_ms);
            samples.dedup_by_key(|(timestamp_ms, _)| *timestamp_ms);
            let mut shard = self.head.shards[place.shard as usize].lock();
            let mut cover = Cover::NOTHING;
            // A chunk may have been found later, with another reference.
            samples.retain(|(timestamp_ms, _)| !cover.has(&shard, place.number, *timestamp_ms));
            if shard.lines[place.number].is_live() {
                self.fill(&mut shard, place.number, &samples);
            }
        }
    }

    /// Gives a series chunks of these samples, none of which lies in another chunk.
    fn fill(&self, shard: &mut Shard, number: u32, samples: &[(i64, f64)]) {
        let mut chunks: Vec<FullChunk> = shard.full_chunks(number).collect();
        let between = |first_ms: i64, last_ms: i64| chunks.iter().any(|c| first_ms < c.min_ms && c.min_ms < last_ms);
        let mut filled = Vec::new();
        let mut rest = samples;
        while let Some(&(first_ms, _)) = rest.first() {
            let range_ms = self.head.options.chunk_range_ms;
            let fits = |&(timestamp_ms, _): &(i64, f64)| {
                timestamp_ms.saturating_sub(first_ms) < range_ms && !between(first_ms, timestamp_ms)
            };
            let len = rest.iter().take(usize::from(TARGET_SAMPLES)).take_while(|sample| fits(sample)).count().max(1);
            let (some, later) = rest.split_at(len);
            rest = later;
            filled.push(self.store(shard, number, some));
        }
        chunks.extend(filled);
        chunks.sort_by_key(|chunk| chunk.min_ms);
        shard.set_full_chunks(number, &chunks);
    }

    fn store(&self, shard: &mut Shard, number: u32, samples: &[(i64, f64)]) -> FullChunk {
        let (mut state, mut words) = (XorState::default(), Vec::new());
        let (mut min_ms, mut max_ms) = (i64::MAX, i64::MIN);
        for &(timestamp_ms, value) in samples {
            state.append(timestamp_ms, value, &mut words);
            min_ms = min_ms.min(timestamp_ms);
            max_ms = max_ms.max(timestamp_ms);
        }
        self.head.times.include(min_ms, max_ms);
        let data = state.finish(&words);
        let chunk = EncodedChunk { min_ms, max_ms, encoding: Encoding::Xor, data: &data };
        let place = shard.store(number, &chunk, &self.head.files);
        FullChunk { min_ms, max_ms, place }
    }
}
