//! Appending a batch: each shard's share under one lock, head and log in one step.
//!
//! The indices of the batch are sorted by shard first. Then, shard by shard: every series of the share is found (the
//! successor of the one before is tried first, then the table) or created; every sample is appended to its open chunk and
//! to the records; and before the lock is let go, the records are in the log's buffer. So a series record precedes
//! every sample of its series, and samples of one series are logged in the head's order.
//!
//! Nothing is allocated per sample: what a batch needs lies in [`AppendScratch`] and is used again.

mod late;

use super::Head;
use super::dictionary::{Dictionary, InternMemo, PairId};
use super::hot_line::NO_LINE;
use super::late::LateSample;
use super::shard::{NewestHistogram, Rules, Shard};
use crate::append::{AppendLimits, AppendSource, Appended, Refused, RefusedBecause};
use crate::chunk::histogram::empty_layout;
use crate::wal::{LogError, Position, Records};
use late::{LateBatch, LateShare, NotInOrder};
use model::{BUCKET_CELLS, ExemplarRef, HistogramRef, Numbers, ResetHint, STALE_NAN, SeriesRef, is_stale};
use parking_lot::RwLockWriteGuard;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// What appending a batch needs, to be used again for the next. One per thread that appends.
#[derive(Debug, Default)]
pub struct AppendScratch {
    /// Indices into the batch, grouped by shard.
    order: Vec<u32>,
    /// Where the share of each shard ends in `order`.
    ends: Vec<u32>,
    /// The line of each series of the share at hand, [`NO_LINE`] if it has none.
    lines: Vec<u32>,
    records: Records,
    late: LateShare,
    /// Lines of which the log has all once it has `records`.
    logged: Vec<u32>,
    pairs: Vec<PairId>,
    memo: InternMemo,
}

/// Up to where a batch was sequenced into the logs; `None` where there was nothing to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Positions {
    pub log: Option<Position>,
    /// In the log of late samples.
    pub late: Option<Position>,
}

/// What one batch carries from shard to shard.
struct Batch<'a, S> {
    head: &'a Head,
    source: &'a S,
    rules: Rules,
    late: Option<LateBatch<'a>>,
    max_series: u64,
    appended: Appended,
    oldest_ms: i64,
    newest_ms: i64,
}

/// How many series are looked up at once.
const GROUP: usize = 16;
/// How many lines ahead memory is asked for.
const AHEAD: u32 = 12;

/// Memory beyond this is given back after a batch that needed more.
const KEPT_RECORD_BYTES: usize = 1 << 20;

impl Head {
    /// Appends a batch to the head and, in the same step, to the log. Nothing is durable yet: wait for
    /// [`Log::commit`](crate::wal::Log::commit) of the positions that come back.
    ///
    /// Series without labels that the head does not know are reported as missed. A series is created only if one of its
    /// samples is in bounds. The newest sample of a series again, with the same bits, is accepted and logged again.
    ///
    /// # Errors
    /// The log takes nothing. What the head took stays in it and is logged with an equal retry; nothing of the batch may
    /// be acknowledged.
    pub fn append<S: AppendSource>(
        &self,
        source: &S,
        limits: AppendLimits,
        scratch: &mut AppendScratch,
    ) -> Result<(Appended, Positions), LogError> {
        self.log.accepts()?;
        if let Some(late) = self.late.as_ref().filter(|late| late.options.is_on()) {
            late.log.accepts()?;
        }
        let _appending = self.appending.read();
        let mut batch = Batch {
            head: self,
            source,
            rules: self.rules(source, limits),
            late: self.late_batch(source),
            max_series: limits.max_series,
            appended: Appended::default(),
            oldest_ms: i64::MAX,
            newest_ms: i64::MIN,
        };
        self.sort_by_shard(source, scratch);
        scratch.records.begin_batch();
        scratch.late.clear();
        let mut positions = Positions::default();
        let mut start = 0;
        for (number, shard) in self.shards.iter().enumerate() {
            let end = scratch.ends[number] as usize;
            if start == end {
                continue;
            }
            let mut shard = shard.lock();
            batch.resolve(&mut shard, start..end, scratch);
            batch.append_samples(&mut shard, start..end, scratch);
            if !scratch.records.is_empty() {
                positions.log = positions.log.max(Some(batch.sequence(&mut shard, scratch)?));
            }
            positions.late = positions.late.max(batch.sequence_late(&mut scratch.late)?);
            start = end;
        }
        scratch.records.shrink_to(KEPT_RECORD_BYTES);
        scratch.late.shrink_to(KEPT_RECORD_BYTES);
        if self.files.wants_flush() {
            // A failure is not this batch's: the chunks stay in the buffer, and the next flush meets it again.
            let _ = self.files.flush();
        }
        if positions.late.is_some() {
            // Series that late samples name may have been logged by another batch, and not be durable yet.
            positions.log = Some(self.log.sequenced());
        }
        Ok((batch.appended, positions))
    }

    /// The bounds that hold for the whole batch, as Prometheus fixes them when an appender is made: half a chunk range
    /// before the newest sample, of a head without samples before the first that comes.
    fn rules<S: AppendSource>(&self, source: &S, limits: AppendLimits) -> Rules {
        let newest_ms = self.newest_ms(source);
        let chunk_range_ms = self.options.chunk_range_ms;
        Rules {
            floor_ms: self.times.closed_ms().max(newest_ms.saturating_sub(chunk_range_ms / 2)),
            max_ms: limits.max_ms,
            chunk_range_ms,
        }
    }

    /// The newest sample of the head; of one without samples, the first that comes.
    fn newest_ms<S: AppendSource>(&self, source: &S) -> i64 {
        match self.times.newest_ms() {
            Some(newest_ms) => newest_ms,
            None if source.is_empty() => i64::MIN,
            None => times(source, 0).next().unwrap_or(i64::MIN),
        }
    }

    /// Counting sort of the indices by shard; within a shard they stay in order.
    fn sort_by_shard<S: AppendSource>(&self, source: &S, scratch: &mut AppendScratch) {
        let len = source.len();
        let AppendScratch { order, ends, .. } = scratch;
        ends.clear();
        ends.resize(self.shards.len(), 0);
        for index in 0..len {
            ends[self.shard_of(source.fingerprint(index))] += 1;
        }
        let mut start = 0;
        for end in ends.iter_mut() {
            // For now each holds where its shard's share begins.
            start += std::mem::replace(end, start);
        }
        order.clear();
        order.resize(len, 0);
        for index in 0..len {
            let end = &mut ends[self.shard_of(source.fingerprint(index))];
            order[*end as usize] = index as u32;
            *end += 1;
        }
    }
}

impl<'a, S: AppendSource> Batch<'a, S> {
    /// Finds or creates the line of each series of the share. A sender that keeps its order is followed from successor to
    /// successor; where that fails, the table is asked for the next few at once.
    fn resolve(&mut self, shard: &mut Shard, share: Range<usize>, scratch: &mut AppendScratch) {
        let mut dictionary = None;
        scratch.lines.clear();
        let mut at = share.start;
        while at < share.end {
            at += self.follow(shard, at..share.end, scratch);
            let few = at..share.end.min(at + GROUP);
            self.look_up(shard, few.clone(), &mut dictionary, scratch);
            at = few.end;
        }
        shard.postings.settle();
    }

    /// Finds series as long as each is the successor of the one before. Says how many.
    fn follow(&self, shard: &mut Shard, share: Range<usize>, scratch: &mut AppendScratch) -> usize {
        let before = scratch.lines.len();
        for &index in &scratch.order[share] {
            let Some(expected) = shard.successor_of_newest() else { break };
            // Lines were given out in the order in which the sender first came.
            shard.prefetch(expected.saturating_add(AHEAD));
            if !shard.lines[expected].is(self.source.fingerprint(index as usize)) {
                break;
            }
            shard.newest = expected;
            shard.prefetch_chunk(expected);
            scratch.lines.push(expected);
        }
        scratch.lines.len() - before
    }

    /// Finds a few series through the table, or creates them: first all guesses, so that their lines are on the way while the
    /// next guess is made, then the certainty.
    fn look_up(
        &mut self,
        shard: &mut Shard,
        few: Range<usize>,
        dictionary: &mut Option<RwLockWriteGuard<'a, Dictionary>>,
        scratch: &mut AppendScratch,
    ) {
        let mut guesses = [NO_LINE; GROUP];
        for (guess, &index) in guesses.iter_mut().zip(&scratch.order[few.clone()]) {
            *guess = shard.guess(self.source.fingerprint(index as usize)).unwrap_or(NO_LINE);
            shard.prefetch(*guess);
        }
        for (guess, at) in guesses.into_iter().zip(few) {
            let index = scratch.order[at];
            let fingerprint = self.source.fingerprint(index as usize);
            let number = if guess != NO_LINE && shard.lines[guess].is(fingerprint) {
                Some(guess)
            } else {
                shard.find(fingerprint).or_else(|| self.create(shard, dictionary, index, scratch))
            };
            scratch.lines.push(number.unwrap_or(NO_LINE));
            if let Some(number) = number {
                shard.prefetch_chunk(number);
                shard.succeed(number);
            }
        }
    }

    /// Creates series `index`, if it brought its labels and a sample that will be taken. The dictionary stays locked for the
    /// rest of the share.
    #[cold]
    fn create(
        &mut self,
        shard: &mut Shard,
        dictionary: &mut Option<RwLockWriteGuard<'a, Dictionary>>,
        index: u32,
        scratch: &mut AppendScratch,
    ) -> Option<u32> {
        let Some(labels) = self.source.labels(index as usize) else {
            self.appended.missed.push(index);
            return None;
        };
        if !self.takes_any(index as usize) {
            self.refuse_all(index, None);
            return None;
        }
        if self.head.series.fetch_add(1, Ordering::Relaxed) >= self.max_series {
            self.head.series.fetch_sub(1, Ordering::Relaxed);
            self.refuse_all(index, Some(RefusedBecause::SeriesLimit));
            return None;
        }
        let AppendScratch { pairs, memo, .. } = scratch;
        let dictionary = dictionary.get_or_insert_with(|| {
            // What it remembers is good only while nobody else has had the lock.
            memo.forget();
            self.head.dictionary.write()
        });
        pairs.clear();
        dictionary.intern(labels, memo, pairs);
        let reference = dictionary.take_reference();
        let number = shard.create(self.source.fingerprint(index as usize), reference, pairs);
        scratch.records.series(reference, labels);
        self.appended.created += 1;
        Some(number)
    }

    /// Appends the samples of the share to chunks and records.
    fn append_samples(&mut self, shard: &mut Shard, share: Range<usize>, scratch: &mut AppendScratch) {
        for (at, place) in share.enumerate() {
            let (number, index) = (scratch.lines[at], scratch.order[place]);
            if number == NO_LINE {
                continue;
            }
            let line = &shard.lines[number];
            let reference = line.reference();
            let is_unlogged = line.is_unlogged();
            if is_unlogged {
                scratch.logged.push(number);
            }
            if line.is_histogram() || self.source.histograms(index as usize).next().is_some() {
                self.append_mixed(shard, (number, index), scratch);
            } else {
                for sample in self.source.samples(index as usize) {
                    self.append_float(shard, (number, index, reference), sample, scratch);
                }
            }
            if let Some(said) = self.source.metadata(index as usize)
                && (shard.metadata.set(number, said) || is_unlogged)
            {
                scratch.records.metadata(reference, said);
            }
            for exemplar in self.source.exemplars(index as usize) {
                self.append_exemplar(shard, number, index, exemplar, &mut scratch.records);
            }
        }
    }

    #[inline(always)]
    fn append_float(
        &mut self,
        shard: &mut Shard,
        (number, index, reference): (u32, u32, SeriesRef),
        (timestamp_ms, value): (i64, f64),
        scratch: &mut AppendScratch,
    ) {
        match shard.append(number, (timestamp_ms, value), &self.rules, &self.head.files) {
            Ok(()) => {
                scratch.records.sample(reference, timestamp_ms, value);
                self.appended.accepted += 1;
                self.oldest_ms = self.oldest_ms.min(timestamp_ms);
                self.newest_ms = self.newest_ms.max(timestamp_ms);
            }
            Err(why) if self.late.is_none() => self.refuse(index, timestamp_ms, why),
            Err(why) => {
                let sample = NotInOrder { index, number, timestamp_ms, why };
                self.take_late(shard, sample, LateSample::Float(value), &mut scratch.late);
            }
        }
    }

    /// Appends samples of a series that has histograms, or gets some. A float that says that a series ended is made a
    /// histogram where the series has these.
    #[cold]
    fn append_mixed(&mut self, shard: &mut Shard, (number, index): (u32, u32), scratch: &mut AppendScratch) {
        let reference = shard.lines[number].reference();
        for (timestamp_ms, value) in self.source.samples(index as usize) {
            match shard.newest_histogram(number) {
                Some(newest) if is_stale(value) => {
                    let stale = stale_histogram(newest.numbers);
                    self.append_histogram(shard, (number, index), (timestamp_ms, stale), scratch);
                }
                newest => {
                    if newest.is_some() {
                        scratch.records.barrier();
                    }
                    self.append_float(shard, (number, index, reference), (timestamp_ms, value), scratch);
                }
            }
        }
        for histogram in self.source.histograms(index as usize) {
            self.append_histogram(shard, (number, index), histogram, scratch);
        }
    }

    fn append_histogram(
        &mut self,
        shard: &mut Shard,
        (number, index): (u32, u32),
        (timestamp_ms, histogram): (i64, HistogramRef<'_>),
        scratch: &mut AppendScratch,
    ) {
        let records = &mut scratch.records;
        let (is_first, before) = (!shard.lines[number].has_sample(), shard.newest_histogram(number));
        match shard.append_histogram(number, (timestamp_ms, histogram), &self.rules, &self.head.files) {
            Ok(()) => {
                // Records of one kind come together, so one of another kind must be told to come later.
                if !is_first && before != Some(NewestHistogram::of(histogram)) {
                    records.barrier();
                }
                records.histogram(shard.lines[number].reference(), timestamp_ms, histogram);
                self.appended.histograms += 1;
                self.oldest_ms = self.oldest_ms.min(timestamp_ms);
                self.newest_ms = self.newest_ms.max(timestamp_ms);
            }
            Err(why) if self.late.is_none() => self.refuse(index, timestamp_ms, why),
            Err(why) => {
                let sample = NotInOrder { index, number, timestamp_ms, why };
                self.take_late(shard, sample, LateSample::Histogram(histogram), &mut scratch.late);
            }
        }
    }

    /// Whether a sample of the series is in bounds, late ones of those that are taken late.
    fn takes_any(&self, index: usize) -> bool {
        times(self.source, index).any(|timestamp_ms| self.bound(timestamp_ms).is_ok())
    }

    /// Stores and logs an exemplar of a series that is there.
    #[cold]
    fn append_exemplar(
        &mut self,
        shard: &Shard,
        number: u32,
        index: u32,
        exemplar: ExemplarRef<'_>,
        records: &mut Records,
    ) {
        let fingerprint = self.source.fingerprint(index as usize);
        match self.head.append_exemplar(shard, number, fingerprint, exemplar) {
            Ok(()) => {
                // One that is there already, too: its first log write may have failed, or not be durable yet.
                if self.head.exemplars.are_kept() {
                    records.exemplar(shard.lines[number].reference(), exemplar);
                }
                self.appended.exemplars += 1;
            }
            Err(fault) => self.appended.exemplars_refused.add(fault),
        }
    }

    /// Puts the records of the share into the log's buffer, while the shard is still locked. Series records are taken even
    /// when the log is full, so only samples can be missing in it.
    fn sequence(&self, shard: &mut Shard, scratch: &mut AppendScratch) -> Result<Position, LogError> {
        self.head.times.include(self.oldest_ms, self.newest_ms);
        let sequenced = self.head.log.sequence(&scratch.records);
        let lines = if sequenced.is_ok() { &scratch.logged } else { &scratch.lines };
        for &number in lines.iter().filter(|&&number| number != NO_LINE) {
            shard.lines[number].set_unlogged(sequenced.is_err());
        }
        scratch.records.next_share();
        scratch.logged.clear();
        sequenced
    }

    #[cold]
    fn refuse_all(&mut self, index: u32, why: Option<RefusedBecause>) {
        for timestamp_ms in times(self.source, index as usize) {
            let bound = self.bound(timestamp_ms);
            if let Some(why) = why.or(bound.err()) {
                self.refuse(index, timestamp_ms, why);
            }
        }
    }

    #[cold]
    fn refuse(&mut self, series: u32, timestamp_ms: i64, why: RefusedBecause) {
        self.appended.refused_total += 1;
        if self.appended.refused.len() < Appended::MAX_REFUSED {
            self.appended.refused.push(Refused { series, timestamp_ms, why });
        }
    }
}

/// The times of all samples of a series.
fn times<S: AppendSource>(source: &S, index: usize) -> impl Iterator<Item = i64> {
    let floats = source.samples(index).map(|(timestamp_ms, _)| timestamp_ms);
    floats.chain(source.histograms(index).map(|(timestamp_ms, _)| timestamp_ms))
}

/// Says that a series of histograms ended.
fn stale_histogram(numbers: Numbers) -> HistogramRef<'static> {
    HistogramRef {
        layout: empty_layout(),
        hint: ResetHint::Unknown,
        numbers,
        cells: &[0; BUCKET_CELLS],
        sum: STALE_NAN,
    }
}
