//! What was deleted from the head: ranges of series, left out of whatever is read of them.
//!
//! A deletion is cut to what a series holds at that moment, logged and remembered in one step under the lock of the series'
//! shard; samples stay in their chunks. It is remembered as long as anything of it could come back, and not longer, or it would
//! hide what came since. So of samples that came in order and of late ones it is remembered apart, and logged where they are:
//!
//! - of those in order, while the series is there, and until its range lies before what blocks say that they have; so a checkpoint
//!   has it, too, for whoever knows no more than blocks say: another program, or we where the floor was lost;
//! - of late ones, while the series has any. Blocks take all of them over at once, and the segments of the log go that had them
//!   and what was deleted of them.
//!
//! Deletions are rare: where there are none, a read costs one look at a flag.

use super::Head;
use super::append::Positions;
use super::damaged::ChunkKind;
use super::late::LateLog;
use super::selection::{LABELS_PER_LOCK, View, Window};
use super::shard::Shard;
use crate::deleted::{self, Deleted};
use crate::wal::{LogError, Records};
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
    by_series: RwLock<HashMap<SeriesRef, Stones>>,
    /// Before this blocks have all that came in order, and say so.
    blocks_end_ms: AtomicI64,
}

/// The deleted ranges of a series.
#[derive(Debug, Default)]
struct Stones {
    in_order: Vec<Deleted>,
    late: Vec<Deleted>,
}

/// Deleted ranges of a few series, copied with their chunks.
#[derive(Debug, Default)]
pub(super) struct DeletedCopies {
    ranges: Vec<Deleted>,
    /// Those of the series at hand.
    in_order: Range<usize>,
    late: Range<usize>,
}

/// How much was deleted from a head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeadDeletion {
    pub series: u64,
    /// To be waited for before the deletion is acknowledged.
    pub positions: Positions,
}

/// What is to be deleted of a series.
#[derive(Debug, Clone, Copy)]
struct Deletion {
    series: SeriesRef,
    /// Where it has samples, late ones or not.
    whole: TimeRange,
    /// Where it has late ones.
    late: Option<TimeRange>,
}

impl Head {
    /// Deletes what the series that `matchers` accept hold in `range` now, and logs it. Samples that come later are not touched,
    /// but for those that come late to where late ones were deleted of their series, which are no block's yet.
    ///
    /// # Errors
    /// A log takes nothing. What was deleted by then stays so; an equal repeat is harmless.
    pub fn delete(self: &Arc<Self>, matchers: &[Matcher], range: TimeRange) -> Result<HeadDeletion, LogError> {
        self.log.accepts()?;
        if let Some(late) = &self.late {
            late.log.accepts()?;
        }
        let view = View::new(self, range);
        let Some(range) = view.clip(range).whole() else { return Ok(HeadDeletion::default()) };
        let plan = self.plan(matchers);
        let (mut done, mut deletions) = (HeadDeletion::default(), Vec::new());
        for shard in &self.shards {
            for some in view.numbers(&plan, shard).chunks(LABELS_PER_LOCK) {
                let shard = shard.lock();
                let there = some.iter().filter(|&&number| view.sees(&shard, number));
                deletions.clear();
                deletions.extend(there.filter_map(|&number| deletion(&shard, number, range)));
                if !deletions.is_empty() {
                    self.log_deletions(&deletions, &mut done)?;
                }
            }
        }
        Ok(done)
    }

    /// Logs deletions and remembers them, under the lock of their series' shard.
    fn log_deletions(&self, deletions: &[Deletion], done: &mut HeadDeletion) -> Result<(), LogError> {
        let (mut records, mut late_records) = (Records::default(), Records::default());
        for deletion in deletions {
            // Of late ones, too: it is what Prometheus would look at.
            records.deletion(deletion.series, deletion.whole);
            deletion.late.into_iter().for_each(|range| late_records.deletion(deletion.series, range));
        }
        let Positions { log, late } = &mut done.positions;
        if let Some(LateLog { log, .. }) = self.late.as_ref().filter(|_| !late_records.is_empty()) {
            *late = (*late).max(Some(log.sequence(&late_records)?));
        }
        *log = (*log).max(Some(self.log.sequence(&records)?));
        done.series += deletions.len() as u64;
        self.tombstones.add(ChunkKind::InOrder, deletions.iter().map(|one| (one.series, one.whole)));
        self.tombstones.add(ChunkKind::Late, deletions.iter().filter_map(|one| Some((one.series, one.late?))));
        Ok(())
    }

    /// Hands every deletion of samples in order that must outlive the segments it was logged in to `visit`.
    pub fn for_each_deletion(&self, mut visit: impl FnMut(SeriesRef, TimeRange)) {
        let copied: Vec<_> = {
            let by_series = self.tombstones.by_series.read();
            let in_order = by_series.iter().map(|(&series, stones)| (series, &stones.in_order));
            in_order.flat_map(|(series, ranges)| ranges.iter().map(move |&range| (series, range))).collect()
        };
        for (series, range) in copied {
            if let Some(range) = TimeRange::new(range.min_ms, range.max_ms) {
                visit(series, range);
            }
        }
    }

    /// Blocks have all that lies before `end_ms`, and whoever opens the data directory sees by them alone that they have.
    pub fn blocks_reach(&self, end_ms: i64) {
        self.tombstones.blocks_end_ms.fetch_max(end_ms, Ordering::Relaxed);
    }
}

/// What of `range` is to be deleted of a series: what it has chunks for.
fn deletion(shard: &Shard, number: u32, range: TimeRange) -> Option<Deletion> {
    let line = &shard.lines[number];
    let first = shard.full_chunks(number).next().map(|chunk| chunk.min_ms).or_else(|| shard.open_min_ms(number));
    let in_order = first.and_then(|first_ms| TimeRange::new(first_ms, line.last_ms));
    let late = shard.late.range_of(number);
    let clip = |held: TimeRange| TimeRange::new(range.min_ms().max(held.min_ms()), range.max_ms().min(held.max_ms()));
    let whole = in_order.into_iter().chain(late).reduce(TimeRange::hull).and_then(clip)?;
    Some(Deletion { series: line.reference(), whole, late: late.and_then(clip) })
}

impl Stones {
    fn of(&self, kind: ChunkKind) -> &[Deleted] {
        match kind {
            ChunkKind::InOrder => &self.in_order,
            ChunkKind::Late => &self.late,
        }
    }

    fn of_mut(&mut self, kind: ChunkKind) -> &mut Vec<Deleted> {
        match kind {
            ChunkKind::InOrder => &mut self.in_order,
            ChunkKind::Late => &mut self.late,
        }
    }

    fn is_empty(&self) -> bool {
        self.in_order.is_empty() && self.late.is_empty()
    }
}

impl Tombstones {
    /// Whether nothing is deleted; to be asked under the lock of the shard that it is asked for.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Relaxed)
    }

    /// Adds deletions of samples of that kind, under the lock of their series' shard.
    pub(super) fn add(&self, kind: ChunkKind, deletions: impl IntoIterator<Item = (SeriesRef, TimeRange)>) {
        let mut by_series = self.by_series.write();
        for (series, range) in deletions {
            let range = Deleted { min_ms: range.min_ms(), max_ms: range.max_ms() };
            deleted::add(by_series.entry(series).or_default().of_mut(kind), range);
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
        let is_no_answer = |kind: ChunkKind, min_ms: i64, max_ms: i64| {
            let times = match kind {
                ChunkKind::InOrder => times.in_order,
                ChunkKind::Late => times.late,
            };
            let overlaps = times.is_some_and(|range| min_ms <= range.max_ms() && max_ms >= range.min_ms());
            !overlaps || deleted::cover(stones.of(kind), min_ms, max_ms)
        };
        let in_order = |min_ms, max_ms| is_no_answer(ChunkKind::InOrder, min_ms, max_ms);
        shard.full_chunks(number).all(|chunk| in_order(chunk.min_ms, chunk.max_ms))
            && shard.open_min_ms(number).is_none_or(|min_ms| in_order(min_ms, line.last_ms))
            && shard.late.ranges(number).all(|(min_ms, max_ms)| is_no_answer(ChunkKind::Late, min_ms, max_ms))
    }

    /// Forgets what was deleted of series that are gone, and of samples in order what lies before both `min_ms` and the end of the
    /// blocks.
    pub(super) fn forget(&self, min_ms: i64, gone: &[SeriesRef]) {
        let mut by_series = self.by_series.write();
        for series in gone {
            by_series.remove(series);
        }
        let end_ms = min_ms.min(self.blocks_end_ms.load(Ordering::Relaxed));
        by_series.retain(|_, stones| {
            stones.in_order.retain(|stone| stone.max_ms >= end_ms);
            !stones.is_empty()
        });
        by_series.shrink_to_fit();
        self.any.store(!by_series.is_empty(), Ordering::Relaxed);
    }

    /// Forgets what was deleted of the late samples of series that have none any longer, under the lock of their shard.
    pub(super) fn forget_late(&self, series: impl Iterator<Item = SeriesRef>) {
        if self.is_empty() {
            return;
        }
        let mut by_series = self.by_series.write();
        for series in series {
            let is_empty = by_series.get_mut(&series).is_some_and(|stones| {
                stones.late = Vec::new();
                stones.is_empty()
            });
            if is_empty {
                by_series.remove(&series);
            }
        }
        self.any.store(!by_series.is_empty(), Ordering::Relaxed);
    }

    /// Bytes held, about.
    pub(super) fn size_bytes(&self) -> usize {
        let by_series = self.by_series.read();
        let ranges: usize = by_series.values().map(|stones| stones.in_order.capacity() + stones.late.capacity()).sum();
        by_series.allocation_size() + ranges * size_of::<Deleted>()
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
        (self.in_order, self.late) = (0..0, 0..0);
    }

    /// Goes on to a series, whose shard is locked.
    #[inline]
    pub(super) fn begin(&mut self, tombstones: &Tombstones, series: SeriesRef) {
        let end = self.ranges.len();
        (self.in_order, self.late) = (end..end, end..end);
        if !tombstones.is_empty() {
            self.copy(tombstones, series);
        }
    }

    #[cold]
    fn copy(&mut self, tombstones: &Tombstones, series: SeriesRef) {
        if let Some(stones) = tombstones.by_series.read().get(&series) {
            self.ranges.extend_from_slice(&stones.in_order);
            self.in_order.end = self.ranges.len();
            self.ranges.extend_from_slice(&stones.late);
            self.late = self.in_order.end..self.ranges.len();
        }
    }

    /// What was deleted of the samples of that kind of the series at hand.
    #[inline]
    pub(super) fn of_series(&self, kind: ChunkKind) -> &[Deleted] {
        self.get(self.place(kind))
    }

    /// Where that stands, if any of it lies between the two, both inside.
    #[inline]
    pub(super) fn reaching(&self, kind: ChunkKind, min_ms: i64, max_ms: i64) -> Range<usize> {
        match deleted::reach(self.of_series(kind), min_ms, max_ms) {
            true => self.place(kind).clone(),
            false => 0..0,
        }
    }

    /// Where what was deleted of the samples of that kind stands as if all before `floor_ms` had been, too.
    #[cold]
    pub(super) fn with_all_before(&mut self, floor_ms: i64, kind: ChunkKind) -> Range<usize> {
        let mut all = self.of_series(kind).to_vec();
        deleted::add(&mut all, Deleted { min_ms: i64::MIN, max_ms: floor_ms.saturating_sub(1) });
        let start = self.ranges.len();
        self.ranges.append(&mut all);
        start..self.ranges.len()
    }

    #[inline]
    fn place(&self, kind: ChunkKind) -> &Range<usize> {
        match kind {
            ChunkKind::InOrder => &self.in_order,
            ChunkKind::Late => &self.late,
        }
    }

    /// What [`DeletedCopies::reaching`] or [`DeletedCopies::with_all_before`] found.
    pub(super) fn get(&self, at: &Range<usize>) -> &[Deleted] {
        self.ranges.get(at.clone()).unwrap_or_default()
    }
}
