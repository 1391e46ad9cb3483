//! The order of label pairs, by which series are sorted without looking at a string.
//!
//! A pair's rank is its place among all pairs by name and value. Label sets then compare as their lists of ranks do, a list
//! that is the beginning of another first: labels are sorted by name, and so are the ranks of a set.
//!
//! Ranks of the whole dictionary are kept until the dictionary changes; new pairs are sorted and merged in. A select that
//! sees few of many pairs ranks those alone.

use super::Head;
use super::dictionary::{Dictionary, PAIRS_PER_LOCK, PairId};
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::Arc;

/// Ranks of pairs, and of the end of a list of pairs: it comes behind all pairs with a name before some name, and before the
/// others. None of these has its rank.
#[derive(Debug, Clone)]
pub(super) struct Ranks {
    of: RanksOf,
    end: u32,
}

/// Ranks without that of the end: of all pairs there were, or of some.
#[derive(Debug, Clone)]
enum RanksOf {
    All(Arc<Ranking>),
    Some(HashMap<PairId, u32>),
}

/// All pairs of a dictionary as it was at some version.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    version: u64,
    generation: u64,
    sorted: Vec<PairId>,
    /// By pair; [`NO_RANK`] if it was not there.
    ranks: Vec<u32>,
}

/// The ranking made last.
#[derive(Debug, Default)]
pub(super) struct RankCache {
    latest: Mutex<Arc<Ranking>>,
}

/// Comes after all ranks.
const NO_RANK: u32 = u32::MAX;

/// With fewer series than a part of so many of the dictionary's pairs, ranking the pairs they have is cheaper.
const FEW: usize = 16;

impl Ranks {
    /// The rank of a pair.
    #[inline]
    pub(super) fn of(&self, pair: PairId) -> u32 {
        let rank = match &self.of {
            RanksOf::All(ranking) => ranking.ranks.get(pair as usize).copied(),
            RanksOf::Some(ranks) => ranks.get(&pair).copied(),
        };
        let rank = rank.unwrap_or(NO_RANK);
        rank.saturating_add(u32::from(rank >= self.end))
    }

    /// The rank of the end of a list.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    /// Whether they are those of all pairs.
    pub(super) fn are_of_all(&self) -> bool {
        matches!(self.of, RanksOf::All(_))
    }
}

impl Head {
    /// Ranks for the pairs of `series` series, which `pairs` names, some more than once; lists end behind what has a name
    /// before `last_name`. The caller holds a pin, so the pairs stay what they are.
    pub(super) fn ranks(&self, series: usize, pairs: impl Iterator<Item = PairId>, last_name: &[u8]) -> Ranks {
        loop {
            let latest = Arc::clone(&self.ranking.latest.lock());
            let (version, len) = {
                let dictionary = self.dictionary.read();
                (dictionary.version(), dictionary.len())
            };
            if latest.version != version && series < len / FEW {
                break;
            }
            let ranking = if latest.version == version { latest } else { self.refresh_ranking(latest) };
            let dictionary = self.dictionary.read();
            // Pairs that no reader looks at may have been freed: of such a one there is no name to compare.
            if dictionary.generation() == ranking.generation {
                let end = ranking.sorted.partition_point(|&pair| dictionary.label(pair).name < last_name);
                return Ranks { of: RanksOf::All(Arc::clone(&ranking)), end: end as u32 };
            }
        }
        let mut some: Vec<PairId> = Vec::new();
        for pair in pairs {
            // Neighbours often have the same.
            if some.last() != Some(&pair) {
                some.push(pair);
            }
        }
        some.sort_unstable();
        some.dedup();
        let sorted = self.sort_pairs(some);
        let end = {
            let dictionary = self.dictionary.read();
            sorted.partition_point(|&pair| dictionary.label(pair).name < last_name)
        };
        Ranks { of: RanksOf::Some(sorted.into_iter().zip(0..).collect()), end: end as u32 }
    }

    /// Brings the ranking up to date.
    fn refresh_ranking(&self, latest: Arc<Ranking>) -> Arc<Ranking> {
        let (version, generation, mut added) = self.added_since(&latest);
        let known = if generation == latest.generation { latest.sorted.as_slice() } else { &[] };
        added = self.sort_pairs(added);
        let sorted = if known.is_empty() { added } else { self.merge(known, &added) };
        let end = sorted.iter().max().map_or(0, |&pair| pair as usize + 1);
        let mut ranks = vec![NO_RANK; end];
        for (rank, &pair) in sorted.iter().enumerate() {
            ranks[pair as usize] = rank as u32;
        }
        let ranking = Arc::new(Ranking { version, generation, sorted, ranks });
        *self.ranking.latest.lock() = Arc::clone(&ranking);
        ranking
    }

    /// Version and generation of the dictionary, and the pairs it has that `latest` has not; all, if pairs were freed since.
    fn added_since(&self, latest: &Ranking) -> (u64, u64, Vec<PairId>) {
        let mut added = Vec::new();
        let mut start = 0;
        let (mut version, mut generation) = (0, latest.generation);
        loop {
            let dictionary = self.dictionary.read();
            if start == 0 || dictionary.generation() != generation {
                (start, version, generation) = (0, dictionary.version(), dictionary.generation());
                added.clear();
            }
            let is_new = |pair: &PairId| {
                let known = generation == latest.generation
                    && latest.ranks.get(*pair as usize).is_some_and(|&rank| rank != NO_RANK);
                !known && dictionary.is_used(*pair)
            };
            let end = dictionary.numbers().min(start + PAIRS_PER_LOCK as u32 * 16);
            added.extend((start..end).filter(is_new));
            start = end;
            if end == dictionary.numbers() {
                return (version, generation, added);
            }
        }
    }

    /// Sorts pairs by name and value, on a copy of their bytes, taken little at a time.
    fn sort_pairs(&self, pairs: Vec<PairId>) -> Vec<PairId> {
        let mut text = Vec::new();
        let mut spans = Vec::with_capacity(pairs.len());
        for some in pairs.chunks(PAIRS_PER_LOCK) {
            let dictionary = self.dictionary.read();
            for &pair in some {
                let label = dictionary.label(pair);
                let start = text.len();
                text.extend_from_slice(label.name);
                let value = text.len();
                text.extend_from_slice(label.value);
                spans.push((start, value, text.len(), pair));
            }
        }
        let key = |&(start, value, end, _): &(usize, usize, usize, PairId)| {
            (text.get(start..value).unwrap_or_default(), text.get(value..end).unwrap_or_default())
        };
        spans.sort_unstable_by(|left, right| key(left).cmp(&key(right)));
        spans.into_iter().map(|(.., pair)| pair).collect()
    }

    /// Merges two sorted lists, the second of which is short.
    fn merge(&self, known: &[PairId], added: &[PairId]) -> Vec<PairId> {
        let mut merged = Vec::with_capacity(known.len() + added.len());
        let mut rest = known;
        for some in added.chunks(PAIRS_PER_LOCK / 8) {
            let dictionary = self.dictionary.read();
            for &pair in some {
                let before = rest.partition_point(|&other| precedes(&dictionary, other, pair));
                let (smaller, larger) = rest.split_at(before);
                merged.extend_from_slice(smaller);
                merged.push(pair);
                rest = larger;
            }
        }
        merged.extend_from_slice(rest);
        merged
    }
}

fn precedes(dictionary: &Dictionary, pair: PairId, other: PairId) -> bool {
    dictionary.label(pair) < dictionary.label(other)
}
