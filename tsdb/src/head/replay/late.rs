//! The log of late samples, replayed after the other: into buffers, and out of them what chunks that were found hold.
//!
//! A marker says which chunk has the samples before it, but the chunk may have been lost with the files' buffer, and its
//! place may since have become another's. So markers only say where to look: what leaves a buffer was found in the chunk,
//! sample by sample. Chunks that blocks took over are dropped at the end ([`MmapMarker::HANDED_OVER`]).

use super::split::{Float, Item, Sample, Split};
use super::{Part, Replay};
use crate::chunk;
use crate::head::chunk_list::Place;
use crate::head::damaged::ChunkKind;
use crate::head::late::{Inserted, LateSample, OutOfOrder};
use crate::head::selection::Located;
use crate::head::shard::{Shard, is_same};
use crate::head_chunks::HeadChunkRef;
use crate::wal::{Decoded, LeftOut, MmapMarker, ReplayTarget, Run, Tombstone};
use model::{LabelsRef, SampleColumns, SeriesRef};
use std::sync::atomic::Ordering;

/// A head that is being filled with late samples. Its series are there.
#[derive(Debug, Clone, Copy)]
pub struct LateReplay<'a> {
    replay: &'a Replay<'a>,
}

/// What a thread needs, to be used again.
#[derive(Debug, Default)]
pub struct LateScratch {
    columns: TwoColumns,
}

/// A buffer, and a chunk that may have what it holds.
#[derive(Debug, Default)]
struct TwoColumns {
    buffer: SampleColumns,
    chunk: SampleColumns,
}

impl Replay<'_> {
    /// Goes on with the log of late samples, when all of the other is applied.
    pub fn late(&self) -> LateReplay<'_> {
        LateReplay { replay: self }
    }
}

impl LateReplay<'_> {
    /// Applies what a batch, as it was split, says of the shard that is `part`. Batches come in the order of the log, one at a
    /// time.
    pub fn apply(&self, batch: &Decoded, split: &Split, part: Part, scratch: &mut LateScratch) {
        for (run, items) in batch.runs().zip(split.runs(part.index)) {
            match run {
                Run::Samples(_) | Run::Packed(_) => {
                    let samples = items.floats.iter().map(|float| {
                        let Float { sample: Sample { timestamp_ms, value }, number, .. } = *float;
                        (number, timestamp_ms, LateSample::Float(value))
                    });
                    self.insert(part, samples, scratch);
                }
                Run::Histograms(_) => {
                    let samples = items.histograms.iter().filter_map(|&Item { number, at }| {
                        let entry = batch.histograms.get(at as usize)?;
                        let histogram = batch.histogram_rows.get(entry.row as usize)?;
                        Some((number, entry.timestamp_ms, LateSample::Histogram(histogram)))
                    });
                    self.insert(part, samples, scratch);
                }
                Run::Markers(markers) => self.markers(markers, part, scratch),
                Run::Deletions(deletions) => self.deletions(deletions, part),
            }
        }
    }

    /// Splits samples and histograms of a batch by shard.
    fn split(&self, batch: &Decoded, split: &mut Split) {
        split.fill(batch, self.replay.head.shards.len(), &mut (), |(), series, _| self.place(series), |_, _| false);
    }

    /// Takes what was deleted of late samples of the shards of `part`. It is forgotten at the end where none are left.
    pub fn deletions(&self, deletions: &[Tombstone], part: Part) {
        for deletion in deletions {
            let place = self.known(deletion.series).filter(|place| part.has(place.shard));
            let Some(Located { shard, number }) = place else { continue };
            let head = self.replay.head;
            let shard = head.shards[shard as usize].lock();
            head.tombstones.add(ChunkKind::Late, [(shard.lines[number].reference(), deletion.range)]);
        }
    }

    /// Takes samples out of buffers that are in the chunks told.
    pub fn markers(&self, markers: &[MmapMarker], part: Part, scratch: &mut LateScratch) {
        for marker in markers {
            if marker.series == MmapMarker::HANDED_OVER {
                // Chunks that were not found may have left their places to others, which are cut here and now.
                let found = self.replay.chunks.iter().map(|chunk| chunk.place).max();
                let through = found.map_or(HeadChunkRef::NONE, |last| last.min(marker.chunk));
                self.replay.handed_over.fetch_max(through.0, Ordering::Relaxed);
                let is_any = self.replay.counts.late_samples.load(Ordering::Relaxed) > 0;
                self.replay.counts.late_unfinished.fetch_or(is_any, Ordering::Relaxed);
                continue;
            }
            if !self.is_kept(marker.chunk) {
                continue;
            }
            let Some(place) = self.known(marker.series).filter(|place| part.has(place.shard)) else { continue };
            let mut shard = self.replay.head.shards[place.shard as usize].lock();
            let told = Place::File(marker.chunk.0);
            if shard.late.chunks(place.number).any(|chunk| chunk.place == told) {
                self.take_out(&mut shard, place.number, marker.chunk, &mut scratch.columns);
            }
        }
    }

    /// Whether a chunk stays when all is read. What it holds may have been deleted since blocks took it over, and have come again.
    fn is_kept(&self, chunk: HeadChunkRef) -> bool {
        chunk.0 > self.replay.handed_over.load(Ordering::Relaxed)
    }

    /// Where the series of a sample is.
    fn place(&self, series: SeriesRef) -> Option<Located> {
        let place = self.known(series);
        self.replay.counts.orphans.fetch_add(u64::from(place.is_none()), Ordering::Relaxed);
        place
    }

    /// Where a series is. Nobody else may get a reference that is not known.
    fn known(&self, series: SeriesRef) -> Option<Located> {
        let place = self.replay.series.read().get(series);
        if place.is_none() {
            self.replay.highest.fetch_max(series.0, Ordering::Relaxed);
        }
        place
    }

    /// Puts samples of a run, given with their lines, into buffers.
    fn insert<'a>(
        &self,
        part: Part,
        samples: impl Iterator<Item = (u32, i64, LateSample<'a>)>,
        scratch: &mut LateScratch,
    ) {
        let head = self.replay.head;
        let Some(shard) = head.shards.get(part.index) else { return };
        let cap = head.late.as_ref().map_or(OutOfOrder::default(), |late| late.options).cap();
        let mut shard = shard.lock();
        let (before, mut new) = (shard.late.len(), 0);
        for (number, timestamp_ms, sample) in samples {
            if shard.late.buffered(number) >= cap {
                self.make_room(&mut shard, number, cap, &mut scratch.columns);
            }
            let (late, layouts) = shard.late_mut();
            new += u64::from(late.insert(layouts, number, timestamp_ms, sample) == Inserted::New);
        }
        head.times.add_late((shard.late.len() - before) as u64);
        self.replay.counts.late_samples.fetch_add(new, Ordering::Relaxed);
    }

    /// Empties a full buffer: samples that chunks have go, the others become chunks.
    fn make_room(&self, shard: &mut Shard, number: u32, cap: u32, columns: &mut TwoColumns) {
        let chunks: Vec<_> = shard.late.chunks(number).collect();
        for chunk in chunks {
            if let Place::File(place) = chunk.place
                && self.is_kept(HeadChunkRef(place))
            {
                self.take_out(shard, number, HeadChunkRef(place), columns);
            }
            if shard.late.buffered(number) < cap {
                return;
            }
        }
        let series = shard.lines[number].reference();
        let (late, layouts) = shard.late_mut();
        late.cut(layouts, number, series, &self.replay.head.files, |_| {});
    }

    /// Takes out of the buffer what the chunk at `place` has. The shard is locked meanwhile, but nobody waits for it: this
    /// thread is the only one that it has, and there are no readers yet.
    fn take_out(&self, shard: &mut Shard, number: u32, place: HeadChunkRef, columns: &mut TwoColumns) {
        let TwoColumns { buffer, chunk: held } = columns;
        held.clear();
        // What cannot be read stays in the buffer.
        let Ok(chunk) = self.replay.head.files.read(place) else { return };
        if chunk::decode(chunk.encoding, &chunk.data, held).is_err() {
            return;
        }
        buffer.clear();
        shard.late.read_buffer(shard.layouts(), number, buffer);
        let (late, layouts) = shard.late_mut();
        late.keep_buffered(layouts, number, |at| !holds(held, buffer, at));
    }
}

/// Whether `held`, times rising, has sample `at` of `buffer`.
fn holds(held: &SampleColumns, buffer: &SampleColumns, at: usize) -> bool {
    let Some(timestamp_ms) = buffer.timestamps_ms.get(at) else { return false };
    let Ok(place) = held.timestamps_ms.binary_search(timestamp_ms) else { return false };
    match (held.histogram(place), buffer.histogram(at)) {
        (Some(one), Some(other)) => is_same(one, other),
        (None, None) => {
            let bits = |columns: &SampleColumns, at: usize| columns.values.get(at).map(|value| value.to_bits());
            bits(held, place) == bits(buffer, at)
        }
        _ => false,
    }
}

impl ReplayTarget for LateReplay<'_> {
    type Scratch = LateScratch;
    const SPLITS: bool = true;

    /// All series are in the other log.
    fn series(&self, _series: SeriesRef, _labels: LabelsRef<'_>, _scratch: &mut LateScratch) {}

    /// One for each shard.
    fn parts(&self, _threads: usize) -> usize {
        self.replay.head.shards.len()
    }

    fn split(&self, batch: &Decoded, split: &mut Split) {
        LateReplay::split(self, batch, split);
    }

    fn apply(&self, batch: &Decoded, split: &Split, part: Part, scratch: &mut LateScratch) -> LeftOut {
        LateReplay::apply(self, batch, split, part, scratch);
        let start_timestamps = batch.starts();
        LeftOut { start_timestamps, ..LeftOut::default() }
    }
}
