//! Which series matchers accept, as in Prometheus (`tsdb/querier.go`): a label that is not there counts as empty.
//!
//! First the dictionary: each matcher becomes the set of pairs by which it tells series apart, those whose value has another
//! verdict than the empty one. A series passes if it has a pair of the set and the empty value does not pass, or if it has
//! none and the empty value does. So each set is *required* or *excluded*, and shards are asked for lists, never for
//! strings. Then each shard, under its lock: the shortest list first, the others against it.

mod numbers;

use super::Head;
use super::dictionary::{PAIRS_PER_LOCK, PairId};
use super::shard::Shard;
use model::Matcher;
use numbers::Numbers;
use parking_lot::Mutex;
use roaring::RoaringBitmap;
use std::sync::Arc;

/// What a shard is asked for.
#[derive(Debug, Default)]
pub(super) struct Plan {
    require: Vec<Arc<[PairId]>>,
    exclude: Vec<Arc<[PairId]>>,
    /// A required set is empty.
    nothing: bool,
}

/// What was found for matchers whose values had to be tried one by one; what was tried once is not tried again while it
/// stays in the dictionary.
#[derive(Debug, Default)]
pub(super) struct MatcherCache {
    /// Used last, last.
    entries: Mutex<Vec<Found>>,
}

#[derive(Debug, Clone)]
struct Found {
    matcher: Matcher,
    generation: u64,
    /// How many values of the label were tried.
    tried: usize,
    pairs: Arc<[PairId]>,
}

/// More values than this are not tried for who wants to know only how much there is to do.
const QUICKLY_TRIED: usize = 512;
const CACHED_MATCHERS: usize = 64;
/// A set of more pairs is not remembered.
const CACHED_PAIRS: usize = 1 << 16;

impl Head {
    /// Looks the matchers up in the dictionary.
    pub(super) fn plan(&self, matchers: &[Matcher]) -> Plan {
        let mut plan = Plan::default();
        for matcher in matchers.iter().filter(|matcher| !matcher.matches_all()) {
            if matcher.matches_empty() {
                let pairs = self.pairs_that_pass(&matcher.inverse());
                if !pairs.is_empty() {
                    plan.exclude.push(pairs);
                }
            } else {
                let pairs = self.pairs_that_pass(matcher);
                plan.nothing |= pairs.is_empty();
                plan.require.push(pairs);
            }
        }
        // Sets of one pair are lists of known length; the more pairs, the more lists.
        plan.require.sort_by_key(|pairs| pairs.len());
        plan
    }

    /// How many series have a value that one of the matchers names; `None` if none names any, or if another would have to be
    /// tried with many.
    pub(super) fn at_most(&self, matchers: &[Matcher]) -> Option<u64> {
        let (dictionary, mut scratch) = (self.dictionary.read(), Vec::new());
        let mut most: Option<u64> = None;
        for matcher in matchers.iter().filter(|matcher| !matcher.matches_all()) {
            let Some(values) = matcher.set_values().filter(|_| !matcher.matches_empty()) else {
                let values = dictionary.find_name(matcher.name()).map_or(0, |name| dictionary.pairs_of(name).len());
                if values > QUICKLY_TRIED {
                    return None;
                }
                continue;
            };
            let pairs = values.iter().filter_map(|value| dictionary.find(matcher.name(), value, &mut scratch));
            let series = pairs.map(|pair| dictionary.series_with(pair)).sum();
            most = Some(most.map_or(series, |most| most.min(series)));
        }
        most
    }

    /// The pairs whose value passes `matcher`, which the empty value does not; rising.
    fn pairs_that_pass(&self, matcher: &Matcher) -> Arc<[PairId]> {
        let mut pairs = match matcher.set_values() {
            Some(values) => {
                let (dictionary, mut scratch) = (self.dictionary.read(), Vec::new());
                values.iter().filter_map(|value| dictionary.find(matcher.name(), value, &mut scratch)).collect()
            }
            None if matcher.matches_any_present() => self.pairs_of(matcher.name()),
            None => return self.matchers.pairs(self, matcher),
        };
        pairs.sort_unstable();
        pairs.into()
    }

    /// The pairs of a label, dying ones among them.
    pub(super) fn pairs_of(&self, name: &[u8]) -> Vec<PairId> {
        self.scan(name, 0, None, |_| true).pairs
    }

    /// Tries the values of `name` from the one at `from` on. If the dictionary's generation is not `generation`, from the
    /// first on.
    fn scan(&self, name: &[u8], from: usize, generation: Option<u64>, accept: impl Fn(&[u8]) -> bool) -> Scan {
        let mut scan = Scan { generation, tried: from, pairs: Vec::new() };
        loop {
            let dictionary = self.dictionary.read();
            if scan.generation != Some(dictionary.generation()) {
                scan = Scan { generation: Some(dictionary.generation()), tried: 0, pairs: Vec::new() };
            }
            let pairs = dictionary.find_name(name).map_or(&[] as &[_], |name| dictionary.pairs_of(name));
            let rest = pairs.get(scan.tried..).unwrap_or_default();
            let some = rest.get(..PAIRS_PER_LOCK).unwrap_or(rest);
            scan.pairs.extend(some.iter().copied().filter(|&pair| accept(dictionary.label(pair).value)));
            scan.tried += some.len();
            if some.len() == rest.len() {
                return scan;
            }
        }
    }
}

/// Pairs found among the first `tried` of a label.
struct Scan {
    generation: Option<u64>,
    tried: usize,
    pairs: Vec<PairId>,
}

impl MatcherCache {
    fn pairs(&self, head: &Head, matcher: &Matcher) -> Arc<[PairId]> {
        let known = {
            let mut entries = self.entries.lock();
            let at = entries.iter().position(|found| found.matcher == *matcher);
            at.map(|at| entries.remove(at))
        };
        let (from, generation) = known.as_ref().map_or((0, None), |known| (known.tried, Some(known.generation)));
        let scan = head.scan(matcher.name(), from, generation, |value| matcher.matches(value));
        let generation = scan.generation.unwrap_or_default();
        let pairs = match known {
            Some(known) if known.generation == generation && scan.pairs.is_empty() => known.pairs,
            Some(known) if known.generation == generation => merge(&known.pairs, scan.pairs),
            _ => merge(&[], scan.pairs),
        };
        if pairs.len() <= CACHED_PAIRS {
            let mut entries = self.entries.lock();
            if entries.len() >= CACHED_MATCHERS {
                entries.remove(0);
            }
            entries.push(Found { matcher: matcher.clone(), generation, tried: scan.tried, pairs: pairs.clone() });
        }
        pairs
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *self.entries.lock() = Vec::new();
    }
}

fn merge(known: &[PairId], mut more: Vec<PairId>) -> Arc<[PairId]> {
    more.extend_from_slice(known);
    more.sort_unstable();
    more.into()
}

/// Up to so many numbers are handled as a vector.
const MAX_RISING: usize = 4096;
/// A set of so many times more pairs than there are candidates is held against the labels of each candidate, not the
/// other way round: looking up a list costs about as much as reading the labels of a series.
const PAIRS_PER_CANDIDATE: usize = 4;

impl Plan {
    /// The lines of `shard` that pass, rising. Lines that are not live may be among them.
    pub(super) fn evaluate(&self, shard: &Shard) -> Vec<u32> {
        if self.nothing {
            return Vec::new();
        }
        let single = self.require.partition_point(|pairs| pairs.len() == 1);
        let (single, multiple) = self.require.split_at(single);
        let Some(mut numbers) = all_of(shard, single) else { return Vec::new() };
        for pairs in multiple {
            numbers = match numbers {
                None => Some(union(shard, pairs)),
                Some(mut numbers) if pairs.len() > numbers.len().saturating_mul(PAIRS_PER_CANDIDATE) => {
                    numbers.retain_by_labels(shard, pairs, true);
                    Some(numbers)
                }
                Some(numbers) => Some(numbers.intersect(union(shard, pairs))),
            };
        }
        let mut numbers = numbers.unwrap_or_else(|| Numbers::up_to(shard.lines.len()));
        for pairs in &self.exclude {
            if pairs.len() > numbers.len().saturating_mul(PAIRS_PER_CANDIDATE) {
                numbers.retain_by_labels(shard, pairs, false);
            } else if let [pair] = **pairs {
                shard.postings.get(pair).into_iter().for_each(|list| numbers.subtract_list(list));
            } else {
                numbers.subtract(&union(shard, pairs));
            }
        }
        numbers.into_rising()
    }
}

/// The lines that have all pairs, each a set of its own. `None`: there are none. `Some(None)`: there is no pair.
fn all_of(shard: &Shard, sets: &[Arc<[PairId]>]) -> Option<Option<Numbers>> {
    let lists: Option<Vec<_>> =
        sets.iter().flat_map(|pairs| pairs.iter()).map(|&pair| shard.postings.get(pair)).collect();
    let mut lists = lists?;
    lists.sort_by_key(|list| list.len());
    let mut lists = lists.into_iter();
    let Some(shortest) = lists.next() else { return Some(None) };
    let mut numbers = Numbers::from_list(shortest);
    for list in lists {
        numbers.intersect_list(list);
    }
    Some(Some(numbers))
}

/// The lines that have any of the pairs, which are of one label: no line has two.
fn union(shard: &Shard, pairs: &[PairId]) -> Numbers {
    let lists: Vec<_> = pairs.iter().filter_map(|&pair| shard.postings.get(pair)).collect();
    let total: usize = lists.iter().map(|list| list.len()).sum();
    if total <= MAX_RISING {
        let mut numbers = Vec::with_capacity(total);
        lists.into_iter().for_each(|list| list.for_each(|number| numbers.push(number)));
        numbers.sort_unstable();
        return Numbers::Rising(numbers);
    }
    let mut bits = vec![0_u8; shard.lines.len().div_ceil(8) as usize];
    for list in lists {
        list.for_each(|number| {
            if let Some(byte) = bits.get_mut(number as usize / 8) {
                *byte |= 1 << (number % 8);
            }
        });
    }
    Numbers::Bitmap(RoaringBitmap::from_lsb0_bytes(0, &bits))
}
