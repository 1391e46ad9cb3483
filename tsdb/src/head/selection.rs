//! Series that a select found, in order of their labels.
//!
//! What is kept of each is where it is and one number, whatever its labels: the rank of its first label pair, by which all are
//! sorted at once. When a walk comes to more series with one pair than are sorted at a time (most often: of one metric), these
//! get their rank in the next column of pairs in which they differ, are sorted by that where they stand, and so on. Whole
//! lists of pairs are only held of a bunch. So a walk takes twelve bytes a series, and no more if it has many labels.
//!
//! Labels that all series are given on top change their order in one case only: of two label sets one of which is the
//! beginning of the other, the shorter one goes first unless an added name sorts behind the name that follows in the longer
//! one. So the end of a list of pairs has a rank as well: that of the last name added.

mod bunch;

use super::Head;
use super::dictionary::PairId;
use super::epoch::Pin;
use super::order::Ranks;
use super::select::Plan;
use super::shard::Shard;
use crate::head_chunks::HeadChunkRef;
use bunch::Lists;
use model::{LabelsRef, Matcher, SeriesRef, TimeRange};
use parking_lot::Mutex;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

pub(super) use bunch::Bunch;

/// What a reader may see.
#[derive(Debug)]
pub(super) struct View {
    pub(super) head: Arc<Head>,
    /// The times it may look at.
    pub(super) window: Window,
    /// The head's floor: what chunks have in order before it is blocks', and may be deleted there.
    pub(super) floor_ms: i64,
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
    /// In the order that `stretches` tell.
    found: Vec<Found>,
    /// Each a part of the one before it; all begin before `taken` or there.
    stretches: Vec<Stretch>,
    /// Up to where `found` was sorted into `bunch`.
    taken: usize,
    /// Ranks of all pairs, where it was worth making them.
    ranks: Option<Ranks>,
    /// Of the names that are added to labels the last.
    last_added: Vec<u8>,
    /// The next series in order, and how many of them were walked over.
    bunch: Lists,
    walked: usize,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    /// The pair that it has in some column, or [`NO_PAIR`]; once sorted, its rank, or that of the end of a list.
    key: u32,
    place: Located,
}

/// Series found one behind the other, with the same pairs before a column; they are sorted by their ranks in it, then by place.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    end: usize,
    /// `None`: they are in order.
    column: Option<usize>,
}

/// How many series' labels are looked at while a shard is locked once.
pub(super) const LABELS_PER_LOCK: usize = 4096;
/// So many series are sorted at once, if there are as many; and at most so many.
const BUNCH: usize = 1024;
const MAX_BUNCH: usize = 4096;
/// Is no pair: a list has ended before that column.
const NO_PAIR: PairId = PairId::MAX;

/// How many series ahead of the one that is looked at memory is asked for: series that are read together lie apart. First for
/// what says where the rest is, then for the rest.
pub(super) const FAR_AHEAD: usize = 16;
pub(super) const NEAR_AHEAD: usize = 8;

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
        let floor_ms = head.floor_ms();
        let in_order = TimeRange::new(range.min_ms().max(floor_ms), range.max_ms());
        let late = head.times.any_late().then_some(range);
        let window = Window { in_order, late, late_through: head.times.late_through() };
        let end_reference = head.dictionary.read().next_reference();
        Self { head: Arc::clone(head), window, floor_ms, end_reference, as_created: false, _pin: pin }
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
    /// Finds the series that `matchers` accept and that have a sample's chunk in `range`, to be walked over in the order they
    /// have with `added` among their labels.
    pub(super) fn new(view: Arc<View>, matchers: &[Matcher], range: TimeRange, added: LabelsRef<'_>) -> Self {
        let mut found = Vec::new();
        let window = view.clip(range);
        if window.whole().is_some() {
            let plan = view.head.plan(matchers);
            for (index, shard) in (0..).zip(&view.head.shards) {
                let numbers = plan.evaluate(&shard.lock());
                // A quarter more, not twice as much.
                if found.capacity() - found.len() < numbers.len() {
                    found.reserve_exact(numbers.len().max(found.len() / 4));
                }
                for some in numbers.chunks(LABELS_PER_LOCK) {
                    let shard = shard.lock();
                    let fits = |number: u32| {
                        view.sees(&shard, number)
                            && window.has(&shard, number)
                            && !view.head.tombstones.hide(&shard, number, window)
                    };
                    for (at, &number) in some.iter().enumerate() {
                        some.get(at + FAR_AHEAD).into_iter().for_each(|&far| shard.prefetch_series(far));
                        some.get(at + NEAR_AHEAD).into_iter().for_each(|&near| shard.prefetch_pairs(near));
                        if fits(number) {
                            let key = shard.pairs(number).next().unwrap_or(NO_PAIR);
                            found.push(Found { key, place: Located { shard: index, number } });
                        }
                    }
                }
            }
        }
        let last_added = added.iter().last().map_or(&[] as &[u8], |label| label.name).to_vec();
        let mut selection = Self {
            view,
            found,
            stretches: Vec::new(),
            taken: 0,
            ranks: None,
            last_added,
            bunch: Lists::default(),
            walked: 0,
        };
        selection.sort();
        selection
    }

    /// Brings all that was found into the order in which it is walked over, as far as that is done at once.
    fn sort(&mut self) {
        let end = self.found.len();
        let column = if self.view.as_created {
            let shards = &self.view.head.shards;
            self.found.sort_by_cached_key(|Found { place, .. }| {
                shards.get(place.shard as usize).map(|shard| shard.lock().lines[place.number].reference())
            });
            None
        } else {
            self.sort_by_pair(0..end);
            Some(0)
        };
        self.stretches.push(Stretch { end, column });
    }

    /// The next series, at most `max`; none at the end.
    pub(super) fn next(&mut self, max: usize) -> Bunch<'_> {
        if self.walked == self.bunch.len() {
            self.sort_bunch();
        }
        let start = self.walked;
        self.walked = self.bunch.len().min(start + max.max(1));
        self.bunch.get(start..self.walked)
    }

    /// Sorts the next series: all with one pair, or with several if those have few.
    fn sort_bunch(&mut self) {
        self.walked = 0;
        let (end, column) = self.next_few();
        let some = self.found.get(self.taken..end).unwrap_or_default();
        self.taken = end;
        self.bunch.gather(&self.view, some);
        if let Some(column) = column.filter(|_| some.len() > 1) {
            let ranks = self.ranks_of(some.len(), self.bunch.pairs());
            self.bunch.sort(column, &ranks);
        }
    }

    /// Up to where the next bunch goes, and the column from which on it has to be sorted, if it has.
    fn next_few(&mut self) -> (usize, Option<usize>) {
        loop {
            while self.stretches.pop_if(|stretch| stretch.end == self.taken).is_some() {}
            let Some(&Stretch { end, column }) = self.stretches.last() else { return (self.taken, None) };
            let rest = self.found.get(self.taken..end).unwrap_or_default();
            let Some(column) = column else { return (self.taken + rest.len().min(BUNCH), None) };
            let few = whole_runs(rest);
            if few <= MAX_BUNCH {
                return (self.taken + few, Some(column));
            }
            self.sort_on(self.taken..self.taken + few, column + 1);
        }
    }

    /// Sorts series that have the same pairs before column `from` by the first column in which they differ.
    fn sort_on(&mut self, stretch: Range<usize>, from: usize) {
        let (view, end) = (Arc::clone(&self.view), stretch.end);
        let some = self.found.get_mut(stretch.clone()).unwrap_or_default();
        let column = first_difference(&view, some, from);
        if let Some(column) = column {
            some.iter_mut().for_each(|found| found.key = NO_PAIR);
            look_at(
                &view,
                some,
                |found| found.place,
                |shard, found| {
                    found.key = shard.pairs(found.place.number).nth(column).unwrap_or(NO_PAIR);
                    ControlFlow::Continue(())
                },
            );
            self.sort_by_pair(stretch);
        }
        self.stretches.push(Stretch { end, column });
    }

    /// Sorts series whose keys are pairs.
    fn sort_by_pair(&mut self, stretch: Range<usize>) {
        let some = self.found.get(stretch.clone()).unwrap_or_default();
        if some.len() < 2 {
            return;
        }
        let ranks = self.ranks_of(some.len(), some.iter().map(|found| found.key));
        let some = self.found.get_mut(stretch).unwrap_or_default();
        for found in some.iter_mut() {
            found.key = if found.key == NO_PAIR { ranks.end() } else { ranks.of(found.key) };
        }
        some.sort_unstable_by_key(|found| found.order());
        self.ranks = Some(ranks).filter(Ranks::are_of_all);
    }

    /// Ranks for the pairs of `series` series; there may be [`NO_PAIR`] among them.
    fn ranks_of(&self, series: usize, pairs: impl Iterator<Item = PairId>) -> Ranks {
        let pairs = pairs.filter(|&pair| pair != NO_PAIR);
        self.ranks.clone().unwrap_or_else(|| self.view.head.ranks(series, pairs, &self.last_added))
    }
}

impl Found {
    /// By key, then by place: one number, which is compared without a branch.
    fn order(self) -> u128 {
        u128::from(self.key) << 64 | u128::from(self.place.shard) << 32 | u128::from(self.place.number)
    }
}

/// How many of `sorted` are a bunch, from the first on: of no key some only.
fn whole_runs(sorted: &[Found]) -> usize {
    let mut end = 0;
    while let Some(next) = sorted.get(end).filter(|_| end < BUNCH) {
        let rest = sorted.get(end..).unwrap_or_default();
        let run = rest.partition_point(|found| found.key == next.key);
        if end > 0 && end + run > MAX_BUNCH {
            break;
        }
        end += run;
    }
    end
}

/// The first column from `from` on in which some of these series have different pairs; `None` if they have the same.
fn first_difference(view: &View, some: &mut [Found], from: usize) -> Option<usize> {
    let mut first: Option<Vec<PairId>> = None;
    let mut difference = None;
    look_at(
        view,
        some,
        |found| found.place,
        |shard, found| {
            let mut pairs = shard.pairs(found.place.number).skip(from).chain([NO_PAIR]);
            let Some(first) = &mut first else {
                first = Some(pairs.collect());
                return ControlFlow::Continue(());
            };
            if let Some(at) = first.iter().position(|&pair| pairs.next() != Some(pair)) {
                // What comes behind it is of no interest.
                first.truncate(at);
                difference = Some(from + at);
            }
            if first.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    difference
}

/// Has those of `some` looked at that are still there, in their shards, until that is enough. They are in order of their places.
fn look_at<T>(
    view: &View,
    some: &mut [T],
    place: impl Fn(&T) -> Located,
    mut look: impl FnMut(&Shard, &mut T) -> ControlFlow<()>,
) {
    for run in some.chunk_by_mut(|one, other| place(one).shard == place(other).shard) {
        let Some(shard) = run.first().and_then(|first| view.head.shards.get(place(first).shard as usize)) else {
            continue;
        };
        for few in run.chunks_mut(LABELS_PER_LOCK) {
            let shard = shard.lock();
            for at in 0..few.len() {
                few.get(at + FAR_AHEAD).into_iter().for_each(|far| shard.prefetch_series(place(far).number));
                few.get(at + NEAR_AHEAD).into_iter().for_each(|near| shard.prefetch_pairs(place(near).number));
                let one = &mut few[at];
                if view.sees(&shard, place(one).number) && look(&shard, one).is_break() {
                    return;
                }
            }
        }
    }
}
