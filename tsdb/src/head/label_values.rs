//! Names and values of labels, from dictionary and postings.

use super::dictionary::{PAIRS_PER_LOCK, PairId};
use super::selection::{LABELS_PER_LOCK, View};
use super::shard::Shard;
use model::Matcher;

/// A set of pairs or of lines, one bit each.
#[derive(Debug, Default)]
struct Bits {
    words: Vec<u64>,
}

/// Numbers of lists are read for each line that passed, at most, to strike lines out: such a number costs a tenth of the
/// labels of a line.
const SPARE_NUMBERS: usize = 4;

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

    /// The values of `name` among the series that `matchers` accept, sorted; series younger than the reader may be among them.
    pub(super) fn label_values(&self, name: &[u8], matchers: &[Matcher]) -> Vec<Vec<u8>> {
        let mut pairs = self.head.pairs_of(name);
        if !matchers.is_empty() {
            pairs = self.pairs_of_those(&pairs, matchers);
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

    /// Those of `pairs`, which are of one name, that a series which `matchers` accept has.
    fn pairs_of_those(&self, pairs: &[PairId], matchers: &[Matcher]) -> Vec<PairId> {
        let plan = self.head.plan(matchers);
        let mut wanted = Bits::default();
        pairs.iter().for_each(|&pair| wanted.insert(pair));
        let mut search = Search { wanted, found: Bits::default(), missing: pairs.len() };
        for shard in &self.head.shards {
            let mut lines = Bits::default();
            plan.evaluate(&shard.lock()).into_iter().for_each(|number| lines.insert(number));
            let mut rest = Rest { spare: lines.len() * SPARE_NUMBERS, lines, next: 0 };
            // The lock is given away in between.
            while search.missing > 0 && search.go_on(&shard.lock(), &mut rest) {}
        }
        search.found.iter().collect()
    }
}

/// A search for values: which pairs are looked for, which were found, and how many were not.
struct Search {
    wanted: Bits,
    found: Bits,
    missing: usize,
}

/// The lines of a shard that were not looked at yet.
struct Rest {
    lines: Bits,
    /// The first that may be among them.
    next: u32,
    /// How many numbers of lists may still be read to strike lines out.
    spare: usize,
}

impl Search {
    /// Looks at some lines; `false` if that was the last of them.
    ///
    /// A line that has a wanted pair finds it, and all other lines of that pair have nothing more to tell: most often a value
    /// is of a few series that the matchers accept all or none of, and so what is found is read once and nothing else.
    /// Where a list is longer than what is left to be spared, lines are looked at one by one.
    fn go_on(&mut self, shard: &Shard, rest: &mut Rest) -> bool {
        let mut budget = LABELS_PER_LOCK;
        while let Some(number) = rest.lines.first_from(rest.next) {
            if budget == 0 || self.missing == 0 {
                return true;
            }
            budget -= 1;
            rest.next = number + 1;
            // A line that is not live has no pair.
            let Some(pair) = shard.pairs(number).find(|&pair| self.wanted.contains(pair)) else { continue };
            if !self.found.contains(pair) {
                self.found.insert(pair);
                self.missing -= 1;
            }
            if let Some(list) = shard.postings.get(pair).filter(|list| list.len() <= rest.spare) {
                rest.spare -= list.len();
                budget = budget.saturating_sub(list.len());
                list.for_each(|number| rest.lines.remove(number));
            }
        }
        false
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
    fn remove(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut(number as usize / 64) {
            *word &= !(1 << (number % 64));
        }
    }

    /// How many there are.
    fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The least that is not below `start`.
    #[inline]
    fn first_from(&self, start: u32) -> Option<u32> {
        let mut at = start as usize / 64;
        let mut word = self.words.get(at)? & (u64::MAX << (start % 64));
        while word == 0 {
            at += 1;
            word = *self.words.get(at)?;
        }
        Some(at as u32 * 64 + word.trailing_zeros())
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
