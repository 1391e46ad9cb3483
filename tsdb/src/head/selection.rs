//! Series that a select found, in order of their labels.
//!
//! What is kept of each is where it is and its first label pair, by which all are sorted at once. Only when a walk comes to
//! series with one first pair (most often: of one metric) are the ranks of their other pairs fetched and sorted, so that
//! a walk over a whole head never holds more than one metric's.

use super::Head;
use super::dictionary::PairId;
use super::epoch::Pin;
use super::order::Ranks;
use super::select::Plan;
use super::shard::Shard;
use crate::head_chunks::HeadChunkRef;
use model::{Matcher, SeriesRef, TimeRange};
use parking_lot::Mutex;
use std::sync::Arc;

/// What a reader may see.
#[derive(Debug)]
pub(super) struct View {
    pub(super) head: Arc<Head>,
    /// The times it may look at.
    pub(super) window: Window,
    /// Series from this reference on are younger than the reader.
    end_reference: SeriesRef,
    /// Series come as they were created, not by their labels.
    as_created: bool,
    /// Keeps numbers of lines and pairs what they are.
    _pin: Pin,
}

/// The times that are looked at; `None`: no time at all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    /// Of samples taken in order: not before the head's floor.
    pub(super) in_order: Option<TimeRange>,
    /// Of late samples.
    pub(super) late: Option<TimeRange>,
    /// Of these, those in chunks up to this one belong to blocks.
    pub(super) late_through: HeadChunkRef,
}

/// Where a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Located {
    pub(super) shard: u32,
    pub(super) number: u32,
}

/// A walk over what was found.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) view: Arc<View>,
    /// By rank of the first pair, then shard.
    found: Vec<Found>,
    /// Ranks of all pairs, where it was worth making them.
    ranks: Option<Ranks>,
    /// Up to where `found` was sorted into `bunch`.
    taken: usize,
    /// The next series in order, and how many of them were walked over.
    bunch: Vec<Located>,
    walked: usize,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    /// 0: it has no label.
    first_rank: u32,
    place: Located,
}

/// How many series' labels are looked at while a shard is locked once.
pub(super) const LABELS_PER_LOCK: usize = 4096;
/// So many series, at least, are sorted at once.
const BUNCH: usize = 1024;

impl Window {
    /// All times in it.
    pub(super) fn whole(self) -> Option<TimeRange> {
        self.in_order.into_iter().chain(self.late).reduce(TimeRange::hull)
    }

    /// Whether a series may have a sample in it.
    #[inline]
    pub(super) fn has(self, shard: &Shard, number: u32) -> bool {
        self.in_order.is_some_and(|range| shard.overlaps(number, range))
            || self.late.is_some_and(|range| shard.late.overlaps(number, range))
    }
}

impl View {
    /// What a reader that begins now may see of `range`.
    pub(super) fn new(head: &Arc<Head>, range: TimeRange) -> Self {
        // In this order: whoever does not see a truncation's floor is pinned before it.
        let pin = head.epochs.pin(range.min_ms());
        let in_order = TimeRange::new(range.min_ms().max(head.floor_ms()), range.max_ms());
        let late = head.times.any_late().then_some(range);
        let window = Window { in_order, late, late_through: head.times.late_through() };
        let end_reference = head.dictionary.read().next_reference();
        Self { head: Arc::clone(head), window, end_reference, as_created: false, _pin: pin }
    }

    /// As [`View::new`], but series are found in the order in which they were created.
    pub(super) fn as_created(head: &Arc<Head>, range: TimeRange) -> Self {
        Self { as_created: true, ..Self::new(head, range) }
    }

    /// As [`View::new`], but late samples only.
    pub(super) fn of_late(head: &Arc<Head>, range: TimeRange) -> Self {
        let view = Self::new(head, range);
        Self { window: Window { in_order: None, ..view.window }, ..view }
    }

    /// As [`View::new`], but no late samples.
    pub(super) fn in_order(head: &Arc<Head>, range: TimeRange) -> Self {
        let view = Self::new(head, range);
        Self { window: Window { late: None, ..view.window }, ..view }
    }

    /// The part of `range` that may be looked at.
    pub(super) fn clip(&self, range: TimeRange) -> Window {
        let clip = |own: TimeRange| TimeRange::new(own.min_ms().max(range.min_ms()), own.max_ms().min(range.max_ms()));
        let Window { in_order, late, late_through } = self.window;
        Window { in_order: in_order.and_then(clip), late: late.and_then(clip), late_through }
    }

    /// Whether the series is there and was when the reader began.
    #[inline]
    pub(super) fn sees(&self, shard: &Shard, number: u32) -> bool {
        let line = &shard.lines[number];
        line.is_live() && line.reference() < self.end_reference
    }

    /// The series of a shard that pass `plan` and may be seen, by line.
    pub(super) fn numbers(&self, plan: &Plan, shard: &Mutex<Shard>) -> Vec<u32> {
        let mut numbers = plan.evaluate(&shard.lock());
        let mut kept = 0;
        for start in (0..numbers.len()).step_by(LABELS_PER_LOCK) {
            let shard = shard.lock();
            for at in start..numbers.len().min(start + LABELS_PER_LOCK) {
                if self.sees(&shard, numbers[at]) {
                    numbers.swap(kept, at);
                    kept += 1;
                }
            }
        }
        numbers.truncate(kept);
        numbers
    }
}

impl Selection {
    /// Finds the series that `matchers` accept and that have a sample's chunk in `range`.
    pub(super) fn new(view: Arc<View>, matchers: &[Matcher], range: TimeRange) -> Self {
        let mut found = Vec::new();
        let window = view.clip(range);
        if window.whole().is_some() {
            let plan = view.head.plan(matchers);
            for (index, shard) in (0..).zip(&view.head.shards) {
                let numbers = plan.evaluate(&shard.lock());
                for some in numbers.chunks(LABELS_PER_LOCK) {
                    let shard = shard.lock();
                    let fits = |number: u32| {
                        view.sees(&shard, number)
                            && window.has(&shard, number)
                            && !view.head.tombstones.hide(&shard, number, window)
                    };
                    for &number in some.iter().filter(|&&number| fits(number)) {
                        found.push((shard.pairs(number).next(), Located { shard: index, number }));
                    }
                }
            }
        }
        if view.as_created {
            return Self::by_reference(view, found.into_iter().map(|(_, place)| place).collect());
        }
        let ranks = view.head.ranks(found.len(), found.iter().filter_map(|(first, _)| *first));
        let rank = |first: Option<PairId>| first.map_or(0, |first| ranks.of(first).saturating_add(1));
        let mut found: Vec<_> =
            found.into_iter().map(|(first, place)| Found { first_rank: rank(first), place }).collect();
        found.sort_unstable_by_key(|found| (found.first_rank, found.place.shard, found.place.number));
        let ranks = matches!(ranks, Ranks::All(_)).then_some(ranks);
        Self { view, found, ranks, taken: 0, bunch: Vec::new(), walked: 0 }
    }

    /// A walk over those in order of their references.
    fn by_reference(view: Arc<View>, mut found: Vec<Located>) -> Self {
        found.sort_by_cached_key(|place| {
            view.head.shards.get(place.shard as usize).map(|shard| shard.lock().lines[place.number].reference())
        });
        Self { view, found: Vec::new(), ranks: None, taken: 0, bunch: found, walked: 0 }
    }

    /// The next series, at most `max`; none at the end.
    pub(super) fn next(&mut self, max: usize) -> &[Located] {
        if self.walked == self.bunch.len() {
            self.sort_bunch();
        }
        let start = self.walked;
        self.walked = self.bunch.len().min(start + max.max(1));
        self.bunch.get(start..self.walked).unwrap_or_default()
    }

    /// Sorts the next series: all with one first pair, or with several if those have few.
    fn sort_bunch(&mut self) {
        self.walked = 0;
        self.bunch.clear();
        let rest = self.found.get(self.taken..).unwrap_or_default();
        let mut end = 0;
        while let Some(next) = rest.get(end).filter(|_| end < BUNCH) {
            end += rest.get(end..).unwrap_or_default().partition_point(|found| found.first_rank == next.first_rank);
        }
        let rest = rest.get(..end).unwrap_or_default();
        self.taken += end;
        if let [only] = rest {
            return self.bunch.push(only.place);
        }
        let mut lists = RankLists::default();
        for run in rest.chunk_by(|one, other| one.place.shard == other.place.shard) {
            for some in run.chunks(LABELS_PER_LOCK) {
                self.gather(some, &mut lists);
            }
        }
        match &self.ranks {
            Some(ranks) => lists.map(ranks),
            None => {
                let ranks = self.view.head.ranks(rest.len(), lists.values.iter().copied());
                lists.map(&ranks);
            }
        }
        self.bunch.extend(lists.sorted().into_iter().map(|at| rest[at as usize].place));
    }

    /// Fetches the pairs of series of one shard.
    fn gather(&self, some: &[Found], lists: &mut RankLists) {
        let Some(shard) = some.first().and_then(|found| self.view.head.shards.get(found.place.shard as usize)) else {
            return;
        };
        let shard = shard.lock();
        for found in some {
            // Those that fell away have no labels any longer. They stay in the walk, and whoever walks skips them.
            if self.view.sees(&shard, found.place.number) {
                lists.values.extend(shard.pairs(found.place.number));
            }
            lists.ends.push(lists.values.len() as u32);
        }
    }
}

/// Lists of pairs, later of their ranks, one behind the other.
#[derive(Debug, Default)]
struct RankLists {
    values: Vec<u32>,
    ends: Vec<u32>,
}

impl RankLists {
    /// Turns pairs into ranks.
    fn map(&mut self, ranks: &Ranks) {
        for value in &mut self.values {
            *value = ranks.of(*value);
        }
    }

    /// The order of the lists. Column by column, because most columns of a metric's series hold few ranks, many only one.
    fn sorted(&self) -> Vec<u32> {
        let mut keys: Vec<u64> = (0..self.ends.len() as u64).collect();
        let mut todo = vec![(0, keys.len(), 0)];
        while let Some((start, end, column)) = todo.pop() {
            let run = &mut keys[start..end];
            let mut first = None;
            let (mut is_constant, mut any) = (true, false);
            for key in run.iter_mut() {
                let list = *key as u32;
                // Ended lists come first.
                let rank = self.get(list, column).map_or(0, |rank| u64::from(rank) + 1);
                any |= rank > 0;
                is_constant &= *first.get_or_insert(rank) == rank;
                *key = rank << 32 | u64::from(list);
            }
            if !any {
                continue;
            }
            if is_constant {
                todo.push((start, end, column + 1));
                continue;
            }
            run.sort_unstable();
            let mut from = start;
            for same in run.chunk_by(|one, other| one >> 32 == other >> 32) {
                if same.len() > 1 {
                    todo.push((from, from + same.len(), column + 1));
                }
                from += same.len();
            }
        }
        keys.into_iter().map(|key| key as u32).collect()
    }

    fn get(&self, list: u32, column: u32) -> Option<u32> {
        let start = list.checked_sub(1).map_or(0, |before| self.ends[before as usize]);
        let at = start + column;
        (at < self.ends[list as usize]).then(|| self.values[at as usize])
    }
}
