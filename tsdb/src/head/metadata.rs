//! What was last said of the metric of each series: kind, unit and help.
//!
//! Series of one metric say the same, so texts are interned, per shard; a series that has one costs an entry of a map, and one
//! that has none costs nothing.

use super::Head;
use super::slab::{Slab, Slot, Use};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use model::{LabelsRef, MetadataRef, MetricKind, SeriesRef};
use std::hash::BuildHasher;

/// The metadata of a shard's series.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    of: HashMap<u32, u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    table: HashTable<u32>,
    text: Slab,
    hasher: DefaultHashBuilder,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    /// Unit, then help.
    text: Slot,
    unit_bytes: u32,
    text_bytes: u32,
    kind: MetricKind,
    /// Series that have it.
    references: u32,
}

impl Metadata {
    /// Says something of the series on line `number`. `false`: nothing new.
    pub(super) fn set(&mut self, number: u32, said: MetadataRef<'_>) -> bool {
        let before = self.of.get(&number).copied();
        if before.is_some_and(|id| self.entry(id) == said) {
            return false;
        }
        let id = self.intern(said);
        self.of.insert(number, id);
        if let Some(before) = before {
            self.release(before);
        }
        true
    }

    /// What was last said of a series.
    pub(super) fn get(&self, number: u32) -> Option<MetadataRef<'_>> {
        self.of.get(&number).map(|&id| self.entry(id))
    }

    /// Forgets what was said of a series.
    pub(super) fn remove(&mut self, number: u32) {
        if self.of.is_empty() {
            return;
        }
        if let Some(id) = self.of.remove(&number) {
            self.release(id);
        }
    }

    /// Bytes held, about.
    pub(super) fn size_bytes(&self) -> usize {
        self.of.allocation_size()
            + self.entries.capacity() * size_of::<Entry>()
            + self.free.capacity() * 4
            + self.table.allocation_size()
            + self.text.capacity_bytes()
    }

    fn entry(&self, id: u32) -> MetadataRef<'_> {
        let entry = &self.entries[id as usize];
        let text = self.text.bytes(entry.text, entry.text_bytes as usize);
        let (unit, help) = text.split_at(entry.unit_bytes as usize);
        MetadataRef { kind: entry.kind, unit, help }
    }

    fn intern(&mut self, said: MetadataRef<'_>) -> u32 {
        let hash = self.hasher.hash_one((said.kind, said.unit, said.help));
        let same = |&id: &u32| self.entries[id as usize].hash == hash && self.entry(id) == said;
        if let Some(&id) = self.table.find(hash, same) {
            self.entries[id as usize].references += 1;
            return id;
        }
        let text_bytes = said.unit.len() + said.help.len();
        let text = self.text.allocate(Use::List, text_bytes);
        let (unit, help) = self.text.bytes_mut(text, text_bytes).split_at_mut(said.unit.len());
        unit.copy_from_slice(said.unit);
        help.copy_from_slice(said.help);
        let entry = Entry {
            hash,
            text,
            unit_bytes: said.unit.len() as u32,
            text_bytes: text_bytes as u32,
            kind: said.kind,
            references: 1,
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        let entries = &self.entries;
        self.table.insert_unique(hash, id, |&id| entries[id as usize].hash);
        id
    }

    fn release(&mut self, id: u32) {
        let entry = &mut self.entries[id as usize];
        entry.references -= 1;
        if entry.references > 0 {
            return;
        }
        let Entry { hash, text, text_bytes, .. } = *entry;
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == id) {
            entry.remove();
        }
        self.text.free(text, text_bytes as usize);
        self.free.push(id);
    }
}

impl Head {
    /// Hands what was last said of each series to `visit`, with its reference and labels; in no order. A series without is left
    /// out. What is said while this runs may be left out.
    pub fn for_each_metadata(&self, mut visit: impl FnMut(SeriesRef, LabelsRef<'_>, MetadataRef<'_>)) {
        // Pairs stay what they are until their text was copied.
        let _pin = self.epochs.pin(i64::MAX);
        let (mut said, mut text, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for shard in &self.shards {
            let numbers: Vec<u32> = shard.lock().metadata.of.keys().copied().collect();
            for some in numbers.chunks(SERIES_PER_LOCK) {
                said.clear();
                text.clear();
                let shard = shard.lock();
                for &number in some {
                    let Some(MetadataRef { kind, unit, help }) = shard.metadata.get(number) else { continue };
                    text.extend_from_slice(unit);
                    let unit_end = text.len();
                    text.extend_from_slice(help);
                    let pairs: Vec<_> = shard.pairs(number).collect();
                    said.push((shard.lines[number].reference(), pairs, kind, unit_end, text.len()));
                }
                drop(shard);
                let mut start = 0;
                for (series, pairs, kind, unit_end, end) in &said {
                    labels.clear();
                    {
                        let dictionary = self.dictionary.read();
                        pairs.iter().for_each(|&pair| labels.extend_from_slice(dictionary.packed(pair)));
                    }
                    let (unit, help) = (&text[start..*unit_end], &text[*unit_end..*end]);
                    start = *end;
                    let said = MetadataRef { kind: *kind, unit, help };
                    visit(*series, LabelsRef::from_packed_unchecked(&labels), said);
                }
            }
        }
    }
}

/// How many series are copied while a shard is locked once.
const SERIES_PER_LOCK: usize = 1024;

#[cfg(test)]
mod tests;
