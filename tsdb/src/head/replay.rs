//! Filling a head from disk: chunks, series and samples, in this order for each series.
//!
//! The chunks that the head's files hold are handed in at the start and wait for their series. Series come from the
//! checkpoint and the log; one label set may come under several references, and all lead to one series. Samples come last,
//! each series' in the order they were logged; what a chunk covers, or what was logged twice, is passed over, and what no
//! chunk covers though it should becomes one ([`gaps`]). Series may be
//! handed in by several threads at once, samples by one thread for each [`Part`].

mod deletions;
mod gaps;
mod late;
mod ref_table;

use super::Head;
use super::chunk_list::{FullChunk, Place};
use super::dictionary::{InternMemo, PairId};
use super::selection::Located;
use super::shard::{Rules, Shard};
use super::truncate::Truncation;
use crate::chunk;
use crate::head_chunks::{HeadChunk, HeadChunkRef};
use crate::series::SourceError;
use crate::wal::{HistogramRun, LoggedSample, ReplayTarget, SampleRun, Tombstone};
use gaps::{Cover, Gaps};
pub use late::{LateReplay, LateScratch};
use model::{ExemplarRef, LabelsRef, MetadataRef, SampleColumns, SeriesRef};
use parking_lot::{Mutex, RwLock};
use ref_table::RefTable;
use std::sync::atomic::{AtomicU64, Ordering};

/// A head that is being filled.
#[derive(Debug)]
pub struct Replay<'a> {
    head: &'a Head,
    /// By series, then by place: the order in which they were written.
    chunks: Vec<HeadChunk>,
    series: RwLock<RefTable>,
    /// The highest reference that occurred.
    highest: AtomicU64,
    gaps: Gaps,
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

/// The shards a thread applies samples to: those whose number leaves `index` when divided by `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub index: usize,
    pub of: usize,
}

/// What a thread needs, to be used again.
#[derive(Debug, Default)]
pub struct ReplayScratch {
    region: Vec<u8>,
    labels: Vec<u8>,
    pairs: Vec<PairId>,
    memo: InternMemo,
    /// By shard: line, timestamp and value of samples.
    samples: Vec<Vec<(u32, i64, f64)>>,
    /// By shard: line and entry of histograms.
    histograms: Vec<Vec<(u32, u32)>>,
    /// By shard and line. What is forgotten is found again.
    covers: Vec<Vec<Cover>>,
}

/// What a replay found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayStats {
    /// Series created.
    pub series: u64,
    /// References that lead to a label set which had one already.
    pub aliases: u64,
    /// Samples appended.
    pub samples: u64,
    /// Samples that were there already, or belong to blocks.
    pub passed_over: u64,
    /// Samples, not belonging to blocks, of references that no series record names.
    pub orphans: u64,
    /// Late samples put into buffers.
    pub late_samples: u64,
    /// Chunks taken over, late ones among them.
    pub chunks: u64,
    /// Chunks not taken over: overlapping though not late, of no series, or of times that blocks have.
    pub chunks_left_out: u64,
}

#[derive(Debug, Default)]
struct Counts {
    series: AtomicU64,
    aliases: AtomicU64,
    samples: AtomicU64,
    passed_over: AtomicU64,
    orphans: AtomicU64,
    late_samples: AtomicU64,
    chunks: AtomicU64,
    chunks_left_out: AtomicU64,
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
        Replay {
            head: self,
            chunks,
            series: RwLock::default(),
            highest,
            gaps: Gaps::default(),
            counts: Counts::default(),
        }
    }
}

impl Replay<'_> {
    /// Takes a series, and the chunks that wait for it. A reference that came before is passed over.
    pub fn series(&self, series: SeriesRef, labels: LabelsRef<'_>, scratch: &mut ReplayScratch) {
        if self.series.read().get(series).is_some() {
            return;
        }
        self.highest.fetch_max(series.0, Ordering::Relaxed);
        let fingerprint = self.head.fingerprinter.of_labels(labels, &mut scratch.region);
        let shard_number = self.head.shard_of(fingerprint);
        let mut shard = self.head.shards[shard_number].lock();
        let found = shard.find(fingerprint);
        let number = found.unwrap_or_else(|| {
            scratch.memo.forget();
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
        self.attach_chunks(&mut shard, number, series);
        drop(shard);
        self.head.aliases.lock().extend(aliased);
        self.series.write().insert(series, place);
    }

    /// Applies logged samples to the shards of `part`. Samples of one series must come in the order they were logged, so each
    /// part is one thread's.
    pub fn samples(&self, samples: &[LoggedSample], part: Part, scratch: &mut ReplayScratch) {
        let floor_ms = self.head.floor_ms();
        let (mut passed_over, mut orphans) = (0, 0);
        scratch.samples.resize_with(self.head.shards.len(), Vec::new);
        scratch.covers.resize_with(self.head.shards.len(), Vec::new);
        {
            let series = self.series.read();
            for sample in samples {
                match series.get(sample.series) {
                    Some(place) if !part.has(place.shard) => {}
                    _ if sample.timestamp_ms < floor_ms => passed_over += u64::from(part.index == 0),
                    Some(place) => {
                        let sample = (place.number, sample.timestamp_ms, sample.value);
                        scratch.samples[place.shard as usize].push(sample);
                    }
                    None => {
                        // Nobody else may get this reference: the sample would become his with the next replay.
                        self.highest.fetch_max(sample.series.0, Ordering::Relaxed);
                        orphans += u64::from(part.index == 0);
                    }
                }
            }
        }
        let shares = scratch.samples.iter_mut().zip(&mut scratch.covers);
        for (shard, (samples, covers)) in (0..).zip(shares) {
            if !samples.is_empty() {
                passed_over += self.apply(shard, samples, covers);
                samples.clear();
            }
        }
        self.counts.passed_over.fetch_add(passed_over, Ordering::Relaxed);
        self.counts.orphans.fetch_add(orphans, Ordering::Relaxed);
    }

    /// Applies logged histograms to the shards of `part`; see [`Replay::samples`].
    pub fn histograms(&self, run: HistogramRun<'_>, part: Part, scratch: &mut ReplayScratch) {
        let floor_ms = self.head.floor_ms();
        let (mut passed_over, mut orphans) = (0, 0);
        scratch.histograms.resize_with(self.head.shards.len(), Vec::new);
        scratch.covers.resize_with(self.head.shards.len(), Vec::new);
        {
            let series = self.series.read();
            for (at, entry) in (0..).zip(run.entries) {
                match series.get(entry.series) {
                    Some(place) if !part.has(place.shard) => {}
                    _ if entry.timestamp_ms < floor_ms => passed_over += u64::from(part.index == 0),
                    Some(place) => scratch.histograms[place.shard as usize].push((place.number, at)),
                    None => {
                        self.highest.fetch_max(entry.series.0, Ordering::Relaxed);
                        orphans += u64::from(part.index == 0);
                    }
                }
            }
        }
        let shares = scratch.histograms.iter_mut().zip(&mut scratch.covers);
        for (shard, (share, covers)) in (0..).zip(shares) {
            if !share.is_empty() {
                passed_over += self.apply_histograms(shard, run, share, covers);
                share.clear();
            }
        }
        self.counts.passed_over.fetch_add(passed_over, Ordering::Relaxed);
        self.counts.orphans.fetch_add(orphans, Ordering::Relaxed);
    }

    /// Takes a logged exemplar, whose series came before; not if it belongs to a block's time.
    pub fn exemplar(&self, series: SeriesRef, exemplar: ExemplarRef<'_>, scratch: &mut ReplayScratch) {
        let Some(Located { shard, number }) = self.series.read().get(series) else { return };
        if exemplar.timestamp_ms < self.head.floor_ms() {
            return;
        }
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
    /// A chunk that cannot be read: the newest of a series that has nothing newer.
    pub fn finish(self) -> Result<ReplayStats, SourceError> {
        self.head.dictionary.write().pass_reference(SeriesRef(self.highest.load(Ordering::Relaxed)));
        self.fill_gaps();
        self.head.sweep(self.head.floor_ms(), &mut Truncation::default());
        let mut columns = SampleColumns::default();
        for shard in &self.head.shards {
            let end = shard.lock().lines.len();
            for number in 0..end {
                self.find_newest(shard, number, &mut columns)?;
            }
        }
        let taken = self.counts.chunks.load(Ordering::Relaxed) + self.counts.chunks_left_out.load(Ordering::Relaxed);
        let of_no_series = (self.chunks.len() as u64).saturating_sub(taken);
        self.counts.chunks_left_out.fetch_add(of_no_series, Ordering::Relaxed);
        Ok(self.counts.stats())
    }

    /// Appends samples of one shard. Says how many were passed over.
    fn apply(&self, shard_number: u32, samples: &[(u32, i64, f64)], covers: &mut Vec<Cover>) -> u64 {
        let rules = Rules { floor_ms: i64::MIN, max_ms: i64::MAX, chunk_range_ms: self.head.options.chunk_range_ms };
        let (mut oldest_ms, mut newest_ms, mut passed_over) = (i64::MAX, i64::MIN, 0);
        let mut shard = self.head.shards[shard_number as usize].lock();
        covers.resize(shard.lines.len() as usize, Cover::NOTHING);
        for &(number, timestamp_ms, value) in samples {
            let line = &shard.lines[number];
            if line.has_sample() && timestamp_ms <= line.last_ms {
                if covers[number as usize].has(&shard, number, timestamp_ms) {
                    passed_over += 1;
                } else {
                    let place = Located { shard: shard_number, number };
                    self.gaps.put_aside(place, |samples| samples.push(timestamp_ms, value));
                }
            } else if shard.append(number, (timestamp_ms, value), &rules, &self.head.files).is_ok() {
                oldest_ms = oldest_ms.min(timestamp_ms);
                newest_ms = newest_ms.max(timestamp_ms);
            }
        }
        self.head.times.include(oldest_ms, newest_ms);
        self.counts.samples.fetch_add(samples.len() as u64 - passed_over, Ordering::Relaxed);
        passed_over
    }

    /// Appends histograms of one shard, given their lines and numbers in the run. Says how many were passed over.
    fn apply_histograms(
        &self,
        shard_number: u32,
        run: HistogramRun<'_>,
        share: &[(u32, u32)],
        covers: &mut Vec<Cover>,
    ) -> u64 {
        let rules = Rules { floor_ms: i64::MIN, max_ms: i64::MAX, chunk_range_ms: self.head.options.chunk_range_ms };
        let (mut oldest_ms, mut newest_ms, mut passed_over) = (i64::MAX, i64::MIN, 0);
        let mut shard = self.head.shards[shard_number as usize].lock();
        covers.resize(shard.lines.len() as usize, Cover::NOTHING);
        for &(number, at) in share {
            let Some(entry) = run.entries.get(at as usize) else { continue };
            let (timestamp_ms, Some(histogram)) = (entry.timestamp_ms, run.rows.get(entry.row as usize)) else {
                continue;
            };
            let line = &shard.lines[number];
            if line.has_sample() && timestamp_ms <= line.last_ms {
                if covers[number as usize].has(&shard, number, timestamp_ms) {
                    passed_over += 1;
                } else {
                    let place = Located { shard: shard_number, number };
                    self.gaps.put_aside(place, |samples| samples.push_histogram(timestamp_ms, histogram));
                }
            } else if shard.append_histogram(number, (timestamp_ms, histogram), &rules, &self.head.files).is_ok() {
                oldest_ms = oldest_ms.min(timestamp_ms);
                newest_ms = newest_ms.max(timestamp_ms);
            }
        }
        self.head.times.include(oldest_ms, newest_ms);
        self.counts.samples.fetch_add(share.len() as u64 - passed_over, Ordering::Relaxed);
        passed_over
    }

    /// Gives a series the chunks that were written under `series`.
    fn attach_chunks(&self, shard: &mut Shard, number: u32, series: SeriesRef) {
        let start = self.chunks.partition_point(|chunk| chunk.series < series);
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

    /// Reads the newest sample of a series where only a chunk has it.
    fn find_newest(&self, shard: &Mutex<Shard>, number: u32, columns: &mut SampleColumns) -> Result<(), SourceError> {
        let newest = {
            let shard = shard.lock();
            if shard.has_open_chunk(number) { None } else { shard.full_chunks(number).last() }
        };
        let Some(FullChunk { max_ms, place: Place::File(place), .. }) = newest else { return Ok(()) };
        let chunk = self.head.files.read(HeadChunkRef(place))?;
        columns.clear();
        chunk::decode(chunk.encoding, &chunk.data, columns).map_err(|error| SourceError::Corrupt {
            file: "chunks_head".to_owned(),
            offset: place,
            fault: error.to_string(),
        })?;
        let Some((at, value)) = columns.values.iter().enumerate().next_back() else { return Ok(()) };
        let mut shard = shard.lock();
        match columns.histogram(at) {
            Some(histogram) => shard.set_newest_histogram(number, (max_ms, histogram), &self.head.files),
            None => shard.lines[number].set_newest(max_ms, value.to_bits()),
        }
        Ok(())
    }
}

impl ReplayTarget for Replay<'_> {
    type Scratch = ReplayScratch;

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

    fn samples(&self, run: SampleRun<'_>, part: Part, scratch: &mut ReplayScratch) {
        Replay::samples(self, run.samples, part, scratch);
    }

    fn histograms(&self, run: HistogramRun<'_>, part: Part, scratch: &mut ReplayScratch) -> bool {
        Replay::histograms(self, run, part, scratch);
        true
    }

    fn deletions(&self, deletions: &[Tombstone], part: Part, _scratch: &mut ReplayScratch) -> bool {
        Replay::deletions(self, deletions, part);
        true
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

impl Counts {
    fn stats(&self) -> ReplayStats {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ReplayStats {
            series: get(&self.series),
            aliases: get(&self.aliases),
            samples: get(&self.samples),
            passed_over: get(&self.passed_over),
            orphans: get(&self.orphans),
            late_samples: get(&self.late_samples),
            chunks: get(&self.chunks),
            chunks_left_out: get(&self.chunks_left_out),
        }
    }
}
