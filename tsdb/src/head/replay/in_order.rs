//! What was logged in order, applied: floats and histograms.
//!
//! A batch of the log is split by shard ([`Split`]), then applied shard by shard. Most of what a log says is in chunks that
//! were found: which times of a reference its chunk of the moment has is kept beside its place ([`Entry`]), so such a sample
//! is passed over without a look at its series. The other floats are gathered ([`Gathered`]), so that one visit to a series
//! takes several of them.

use super::cover_word::Known;
use super::gaps::Cover;
use super::gathered::{Gathered, Taken};
use super::ref_table::{Entry, RefTable};
use super::split::{Float, Item, Split};
use super::{Part, Replay, ReplayScratch};
use crate::head::selection::Located;
use crate::head::shard::{Rules, Shard};
use crate::wal::{Decoded, LoggedHistogram, Run, Tombstone};
use model::SeriesRef;
use parking_lot::{MutexGuard, RwLockReadGuard};
use std::sync::atomic::Ordering;

/// What is known of a shard's series, and what waits for them.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    covers: Covers,
    gathered: Gathered,
}

/// By line; there are none beyond the end.
#[derive(Debug, Default)]
struct Covers(Vec<Cover>);

/// What was found out about a batch.
#[derive(Debug, Clone, Copy)]
struct Tally {
    appended: u64,
    passed_over: u64,
    starts_left_out: u64,
    orphans: u64,
    oldest_ms: i64,
    newest_ms: i64,
}

/// Finds the series of what was logged.
struct Finder<'a> {
    replay: &'a Replay<'a>,
    series: RwLockReadGuard<'a, RefTable>,
    floor_ms: i64,
}

/// A shard that samples are applied to.
struct Filling<'a> {
    replay: &'a Replay<'a>,
    number: u32,
    shard: MutexGuard<'a, Shard>,
    covers: &'a mut Covers,
    tally: &'a mut Tally,
}

impl Replay<'_> {
    /// Splits samples and histograms of a batch by shard; the series they name came before. What names none, and what
    /// belongs to blocks, is counted and left out.
    pub fn split(&self, batch: &Decoded, split: &mut Split) {
        if self.head.files.wants_flush() {
            // What cannot be written stays in memory, and is tried again.
            let _ = self.head.files.flush();
        }
        let (series, floor_ms) = (self.series.read(), self.head.floor_ms());
        let finder = Finder { replay: self, series, floor_ms };
        let mut tally = Tally::default();
        let place = |tally: &mut Tally, series, timestamp_ms| finder.place(tally, series, timestamp_ms);
        let passes = |series, timestamp_ms| finder.is_covered(series, timestamp_ms);
        split.fill(batch, self.head.shards.len(), &mut tally, place, passes);
        tally.passed_over += split.passed_over();
        self.count(&tally);
    }

    /// Applies what a batch, as it was split, says of the shard that is `part`; some samples wait until [`Replay::settle`].
    /// Batches come in the order of the log, one at a time, all with the same scratch.
    pub fn apply(&self, batch: &Decoded, split: &Split, part: Part, scratch: &mut ReplayScratch) {
        let mut tally = Tally::default();
        let InOrder { covers, gathered } = &mut scratch.in_order;
        for (run, items) in batch.runs().zip(split.runs(part.index)) {
            match run {
                Run::Samples(_) | Run::Packed(_) => {
                    self.filling(part, covers, &mut tally).gather(items.floats, gathered)
                }
                Run::Histograms(_) => {
                    let mut filling = self.filling(part, covers, &mut tally);
                    items.histograms.iter().for_each(|item| filling.histogram(batch, *item, gathered));
                }
                Run::Deletions(run) => self.filling(part, covers, &mut tally).deletions(run, gathered),
                Run::Markers(_) => {}
            }
        }
        self.count(&tally);
    }

    /// Applies what waits for the shard that is `part`.
    pub fn settle(&self, part: Part, scratch: &mut ReplayScratch) {
        let mut tally = Tally::default();
        let InOrder { covers, gathered } = &mut scratch.in_order;
        self.filling(part, covers, &mut tally).empty_all(gathered);
        self.count(&tally);
    }

    fn filling<'a>(&'a self, part: Part, covers: &'a mut Covers, tally: &'a mut Tally) -> Filling<'a> {
        let shard = self.head.shards[part.index].lock();
        Filling { replay: self, number: part.index as u32, shard, covers, tally }
    }

    /// Whether a full chunk has a sample, and takes note of it.
    #[cold]
    fn look(&self, entry: &Entry, timestamp_ms: i64) -> bool {
        let shard = self.head.shards[entry.place.shard as usize].lock();
        let mut chunks = shard.full_chunks(entry.place.number).skip_while(|chunk| chunk.max_ms < timestamp_ms);
        match chunks.next() {
            Some(chunk) if chunk.min_ms <= timestamp_ms => {
                entry.cover.set(chunk, chunks.next().is_none(), self.base_ms);
                true
            }
            // It is before all chunks, or between them: its series says what becomes of it.
            Some(_) => false,
            None => {
                entry.cover.end();
                false
            }
        }
    }

    pub(super) fn rules(&self) -> Rules {
        Rules { floor_ms: i64::MIN, max_ms: i64::MAX, chunk_range_ms: self.head.options.chunk_range_ms }
    }

    fn count(&self, tally: &Tally) {
        self.head.times.include(tally.oldest_ms, tally.newest_ms);
        self.counts.samples.fetch_add(tally.appended, Ordering::Relaxed);
        self.counts.passed_over.fetch_add(tally.passed_over, Ordering::Relaxed);
        self.counts.starts_left_out.fetch_add(tally.starts_left_out, Ordering::Relaxed);
        self.counts.orphans.fetch_add(tally.orphans, Ordering::Relaxed);
    }
}

impl Finder<'_> {
    /// Whether a sample can be passed over without a closer look: a chunk has it, or even a block.
    #[inline(always)]
    fn is_covered(&self, series: SeriesRef, timestamp_ms: i64) -> bool {
        self.series.covers(series, self.since_base_ms(timestamp_ms))
    }

    /// What times are for [`CoverWord::of`](super::cover_word::CoverWord::of).
    #[inline(always)]
    fn since_base_ms(&self, timestamp_ms: i64) -> u64 {
        timestamp_ms.wrapping_sub(self.replay.base_ms).cast_unsigned()
    }

    /// Where the series of a sample is, if it is to be applied.
    #[inline(always)]
    fn place(&self, tally: &mut Tally, series: SeriesRef, timestamp_ms: i64) -> Option<Located> {
        match self.series.entry(series) {
            Some(entry) if timestamp_ms >= self.floor_ms => {
                let is_covered = match entry.cover.of(self.since_base_ms(timestamp_ms)) {
                    Known::Covered => true,
                    Known::Newer => false,
                    Known::Nothing => self.replay.look(entry, timestamp_ms),
                };
                tally.passed_over += u64::from(is_covered);
                (!is_covered).then_some(entry.place)
            }
            found => {
                self.leave_out(tally, series, timestamp_ms, found.is_some());
                None
            }
        }
    }

    #[cold]
    fn leave_out(&self, tally: &mut Tally, series: SeriesRef, timestamp_ms: i64, is_known: bool) {
        if !is_known {
            // Nobody else may get this reference: the sample would become his with the next replay.
            self.replay.highest.fetch_max(series.0, Ordering::Relaxed);
        }
        match timestamp_ms < self.floor_ms {
            true => tally.passed_over += 1,
            false => tally.orphans += 1,
        }
    }
}

impl Filling<'_> {
    /// Has floats of a batch wait for their series.
    fn gather(&mut self, floats: &[Float], gathered: &mut Gathered) {
        self.reach(gathered);
        let mut rest = floats;
        loop {
            rest = rest.get(gathered.push(rest)..).unwrap_or_default();
            let Some(full) = rest.first() else { break };
            // A batch is split for series that are there, and lines only become more. Where there is no such line nothing can
            // be taken from it, and this would go on for ever.
            let lines = gathered.lines();
            assert!(full.number < lines, "line {} of {lines}: a batch was split for another head", full.number);
            self.empty(full.number, gathered);
        }
    }

    /// Sees to it that there is room for each line.
    fn reach(&mut self, gathered: &mut Gathered) {
        let (lines, shards) = (self.shard.lines.len(), self.replay.head.shards.len());
        if gathered.lines() < lines {
            if !gathered.keeps_room(lines, shards) {
                self.empty_all(gathered);
            }
            gathered.reach(lines, shards);
        }
    }

    fn empty_all(&mut self, gathered: &mut Gathered) {
        (0..gathered.lines()).for_each(|number| self.empty(number, gathered));
    }

    /// Applies what waits for a line.
    fn empty(&mut self, number: u32, gathered: &mut Gathered) {
        let taken = gathered.take(number);
        let mut at = 0;
        while let Some(first) = taken.samples().get(at) {
            at += match self.is_old(number, first.timestamp_ms, taken.starts(at, 1)) {
                None => 1,
                Some(true) => {
                    let place = Located { shard: self.number, number };
                    self.replay.gaps.put_aside(place, |samples| samples.push(first.timestamp_ms, first.value));
                    1
                }
                Some(false) => self.append(number, taken, at),
            };
        }
    }

    /// Appends the sample at `at`, which is newer than all of its series and counted, and those behind it as long as each is
    /// newer than the one before. Says how many.
    #[inline(always)]
    fn append(&mut self, number: u32, taken: &Taken, at: usize) -> usize {
        let samples = taken.samples().get(at..).unwrap_or_default();
        let behind = samples.iter().zip(samples.iter().skip(1));
        let len = 1 + behind.take_while(|(before, sample)| before.timestamp_ms < sample.timestamp_ms).count();
        let run = samples.get(..len).unwrap_or_default();
        let head = self.replay.head;
        let floats = run.iter().map(|sample| (sample.timestamp_ms, sample.value));
        self.shard.append_run(number, floats, &self.replay.rules(), &head.files);
        self.tally.appended += len as u64 - 1;
        self.tally.starts_left_out += taken.starts(at + 1, len - 1);
        run.first().into_iter().chain(run.last()).for_each(|sample| self.tally.include(sample.timestamp_ms));
        len
    }

    /// Applies a histogram of a batch, and before it what waits for the same series.
    fn histogram(&mut self, batch: &Decoded, Item { number, at }: Item, gathered: &mut Gathered) {
        let Some(&LoggedHistogram { timestamp_ms, start_ms, row, .. }) = batch.histograms.get(at as usize) else {
            return;
        };
        let Some(histogram) = batch.histogram_rows.get(row as usize) else { return };
        if self.covers.know(number, timestamp_ms) {
            self.tally.passed_over += 1;
            return;
        }
        self.empty(number, gathered);
        let Some(is_old) = self.is_old(number, timestamp_ms, u64::from(start_ms != 0)) else { return };
        let replay = self.replay;
        if is_old {
            let place = Located { shard: self.number, number };
            replay.gaps.put_aside(place, |samples| samples.push_histogram(timestamp_ms, histogram));
            return;
        }
        let (sample, files) = ((timestamp_ms, histogram), &replay.head.files);
        if self.shard.append_histogram(number, sample, &replay.rules(), files).is_ok() {
            self.tally.include(timestamp_ms);
        }
    }

    /// Takes deletions that concern this shard, each behind what waits for its series.
    #[cold]
    fn deletions(&mut self, deletions: &[Tombstone], gathered: &mut Gathered) {
        for Tombstone { series, range } in deletions {
            let place = self.replay.deleted_from(*series, *range).filter(|place| place.shard == self.number);
            if let Some(Located { number, .. }) = place {
                self.empty(number, gathered);
                self.replay.delete(&self.shard, number, *range);
            }
        }
    }

    /// Whether a sample is older than the newest of its series, and belongs between its chunks; `None`: a chunk has it.
    #[inline(always)]
    fn is_old(&mut self, number: u32, timestamp_ms: i64, starts: u64) -> Option<bool> {
        let line = &self.shard.lines[number];
        let is_old = line.has_sample() && timestamp_ms <= line.last_ms;
        if is_old && self.covers.have(&self.shard, number, timestamp_ms) {
            self.tally.passed_over += 1;
            return None;
        }
        self.tally.appended += 1;
        self.tally.starts_left_out += starts;
        Some(is_old)
    }
}

impl Covers {
    /// Whether a chunk of the series around `timestamp_ms` was found before.
    #[inline(always)]
    fn know(&self, number: u32, timestamp_ms: i64) -> bool {
        self.0.get(number as usize).is_some_and(|cover| cover.knows(timestamp_ms))
    }

    /// Whether the series has a chunk around `timestamp_ms`, which is not after its newest sample.
    #[cold]
    fn have(&mut self, shard: &Shard, number: u32, timestamp_ms: i64) -> bool {
        if self.0.len() <= number as usize {
            self.0.resize(shard.lines.len() as usize, Cover::NOTHING);
        }
        self.0.get_mut(number as usize).is_some_and(|cover| cover.has(shard, number, timestamp_ms))
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
        Self { appended: 0, passed_over: 0, starts_left_out: 0, orphans: 0, oldest_ms: i64::MAX, newest_ms: i64::MIN }
    }
}
