//! Where the series of a reference is, and what chunks have of it.

use super::cover_word::{CoverWord, Known};
use crate::head::selection::Located;
use hashbrown::HashMap;
use model::SeriesRef;

/// Series by reference. References are given out one by one, so most lie close together: those are an array. Stray ones are
/// in a map, so that no reference, however large, asks for more than its own memory.
#[derive(Debug, Default)]
pub(super) struct RefTable {
    /// From the first reference that came, less [`BEFORE`].
    base: u64,
    close: Vec<Entry>,
    stray: HashMap<u64, Entry>,
    inserted: usize,
}

/// What is known of a reference.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Located,
    pub(super) cover: CoverWord,
}

/// How many references below the first that came are close.
const BEFORE: u64 = 1 << 12;
/// The array may have so many places for each reference in it.
const PLACES_PER_REFERENCE: usize = 4;
/// And so many in any case.
const FREE_PLACES: usize = 1 << 14;

/// A place in the array that no reference has.
const NOWHERE: Located = Located { shard: u32::MAX, number: u32::MAX };

impl RefTable {
    /// Says where the series of a reference is, and what chunks have of it; the last word counts.
    pub(super) fn insert(&mut self, series: SeriesRef, entry: Entry) {
        if self.inserted == 0 {
            self.base = series.0.saturating_sub(BEFORE);
        }
        let most = self.inserted * PLACES_PER_REFERENCE + FREE_PLACES;
        self.inserted += 1;
        match series.0.checked_sub(self.base).and_then(|at| usize::try_from(at).ok()).filter(|at| *at < most) {
            Some(at) => {
                if at >= self.close.len() {
                    self.close.resize_with(at + 1, || Entry::without_chunks(NOWHERE));
                }
                self.close[at] = entry;
            }
            None => {
                self.stray.insert(series.0, entry);
            }
        }
    }

    /// Where the series of a reference is, if it is known.
    #[inline]
    pub(super) fn get(&self, series: SeriesRef) -> Option<Located> {
        self.entry(series).map(|entry| entry.place)
    }

    /// What is known of a reference, if anything is.
    #[inline(always)]
    pub(super) fn entry(&self, series: SeriesRef) -> Option<&Entry> {
        match self.close.get(self.place_of(series)) {
            Some(entry) if entry.place != NOWHERE => Some(entry),
            _ if self.stray.is_empty() => None,
            _ => self.stray.get(&series.0),
        }
    }

    /// Whether a chunk is known to have the sample of that reference `since_base_ms` after the base of its [`CoverWord`]. There
    /// may be one though it is not known here.
    #[inline(always)]
    pub(super) fn covers(&self, series: SeriesRef, since_base_ms: u64) -> bool {
        // A place that nobody has covers nothing.
        self.close.get(self.place_of(series)).is_some_and(|entry| entry.cover.of(since_base_ms) == Known::Covered)
    }

    /// Where in the array a reference is, if it is close. There is nothing in it before the first came.
    #[inline]
    fn place_of(&self, series: SeriesRef) -> usize {
        series.0.wrapping_sub(self.base) as usize
    }
}

impl Entry {
    /// Of a series at `place` that has no full chunks.
    pub(super) fn without_chunks(place: Located) -> Self {
        Self { place, cover: CoverWord::nothing() }
    }
}

#[cfg(test)]
mod tests;
