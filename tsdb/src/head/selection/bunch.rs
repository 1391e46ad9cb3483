//! A few series with their label pairs, and their order.

use super::{Found, Located, View, look_at};
use crate::head::dictionary::PairId;
use crate::head::order::Ranks;
use std::ops::{ControlFlow, Range};

/// Series and their lists of pairs. Used again for the next few.
#[derive(Debug, Default)]
pub(super) struct Lists {
    series: Vec<Picked>,
    pairs: Vec<PairId>,
}

/// A series that a walk has come to.
#[derive(Debug, Clone)]
pub(in crate::head) struct Picked {
    pub(in crate::head) place: Located,
    /// Its labels, among [`Bunch::pairs`]; none if it fell away.
    pairs: Range<usize>,
}

/// A few series that a walk has come to.
#[derive(Debug, Clone, Copy)]
pub(in crate::head) struct Bunch<'a> {
    pub(in crate::head) series: &'a [Picked],
    pairs: &'a [PairId],
}

impl Lists {
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// All pairs of the series, one series after the other in some order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = PairId> {
        self.pairs.iter().copied()
    }

    /// Some of the series.
    pub(super) fn get(&self, some: Range<usize>) -> Bunch<'_> {
        Bunch { series: self.series.get(some).unwrap_or_default(), pairs: &self.pairs }
    }

    /// Replaces what is held by the series in `some`, in their order, and their pairs.
    pub(super) fn gather(&mut self, view: &View, some: &[Found]) {
        let Self { series, pairs } = self;
        series.clear();
        series.extend(some.iter().map(|found| Picked { place: found.place, pairs: 0..0 }));
        pairs.clear();
        let mut by_place: Vec<_> = series.iter_mut().collect();
        by_place.sort_unstable_by_key(|picked| (picked.place.shard, picked.place.number));
        // Those that fell away have no labels any longer. They stay in the walk, and whoever walks skips them.
        look_at(
            view,
            &mut by_place,
            |picked| picked.place,
            |shard, picked| {
                let start = pairs.len();
                pairs.extend(shard.pairs(picked.place.number));
                picked.pairs = start..pairs.len();
                ControlFlow::Continue(())
            },
        );
    }

    /// Sorts the series, which have the same pairs before `column`, by the ranks of their pairs. Where a list ends, it has the
    /// rank of the end, which no pair has.
    ///
    /// Column by column, because most columns of a metric's series hold few pairs, many only one: there nobody asks for its
    /// rank.
    pub(super) fn sort(&mut self, column: usize, ranks: &Ranks) {
        let mut keys: Vec<u64> = (0..self.series.len() as u64).collect();
        let mut todo = vec![(0, keys.len(), column)];
        while let Some((start, end, column)) = todo.pop() {
            let run = &mut keys[start..end];
            let first = run.first().and_then(|&key| self.pair(key as u32, column));
            if run.iter().all(|&key| self.pair(key as u32, column) == first) {
                if first.is_some() {
                    todo.push((start, end, column + 1));
                }
                continue;
            }
            for key in run.iter_mut() {
                let list = *key as u32;
                let rank = self.pair(list, column).map_or(ranks.end(), |pair| ranks.of(pair));
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
        self.series = keys.into_iter().map(|key| self.series[key as u32 as usize].clone()).collect();
    }

    #[inline]
    fn pair(&self, series: u32, column: usize) -> Option<PairId> {
        let picked = self.series.get(series as usize)?;
        self.pairs.get(picked.pairs.clone())?.get(column).copied()
    }
}

impl<'a> Bunch<'a> {
    /// The label pairs of one of the series, in order of their names.
    pub(in crate::head) fn pairs(self, of: &Picked) -> &'a [PairId] {
        self.pairs.get(of.pairs.clone()).unwrap_or_default()
    }
}
