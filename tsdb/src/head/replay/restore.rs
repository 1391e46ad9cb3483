//! Filling a head from a snapshot, before the log behind it.
//!
//! Records are read in order by one thread, unpacked and applied by several: first all series, each with the chunks that
//! wait for it and its open chunk, then deletions and exemplars. An open chunk is taken as it is if it is newer than all
//! chunks of its series. If it is not, a chunk file got it later, or more of it: then its samples are applied like logged
//! ones, and those that a chunk has are passed over.

mod regions;

use super::gaps::Cover;
use super::ref_table::Entry;
use super::{Alias, Near, Part, Replay, ReplayScratch};
use crate::chunk::{self, histogram::HistogramState, xor::XorState};
use crate::cursor::Fault;
use crate::fs::Fs;
use crate::head::dictionary::PairId;
use crate::head::selection::Located;
use crate::head::shard::{RestoredHistograms, Rules, Shard, state_at};
use crate::head_chunks::{ChunkFile, HeadChunk};
use crate::series::Encoding;
use crate::snapshot::{
    Alike, ChunkEnd, DELETIONS, LastSample, OpenChunk, SERIES, SnapshotDecoder, SnapshotError, SnapshotItem,
};
use crate::snapshot::{Relied, SnapshotSeries, read_beside};
use crate::wal::{PublishedBatch, PublishedReader, ReplayTarget, Unpacker};
use crossbeam::channel::{Receiver, bounded};
use model::{ExemplarRef, Fingerprint, LabelsRef, MetadataRef, SampleColumns, SeriesRef, TimeRange};
use parking_lot::Mutex;
use regions::{Regions, text_at};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Takes of a log only what a snapshot of another program lacks: what was said of series, which references were given out,
/// and exemplars, if it has none: nothing in it says whether it should.
#[derive(Debug, Clone, Copy)]
pub struct Lacking<'a> {
    replay: &'a Replay<'a>,
}

/// A snapshot smaller than this is not worth a thread.
const ONE_THREAD_BYTES: u64 = 1 << 20;
/// Of a snapshot, about: half a chunk and labels.
const SERIES_BYTES: u64 = 512;
/// How many series are entered into the dictionary while it is locked once.
const SERIES_PER_LOCK: usize = 256;

/// A thread's series, before they are entered.
#[derive(Debug, Default)]
struct Staged {
    series: Vec<StagedSeries>,
    /// Their numbers, by shard.
    order: Vec<u32>,
    /// The labels that are not those of the series before, and where each ends.
    texts: Vec<u8>,
    text_ends: Vec<usize>,
    data: Vec<u8>,
    /// Of the series that was entered last, then of these.
    pairs: Vec<PairId>,
    last_pairs: Range<usize>,
    aliases: Vec<Alias>,
    regions: Regions,
    tally: Tally,
    places: Vec<(SeriesRef, Located)>,
    columns: SampleColumns,
    words: Vec<u8>,
    near: Near,
}

#[derive(Debug)]
struct StagedSeries {
    series: SeriesRef,
    fingerprint: Fingerprint,
    shard: u32,
    /// How many labels it has, and which are those of the series before.
    labels: usize,
    alike: u64,
    pairs: Range<usize>,
    open: Option<StagedChunk>,
}

#[derive(Debug, Clone)]
struct StagedChunk {
    min_ms: i64,
    max_ms: i64,
    encoding: Encoding,
    data: Range<usize>,
    /// The bits of the last value, if that is a float.
    last: Option<u64>,
    end: Option<ChunkEnd>,
}

/// What a thread has counted and not told yet.
#[derive(Debug, Default)]
struct Tally {
    series: u64,
    aliases: u64,
    restored: u64,
    /// Of open chunks that were taken as they are.
    range: Option<TimeRange>,
}

/// What threads tell each other.
#[derive(Debug, Default)]
struct Loading {
    /// Records behind the series, with the number of their batch.
    behind: Mutex<Vec<(u64, Vec<u8>)>>,
    fault: Mutex<Option<SnapshotError>>,
    has_failed: AtomicBool,
}

impl Replay<'_> {
    /// Fills the head, which is empty, from the snapshot in `dir`, on up to `threads` threads. What the log has behind it is
    /// to come next. Returns what the snapshot relies on; `None`: another program wrote it.
    ///
    /// # Errors
    /// The first fault. The head is of no use then: see [`Replay::give_up`].
    pub fn restore(&self, fs: &dyn Fs, dir: &Path, threads: NonZeroUsize) -> Result<Option<Relied>, SnapshotError> {
        self.is_restored.store(true, Ordering::Relaxed);
        let mut reader = PublishedReader::open(fs, dir)?;
        let loading = Loading::default();
        let likely = reader.size_bytes() / SERIES_BYTES / self.head.shards.len() as u64;
        self.head.shards.iter().for_each(|shard| shard.lock().reserve(usize::try_from(likely).unwrap_or(0)));
        let threads = if reader.size_bytes() < ONE_THREAD_BYTES { NonZeroUsize::MIN } else { threads };
        match threads.get() {
            1 => self.load_here(&mut reader, &loading)?,
            threads => self.load(&mut reader, &loading, threads)?,
        }
        if let Some(fault) = loading.fault.into_inner() {
            return Err(fault);
        }
        self.head.shards.iter().for_each(|shard| shard.lock().postings.settle());
        let exemplars = self.apply_behind(dir, loading.behind.into_inner())?;
        self.lacks_exemplars.store(exemplars == 0, Ordering::Relaxed);
        let relied = read_beside(fs, dir, |series, said| Replay::metadata(self, series, said))?;
        if let Some(relied) = &relied {
            self.highest.fetch_max(relied.highest.0, Ordering::Relaxed);
            if relied.exemplars != exemplars {
                return Err(SnapshotError::Incomplete { dir: dir.to_owned() });
            }
        }
        Ok(relied)
    }

    /// What a snapshot of another program lacks and the log has.
    pub fn lacking(&self) -> Lacking<'_> {
        Lacking { replay: self }
    }

    /// Whether the log said something else of a reference than the snapshot: the two do not belong together.
    pub fn contradicts(&self) -> bool {
        self.contradiction.load(Ordering::Relaxed)
    }

    /// Gives the head up, which is not to be used any more. Returns the chunks that were handed in, to begin anew.
    pub fn give_up(self) -> Vec<HeadChunk> {
        self.chunks
    }

    /// A file of chunks that a snapshot relies on and of which not all is among those `there`, if blocks do not have it.
    pub fn missing_file(&self, relied: &Relied, there: &[ChunkFile]) -> Option<ChunkFile> {
        let floor_ms = self.head.floor_ms();
        let is_there = |file: &&ChunkFile| {
            let found = there.iter().find(|other| other.number == file.number);
            file.newest_ms < floor_ms || found.is_some_and(|found| found.size_bytes >= file.size_bytes)
        };
        relied.chunk_files.iter().find(|file| !is_there(file)).copied()
    }

    fn load_here(&self, reader: &mut PublishedReader<'_>, loading: &Loading) -> Result<(), SnapshotError> {
        let (mut batch, mut number) = (PublishedBatch::default(), 0);
        let mut loader = Loader::default();
        while reader.next(&mut batch)? {
            loader.take(self, &batch, number, loading)?;
            number += 1;
        }
        Ok(())
    }

    fn load(&self, reader: &mut PublishedReader<'_>, loading: &Loading, threads: usize) -> Result<(), SnapshotError> {
        thread::scope(|scope| {
            let (work, take) = bounded(threads);
            let (give_back, empty) = bounded(2 * threads + 2);
            for _ in 0..threads {
                let (take, give_back) = (Receiver::clone(&take), give_back.clone());
                scope.spawn(move || {
                    let mut loader = Loader::default();
                    for (number, batch) in &take {
                        if loading.has_failed.load(Ordering::Relaxed) {
                            continue;
                        }
                        if let Err(fault) = loader.take(self, &batch, number, loading) {
                            loading.fail(fault);
                        }
                        // Nobody may be left to fill it.
                        let _ = give_back.try_send(batch);
                    }
                });
            }
            drop(take);
            let mut number = 0;
            loop {
                let mut batch = empty.try_recv().unwrap_or_default();
                if loading.has_failed.load(Ordering::Relaxed) || !reader.next(&mut batch)? {
                    return Ok(());
                }
                // The threads go on until nothing is sent any more.
                let _ = work.send((number, batch));
                number += 1;
            }
        })
    }

    /// Deletions, then exemplars, in their order. Says how many exemplars there are.
    fn apply_behind(&self, dir: &Path, mut behind: Vec<(u64, Vec<u8>)>) -> Result<u64, SnapshotError> {
        // Those of one batch are in their order already.
        behind.sort_by_key(|(batch, _)| *batch);
        let is_whole = behind.iter().any(|(_, record)| record.first() == Some(&DELETIONS));
        if !is_whole {
            return Err(SnapshotError::Incomplete { dir: dir.to_owned() });
        }
        let (mut decoder, mut scratch, mut exemplars) = (SnapshotDecoder::default(), ReplayScratch::default(), 0);
        for (_, record) in &behind {
            // They were decoded before.
            let _ = decoder.decode(record, &mut |item| match item {
                SnapshotItem::Series(_) => {}
                SnapshotItem::Deletion(deletion) => self.deletions(&[deletion], Part::WHOLE),
                SnapshotItem::Exemplar(series, exemplar) => {
                    self.known_exemplar(series, exemplar, &mut scratch);
                    exemplars += 1;
                }
            });
        }
        Ok(exemplars)
    }
}

impl Loading {
    fn fail(&self, fault: SnapshotError) {
        self.fault.lock().get_or_insert(fault);
        self.has_failed.store(true, Ordering::Relaxed);
    }
}

/// What a thread works with.
#[derive(Default)]
struct Loader {
    unpacker: Unpacker,
    decoder: SnapshotDecoder,
    staged: Staged,
}

impl Loader {
    fn take(
        &mut self,
        replay: &Replay<'_>,
        batch: &PublishedBatch,
        number: u64,
        loading: &Loading,
    ) -> Result<(), SnapshotError> {
        let Self { unpacker, decoder, staged } = self;
        batch.records(unpacker, |record| {
            if record.first() == Some(&SERIES) {
                let (series, alike) = decoder.series(record).map_err(|corruption| corruption.fault)?;
                staged.stage(replay, &series, alike);
                return if staged.series.len() < SERIES_PER_LOCK { Ok(()) } else { staged.enter(replay) };
            }
            match decoder.decode(record, &mut |_| ()) {
                Ok(true) => {}
                Ok(false) => return Err(Fault::Malformed("record is of a type that is not known")),
                Err(corruption) => return Err(corruption.fault),
            }
            loading.behind.lock().push((number, record.to_vec()));
            Ok(())
        })?;
        Ok(staged.enter(replay).map_err(|fault| batch.late_fault(fault))?)
    }
}

impl Staged {
    fn stage(&mut self, replay: &Replay<'_>, item: &SnapshotSeries<'_>, alike: Alike<'_>) {
        let fingerprint = self.regions.fingerprint(item.labels, alike, &replay.head.fingerprinter);
        let labels = alike.ends.len();
        for index in (0..labels).filter(|&index| !alike.is(index)) {
            self.texts.extend_from_slice(text_at(item.labels, alike.ends, index).unwrap_or_default());
            self.text_ends.push(self.texts.len());
        }
        let open = item.open.as_ref().map(|OpenChunk { min_ms, max_ms, encoding, data, last, end }| {
            let start = self.data.len();
            self.data.extend_from_slice(data);
            let last = match last {
                LastSample::Float(value) => Some(value.to_bits()),
                LastSample::Histogram(_) => None,
            };
            let (min_ms, max_ms, encoding, end) = (*min_ms, *max_ms, *encoding, *end);
            StagedChunk { min_ms, max_ms, encoding, data: start..self.data.len(), last, end }
        });
        let (series, shard) = (item.series, replay.head.shard_of(fingerprint) as u32);
        self.series.push(StagedSeries { series, fingerprint, shard, labels, alike: alike.bits(), pairs: 0..0, open });
    }

    /// Enters what is staged into the head.
    fn enter(&mut self, replay: &Replay<'_>) -> Result<(), Fault> {
        self.intern(replay);
        let series = std::mem::take(&mut self.series);
        self.order.clear();
        self.order.extend(0..series.len() as u32);
        let shard_of = |at: u32| series.get(at as usize).map(|staged| staged.shard);
        // Of one label set, the reference that comes first is that of the series.
        self.order.sort_unstable_by_key(|&at| (shard_of(at), at));
        self.places.clear();
        let order = std::mem::take(&mut self.order);
        for of_one in order.chunk_by(|&one, &other| shard_of(one) == shard_of(other)) {
            let Some(number) = of_one.first().and_then(|&at| shard_of(at)) else { continue };
            let mut shard = replay.head.shards[number as usize].lock();
            for staged in of_one.iter().filter_map(|&at| series.get(at as usize)) {
                let place = self.enter_one(replay, &mut shard, staged)?;
                self.places.push((staged.series, place));
            }
            self.tally.tell(replay);
        }
        (self.order, self.series) = (order, series);
        replay.head.aliases.lock().append(&mut self.aliases);
        let highest = self.series.iter().map(|staged| staged.series.0).max().unwrap_or(0);
        replay.highest.fetch_max(highest, Ordering::Relaxed);
        self.series.clear();
        self.data.clear();
        let mut table = replay.series.write();
        for &(series, place) in &self.places {
            if table.get(series).is_some() {
                return Err(Fault::Malformed("two series have one reference"));
            }
            table.insert(series, Entry::without_chunks(place));
        }
        Ok(())
    }

    /// Enters the labels of what is staged into the dictionary.
    fn intern(&mut self, replay: &Replay<'_>) {
        let Self { series, texts, text_ends, pairs, last_pairs, .. } = self;
        pairs.truncate(last_pairs.end);
        pairs.drain(..last_pairs.start);
        let mut start = 0;
        let mut changed = text_ends.iter().filter_map(|&end| texts.get(std::mem::replace(&mut start, end)..end));
        let mut dictionary = replay.head.dictionary.write();
        // What is left of the last time is the series before.
        let mut before = 0;
        for staged in series.iter_mut() {
            let first = pairs.len();
            // No pair goes before the head is filled.
            let pair_before = |pairs: &[PairId], index: usize| {
                Some(index)
                    .filter(|&index| Alike::has(staged.alike, index))
                    .and_then(|index| pairs.get(before + index).copied())
            };
            dictionary.intern_alike(staged.labels, pair_before, &mut changed, pairs);
            staged.pairs = first..pairs.len();
            before = first;
        }
        *last_pairs = before..pairs.len();
        drop(dictionary);
        texts.clear();
        text_ends.clear();
    }

    fn enter_one(&mut self, replay: &Replay<'_>, shard: &mut Shard, staged: &StagedSeries) -> Result<Located, Fault> {
        let head = replay.head;
        let pairs = self.pairs.get(staged.pairs.clone()).unwrap_or_default();
        let found = shard.find(staged.fingerprint);
        let number = match found {
            Some(number) => {
                head.dictionary.write().release(pairs, head.epochs.now());
                number
            }
            None => shard.create(staged.fingerprint, staged.series, pairs),
        };
        let place = Located { shard: staged.shard, number };
        let of = shard.lines[number].reference();
        replay.attach_chunks(shard, number, staged.series, &mut self.near);
        if let Some(open) = &staged.open {
            self.restore_chunk(replay, shard, place, open)?;
        }
        if found.is_some() {
            self.tally.aliases += 1;
            self.aliases.push(Alias { alias: staged.series, of, place });
        } else {
            self.tally.series += 1;
        }
        Ok(place)
    }

    /// Takes an open chunk: as it is if it can be gone on with, else sample by sample.
    fn restore_chunk(
        &mut self,
        replay: &Replay<'_>,
        shard: &mut Shard,
        place: Located,
        open: &StagedChunk,
    ) -> Result<(), Fault> {
        let Self { columns, words, data, tally, .. } = self;
        let (number, data) = (place.number, data.get(open.data.clone()).unwrap_or_default());
        columns.clear();
        words.clear();
        let rules = replay.rules();
        let files = &replay.head.files;
        let line = &shard.lines[number];
        let is_newest = !line.has_sample() || line.last_ms < open.min_ms;
        let is_free = is_newest && !shard.has_open_chunk(number);
        if is_free
            && !line.is_histogram()
            && let Some((state, words, left_ms)) = open.go_on(data, &rules)
        {
            shard.go_on(number, (&state, words), left_ms);
            tally.restored(open, state.count.into());
            return Ok(());
        }
        const DAMAGED: Fault = Fault::Malformed("an open chunk cannot be decoded");
        let taken = match open.encoding {
            Encoding::Xor => {
                let state = XorState::resume_into(data, columns, words).map_err(|_| DAMAGED)?;
                open.check(columns)?;
                let fits = is_free && !line.is_histogram() && Shard::can_hold(&state, words, &columns.timestamps_ms);
                if fits {
                    shard.restore_floats(number, (&state, words), &columns.timestamps_ms, &rules);
                }
                fits
            }
            Encoding::Histogram | Encoding::FloatHistogram => {
                let resumed = HistogramState::resume_into(open.encoding, data, columns, words);
                let (state, layout, cells) = resumed.map_err(|_| DAMAGED)?;
                open.check(columns)?;
                let fits = is_free
                    && layout.reduction().is_none()
                    && Shard::can_hold_histograms(&state, words, &columns.timestamps_ms);
                if fits {
                    let chunk = RestoredHistograms { state, layout: &layout, cells: &cells, words };
                    shard.restore_histograms(number, &chunk, open.min_ms, &rules, files);
                }
                fits
            }
            Encoding::Xor2 | Encoding::HistogramSt | Encoding::FloatHistogramSt => false,
        };
        if taken {
            tally.restored(open, columns.len() as u64);
            return Ok(());
        }
        columns.clear();
        chunk::decode(open.encoding, data, columns).map_err(|_| DAMAGED)?;
        open.check(columns)?;
        replay.apply_columns(shard, place, columns);
        Ok(())
    }
}

impl Tally {
    /// An open chunk was taken as it is.
    fn restored(&mut self, open: &StagedChunk, samples: u64) {
        self.restored += samples;
        self.range = self.range.into_iter().chain(TimeRange::new(open.min_ms, open.max_ms)).reduce(TimeRange::hull);
    }

    /// Tells the head, while a shard is locked.
    fn tell(&mut self, replay: &Replay<'_>) {
        let Self { series, aliases, restored, range } = std::mem::take(self);
        replay.head.series.fetch_add(series, Ordering::Relaxed);
        replay.counts.series.fetch_add(series, Ordering::Relaxed);
        replay.counts.aliases.fetch_add(aliases, Ordering::Relaxed);
        replay.counts.restored.fetch_add(restored, Ordering::Relaxed);
        range.into_iter().for_each(|range| replay.head.times.include(range.min_ms(), range.max_ms()));
    }
}

impl StagedChunk {
    /// State, words and what is left of a chunk of floats, if the snapshot says how it ends and chunks end where they did.
    /// Its samples are not looked at: they are under the same checksum as what is said of them.
    fn go_on<'a>(&self, data: &'a [u8], rules: &Rules) -> Option<(XorState, &'a [u8], u32)> {
        let end =
            self.end.filter(|end| self.encoding == Encoding::Xor && end.chunk_range_ms == rules.chunk_range_ms)?;
        let (state, words) = state_at(&end, data, TimeRange::new(self.min_ms, self.max_ms)?, self.last?)?;
        Some((state, words, end.left_ms))
    }

    /// Whether the samples are what is said of them.
    fn check(&self, columns: &SampleColumns) -> Result<(), Fault> {
        let times = &columns.timestamps_ms;
        if !times.is_sorted_by(|earlier, later| earlier < later) {
            return Err(Fault::Malformed("times of an open chunk do not rise"));
        }
        if (times.first(), times.last()) != (Some(&self.min_ms), Some(&self.max_ms)) {
            return Err(Fault::Malformed("an open chunk does not begin and end when it should"));
        }
        let last = columns.values.last().map(|value| value.to_bits());
        if self.last.is_some_and(|want| last != Some(want)) {
            return Err(Fault::Malformed("an open chunk does not end with the last value"));
        }
        Ok(())
    }
}

impl Replay<'_> {
    /// Applies samples of one series as if they had been logged.
    fn apply_columns(&self, shard: &mut Shard, place: Located, columns: &SampleColumns) {
        let (rules, floor_ms, files) = (self.rules(), self.head.floor_ms(), &self.head.files);
        let (number, mut cover) = (place.number, Cover::NOTHING);
        for (at, (&timestamp_ms, &value)) in columns.timestamps_ms.iter().zip(&columns.values).enumerate() {
            if timestamp_ms < floor_ms {
                continue;
            }
            let line = &shard.lines[number];
            if line.has_sample() && timestamp_ms <= line.last_ms {
                if !cover.has(shard, number, timestamp_ms) {
                    self.gaps.put_aside(place, |samples| samples.push_from(columns, at));
                }
                continue;
            }
            let taken = match columns.histogram(at) {
                Some(histogram) => shard.append_histogram(number, (timestamp_ms, histogram), &rules, files),
                None => shard.append(number, (timestamp_ms, value), &rules, files),
            };
            if taken.is_ok() {
                self.head.times.include(timestamp_ms, timestamp_ms);
                self.counts.restored.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl ReplayTarget for Lacking<'_> {
    type Scratch = ReplayScratch;

    fn series(&self, series: SeriesRef, _labels: LabelsRef<'_>, _scratch: &mut ReplayScratch) {
        self.replay.highest.fetch_max(series.0, Ordering::Relaxed);
    }

    fn exemplar(&self, series: SeriesRef, exemplar: ExemplarRef<'_>, scratch: &mut ReplayScratch) -> bool {
        if self.replay.lacks_exemplars.load(Ordering::Relaxed) && self.replay.head.exemplars.are_kept() {
            Replay::exemplar(self.replay, series, exemplar, scratch);
        }
        true
    }

    fn metadata(&self, series: SeriesRef, said: MetadataRef<'_>, _scratch: &mut ReplayScratch) -> bool {
        Replay::metadata(self.replay, series, said);
        true
    }
}
