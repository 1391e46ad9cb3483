//! Which series have a label pair: for each pair a list of line numbers, rising.
//!
//! Lists have three forms, by length: up to two numbers stand in the table's entry; up to [`MAX_VECTOR`] are distances in
//! varints; longer ones are roaring bitmaps. Numbers rise as series are created, so lists grow at their end. Only a number
//! that is used again belongs further in front: a varint list keeps such ones aside and merges them when there are many.
//!
//! Series of one target come one after the other and differ in few pairs. So what a new series shares with the one before
//! only makes a run of numbers longer, and lists get whole runs when the shard's lock is about to be let go.

use super::arena::Arena;
use super::dictionary::PairId;
use hashbrown::HashTable;
use roaring::RoaringBitmap;
use std::ops::RangeInclusive;

/// The lists of a shard.
#[derive(Debug, Default)]
pub(super) struct Postings {
    table: HashTable<Entry>,
    long: Arena<Long>,
    free_long: Vec<u32>,
    /// What the lists do not have yet, by the place of the pair in its label set.
    runs: Vec<Run>,
}

/// Lines one after the other that have `pair`.
#[derive(Debug, Clone, Copy)]
struct Run {
    pair: PairId,
    first: u32,
    last: u32,
}

/// The longest list in varints.
const MAX_VECTOR: usize = 4096;
/// A bitmap that shrinks to this becomes varints again.
const MIN_BITMAP: u64 = 2048;
/// How many numbers a varint list keeps aside.
const MAX_ASIDE: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Entry {
    pair: PairId,
    list: List,
}

/// A list, or where it is.
#[derive(Debug, Clone, Copy)]
enum List {
    One(u32),
    Two([u32; 2]),
    Long(u32),
}

#[derive(Debug)]
enum Long {
    Free,
    Vector(Vector),
    Bitmap(RoaringBitmap),
}

/// Numbers as varints of the distance to the one before (the first: to 0), and some that came late.
#[derive(Debug, Default, Clone)]
pub(super) struct Vector {
    varints: Vec<u8>,
    count: u32,
    last: u32,
    /// Rising; below `last`.
    aside: Vec<u32>,
}

/// A list to be read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Posting<'a> {
    Few([u32; 2], usize),
    Vector(&'a Vector),
    Bitmap(&'a RoaringBitmap),
}

impl Postings {
    /// Adds line `number`, which no list has yet, to the lists of `pairs`. They have it once these are [settled](Self::settle).
    pub(super) fn add(&mut self, pairs: &[PairId], number: u32) {
        for (place, &pair) in pairs.iter().enumerate() {
            let new = Run { pair, first: number, last: number };
            match self.runs.get_mut(place) {
                Some(run) if run.pair == pair && run.last.checked_add(1) == Some(number) => run.last = number,
                Some(run) => {
                    let ended = std::mem::replace(run, new);
                    self.add_run(ended);
                }
                None => self.runs.push(new),
            }
        }
    }

    /// Gives the lists what they lack. To be called before anybody else sees them.
    pub(super) fn settle(&mut self) {
        for at in 0..self.runs.len() {
            self.add_run(self.runs[at]);
        }
        self.runs.clear();
    }

    fn add_run(&mut self, run: Run) {
        let Self { table, long, free_long, .. } = self;
        let entry = table.entry(hash(run.pair), |entry| entry.pair == run.pair, |entry| hash(entry.pair));
        let (mut entry, mut numbers) = match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => (entry, run.first..=run.last),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let entry = entry.insert(Entry { pair: run.pair, list: List::One(run.first) });
                (entry, run.first + 1..=run.last)
            }
        };
        let list = &mut entry.get_mut().list;
        while let (List::One(_) | List::Two(_), Some(number)) = (*list, numbers.clone().next()) {
            list.add(number, long, free_long);
            numbers.next();
        }
        if let List::Long(at) = *list {
            long[at].add(numbers);
        }
    }

    /// The list of `pair`, if any series has it.
    pub(super) fn get(&self, pair: PairId) -> Option<Posting<'_>> {
        let entry = self.table.find(hash(pair), |entry| entry.pair == pair)?;
        Some(match entry.list {
            List::One(one) => Posting::Few([one, one], 1),
            List::Two(two) => Posting::Few(two, 2),
            List::Long(at) => match &self.long[at] {
                Long::Free => Posting::Few([0, 0], 0),
                Long::Vector(vector) => Posting::Vector(vector),
                Long::Bitmap(bitmap) => Posting::Bitmap(bitmap),
            },
        })
    }

    /// Takes `gone` out of the list of `pair`. Says how many numbers were looked at.
    pub(super) fn remove(&mut self, pair: PairId, gone: &RoaringBitmap) -> usize {
        let Some(posting) = self.get(pair) else { return 0 };
        let looked_at = posting.len();
        let mut kept = Vec::new();
        if let Posting::Bitmap(bitmap) = posting {
            let rest = bitmap - gone;
            if rest.len() > MIN_BITMAP {
                self.replace(pair, Long::Bitmap(rest));
                return looked_at;
            }
            kept.extend(rest);
        } else {
            posting.for_each(|number| {
                if !gone.contains(number) {
                    kept.push(number);
                }
            });
        }
        self.replace(pair, Long::Vector(Vector::from_rising(kept)));
        looked_at
    }

    /// Bytes held, about.
    pub(super) fn size_bytes(&self) -> usize {
        let long: usize = self.long.iter().map(Long::size_bytes).sum();
        self.table.allocation_size() + self.long.capacity_bytes() + long + self.free_long.capacity() * 4
    }

    /// Gives `pair` the list `with`, in the form that its length asks for.
    fn replace(&mut self, pair: PairId, with: Long) {
        let Ok(mut entry) = self.table.find_entry(hash(pair), |entry| entry.pair == pair) else { return };
        let list = entry.get().list;
        let few = match &with {
            Long::Vector(vector) if vector.len() <= 2 => Some(vector.decode()),
            _ => None,
        };
        match (few.as_deref(), list) {
            (None, List::Long(at)) => {
                self.long[at] = with;
                return;
            }
            // Lists only shrink here.
            (None, _) => return,
            (Some(&[one]), _) => entry.get_mut().list = List::One(one),
            (Some(&[low, high]), _) => entry.get_mut().list = List::Two([low, high]),
            (Some(_), _) => {
                entry.remove();
            }
        }
        if let List::Long(at) = list {
            self.long[at] = Long::Free;
            self.free_long.push(at);
        }
    }
}

impl List {
    /// Adds one number to a list of one or two.
    fn add(&mut self, number: u32, long: &mut Arena<Long>, free_long: &mut Vec<u32>) {
        match *self {
            Self::One(one) => *self = Self::Two([one.min(number), one.max(number)]),
            Self::Two([low, high]) => {
                let mut three = [low, high, number];
                three.sort_unstable();
                let vector = Long::Vector(Vector::from_rising(three));
                *self = Self::Long(match free_long.pop() {
                    Some(at) => {
                        long[at] = vector;
                        at
                    }
                    None => long.push(vector),
                });
            }
            Self::Long(at) => long[at].add(number..=number),
        }
    }
}

impl Long {
    fn add(&mut self, numbers: RangeInclusive<u32>) {
        match self {
            Self::Free => *self = Self::Vector(Vector::from_rising(numbers)),
            Self::Vector(vector) => {
                vector.add_run(numbers);
                if vector.len() > MAX_VECTOR {
                    *self = Self::Bitmap(vector.decode().into_iter().collect());
                }
            }
            Self::Bitmap(bitmap) => {
                bitmap.insert_range(numbers);
            }
        }
    }

    fn size_bytes(&self) -> usize {
        match self {
            Self::Free => 0,
            Self::Vector(vector) => vector.varints.capacity() + vector.aside.capacity() * 4,
            Self::Bitmap(bitmap) => bitmap.serialized_size(),
        }
    }
}

impl Vector {
    fn from_rising(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut vector = Self::default();
        for number in numbers {
            vector.push(number);
        }
        vector
    }

    /// Adds numbers one after the other: mostly above all others, and then all but the first take a byte that is known.
    fn add_run(&mut self, numbers: RangeInclusive<u32>) {
        if numbers.is_empty() {
            return;
        }
        let (first, last) = numbers.into_inner();
        if first <= self.last && self.count > 0 {
            return (first..=last).for_each(|number| self.add(number));
        }
        self.push(first);
        let rest = (last - first) as usize;
        self.reserve(rest);
        self.varints.resize(self.varints.len() + rest, 1);
        self.last = last;
        self.count += rest as u32;
    }

    fn add(&mut self, number: u32) {
        if number > self.last || self.count == 0 {
            return self.push(number);
        }
        let at = self.aside.partition_point(|&other| other < number);
        self.aside.insert(at, number);
        if self.aside.len() > MAX_ASIDE {
            *self = Self::from_rising(self.decode());
        }
    }

    /// Appends a number above all others.
    fn push(&mut self, number: u32) {
        let mut rest = number - self.last;
        let mut varint = [0; 5];
        let mut size = 0;
        for byte in &mut varint {
            *byte = (rest & 0x7f) as u8 | 0x80;
            rest >>= 7;
            size += 1;
            if rest == 0 {
                *byte &= 0x7f;
                break;
            }
        }
        self.reserve(size);
        self.varints.extend_from_slice(&varint[..size]);
        self.last = number;
        self.count += 1;
    }

    fn reserve(&mut self, bytes: usize) {
        if self.varints.capacity() - self.varints.len() < bytes {
            // A quarter more, not twice as much.
            self.varints.reserve_exact((self.varints.len() / 4).max(8).max(bytes));
        }
    }

    fn len(&self) -> usize {
        self.count as usize + self.aside.len()
    }

    fn decode(&self) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(self.len());
        self.for_each(|number| numbers.push(number));
        numbers
    }

    /// Hands out the numbers, rising.
    fn for_each(&self, mut take: impl FnMut(u32)) {
        let (mut number, mut shift, mut distance) = (0, 0, 0_u32);
        let mut aside = self.aside.iter().copied().peekable();
        for &byte in &self.varints {
            distance |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 != 0 {
                continue;
            }
            number += distance;
            while let Some(late) = aside.next_if(|&late| late < number) {
                take(late);
            }
            take(number);
            (shift, distance) = (0, 0);
        }
    }
}

impl Posting<'_> {
    /// How many numbers it holds.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Few(_, count) => count,
            Self::Vector(vector) => vector.len(),
            Self::Bitmap(bitmap) => bitmap.len() as usize,
        }
    }

    /// Hands out the numbers, rising.
    pub(super) fn for_each(self, mut take: impl FnMut(u32)) {
        match self {
            Self::Few(few, count) => few.iter().take(count).for_each(|&number| take(number)),
            Self::Vector(vector) => vector.for_each(take),
            Self::Bitmap(bitmap) => bitmap.iter().for_each(take),
        }
    }
}

fn hash(pair: PairId) -> u64 {
    // Numbers are given out in order: an odd factor spreads them over the whole word.
    u64::from(pair).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests;
