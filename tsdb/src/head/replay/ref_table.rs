//! Where the series of a reference is.

use crate::head::selection::Located;
use hashbrown::HashMap;
use model::SeriesRef;

/// Series by reference. References are given out one by one, so most lie close together: those are an array. Stray ones are
/// in a map, so that no reference, however large, asks for more than its own memory.
#[derive(Debug, Default)]
pub(super) struct RefTable {
    /// From the first reference that came, less [`BEFORE`].
    base: Option<u64>,
    close: Vec<Located>,
    stray: HashMap<u64, Located>,
    inserted: usize,
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
    /// Says where the series of a reference is; the last word counts.
    pub(super) fn insert(&mut self, series: SeriesRef, place: Located) {
        let base = *self.base.get_or_insert(series.0.saturating_sub(BEFORE));
        let most = self.inserted * PLACES_PER_REFERENCE + FREE_PLACES;
        self.inserted += 1;
        match series.0.checked_sub(base).and_then(|at| usize::try_from(at).ok()).filter(|at| *at < most) {
            Some(at) => {
                if at >= self.close.len() {
                    self.close.resize(at + 1, NOWHERE);
                }
                self.close[at] = place;
            }
            None => {
                self.stray.insert(series.0, place);
            }
        }
    }

    /// Where the series of a reference is, if it is known.
    #[inline]
    pub(super) fn get(&self, series: SeriesRef) -> Option<Located> {
        match self.close.get(self.place_of(series)) {
            Some(&place) if place != NOWHERE => Some(place),
            _ if self.stray.is_empty() => None,
            _ => self.stray.get(&series.0).copied(),
        }
    }

    /// Where in the array a reference is, if it is close.
    #[inline]
    fn place_of(&self, series: SeriesRef) -> usize {
        self.base.map_or(usize::MAX, |base| series.0.wrapping_sub(base) as usize)
    }
}

#[cfg(test)]
mod tests;
