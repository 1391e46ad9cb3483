//! Names and values of labels, from dictionary and postings.

use super::dictionary::{PAIRS_PER_LOCK, PairId};
use super::select::Plan;
use super::selection::{LABELS_PER_LOCK, View};
use super::shard::Shard;
use model::Matcher;
use parking_lot::Mutex;

/// A set of pairs or of lines, one bit each.
#[derive(Debug, Default)]
struct Bits {
    words: Vec<u64>,
}

/// With so many times fewer series than values, the series' labels are looked at, else the values' lists.
const VALUES_PER_SERIES: usize = 4;

impl View {
    /// The label names of the series that `matchers` accept, of all if there is none; sorted.
    pub(super) fn label_names(&self, matchers: &[Matcher]) -> Vec<Vec<u8>> {
        let mut names: Vec<Vec<u8>> = if matchers.is_empty() {
            self.head.dictionary.read().names().map(<[u8]>::to_vec).collect()
        } else {
            let pairs = self.pairs_among(matchers);
            let dictionary = self.head.dictionary.read();
            let mut names: Vec<u32> = pairs.iter().map(|pair| dictionary.name_of(pair)).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().map(|name| dictionary.name(name).to_vec()).collect()
        };
        names.sort_unstable();
        names
    }

    /// The values of `name` among the series that `matchers` accept, sorted.
    pub(super) fn label_values(&self, name: &[u8], matchers: &[Matcher]) -> Vec<Vec<u8>> {
        let mut pairs = self.head.pairs_of(name);
        if !matchers.is_empty() {
            pairs = self.pairs_of_those(pairs, matchers);
        }
        let mut values = Vec::with_capacity(pairs.len());
        for some in pairs.chunks(PAIRS_PER_LOCK) {
            let dictionary = self.head.dictionary.read();
            let live = some.iter().filter(|&&pair| dictionary.is_live(pair));
            values.extend(live.map(|&pair| dictionary.label(pair).value.to_vec()));
        }
        values.sort_unstable();
        values
    }

    /// All pairs that a series which `matchers` accept has.
    fn pairs_among(&self, matchers: &[Matcher]) -> Bits {
        let plan = self.head.plan(matchers);
        let mut found = Bits::default();
        for shard in &self.head.shards {
            for some in self.numbers(&plan, shard).chunks(LABELS_PER_LOCK) {
                let shard = shard.lock();
                for &number in some.iter().filter(|&&number| self.sees(&shard, number)) {
                    shard.pairs(number).for_each(|pair| found.insert(pair));
                }
            }
        }
        found
    }

    /// Those of `pairs` that a series which `matchers` accept has.
    fn pairs_of_those(&self, pairs: Vec<PairId>, matchers: &[Matcher]) -> Vec<PairId> {
        let plan = self.head.plan(matchers);
        let mut wanted = Bits::default();
        pairs.iter().for_each(|&pair| wanted.insert(pair));
        let mut found = Bits::default();
        // Those that no series was found for yet.
        let mut rest = pairs;
        for shard in &self.head.shards {
            self.find_in_shard(shard, &plan, &wanted, &mut rest, &mut found);
        }
        found.iter().collect()
    }

    fn find_in_shard(
        &self,
        shard: &Mutex<Shard>,
        plan: &Plan,
        wanted: &Bits,
        rest: &mut Vec<PairId>,
        found: &mut Bits,
    ) {
        let numbers = self.numbers(plan, shard);
        if numbers.len() < rest.len() / VALUES_PER_SERIES {
            for some in numbers.chunks(LABELS_PER_LOCK) {
                let shard = shard.lock();
                for &number in some.iter().filter(|&&number| self.sees(&shard, number)) {
                    shard.pairs(number).filter(|&pair| wanted.contains(pair)).for_each(|pair| found.insert(pair));
                }
            }
            return rest.retain(|&pair| !found.contains(pair));
        }
        let mut lines = Bits::default();
        numbers.into_iter().for_each(|number| lines.insert(number));
        let mut kept = Vec::new();
        for some in rest.chunks(PAIRS_PER_LOCK) {
            let shard = shard.lock();
            for &pair in some {
                match shard.postings.get(pair) {
                    Some(list) if list.any(|number| lines.contains(number)) => found.insert(pair),
                    _ => kept.push(pair),
                }
            }
        }
        *rest = kept;
    }
}

impl Bits {
    fn insert(&mut self, number: u32) {
        let word = number as usize / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (number % 64);
    }

    #[inline]
    fn contains(&self, number: u32) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        (0..)
            .zip(&self.words)
            .flat_map(|(index, &word)| (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| index * 64 + bit))
    }
}
