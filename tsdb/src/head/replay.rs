//! Filling a head from disk: chunks, series and samples, in this order for each series.
//!
//! The chunks that the head's files hold are handed in at the start and wait for their series. Series come from the
//! checkpoint and the log; one label set may come under several references, and all lead to one series. Samples come last,
//! each series' in the order they were logged; what a chunk covers, or what was logged twice, is passed over, and what no
//! chunk covers though it should becomes one ([`gaps`]). Series may be handed in by several threads at once; a batch of
//! samples is split by shard ([`Split`]) by any of them, and applied to each shard in turn.

mod cover_word;
mod deletions;
mod gaps;
mod gathered;
mod in_order;
mod late;
mod near;
mod ref_table;
mod restore;
mod split;
mod stats;

use super::Head;
use super::chunk_list::{FullChunk, Place};
use super::damaged::{BadChunk, ChunkKind};
use super::dictionary::{InternMemo, PairId};
use super::selection::Located;
use super::shard::Shard;
use super::truncate::Truncation;
use crate::head_chunks::{HeadChunk, HeadChunkRef};
use crate::series::SourceError;
use crate::wal::{Decoded, LeftOut, ReplayTarget};
use gaps::Gaps;
use in_order::InOrder;
pub use late::{LateReplay, LateScratch};
use model::{ExemplarRef, LabelsRef, MetadataRef, SampleColumns, SeriesRef, TimeRange};
use near::Near;
use parking_lot::{Mutex, RwLock};
use ref_table::{Entry, RefTable};
pub use restore::Lacking;
pub use split::Split;
use stats::Counts;
pub use stats::ReplayStats;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A head that is being filled.
#[derive(Debug)]
pub struct Replay<'a> {
    head: &'a Head,
    /// By series, then by place: the order in which they were written.
    chunks: Vec<HeadChunk>,
    series: RwLock<RefTable>,
    /// What the times of [`cover_word`] count from: where the oldest chunk begins.
    base_ms: i64,
    /// The highest reference that occurred.
    highest: AtomicU64,
    /// Blocks have the late chunks up to this place.
    handed_over: AtomicU64,
    gaps: Gaps,
    /// A snapshot was there first: what the log says of its references is compared with it.
    is_restored: AtomicBool,
    contradiction: AtomicBool,
    /// There are no exemplars in that snapshot.
    lacks_exemplars: AtomicBool,
    counts: Counts,
}

/// Another reference under which the log may have samples of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alias {
    pub(super) alias: SeriesRef,
    /// The reference and place of the series.
    pub(super) of: SeriesRef,
    pub(super) place: Located,
}

/// Some shards, to which one thread at a time applies samples: those whose number leaves `index` when divided by `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub index: usize,
    pub of: usize,
}

/// What a thread needs, to be used again in the same replay.
#[derive(Debug, Default)]
pub struct ReplayScratch {
    region: Vec<u8>,
    labels: Vec<u8>,
    pairs: Vec<PairId>,
    memo: InternMemo,
    in_order: InOrder,
    near: Near,
}

/// Why a head was not filled.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Without these, of `chunks` that were handed in, another head is to be filled: the log has their samples.
    #[error("{} chunks of the head cannot be read", bad.len())]
    BadChunks { bad: Vec<BadChunk>, chunks: Vec<HeadChunk> },
}

impl Part {
    /// All shards.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    fn has(self, shard: u32) -> bool {
        shard as usize % self.of.max(1) == self.index
    }
}

impl Head {
    /// Begins to fill this head, which is empty, with `chunks` found in its files. Times before its floor belong to blocks:
    /// [`Head::truncate`] it first.
    pub fn replay(&self, mut chunks: Vec<HeadChunk>) -> Replay<'_> {
        chunks.sort_unstable_by_key(|chunk| (chunk.series, chunk.place));
        let highest = AtomicU64::new(chunks.last().map_or(0, |chunk| chunk.series.0));
        let base_ms = chunks.iter().map(|chunk| chunk.min_ms).min().unwrap_or(i64::MIN);
        Replay {
            head: self,
            chunks,
            series: RwLock::default(),
            base_ms,
            highest,
            handed_over: AtomicU64::new(HeadChunkRef::NONE.0),
            gaps: Gaps::default(),
            is_restored: AtomicBool::new(false),
            contradiction: AtomicBool::new(false),
            lacks_exemplars: AtomicBool::new(false),
            counts: Counts::default(),
        }
    }
}

impl Replay<'_> {
    /// Takes a series, and the chunks that wait for it. A reference that came before is passed over.
    pub fn series(&self, series: SeriesRef, labels: LabelsRef<'_>, scratch: &mut ReplayScratch) {
        let known = self.series.read().get(series);
        if let Some(place) = known {
            return self.compare(place, labels, scratch);
        }
        self.highest.fetch_max(series.0, Ordering::Relaxed);
        let fingerprint = self.head.fingerprinter.of_labels(labels, &mut scratch.region);
        let shard_number = self.head.shard_of(fingerprint);
        let mut shard = self.head.shards[shard_number].lock();
        let found = shard.find(fingerprint);
        let number = found.unwrap_or_else(|| {
            // No pair goes while the head is filled, so what the memo has of the series before holds.
            scratch.pairs.clear();
            self.head.dictionary.write().intern(labels, &mut scratch.memo, &mut scratch.pairs);
            self.head.series.fetch_add(1, Ordering::Relaxed);
            shard.create(fingerprint, series, &scratch.pairs)
        });
        let place = Located { shard: shard_number as u32, number };
        let mut aliased = None;
        if found.is_some() {
            aliased = Some(Alias { alias: series, of: shard.lines[number].reference(), place });
        }
        let count = if found.is_some() { &self.counts.aliases } else { &self.counts.series };
        count.fetch_add(1, Ordering::Relaxed);
        self.attach_chunks(&mut shard, number, series, &mut scratch.near);
        let entry = Entry::without_chunks(place);
        let mut chunks = shard.full_chunks(number);
        if let Some(first) = chunks.next() {
            entry.cover.set(first, chunks.next().is_none(), self.base_ms);
        }
        drop(chunks);
        drop(shard);
        self.head.aliases.lock().extend(aliased);
        self.series.write().insert(series, entry);
    }

    /// Takes note if the series of a known reference has other labels than these.
    fn compare(&self, place: Located, labels: LabelsRef<'_>, scratch: &mut ReplayScratch) {
        if self.is_restored.load(Ordering::Relaxed) {
            let fingerprint = self.head.fingerprinter.of_labels(labels, &mut scratch.region);
            let is_it = self.head.shards[place.shard as usize].lock().lines[place.number].is(fingerprint);
            self.contradiction.fetch_or(!is_it, Ordering::Relaxed);
        }
    }

    /// Takes a logged exemplar, whose series came before; not if it belongs to a block's time.
    pub fn exemplar(&self, series: SeriesRef, exemplar: ExemplarRef<'_>, scratch: &mut ReplayScratch) {
        if exemplar.timestamp_ms >= self.head.floor_ms() {
            self.known_exemplar(series, exemplar, scratch);
        }
    }

    /// As [`Replay::exemplar`], whatever time it is of.
    fn known_exemplar(&self, series: SeriesRef, exemplar: ExemplarRef<'_>, scratch: &mut ReplayScratch) {
        let Some(Located { shard, number }) = self.series.read().get(series) else { return };
        let shard = self.head.shards[shard as usize].lock();
        scratch.labels.clear();
        {
            let dictionary = self.head.dictionary.read();
            shard.pairs(number).for_each(|pair| scratch.labels.extend_from_slice(dictionary.packed(pair)));
        }
        let labels = LabelsRef::from_packed_unchecked(&scratch.labels);
        let fingerprint = self.head.fingerprinter.of_labels(labels, &mut scratch.region);
        // What a ring of another size refused was not logged; what this one refuses was logged by somebody less strict.
        let _ = self.head.append_exemplar(&shard, number, fingerprint, exemplar);
    }

    /// Takes what was said of a series, which came before.
    pub fn metadata(&self, series: SeriesRef, said: MetadataRef<'_>) {
        if let Some(Located { shard, number }) = self.series.read().get(series) {
            self.head.shards[shard as usize].lock().metadata.set(number, said);
        }
    }

    /// Ends the replay: series of which nothing was found go, and what comes from now on gets references above all that were
    /// seen.
    ///
    /// # Errors
    /// A chunk that cannot be read: the newest of a series that has nothing newer. The head is of no use then.
    pub fn finish(self) -> Result<ReplayStats, Unfinished> {
        self.head.shards.iter().for_each(|shard| shard.lock().postings.settle());
        self.head.dictionary.write().pass_reference(SeriesRef(self.highest.load(Ordering::Relaxed)));
        self.fill_gaps();
        self.head.drop_late(HeadChunkRef(self.handed_over.load(Ordering::Relaxed)), &mut Truncation::default());
        self.head.sweep(self.head.floor_ms(), &mut Truncation::default());
        if !self.find_all_newest()? {
            let bad = self.head.bad_chunks(ChunkKind::InOrder, TimeRange::ALL)?;
            return Err(Unfinished::BadChunks { bad, chunks: self.chunks });
        }
        let taken = self.counts.chunks.load(Ordering::Relaxed) + self.counts.chunks_left_out.load(Ordering::Relaxed);
        let of_no_series = (self.chunks.len() as u64).saturating_sub(taken);
        self.counts.chunks_left_out.fetch_add(of_no_series, Ordering::Relaxed);
        Ok(self.counts.stats())
    }

    /// Gives a series the chunks that were written under `series`.
    fn attach_chunks(&self, shard: &mut Shard, number: u32, series: SeriesRef, near: &mut Near) {
        let start = near.first_of(&self.chunks, series);
        let rest = self.chunks.get(start..).unwrap_or_default();
        for chunk in rest.iter().take_while(|chunk| chunk.series == series) {
            let taken = self.attach_chunk(shard, number, chunk);
            let count = if taken { &self.counts.chunks } else { &self.counts.chunks_left_out };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `false`: the chunk cannot be taken, or overlaps one that was.
    fn attach_chunk(&self, shard: &mut Shard, number: u32, chunk: &HeadChunk) -> bool {
        let HeadChunk { place, min_ms, max_ms, out_of_order, .. } = *chunk;
        let fits = max_ms.checked_sub(min_ms).is_some_and(|span| u32::try_from(span).is_ok());
        if !fits || (!out_of_order && max_ms < self.head.floor_ms()) {
            return false;
        }
        let full = FullChunk { min_ms, max_ms, place: Place::File(place.0) };
        if out_of_order {
            let before = shard.late.len();
            shard.late.attach(number, full);
            self.head.times.add_late((shard.late.len() - before) as u64);
            return true;
        }
        let line = &shard.lines[number];
        if !line.has_sample() || line.last_ms < min_ms {
            if shard.has_open_chunk(number) {
                return false;
            }
            // The sample is looked up at the end, if nothing newer comes.
            shard.lines[number].set_newest(max_ms, 0);
            shard.add_full_chunk(number, full);
        } else if !insert(shard, number, full) {
            return false;
        }
        self.head.times.include(min_ms, max_ms);
        true
    }

    /// `false`: a chunk cannot be read that has the newest sample of its series.
    fn find_all_newest(&self) -> Result<bool, SourceError> {
        let mut columns = SampleColumns::default();
        for shard in &self.head.shards {
            let end = shard.lock().lines.len();
            for number in 0..end {
                if !self.find_newest(shard, number, &mut columns)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Reads the newest sample of a series where only a chunk has it. `false`: that cannot be read.
    fn find_newest(&self, shard: &Mutex<Shard>, number: u32, columns: &mut SampleColumns) -> Result<bool, SourceError> {
        let newest = {
            let shard = shard.lock();
            if shard.has_open_chunk(number) { None } else { shard.full_chunks(number).last() }
        };
        let Some(FullChunk { max_ms, place: Place::File(place), .. }) = newest else { return Ok(true) };
        if self.head.fault_at(HeadChunkRef(place), columns)?.is_some() {
            return Ok(false);
        }
        let Some((at, value)) = columns.values.iter().enumerate().next_back() else { return Ok(true) };
        let mut shard = shard.lock();
        match columns.histogram(at) {
            Some(histogram) => shard.set_newest_histogram(number, (max_ms, histogram), &self.head.files),
            None => shard.lines[number].set_newest(max_ms, value.to_bits()),
        }
        Ok(true)
    }
}

impl ReplayTarget for Replay<'_> {
    type Scratch = ReplayScratch;
    const SPLITS: bool = true;

    fn series(&self, series: SeriesRef, labels: LabelsRef<'_>, scratch: &mut ReplayScratch) {
        Replay::series(self, series, labels, scratch);
    }

    fn exemplar(&self, series: SeriesRef, exemplar: ExemplarRef<'_>, scratch: &mut ReplayScratch) -> bool {
        let are_kept = self.head.exemplars.are_kept();
        if are_kept {
            Replay::exemplar(self, series, exemplar, scratch);
        }
        are_kept
    }

    fn metadata(&self, series: SeriesRef, said: MetadataRef<'_>, _scratch: &mut ReplayScratch) -> bool {
        Replay::metadata(self, series, said);
        true
    }

    /// One for each shard.
    fn parts(&self, _threads: usize) -> usize {
        self.head.shards.len()
    }

    fn split(&self, batch: &Decoded, split: &mut Split) {
        Replay::split(self, batch, split);
    }

    fn apply(&self, batch: &Decoded, split: &Split, part: Part, scratch: &mut ReplayScratch) -> LeftOut {
        Replay::apply(self, batch, split, part, scratch);
        LeftOut { mmap_markers: batch.markers.len() as u64, ..LeftOut::default() }
    }

    fn settle(&self, part: Part, scratch: &mut ReplayScratch) {
        Replay::settle(self, part, scratch);
    }
}

/// Puts a chunk between others of the series, if it overlaps none.
fn insert(shard: &mut Shard, number: u32, full: FullChunk) -> bool {
    let mut chunks: Vec<_> = shard.full_chunks(number).collect();
    let overlaps = |other: &FullChunk| other.min_ms <= full.max_ms && full.min_ms <= other.max_ms;
    let open = shard.open_min_ms(number).is_some_and(|min_ms| min_ms <= full.max_ms);
    if open || chunks.iter().any(overlaps) {
        return false;
    }
    let at = chunks.partition_point(|other| other.max_ms < full.min_ms);
    chunks.insert(at, full);
    shard.set_full_chunks(number, &chunks);
    true
}
