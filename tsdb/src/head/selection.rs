//! Series that a select found, in order of their labels.
//!
//! What is kept of each is where it is and its first label pair, by which all are sorted at once. Only when a walk comes to
//! series with one first pair (most often: of one metric) are their other pairs fetched and sorted by rank, so that a walk
//! over a whole head never holds more than one metric's.
//!
//! Labels that all series are given on top change their order in one case only: of two label sets one of which is the
//! beginning of the other, the shorter one goes first unless an added name sorts behind the name that follows in the longer
//! one. So the end of a list of pairs has a rank as well: that of the last name added.

use super::Head;
use super::dictionary::PairId;
use super::epoch::Pin;
use super::order::Ranks;
use super::select::Plan;
use super::shard::Shard;
use crate::head_chunks::HeadChunkRef;
use model::{LabelsRef, Matcher, SeriesRef, TimeRange};
use parking_lot::Mutex;
use std::ops::Range;
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
    /// Of the names that are added to labels the last.
    last_added: Vec<u8>,
    /// Up to where `found` was sorted into `bunch`.
    taken: usize,
    /// The next series in order, and how many of them were walked over.
    bunch: Vec<Picked>,
    walked: usize,
    /// The label pairs of the bunch.
    pairs: Vec<PairId>,
}

/// A series that a walk has come to.
#[derive(Debug, Clone)]
pub(super) struct Picked {
    pub(super) place: Located,
    /// Its labels, among [`Bunch::pairs`]; none if it fell away.
    pairs: Range<usize>,
}

/// A few series that a walk has come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bunch<'a> {
    pub(super) series: &'a [Picked],
    pairs: &'a [PairId],
}

#[derive(Debug, Clone, Copy)]
struct Found {
    /// Of its first pair, or of the end of a list if it has none.
    first_rank: u32,
    place: Located,
}

/// How many series' labels are looked at while a shard is locked once.
pub(super) const LABELS_PER_LOCK: usize = 4096;
/// So many series, at least, are sorted at once.
const BUNCH: usize = 1024;

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
    /// Finds the series that `matchers` accept and that have a sample's chunk in `range`, to be walked over in the order they
    /// have with `added` among their labels.
    pub(super) fn new(view: Arc<View>, matchers: &[Matcher], range: TimeRange, added: LabelsRef<'_>) -> Self {
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
                    for (at, &number) in some.iter().enumerate() {
                        some.get(at + FAR_AHEAD).into_iter().for_each(|&far| shard.prefetch_series(far));
                        some.get(at + NEAR_AHEAD).into_iter().for_each(|&near| shard.prefetch_pairs(near));
                        if fits(number) {
                            found.push((shard.pairs(number).next(), Located { shard: index, number }));
                        }
                    }
                }
            }
        }
        let last_added = added.iter().last().map_or(&[] as &[u8], |label| label.name).to_vec();
        let mut selection = Self {
            view,
            found: Vec::new(),
            ranks: None,
            last_added,
            taken: 0,
            bunch: Vec::new(),
            walked: 0,
            pairs: Vec::new(),
        };
        match selection.view.as_created {
            true => selection.by_reference(found),
            false => selection.by_first_pair(found),
        }
        selection
    }

    /// Walks over those found in order of their references.
    fn by_reference(&mut self, found: Vec<(Option<PairId>, Located)>) {
        self.found = found.into_iter().map(|(_, place)| Found { first_rank: 0, place }).collect();
        let shards = &self.view.head.shards;
        self.found.sort_by_cached_key(|Found { place, .. }| {
            shards.get(place.shard as usize).map(|shard| shard.lock().lines[place.number].reference())
        });
    }

    /// Walks over those found in order of their labels.
    fn by_first_pair(&mut self, found: Vec<(Option<PairId>, Located)>) {
        let head = &self.view.head;
        let ranks = head.ranks(found.len(), found.iter().filter_map(|(first, _)| *first), &self.last_added);
        let rank = |first: Option<PairId>| first.map_or(ranks.end(), |first| ranks.of(first));
        self.found = found.into_iter().map(|(first, place)| Found { first_rank: rank(first), place }).collect();
        self.found.sort_unstable_by_key(|found| (found.first_rank, found.place.shard, found.place.number));
        self.ranks = ranks.are_of_all().then_some(ranks);
    }

    /// The next series, at most `max`; none at the end.
    pub(super) fn next(&mut self, max: usize) -> Bunch<'_> {
        if self.walked == self.bunch.len() {
            self.sort_bunch();
        }
        let start = self.walked;
        self.walked = self.bunch.len().min(start + max.max(1));
        Bunch { series: self.bunch.get(start..self.walked).unwrap_or_default(), pairs: &self.pairs }
    }

    /// Sorts the next series: all with one first pair, or with several if those have few.
    fn sort_bunch(&mut self) {
        self.walked = 0;
        let rest = self.found.get(self.taken..).unwrap_or_default();
        let mut end = if self.view.as_created { rest.len().min(BUNCH) } else { 0 };
        while let Some(next) = rest.get(end).filter(|_| end < BUNCH) {
            end += rest.get(end..).unwrap_or_default().partition_point(|found| found.first_rank == next.first_rank);
        }
        let rest = rest.get(..end).unwrap_or_default();
        let spans = gather(&self.view, rest, &mut self.pairs);
        let picked = |at: u32| {
            let at = at as usize;
            Picked { place: rest[at].place, pairs: spans[at].clone() }
        };
        self.bunch.clear();
        if self.view.as_created || rest.len() < 2 {
            self.bunch.extend((0..rest.len() as u32).map(picked));
        } else {
            self.bunch.extend(self.sorted(&spans).into_iter().map(picked));
        }
        self.taken += end;
    }

    /// The order of the series of the bunch, whose lists of pairs are `spans`.
    fn sorted(&self, spans: &[Range<usize>]) -> Vec<u32> {
        let pairs = self.pairs.as_slice();
        match &self.ranks {
            Some(ranks) => PairLists { pairs, spans, ranks }.sorted(),
            None => {
                let ranks = &self.view.head.ranks(spans.len(), pairs.iter().copied(), &self.last_added);
                PairLists { pairs, spans, ranks }.sorted()
            }
        }
    }
}

impl<'a> Bunch<'a> {
    /// The label pairs of one of the series, in order of their names.
    pub(super) fn pairs(self, of: &Picked) -> &'a [PairId] {
        self.pairs.get(of.pairs.clone()).unwrap_or_default()
    }
}

/// Replaces `pairs` by those of the series in `some`, and says where those of each are.
fn gather(view: &View, some: &[Found], pairs: &mut Vec<PairId>) -> Vec<Range<usize>> {
    pairs.clear();
    let mut spans = vec![0..0; some.len()];
    let mut by_shard: Vec<_> = some.iter().zip(&mut spans).collect();
    by_shard.sort_unstable_by_key(|(found, _)| (found.place.shard, found.place.number));
    for run in by_shard.chunk_by_mut(|(one, _), (other, _)| one.place.shard == other.place.shard) {
        let Some(shard) = run.first().and_then(|(found, _)| view.head.shards.get(found.place.shard as usize)) else {
            continue;
        };
        for few in run.chunks_mut(LABELS_PER_LOCK) {
            let shard = shard.lock();
            for at in 0..few.len() {
                few.get(at + FAR_AHEAD).into_iter().for_each(|(far, _)| shard.prefetch_series(far.place.number));
                few.get(at + NEAR_AHEAD).into_iter().for_each(|(near, _)| shard.prefetch_pairs(near.place.number));
                let (found, span) = &mut few[at];
                let start = pairs.len();
                // Those that fell away have no labels any longer. They stay in the walk, and whoever walks skips them.
                if view.sees(&shard, found.place.number) {
                    pairs.extend(shard.pairs(found.place.number));
                }
                **span = start..pairs.len();
            }
        }
    }
    spans
}

/// Lists of pairs, which sort by their ranks. Where a list ends, it has the rank of the end, which no pair has.
#[derive(Debug)]
struct PairLists<'a> {
    pairs: &'a [PairId],
    spans: &'a [Range<usize>],
    ranks: &'a Ranks,
}

impl PairLists<'_> {
    /// The order of the lists. Column by column, because most columns of a metric's series hold few pairs, many only one:
    /// there nobody asks for its rank.
    fn sorted(&self) -> Vec<u32> {
        let mut keys: Vec<u64> = (0..self.spans.len() as u64).collect();
        let mut todo = vec![(0, keys.len(), 0)];
        while let Some((start, end, column)) = todo.pop() {
            let run = &mut keys[start..end];
            let first = run.first().and_then(|&key| self.get(key as u32, column));
            if run.iter().all(|&key| self.get(key as u32, column) == first) {
                if first.is_some() {
                    todo.push((start, end, column + 1));
                }
                continue;
            }
            for key in run.iter_mut() {
                let list = *key as u32;
                let rank = self.get(list, column).map_or(self.ranks.end(), |pair| self.ranks.of(pair));
                *key = u64::from(rank) << 32 | u64::from(list);
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

    #[inline]
    fn get(&self, list: u32, column: usize) -> Option<PairId> {
        let span = self.spans.get(list as usize)?;
        self.pairs.get(span.clone())?.get(column).copied()
    }
}
