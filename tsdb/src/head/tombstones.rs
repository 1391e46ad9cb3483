//! What was deleted from the head: ranges of series, left out of whatever is read of them.
//!
//! A deletion is cut to what a series holds at that moment, logged and remembered in one step under the lock of the series'
//! shard; samples stay in their chunks. It is remembered as long as anything of it could come back: while the series is
//! there, and until its range lies before what blocks have, as a restart will find it. So a checkpoint has it, too.
//!
//! Deletions are rare: where there are none, a read costs one look at a flag.

use super::Head;
use super::selection::{LABELS_PER_LOCK, View, Window};
use super::shard::Shard;
use crate::deleted::{self, Deleted};
use crate::wal::{LogError, Position, Records};
use hashbrown::HashMap;
use model::{Matcher, SeriesRef, TimeRange};
use parking_lot::RwLock;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// The deleted ranges of a head's series. Locked last, behind a shard.
#[derive(Debug)]
pub(super) struct Tombstones {
    /// Moved under the lock of a shard, like what it tells of: who holds that of a series sees what was deleted from it.
    any: AtomicBool,
    by_series: RwLock<HashMap<SeriesRef, Vec<Deleted>>>,
    /// Before this blocks have all, and a restart will know.
    blocks_end_ms: AtomicI64,
}

/// Deleted ranges of a few series, copied with their chunks.
#[derive(Debug, Default)]
pub(super) struct DeletedCopies {
    ranges: Vec<Deleted>,
    /// Those of the series at hand.
    of_series: Range<usize>,
}

/// How much was deleted from a head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeadDeletion {
    pub series: u64,
    /// To be waited for before the deletion is acknowledged; `None` if there was nothing to delete.
    pub position: Option<Position>,
}

impl Head {
    /// Deletes what the series that `matchers` accept hold in `range` now, and logs it. Samples that come later are not touched,
    /// but for those that come late into a deleted range.
    ///
    /// # Errors
    /// The log takes nothing. What was deleted by then stays so; an equal repeat is harmless.
    pub fn delete(self: &Arc<Self>, matchers: &[Matcher], range: TimeRange) -> Result<HeadDeletion, LogError> {
        self.log.accepts()?;
        let view = View::new(self, range);
        let Some(range) = view.clip(range).whole() else { return Ok(HeadDeletion::default()) };
        let plan = self.plan(matchers);
        let (mut done, mut records, mut stones) = (HeadDeletion::default(), Records::default(), Vec::new());
        for shard in &self.shards {
            for some in view.numbers(&plan, shard).chunks(LABELS_PER_LOCK) {
                let shard = shard.lock();
                let there = some.iter().filter(|&&number| view.sees(&shard, number));
                stones.extend(there.filter_map(|&number| deletion(&shard, number, range)));
                if stones.is_empty() {
                    continue;
                }
                records.clear();
                for &(series, range) in &stones {
                    records.deletion(series, range);
                }
                done.position = done.position.max(Some(self.log.sequence(&records)?));
                done.series += stones.len() as u64;
                let deleted = |range: TimeRange| Deleted { min_ms: range.min_ms(), max_ms: range.max_ms() };
                self.tombstones.add(stones.drain(..).map(|(series, range)| (series, deleted(range))));
            }
        }
        Ok(done)
    }

    /// Hands every deletion that must outlive the segments it was logged in to `visit`.
    pub fn for_each_deletion(&self, mut visit: impl FnMut(SeriesRef, TimeRange)) {
        let copied: Vec<_> = {
            let by_series = self.tombstones.by_series.read();
            by_series.iter().flat_map(|(&series, ranges)| ranges.iter().map(move |&range| (series, range))).collect()
        };
        for (series, range) in copied {
            if let Some(range) = TimeRange::new(range.min_ms, range.max_ms) {
                visit(series, range);
            }
        }
    }

    /// Says that blocks have all that lies before `end_ms`, and that whoever opens the data directory again will know.
    pub fn blocks_reach(&self, end_ms: i64) {
        self.tombstones.blocks_end_ms.fetch_max(end_ms, Ordering::Relaxed);
    }
}

/// What of `range` is to be deleted of a series: what it has chunks for.
fn deletion(shard: &Shard, number: u32, range: TimeRange) -> Option<(SeriesRef, TimeRange)> {
    let line = &shard.lines[number];
    let first = shard.full_chunks(number).next().map(|chunk| chunk.min_ms).or_else(|| shard.open_min_ms(number));
    let in_order = first.and_then(|first_ms| TimeRange::new(first_ms, line.last_ms));
    let held = in_order.into_iter().chain(shard.late.range_of(number)).reduce(TimeRange::hull)?;
    let deleted = TimeRange::new(range.min_ms().max(held.min_ms()), range.max_ms().min(held.max_ms()))?;
    Some((line.reference(), deleted))
}

impl Tombstones {
    /// Whether nothing is deleted; to be asked under the lock of the shard that it is asked for.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Relaxed)
    }

    /// Adds deletions, under the lock of their series' shard.
    pub(super) fn add(&self, stones: impl IntoIterator<Item = (SeriesRef, Deleted)>) {
        let mut by_series = self.by_series.write();
        for (series, range) in stones {
            deleted::add(by_series.entry(series).or_default(), range);
        }
        self.any.store(!by_series.is_empty(), Ordering::Relaxed);
    }

    /// Whether all chunks that a series has in `times` are deleted as a whole.
    pub(super) fn hide(&self, shard: &Shard, number: u32, times: Window) -> bool {
        if self.is_empty() {
            return false;
        }
        let line = &shard.lines[number];
        let by_series = self.by_series.read();
        let Some(stones) = by_series.get(&line.reference()) else { return false };
        let is_no_answer = |times: Option<TimeRange>, min_ms: i64, max_ms: i64| {
            let overlaps = times.is_some_and(|range| min_ms <= range.max_ms() && max_ms >= range.min_ms());
            !overlaps || deleted::cover(stones, min_ms, max_ms)
        };
        let Window { in_order, late, .. } = times;
        shard.full_chunks(number).all(|chunk| is_no_answer(in_order, chunk.min_ms, chunk.max_ms))
            && shard.open_min_ms(number).is_none_or(|min_ms| is_no_answer(in_order, min_ms, line.last_ms))
            && shard.late.ranges(number).all(|(min_ms, max_ms)| is_no_answer(late, min_ms, max_ms))
    }

    /// Forgets what was deleted of series that are gone, and what lies before both `min_ms` and the end of the blocks.
    pub(super) fn forget(&self, min_ms: i64, gone: &[SeriesRef]) {
        let mut by_series = self.by_series.write();
        for series in gone {
            by_series.remove(series);
        }
        let end_ms = min_ms.min(self.blocks_end_ms.load(Ordering::Relaxed));
        by_series.retain(|_, stones| {
            stones.retain(|stone| stone.max_ms >= end_ms);
            !stones.is_empty()
        });
        by_series.shrink_to_fit();
        self.any.store(!by_series.is_empty(), Ordering::Relaxed);
    }

    /// Bytes held, about.
    pub(super) fn size_bytes(&self) -> usize {
        let by_series = self.by_series.read();
        let ranges: usize = by_series.values().map(|stones| stones.capacity() * size_of::<Deleted>()).sum();
        by_series.allocation_size() + ranges
    }
}

impl Default for Tombstones {
    fn default() -> Self {
        Self { any: AtomicBool::new(false), by_series: RwLock::default(), blocks_end_ms: AtomicI64::new(i64::MIN) }
    }
}

impl DeletedCopies {
    /// Forgets all, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.ranges.clear();
        self.of_series = 0..0;
    }

    /// Goes on to a series, whose shard is locked.
    #[inline]
    pub(super) fn begin(&mut self, tombstones: &Tombstones, series: SeriesRef) {
        self.of_series = self.ranges.len()..self.ranges.len();
        if !tombstones.is_empty() {
            self.copy(tombstones, series);
        }
    }

    #[cold]
    fn copy(&mut self, tombstones: &Tombstones, series: SeriesRef) {
        if let Some(stones) = tombstones.by_series.read().get(&series) {
            self.ranges.extend_from_slice(stones);
            self.of_series.end = self.ranges.len();
        }
    }

    /// What was deleted of the series at hand.
    #[inline]
    pub(super) fn of_series(&self) -> &[Deleted] {
        self.ranges.get(self.of_series.clone()).unwrap_or_default()
    }

    /// Where what was deleted of the series at hand stands, if any of it lies between the two, both inside.
    #[inline]
    pub(super) fn reaching(&self, min_ms: i64, max_ms: i64) -> Range<usize> {
        match deleted::reach(self.of_series(), min_ms, max_ms) {
            true => self.of_series.clone(),
            false => 0..0,
        }
    }

    /// What [`DeletedCopies::reaching`] found.
    pub(super) fn get(&self, at: &Range<usize>) -> &[Deleted] {
        self.ranges.get(at.clone()).unwrap_or_default()
    }
}
