//! Which series a label region means that is not in canonical form.
//!
//! The head knows series by the hash of their canonical region. A sender that writes labels in another order, or sizes with
//! padding, sends another region every time, and always the same one. Here its hash leads to the canonical one, so that
//! labels are parsed and sorted once and not with every request. Senders in canonical form, which is nearly all, never
//! come here.
//!
//! What is remembered is bounded; whoever was not asked for longest, by the clock rule, makes room.

use hashbrown::HashTable;
use model::Fingerprint;

/// From raw to canonical fingerprints.
#[derive(Debug, Default)]
pub(crate) struct WireCache {
    /// Numbers of entries, by raw fingerprint.
    table: HashTable<u32>,
    /// Raw and canonical.
    entries: Vec<(Fingerprint, Fingerprint)>,
    /// Whether the entry at the same place was asked for since the hand passed.
    asked: Vec<bool>,
    /// The entry to be looked at next when room is needed.
    hand: usize,
}

/// So many entries are always allowed.
const MIN_CAPACITY: usize = 64;

impl WireCache {
    /// How many entries a tenant with `series` active series may have: a quarter more than that.
    pub(crate) fn capacity(series: u64) -> usize {
        let series = usize::try_from(series).unwrap_or(usize::MAX);
        series.saturating_add(series / 4).max(MIN_CAPACITY)
    }

    /// The canonical fingerprint of the series that `raw` means.
    pub(crate) fn get(&mut self, raw: Fingerprint) -> Option<Fingerprint> {
        let number = *self.table.find(hash(raw), is(&self.entries, raw))? as usize;
        if let Some(asked) = self.asked.get_mut(number) {
            *asked = true;
        }
        self.entries.get(number).map(|(_, canonical)| *canonical)
    }

    /// Remembers that `raw` means `canonical`; afterwards there are at most `capacity` entries.
    pub(crate) fn insert(&mut self, raw: Fingerprint, canonical: Fingerprint, capacity: usize) {
        if self.table.find(hash(raw), is(&self.entries, raw)).is_some() {
            return;
        }
        self.trim(capacity.max(1) - 1);
        let Ok(number) = u32::try_from(self.entries.len()) else { return };
        self.entries.push((raw, canonical));
        self.asked.push(false);
        let entries = &self.entries;
        self.table.insert_unique(hash(raw), number, |number| hash_at(entries, *number));
    }

    /// Forgets until at most `capacity` entries are left, and gives back memory if much of it is free.
    pub(crate) fn trim(&mut self, capacity: usize) {
        while self.entries.len() > capacity {
            self.forget_one();
        }
        let wanted = 2 * self.entries.len().max(MIN_CAPACITY);
        if self.entries.capacity() > 2 * wanted {
            self.entries.shrink_to(wanted);
            self.asked.shrink_to(wanted);
            let entries = &self.entries;
            self.table.shrink_to(wanted, |number| hash_at(entries, *number));
        }
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Moves the hand over what was asked for since it passed, and takes out what it stops at.
    fn forget_one(&mut self) {
        loop {
            self.hand = if self.hand < self.entries.len() { self.hand } else { 0 };
            match self.asked.get_mut(self.hand) {
                Some(asked @ true) => *asked = false,
                Some(false) => return self.remove(self.hand),
                None => return,
            }
            self.hand += 1;
        }
    }

    /// Takes out one entry; the last one moves to its place.
    fn remove(&mut self, place: usize) {
        let last = self.entries.len() - 1;
        let (raw, _) = self.entries[place];
        if let Ok(entry) = self.table.find_entry(hash(raw), is(&self.entries, raw)) {
            entry.remove();
        }
        if place < last {
            let (moved, _) = self.entries[last];
            let number = u32::try_from(place).unwrap_or(u32::MAX);
            if let Some(entry) = self.table.find_mut(hash(moved), is(&self.entries, moved)) {
                *entry = number;
            }
        }
        self.entries.swap_remove(place);
        self.asked.swap_remove(place);
    }
}

/// Fingerprints are hashes already.
fn hash(fingerprint: Fingerprint) -> u64 {
    fingerprint.0 as u64
}

fn hash_at(entries: &[(Fingerprint, Fingerprint)], number: u32) -> u64 {
    entries.get(number as usize).map_or(0, |(raw, _)| hash(*raw))
}

fn is(entries: &[(Fingerprint, Fingerprint)], raw: Fingerprint) -> impl Fn(&u32) -> bool {
    move |number| entries.get(*number as usize).is_some_and(|(have, _)| *have == raw)
}

#[cfg(test)]
mod tests;
