//! The log of late samples, replayed after the other: into buffers, and out of them what chunks that were found hold.
//!
//! A marker says which chunk has the samples before it, but the chunk may have been lost with the files' buffer, and its
//! place may since have become another's. So markers only say where to look: what leaves a buffer was found in the chunk,
//! sample by sample.

use super::{Part, Replay};
use crate::chunk;
use crate::head::chunk_list::Place;
use crate::head::late::{Inserted, OutOfOrder};
use crate::head::selection::Located;
use crate::head::shard::Shard;
use crate::head_chunks::HeadChunkRef;
use crate::wal::{LoggedSample, MmapMarker};
use model::{SampleColumns, SeriesRef};
use std::sync::atomic::Ordering;

/// A head that is being filled with late samples. Its series are there.
#[derive(Debug, Clone, Copy)]
pub struct LateReplay<'a> {
    replay: &'a Replay<'a>,
}

/// What a thread needs, to be used again.
#[derive(Debug, Default)]
pub struct LateScratch {
    /// By shard: line, timestamp and bits of values.
    samples: Vec<Vec<(u32, i64, u64)>>,
    columns: SampleColumns,
}

impl Replay<'_> {
    /// Goes on with the log of late samples, when all of the other is applied.
    pub fn late(&self) -> LateReplay<'_> {
        LateReplay { replay: self }
    }
}

impl LateReplay<'_> {
    /// Applies logged samples to the shards of `part`, in the order they were logged.
    pub fn samples(&self, samples: &[LoggedSample], part: Part, scratch: &mut LateScratch) {
        let LateScratch { samples: by_shard, columns } = scratch;
        by_shard.resize_with(self.replay.head.shards.len(), Vec::new);
        for sample in samples {
            match self.place(sample.series, part) {
                Some(place) if part.has(place.shard) => {
                    let sample = (place.number, sample.timestamp_ms, sample.value.to_bits());
                    by_shard[place.shard as usize].push(sample);
                }
                _ => {}
            }
        }
        for (shard, samples) in self.replay.head.shards.iter().zip(by_shard) {
            if !samples.is_empty() {
                self.apply(&mut shard.lock(), samples, columns);
                samples.clear();
            }
        }
    }

    /// Takes samples out of buffers that are in the chunks told.
    pub fn markers(&self, markers: &[MmapMarker], part: Part, scratch: &mut LateScratch) {
        for marker in markers {
            let Some(place) = self.place(marker.series, part).filter(|place| part.has(place.shard)) else { continue };
            let mut shard = self.replay.head.shards[place.shard as usize].lock();
            let told = Place::File(marker.chunk.0);
            if shard.late.chunks(place.number).any(|chunk| chunk.place == told) {
                self.take_out(&mut shard, place.number, marker.chunk, &mut scratch.columns);
            }
        }
    }

    /// Where a series is. Nobody else may get a reference that is not known.
    fn place(&self, series: SeriesRef, part: Part) -> Option<Located> {
        let place = self.replay.series.read().get(series);
        if place.is_none() {
            self.replay.highest.fetch_max(series.0, Ordering::Relaxed);
            self.replay.counts.orphans.fetch_add(u64::from(part.index == 0), Ordering::Relaxed);
        }
        place
    }

    fn apply(&self, shard: &mut Shard, samples: &[(u32, i64, u64)], columns: &mut SampleColumns) {
        let head = self.replay.head;
        let cap = head.late.as_ref().map_or(OutOfOrder::default(), |late| late.options).cap();
        let before = shard.late.len();
        let mut new = 0;
        for &(number, timestamp_ms, bits) in samples {
            if shard.late.buffered(number) >= cap {
                self.make_room(shard, number, cap, columns);
            }
            new += u64::from(shard.late.insert(number, timestamp_ms, bits) == Inserted::New);
        }
        head.times.add_late((shard.late.len() - before) as u64);
        self.replay.counts.late_samples.fetch_add(new, Ordering::Relaxed);
    }

    /// Empties a full buffer: samples that chunks have go, the others become a chunk.
    fn make_room(&self, shard: &mut Shard, number: u32, cap: u32, columns: &mut SampleColumns) {
        let chunks: Vec<_> = shard.late.chunks(number).collect();
        for chunk in chunks {
            if let Place::File(place) = chunk.place {
                self.take_out(shard, number, HeadChunkRef(place), columns);
            }
            if shard.late.buffered(number) < cap {
                return;
            }
        }
        let series = shard.lines[number].reference();
        shard.late.cut(number, series, &self.replay.head.files, |_| {});
    }

    /// Takes out of the buffer what the chunk at `place` has. The shard is locked meanwhile, but nobody waits for it: this
    /// thread is the only one that it has, and there are no readers yet.
    fn take_out(&self, shard: &mut Shard, number: u32, place: HeadChunkRef, columns: &mut SampleColumns) {
        columns.clear();
        // What cannot be read stays in the buffer.
        let Ok(chunk) = self.replay.head.files.read(place) else { return };
        if chunk::decode(chunk.encoding, &chunk.data, columns).is_err() {
            return;
        }
        shard.late.keep_buffered(number, |timestamp_ms, bits| {
            let at = columns.timestamps_ms.binary_search(&timestamp_ms).ok();
            let float = at.filter(|&at| columns.histogram(at).is_none()).and_then(|at| columns.values.get(at));
            float.is_none_or(|value| value.to_bits() != bits)
        });
    }
}
