//! Series of a snapshot, staged by a thread, and entered into the head some at a time.

use super::super::ref_table::Entry;
use super::super::{Alias, Near, Replay};
use super::open_chunk::StagedChunk;
use super::regions::{Regions, text_at};
use crate::cursor::Fault;
use crate::head::dictionary::PairId;
use crate::head::selection::Located;
use crate::head::shard::Shard;
use crate::snapshot::{Alike, SnapshotSeries};
use model::{Fingerprint, SampleColumns, SeriesRef, TimeRange};
use std::ops::Range;
use std::sync::atomic::Ordering;

/// A thread's series, before they are entered.
#[derive(Debug, Default)]
pub(super) struct Staged {
    series: Vec<StagedSeries>,
    /// Their numbers, by shard.
    order: Vec<u32>,
    /// The labels that are not those of the series before, and where each ends.
    texts: Vec<u8>,
    text_ends: Vec<usize>,
    pub(super) data: Vec<u8>,
    /// Of the series that was entered last, then of these.
    pairs: Vec<PairId>,
    last_pairs: Range<usize>,
    aliases: Vec<Alias>,
    regions: Regions,
    pub(super) tally: Tally,
    places: Vec<(SeriesRef, Located)>,
    pub(super) columns: SampleColumns,
    pub(super) words: Vec<u8>,
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

/// What a thread has counted and not told yet.
#[derive(Debug, Default)]
pub(super) struct Tally {
    series: u64,
    aliases: u64,
    restored: u64,
    /// Of open chunks that were taken as they are.
    range: Option<TimeRange>,
}

impl Staged {
    /// How many series are staged.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Stages a series.
    pub(super) fn stage(&mut self, replay: &Replay<'_>, item: &SnapshotSeries<'_>, alike: Alike<'_>) {
        let fingerprint = self.regions.fingerprint(item.labels, alike, &replay.head.fingerprinter);
        let labels = alike.ends.len();
        for index in (0..labels).filter(|&index| !alike.is(index)) {
            self.texts.extend_from_slice(text_at(item.labels, alike.ends, index).unwrap_or_default());
            self.text_ends.push(self.texts.len());
        }
        let open = item.open.as_ref().map(|open| StagedChunk::new(open, &mut self.data));
        let (series, shard) = (item.series, replay.head.shard_of(fingerprint) as u32);
        self.series.push(StagedSeries { series, fingerprint, shard, labels, alike: alike.bits(), pairs: 0..0, open });
    }

    /// Enters what is staged into the head.
    pub(super) fn enter(&mut self, replay: &Replay<'_>) -> Result<(), Fault> {
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
        // What lies before the floor is blocks', as in the log.
        if let Some(open) = staged.open.as_ref().filter(|open| head.floor_ms() <= open.max_ms) {
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
}

impl Tally {
    /// An open chunk was taken as it is.
    pub(super) fn restored(&mut self, open: &StagedChunk, samples: u64) {
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
