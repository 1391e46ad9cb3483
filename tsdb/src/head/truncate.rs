//! Dropping what blocks have taken over.
//!
//! A truncation first moves the head's floor, or says up to which chunk late samples are blocks': from then on nothing before the
//! floor is appended, and readers that begin do not look there. What lies before it is dropped when the last reader is gone that began earlier and looks that far back; until
//! then the truncation is *pending*, and [`Head::reclaim`] goes on with it. Then, shard by shard and little at a time under
//! each lock: references to old chunks and old open chunks go, series without a chunk leave table, postings and dictionary,
//! and last their numbers are given back, when no reader can hold one any longer.

use super::Head;
use super::chunk_list::{FullChunk, Place};
use super::dictionary::{PAIRS_PER_LOCK, PairId};
use super::late::LateSweep;
use super::shard::Shard;
use crate::file_error::FileError;
use crate::head_chunks::HeadChunkRef;
use parking_lot::Mutex;
use roaring::RoaringBitmap;
use std::sync::atomic::Ordering;

/// What a truncation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Truncation {
    /// Series that had nothing left.
    pub series: u64,
    /// Chunks, full or open.
    pub chunks: u64,
    /// Readers are in the way: [`Head::reclaim`] is to be called again.
    pub pending: bool,
}

/// A floor below which there may still be something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    min_ms: i64,
    /// Late chunks up to this one go as well.
    late: Option<HeadChunkRef>,
    /// Readers of later epochs know of the floor.
    epoch: u32,
}

/// Series that left a shard.
#[derive(Debug, Default)]
pub(super) struct Gone {
    pub(super) numbers: Vec<u32>,
    /// Their pairs, one for each series that had it.
    pub(super) pairs: Vec<PairId>,
    pub(super) chunks: u64,
}

/// How many series are looked at while a shard is locked once.
const SERIES_PER_LOCK: u32 = 1024;
/// How many numbers of postings are.
const NUMBERS_PER_LOCK: usize = 64 << 10;

impl Head {
    /// Gives the times before `min_ms` over to blocks, which are to be visible by now.
    ///
    /// # Errors
    /// A chunk file that cannot be removed; in memory all is done.
    pub fn truncate(&self, min_ms: i64) -> Result<Truncation, FileError> {
        {
            let mut pending = self.pending.lock();
            self.times.floor_ms.fetch_max(min_ms, Ordering::Release);
            let late = pending.and_then(|pending| pending.late);
            *pending = Some(Pending { min_ms: self.floor_ms(), late, epoch: self.epochs.advance() });
        }
        self.reclaim()
    }

    /// Gives the late chunks up to the one at `through` over to blocks, which are to be visible by now.
    ///
    /// # Errors
    /// As [`Head::truncate`].
    pub fn truncate_late(&self, through: HeadChunkRef) -> Result<Truncation, FileError> {
        {
            let mut pending = self.pending.lock();
            self.times.late_through.fetch_max(through.0, Ordering::Release);
            let late = pending.and_then(|pending| pending.late).max(Some(through));
            *pending = Some(Pending { min_ms: self.floor_ms(), late, epoch: self.epochs.advance() });
        }
        self.reclaim()
    }

    /// Does what readers kept an earlier truncation from doing, and what chunk files that took nothing left undone.
    ///
    /// # Errors
    /// As [`Head::truncate`].
    pub fn reclaim(&self) -> Result<Truncation, FileError> {
        let mut done = Truncation::default();
        // Held throughout: one truncation at a time.
        let mut pending = self.pending.lock();
        for shard in &self.shards {
            self.store_kept(shard);
        }
        let mut removed = Ok(());
        if let Some(Pending { min_ms, late, epoch }) = *pending {
            // Late chunks may be of any time.
            let reach_ms = if late.is_some() { i64::MAX } else { min_ms };
            if self.epochs.is_read(epoch, reach_ms) {
                done.pending = true;
            } else {
                if let Some(through) = late {
                    self.drop_late(through, &mut done);
                }
                self.sweep(min_ms, &mut done);
                *pending = None;
                removed = self.files.truncate(min_ms);
            }
        }
        let oldest = self.epochs.oldest();
        while self.dictionary.write().reclaim(oldest) {}
        for shard in &self.shards {
            shard.lock().reuse(oldest);
        }
        removed.map(|()| done)
    }

    /// Drops chunks before `min_ms` and series without a chunk. No reader looks back that far.
    pub(super) fn sweep(&self, min_ms: i64, done: &mut Truncation) {
        let epoch = self.epochs.now();
        for shard in &self.shards {
            let gone = sweep_lines(shard, min_ms);
            done.chunks += gone.chunks;
            done.series += gone.numbers.len() as u64;
            self.series.fetch_sub(gone.numbers.len() as u64, Ordering::Relaxed);
            remove_postings(shard, &gone);
            if !self.tombstones.is_empty() {
                let shard = shard.lock();
                let gone: Vec<_> = gone.numbers.iter().map(|&number| shard.lines[number].reference()).collect();
                self.tombstones.forget(min_ms, &gone);
            }
            for some in gone.pairs.chunks(PAIRS_PER_LOCK) {
                self.dictionary.write().release(some, epoch);
            }
            if !gone.numbers.is_empty() {
                shard.lock().retire(epoch, gone.numbers);
            }
        }
        // Who begins from now on holds none of what died.
        self.epochs.advance();
        self.matchers.clear();
    }

    /// Drops late chunks up to the one at `through`. Series that have nothing left are for [`Head::sweep`].
    pub(super) fn drop_late(&self, through: HeadChunkRef, done: &mut Truncation) {
        self.files.let_go_of_late(through);
        for shard in &self.shards {
            let mut sweep = LateSweep::default();
            loop {
                let mut shard = shard.lock();
                let before = shard.late.len();
                let goes_on = shard.late.sweep(through, &mut sweep);
                self.times.remove_late((before - shard.late.len()) as u64);
                self.tombstones.forget_late(sweep.freed.drain(..).map(|line| shard.lines[line].reference()));
                if !goes_on {
                    break;
                }
            }
            done.chunks += sweep.dropped;
        }
    }

    /// Offers the chunk files again what they did not take.
    fn store_kept(&self, shard: &Mutex<Shard>) {
        loop {
            let mut shard = shard.lock();
            for _ in 0..SERIES_PER_LOCK {
                if !shard.store_one_kept(&self.files) {
                    return;
                }
            }
        }
    }
}

/// Drops chunks before `min_ms`, and series that have no others.
fn sweep_lines(shard: &Mutex<Shard>, min_ms: i64) -> Gone {
    let mut gone = Gone::default();
    let end = shard.lock().lines.len();
    let mut kept = Vec::new();
    for start in (0..end).step_by(SERIES_PER_LOCK as usize) {
        let mut shard = shard.lock();
        for number in start..end.min(start + SERIES_PER_LOCK) {
            if shard.lines[number].is_live() {
                sweep_line(&mut shard, number, min_ms, &mut kept, &mut gone);
            }
        }
    }
    gone
}

fn sweep_line(shard: &mut Shard, number: u32, min_ms: i64, kept: &mut Vec<FullChunk>, gone: &mut Gone) {
    kept.clear();
    let mut full = 0_u64;
    for chunk in shard.full_chunks(number) {
        full += 1;
        if chunk.max_ms >= min_ms {
            kept.push(chunk);
        }
    }
    let has_open = shard.has_open_chunk(number);
    let open_is_old = has_open && shard.lines[number].last_ms < min_ms;
    let is_empty = kept.is_empty() && (!has_open || open_is_old) && !shard.late.has(number);
    gone.chunks += full - kept.len() as u64 + u64::from(open_is_old);
    if (kept.len() as u64) < full {
        shard.replace_full_chunks(number, kept);
    }
    if open_is_old {
        shard.drop_open_chunk(number);
    }
    if is_empty {
        gone.pairs.extend(shard.pairs(number));
        gone.numbers.push(number);
        shard.kill(number);
    }
}

/// Takes series that are gone out of the postings. Readers pass over them meanwhile: they are not live.
fn remove_postings(shard: &Mutex<Shard>, gone: &Gone) {
    let numbers = RoaringBitmap::from_sorted_iter(gone.numbers.iter().copied()).unwrap_or_default();
    let mut pairs = gone.pairs.clone();
    pairs.sort_unstable();
    pairs.dedup();
    let mut pairs = pairs.into_iter().peekable();
    while pairs.peek().is_some() {
        let mut shard = shard.lock();
        let mut looked_at = 0;
        while looked_at < NUMBERS_PER_LOCK
            && let Some(pair) = pairs.next()
        {
            looked_at += shard.postings.remove(pair, &numbers) + 1;
        }
    }
}

impl Shard {
    /// Gives `number` these full chunks, some of those it had.
    fn replace_full_chunks(&mut self, number: u32, chunks: &[FullChunk]) {
        let dropped: Vec<u32> = self
            .full_chunks(number)
            .filter(|chunk| !chunks.contains(chunk))
            .filter_map(|chunk| match chunk.place {
                Place::Kept(kept) => Some(kept),
                Place::File(_) => None,
            })
            .collect();
        for kept in dropped {
            self.forget_kept(kept);
        }
        self.set_full_chunks(number, chunks);
    }
}
