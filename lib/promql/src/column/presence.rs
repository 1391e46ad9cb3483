//! At which steps there is a value.

use smallvec::{SmallVec, smallvec};
use std::ops::Range;

/// A set of steps: a bit for each, or none at all if every step is in it.
#[derive(Debug, Clone)]
pub struct Presence {
    steps: usize,
    /// Empty: every step is in the set. Bits past the last step are 0.
    words: SmallVec<[u64; 2]>,
}

const WORD_BITS: usize = u64::BITS as usize;

impl Presence {
    /// All of `steps` steps.
    pub(crate) fn all(steps: usize) -> Self {
        Self { steps, words: SmallVec::new() }
    }

    /// None of `steps` steps.
    pub(crate) fn none(steps: usize) -> Self {
        Self { steps, words: smallvec![0; steps.div_ceil(WORD_BITS)] }
    }

    /// How many steps there could be.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether every step is known to be in the set.
    pub fn is_all(&self) -> bool {
        self.words.is_empty()
    }

    /// How many steps are in the set.
    pub fn count(&self) -> usize {
        if self.is_all() { self.steps } else { self.words.iter().map(|word| word.count_ones() as usize).sum() }
    }

    /// Whether no step is in the set.
    pub fn is_empty(&self) -> bool {
        if self.is_all() { self.steps == 0 } else { self.words.iter().all(|word| *word == 0) }
    }

    /// Whether `step` is in the set.
    pub fn get(&self, step: usize) -> bool {
        step < self.steps && (self.is_all() || self.words[step / WORD_BITS] >> (step % WORD_BITS) & 1 == 1)
    }

    /// The steps of the set, rising.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let words = self.steps.div_ceil(WORD_BITS);
        (0..words).flat_map(|word| Bits { rest: self.word(word), base: word * WORD_BITS })
    }

    /// The steps of the set, if they follow one another.
    pub(crate) fn as_run(&self) -> Option<Range<usize>> {
        let (first, count) = (self.iter().next()?, self.count());
        (self.rank(first + count) == count).then_some(first..first + count)
    }

    /// How many steps below `step` are in the set.
    pub(crate) fn rank(&self, step: usize) -> usize {
        let (word, bit) = (step / WORD_BITS, step % WORD_BITS);
        if self.is_all() {
            return step.min(self.steps);
        }
        let ones = |word: &u64| word.count_ones() as usize;
        let whole: usize = self.words.iter().take(word).map(ones).sum();
        whole + self.words.get(word).map_or(0, |word| ones(&(word & !(u64::MAX << bit))))
    }

    /// Puts `step`, which is below the number of steps, into the set.
    pub(crate) fn set(&mut self, step: usize) {
        if !self.is_all() {
            set_bit(&mut self.words, step);
        }
    }

    /// The bits, for [`set_bit`]; none if every step is in the set.
    pub(super) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// Notices if every step has been put in.
    pub(crate) fn seal(&mut self) {
        if self.count() == self.steps {
            self.words.clear();
        }
    }

    /// The steps in both sets.
    pub(crate) fn and(&self, other: &Self) -> Self {
        match (self.is_all(), other.is_all()) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => self.zip(other, |a, b| a & b),
        }
    }

    /// The steps in this set that are not in `other`.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        if other.is_all() { Self::none(self.steps) } else { self.zip(other, |a, b| a & !b) }
    }

    /// Adds the steps of `other`.
    pub(crate) fn unite(&mut self, other: &Self) {
        if self.is_all() {
        } else if other.is_all() {
            self.words.clear();
        } else {
            *self = self.zip(other, |a, b| a | b);
            self.seal();
        }
    }

    /// The first step in both sets.
    pub(crate) fn first_common(&self, other: &Self) -> Option<usize> {
        let words = self.steps.min(other.steps).div_ceil(WORD_BITS);
        (0..words).find_map(|word| {
            let common = self.word(word) & other.word(word);
            (common != 0).then(|| word * WORD_BITS + common.trailing_zeros() as usize)
        })
    }

    /// Bytes outside the value itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        if self.words.spilled() { self.words.capacity() * size_of::<u64>() } else { 0 }
    }

    /// Word `word` of the bits, also where they are not stored.
    fn word(&self, word: usize) -> u64 {
        if !self.is_all() {
            return self.words[word];
        }
        match self.steps - word * WORD_BITS {
            left if left >= WORD_BITS => u64::MAX,
            left => (1 << left) - 1,
        }
    }

    fn zip(&self, other: &Self, f: impl Fn(u64, u64) -> u64) -> Self {
        let words = (0..self.steps.div_ceil(WORD_BITS)).map(|word| f(self.word(word), other.word(word))).collect();
        Self { steps: self.steps, words }
    }
}

/// Puts `step` into the set whose bits `words` are.
#[inline]
pub(super) fn set_bit(words: &mut [u64], step: usize) {
    words[step / WORD_BITS] |= 1 << (step % WORD_BITS);
}

/// Puts all of `steps` into the set whose bits `words` are.
pub(super) fn set_bits(words: &mut [u64], steps: Range<usize>) {
    let first = steps.start / WORD_BITS;
    for (at, word) in words.iter_mut().enumerate().take(steps.end.div_ceil(WORD_BITS)).skip(first) {
        // The bits of the word from the first and until the last step.
        let from = steps.start.saturating_sub(at * WORD_BITS);
        let until = (steps.end - at * WORD_BITS).min(WORD_BITS);
        if from < until {
            *word |= u64::MAX << from & u64::MAX >> (WORD_BITS - until);
        }
    }
}

/// The positions of the ones in a word.
struct Bits {
    rest: u64,
    base: usize,
}

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = self.rest.trailing_zeros() as usize;
        (self.rest != 0).then(|| {
            self.rest &= self.rest - 1;
            self.base + bit
        })
    }
}
