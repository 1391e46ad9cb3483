//! Sets of values.

use super::glob::strip_prefix;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Up to so many values are found by comparing; more are hashed.
const MAX_COMPARED: usize = 2;

/// Values, each once.
#[derive(Debug)]
pub(super) struct ValueSet {
    sorted: Box<[Box<[u8]>]>,
    prefix: Box<[u8]>,
    /// Positions in `sorted`; empty if those are few.
    table: HashTable<u32>,
}

impl ValueSet {
    pub(super) fn new(mut values: Vec<Box<[u8]>>) -> Self {
        values.sort_unstable();
        values.dedup();
        let mut table = HashTable::new();
        if values.len() > MAX_COMPARED {
            table.reserve(values.len(), |_| 0);
            for (position, value) in (0u32..).zip(&values) {
                table.insert_unique(xxh3_64(value), position, |&other| {
                    values.get(other as usize).map_or(0, |value| xxh3_64(value))
                });
            }
        }
        let prefix = match (values.first(), values.last()) {
            // In sorted order, what these two share all share.
            (Some(first), Some(last)) => super::filter::common_prefix([&**first, &**last].into_iter()),
            _ => Box::default(),
        };
        Self { sorted: values.into(), prefix, table }
    }

    pub(super) fn contains(&self, value: &[u8]) -> bool {
        if value.is_empty() {
            return self.sorted.first().is_some_and(|first| first.is_empty());
        }
        if self.table.is_empty() {
            return self.sorted.iter().any(|have| **have == *value);
        }
        let is_it = |&position: &u32| self.sorted.get(position as usize).is_some_and(|have| **have == *value);
        strip_prefix(value, &self.prefix).is_some() && self.table.find(xxh3_64(value), is_it).is_some()
    }

    pub(super) fn sorted(&self) -> &[Box<[u8]>] {
        &self.sorted
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.sorted.iter().map(|value| size_of::<Box<[u8]>>() + value.len()).sum()
    }

    /// What all values begin with.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }
}
