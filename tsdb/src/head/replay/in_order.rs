//! What was logged in order, applied: floats and histograms.
//!
//! Most of what a log says is in chunks that were found. Which times of a series its chunk of the moment has is kept by
//! reference, so such a sample costs one look into a table, before its series is looked for; it is passed over only where
//! that chunk was taken over by its series. The others are gathered a few at a time, so that the memory of their series is
//! asked for before it is needed.

use super::gaps::Cover;
use super::{Part, Replay};
use crate::head::Head;
use crate::head::prefetch::prefetch;
use crate::head::selection::Located;
use crate::head::shard::{Rules, Shard};
use crate::wal::{HistogramRun, SampleRun};
use model::{HistogramRef, SeriesRef};
use parking_lot::MutexGuard;
use std::sync::atomic::Ordering;

/// What a thread needs, to be used again.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    /// The part that `covers` are of.
    part: Option<Part>,
    /// By place in the table of references.
    covers: Vec<Cover>,
    /// A bit for each: the series is in another part. So most samples of others cost no look at their cover.
    others: Vec<u64>,
    waiting: Vec<Waiting>,
}

/// A sample on its way to its series.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    place: Located,
    /// Which cover is that of its reference, or [`NO_COVER`].
    cover: u32,
    /// Whether it is told when its counter began: 1 or 0.
    starts: u32,
    timestamp_ms: i64,
    /// Of a float its bits, of a histogram its row.
    bits: u64,
}

/// The number of no cover: there are fewer.
const NO_COVER: u32 = u32::MAX;

/// How many samples wait: their lines and the ends of their chunks fit the first cache.
const WAITING: usize = 128;
/// How far ahead the end of a chunk is asked for.
const AHEAD: usize = 8;

/// What was found out about a run.
#[derive(Debug)]
struct Tally {
    appended: u64,
    passed_over: u64,
    starts_left_out: u64,
    oldest_ms: i64,
    newest_ms: i64,
}

/// The shards of a part, locked; no others.
struct Shards<'a> {
    shards: Vec<Option<MutexGuard<'a, Shard>>>,
}

impl Replay<'_> {
    /// Applies logged samples to the shards of `part`. Samples of one series must come in the order they were logged, so each
    /// part is one thread's.
    pub fn samples(&self, run: SampleRun<'_>, part: Part, scratch: &mut super::ReplayScratch) {
        let samples = run.samples.iter().enumerate().map(|(at, sample)| {
            let starts = u32::from(run.start_ms(at) != 0);
            (sample.series, sample.timestamp_ms, sample.value.to_bits(), starts)
        });
        self.run(samples, part, &mut scratch.in_order, |shard, cover, sample, tally| {
            self.append(shard, cover, sample, tally);
        });
    }

    /// Applies logged histograms to the shards of `part`; see [`Replay::samples`].
    pub fn histograms(&self, run: HistogramRun<'_>, part: Part, scratch: &mut super::ReplayScratch) {
        let histograms = run
            .entries
            .iter()
            .map(|entry| (entry.series, entry.timestamp_ms, u64::from(entry.row), u32::from(entry.start_ms != 0)));
        self.run(histograms, part, &mut scratch.in_order, |shard, cover, sample, tally| {
            if let Some(histogram) = usize::try_from(sample.bits).ok().and_then(|row| run.rows.get(row)) {
                self.append_histogram(shard, cover, sample, histogram, tally);
            }
        });
    }

    /// Has `append` take each sample that is in `part` and not known to be there.
    #[inline(always)]
    fn run(
        &self,
        samples: impl Iterator<Item = (SeriesRef, i64, u64, u32)>,
        part: Part,
        scratch: &mut InOrder,
        append: impl Fn(&mut Shard, &mut Cover, &Waiting, &mut Tally),
    ) {
        let floor_ms = self.head.floor_ms();
        let (mut tally, mut orphans) = (Tally::default(), 0);
        {
            let series = self.series.read();
            scratch.prepare(part, series.close_len());
            let InOrder { covers, others, waiting, .. } = scratch;
            let mut shards = Shards::lock(self.head, part);
            for (reference, timestamp_ms, bits, starts) in samples {
                let at = series.place_of(reference);
                if others.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 != 0) {
                    continue;
                }
                if covers.get(at).is_some_and(|cover| cover.knows(timestamp_ms)) {
                    tally.passed_over += 1;
                    continue;
                }
                let Some(place) = series.get(reference) else {
                    // Nobody else may get this reference: the sample would become his with the next replay.
                    self.highest.fetch_max(reference.0, Ordering::Relaxed);
                    match timestamp_ms < floor_ms {
                        true => tally.passed_over += u64::from(part.index == 0),
                        false => orphans += u64::from(part.index == 0),
                    }
                    continue;
                };
                let Some(shard) = shards.get(place.shard) else {
                    // Another thread's, now and later.
                    others.get_mut(at / 64).into_iter().for_each(|bits| *bits |= 1 << (at % 64));
                    continue;
                };
                if timestamp_ms < floor_ms {
                    tally.passed_over += 1;
                    continue;
                }
                prefetch(&shard.lines[place.number]);
                let cover = if at < covers.len() { at as u32 } else { NO_COVER };
                waiting.push(Waiting { place, cover, starts, timestamp_ms, bits });
                if waiting.len() == WAITING {
                    shards.apply(waiting, covers, &mut tally, &append);
                }
            }
            shards.apply(waiting, covers, &mut tally, &append);
        }
        self.count(&tally, orphans);
        if self.head.files.wants_flush() {
            // What cannot be written stays in memory, and is tried again.
            let _ = self.head.files.flush();
        }
    }

    fn append(&self, shard: &mut Shard, cover: &mut Cover, sample: &Waiting, tally: &mut Tally) {
        let &Waiting { place, timestamp_ms, bits, .. } = sample;
        let value = f64::from_bits(bits);
        let Some(is_old) = self.is_old(shard, cover, sample, tally) else { return };
        if is_old {
            self.gaps.put_aside(place, |samples| samples.push(timestamp_ms, value));
        } else if shard.append(place.number, (timestamp_ms, value), &self.rules(), &self.head.files).is_ok() {
            tally.include(timestamp_ms);
        }
    }

    fn append_histogram(
        &self,
        shard: &mut Shard,
        cover: &mut Cover,
        sample: &Waiting,
        histogram: HistogramRef<'_>,
        tally: &mut Tally,
    ) {
        let &Waiting { place, timestamp_ms, .. } = sample;
        let Some(is_old) = self.is_old(shard, cover, sample, tally) else { return };
        let (sample, number) = ((timestamp_ms, histogram), place.number);
        if is_old {
            self.gaps.put_aside(place, |samples| samples.push_histogram(timestamp_ms, histogram));
        } else if shard.append_histogram(number, sample, &self.rules(), &self.head.files).is_ok() {
            tally.include(timestamp_ms);
        }
    }

    /// Whether a sample is older than the newest of its series, and belongs between its chunks; `None`: a chunk has it.
    #[inline(always)]
    fn is_old(&self, shard: &Shard, cover: &mut Cover, sample: &Waiting, tally: &mut Tally) -> Option<bool> {
        let (line, number) = (&shard.lines[sample.place.number], sample.place.number);
        let is_old = line.has_sample() && sample.timestamp_ms <= line.last_ms;
        if is_old && cover.has(shard, number, sample.timestamp_ms) {
            tally.passed_over += 1;
            return None;
        }
        tally.appended += 1;
        tally.starts_left_out += u64::from(sample.starts);
        Some(is_old)
    }

    pub(super) fn rules(&self) -> Rules {
        Rules { floor_ms: i64::MIN, max_ms: i64::MAX, chunk_range_ms: self.head.options.chunk_range_ms }
    }

    fn count(&self, tally: &Tally, orphans: u64) {
        self.head.times.include(tally.oldest_ms, tally.newest_ms);
        self.counts.samples.fetch_add(tally.appended, Ordering::Relaxed);
        self.counts.passed_over.fetch_add(tally.passed_over, Ordering::Relaxed);
        self.counts.starts_left_out.fetch_add(tally.starts_left_out, Ordering::Relaxed);
        self.counts.orphans.fetch_add(orphans, Ordering::Relaxed);
    }
}

impl InOrder {
    /// For samples of `part`, and as many close references.
    fn prepare(&mut self, part: Part, close: usize) {
        if self.part.replace(part) != Some(part) {
            self.covers.clear();
            self.others.clear();
        }
        // Places beyond have none.
        self.covers.resize(close.min(NO_COVER as usize), Cover::NOTHING);
        self.others.resize(close.div_ceil(64), 0);
    }
}

impl<'a> Shards<'a> {
    fn lock(head: &'a Head, part: Part) -> Self {
        let lock = |(number, shard): (u32, &'a parking_lot::Mutex<Shard>)| part.has(number).then(|| shard.lock());
        Self { shards: (0..).zip(&head.shards).map(lock).collect() }
    }

    #[inline(always)]
    fn get(&self, number: u32) -> Option<&Shard> {
        self.shards.get(number as usize)?.as_deref()
    }

    #[inline(always)]
    fn get_mut(&mut self, number: u32) -> Option<&mut Shard> {
        self.shards.get_mut(number as usize)?.as_deref_mut()
    }

    /// Has `append` take those that wait.
    #[inline(always)]
    fn apply(
        &mut self,
        waiting: &mut Vec<Waiting>,
        covers: &mut [Cover],
        tally: &mut Tally,
        append: &impl Fn(&mut Shard, &mut Cover, &Waiting, &mut Tally),
    ) {
        for (at, sample) in waiting.iter().enumerate() {
            if let Some(Waiting { place, .. }) = waiting.get(at + AHEAD)
                && let Some(shard) = self.get(place.shard)
            {
                shard.prefetch_chunk(place.number);
            }
            // A stray reference has no cover: its chunk is looked for every time.
            let mut none = Cover::NOTHING;
            let cover = covers.get_mut(sample.cover as usize).unwrap_or(&mut none);
            if let Some(shard) = self.get_mut(sample.place.shard) {
                append(shard, cover, sample, tally);
            }
        }
        waiting.clear();
    }
}

impl Tally {
    #[inline(always)]
    fn include(&mut self, timestamp_ms: i64) {
        self.oldest_ms = self.oldest_ms.min(timestamp_ms);
        self.newest_ms = self.newest_ms.max(timestamp_ms);
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self { appended: 0, passed_over: 0, starts_left_out: 0, oldest_ms: i64::MAX, newest_ms: i64::MIN }
    }
}
