//! What the labels of a series hash to once they are spelled out, known without spelling them.
//!
//! A series is named by the hash of its labels as 1.0 writes them (see [`model::Fingerprinter`]). A request of 2.0 has just
//! references. So each symbol of a request is hashed once; the hashes of a series' symbols, in their order, are mixed;
//! and what was spelled and hashed once is remembered by these. The one follows from the other, whoever sends it and
//! for whatever tenant, so nothing remembered is ever wrong.
//!
//! The mix is a sum of products under keys that depend on the place (as in NH, the hash of UMAC), on two lanes that have
//! nothing in common: two series that differ meet with a chance of about 2^-126, whatever their labels are, as long as the keys are
//! not known. They are drawn from the key of the process.

use hashbrown::HashTable;
use model::{Fingerprint, Fingerprinter};
use parking_lot::Mutex;

/// Remembers fingerprints of series by the hashes of their symbols; one for all requests of a process.
#[derive(Debug)]
pub struct Spellings {
    pub(super) fingerprinter: Fingerprinter,
    pub(super) keys: Keys,
    known: Mutex<Known>,
}

/// Series with more labels than this are spelled each time: hardly any tenant may have them.
const MAX_LABELS: usize = 128;

/// The keys of the mix, four for each place.
#[derive(Debug)]
pub(super) struct Keys(pub(super) Box<[[u64; 4]]>);

/// Pairs of hashes while they are mixed.
#[derive(Debug, Default)]
pub(super) struct Mix {
    mixed: Mixed,
    labels: usize,
}

/// What a series is remembered by: both lanes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mixed(pub(super) [u128; 2]);

/// What is remembered. Entries lie in the order in which they came, which is that in which a sender repeats its series: the
/// next one wanted is nearly always the next one there.
#[derive(Debug)]
struct Known {
    /// Numbers of entries.
    table: HashTable<u32>,
    entries: Vec<(Mixed, Fingerprint)>,
    /// The minute in which each was last asked for.
    asked: Vec<u32>,
    /// How many entries there may be before room must be made.
    room: usize,
    /// How many there may be ever.
    max: usize,
    /// When that was done last.
    swept: Option<u32>,
}

/// Who was not asked for as many minutes makes room.
const IDLE_MINUTES: u32 = 10;
/// At most so many series are remembered; beyond, those that came last are spelled each time. That is about 60 MB.
const MAX_ENTRIES: usize = 1 << 20;
const MIN_ENTRIES: usize = 64;

impl Spellings {
    /// Remembers nothing yet. `fingerprinter` names series.
    pub fn new(fingerprinter: &Fingerprinter) -> Self {
        Self {
            fingerprinter: fingerprinter.clone(),
            keys: Keys::of(fingerprinter),
            known: Mutex::new(Known::new(MAX_ENTRIES)),
        }
    }

    /// How many series are remembered.
    pub fn len(&self) -> usize {
        self.known.lock().entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks up some series: where one is known, `found` is called with its index. `next` is what was found last time, and
    /// where the search begins.
    pub(super) fn look_up(
        &self,
        wanted: &[Option<Mixed>],
        (next, minute): (&mut usize, u32),
        mut found: impl FnMut(usize, Fingerprint),
    ) {
        let mut known = self.known.lock();
        for (index, mixed) in wanted.iter().enumerate() {
            if let Some(fingerprint) = mixed.and_then(|mixed| known.get(mixed, next, minute)) {
                found(index, fingerprint);
            }
        }
    }

    /// Remembers some series.
    pub(super) fn remember(&self, series: impl Iterator<Item = (Mixed, Fingerprint)>, minute: u32) {
        let mut known = self.known.lock();
        series.for_each(|(mixed, fingerprint)| known.insert(mixed, fingerprint, minute));
    }
}

impl Keys {
    fn of(fingerprinter: &Fingerprinter) -> Self {
        let key = |number: usize| {
            let region = [&b"mix"[..], &number.to_le_bytes()].concat();
            let Fingerprint(key) = fingerprinter.of_region(&region);
            [key as u64, (key >> 64) as u64]
        };
        let four = |place: usize| {
            let ([first, second], [third, fourth]) = (key(2 * place), key(2 * place + 1));
            [first, second, third, fourth]
        };
        Self((0..MAX_LABELS).map(four).collect())
    }
}

impl Mix {
    /// Adds the label at the next place, by the hashes of its name and its value.
    pub(super) fn add(&mut self, keys: &Keys, name: [u64; 2], value: [u64; 2]) {
        if let Some(key) = keys.0.get(self.labels) {
            self.mixed.add(key, name, value);
        }
        self.labels += 1;
    }

    /// All of it; `None` if there are too many.
    pub(super) fn finish(&self) -> Option<Mixed> {
        (self.labels <= MAX_LABELS).then_some(self.mixed)
    }
}

impl Mixed {
    /// Adds a label under the key of its place.
    #[inline]
    pub(super) fn add(&mut self, &[one, two, three, four]: &[u64; 4], name: [u64; 2], value: [u64; 2]) {
        let [first, second] = &mut self.0;
        *first = first.wrapping_add(product(name[0].wrapping_add(one), value[0].wrapping_add(two)));
        *second = second.wrapping_add(product(name[1].wrapping_add(three), value[1].wrapping_add(four)));
    }
}

#[inline]
fn product(left: u64, right: u64) -> u128 {
    u128::from(left) * u128::from(right)
}

impl Known {
    fn new(max: usize) -> Self {
        let max = max.max(MIN_ENTRIES);
        Self { table: HashTable::new(), entries: Vec::new(), asked: Vec::new(), room: MIN_ENTRIES, max, swept: None }
    }

    /// The fingerprint of a series, looked for at `next` first; that is then where the one behind it would be.
    #[inline]
    fn get(&mut self, mixed: Mixed, next: &mut usize, minute: u32) -> Option<Fingerprint> {
        let number = match self.entries.get(*next) {
            Some((have, _)) if *have == mixed => *next,
            _ => *self.table.find(hash(mixed), is(&self.entries, mixed))? as usize,
        };
        if let Some(asked) = self.asked.get_mut(number) {
            *asked = minute;
        }
        *next = number + 1;
        self.entries.get(number).map(|(_, fingerprint)| *fingerprint)
    }

    fn insert(&mut self, mixed: Mixed, fingerprint: Fingerprint, minute: u32) {
        if self.table.find(hash(mixed), is(&self.entries, mixed)).is_some() {
            return;
        }
        if self.entries.len() >= self.room {
            self.make_room(minute);
        }
        let Ok(number) = u32::try_from(self.entries.len()) else { return };
        if self.entries.len() < self.room {
            self.entries.push((mixed, fingerprint));
            self.asked.push(minute);
            let entries = &self.entries;
            self.table.insert_unique(hash(mixed), number, |number| hash_at(entries, *number));
        }
    }

    /// Forgets who was not asked for lately; if half of them or more stay, there is to be more room, as far as there may be.
    fn make_room(&mut self, minute: u32) {
        // Looking through all of them is not for every series that finds no room.
        if self.room == self.max && self.swept.replace(minute) == Some(minute) {
            return;
        }
        let is_fresh = |asked: u32| minute.wrapping_sub(asked).cast_signed().unsigned_abs() <= IDLE_MINUTES;
        let mut asked = self.asked.iter();
        self.entries.retain(|_| asked.next().is_some_and(|asked| is_fresh(*asked)));
        self.asked.retain(|asked| is_fresh(*asked));
        self.room = (2 * self.entries.len()).clamp(MIN_ENTRIES, self.max);
        self.entries.shrink_to(self.room);
        self.asked.shrink_to(self.room);
        self.entries.reserve_exact(self.room - self.entries.len());
        self.asked.reserve_exact(self.room - self.asked.len());
        let Self { table, entries, room, .. } = self;
        table.clear();
        table.shrink_to(*room, |_| 0);
        table.reserve(*room, |_| 0);
        for (number, (mixed, _)) in (0u32..).zip(entries.iter()) {
            table.insert_unique(hash(*mixed), number, |number| hash_at(entries, *number));
        }
    }
}

/// What is mixed is a hash already; of a product the upper half has it best.
fn hash(Mixed([first, second]): Mixed) -> u64 {
    (first >> 64) as u64 ^ second as u64
}

fn hash_at(entries: &[(Mixed, Fingerprint)], number: u32) -> u64 {
    entries.get(number as usize).map_or(0, |(mixed, _)| hash(*mixed))
}

fn is(entries: &[(Mixed, Fingerprint)], mixed: Mixed) -> impl Fn(&u32) -> bool {
    move |number| entries.get(*number as usize).is_some_and(|(have, _)| *have == mixed)
}

#[cfg(test)]
mod tests;
