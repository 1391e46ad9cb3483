//! The histogram layouts of a shard, each there once however many series have it.

use hashbrown::{DefaultHashBuilder, HashTable};
use model::HistogramLayout;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// The number of a layout.
pub(super) type LayoutId = u32;

/// Layouts by number, counted by who has them.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    entries: Vec<Entry>,
    free: Vec<LayoutId>,
    table: HashTable<LayoutId>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
struct Entry {
    layout: Arc<HistogramLayout>,
    hash: u64,
    references: u32,
}

impl Layouts {
    /// The number of a layout, for one more to have.
    pub(super) fn intern(&mut self, layout: &HistogramLayout) -> LayoutId {
        let hash = self.hash(layout);
        let same =
            |&id: &LayoutId| self.entries[id as usize].hash == hash && *self.entries[id as usize].layout == *layout;
        if let Some(&id) = self.table.find(hash, same) {
            self.entries[id as usize].references += 1;
            return id;
        }
        let entry = Entry { layout: Arc::new(layout.clone()), hash, references: 1 };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as LayoutId
            }
        };
        let entries = &self.entries;
        self.table.insert_unique(hash, id, |&id| entries[id as usize].hash);
        id
    }

    /// One less has the layout of that number.
    pub(super) fn release(&mut self, id: LayoutId) {
        let entry = &mut self.entries[id as usize];
        entry.references -= 1;
        if entry.references > 0 {
            return;
        }
        let hash = entry.hash;
        entry.layout = Arc::default();
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == id) {
            entry.remove();
        }
        self.free.push(id);
    }

    /// The layout of that number.
    pub(super) fn get(&self, id: LayoutId) -> &Arc<HistogramLayout> {
        &self.entries[id as usize].layout
    }

    /// Bytes held, about.
    pub(super) fn size_bytes(&self) -> usize {
        let layouts: usize = self.entries.iter().map(|entry| entry.layout.size_bytes()).sum();
        layouts
            + self.entries.capacity() * size_of::<Entry>()
            + self.free.capacity() * size_of::<LayoutId>()
            + self.table.allocation_size()
    }

    /// Of the bits, as equality is.
    fn hash(&self, layout: &HistogramLayout) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        (layout.schema(), layout.zero_threshold().to_bits()).hash(&mut hasher);
        (layout.positive(), layout.negative()).hash(&mut hasher);
        layout.custom_bounds().iter().for_each(|bound| bound.to_bits().hash(&mut hasher));
        hasher.finish()
    }
}

#[cfg(test)]
mod tests;
