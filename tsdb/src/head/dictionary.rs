//! Label pairs by number: what label sets, postings and matchers of a head are made of.
//!
//! Each distinct (name, value) pair has one u32 and lies packed once, as [`LabelsRef`] packs a label; the packed label set
//! of a series is its pairs' bytes one after the other. Beside that stands, per name, the list of its values, over which
//! matchers run.
//!
//! Pairs are counted by the series that have them. One that no series has any longer is *dying*; its number is given out
//! again once every reader that may still hold it is gone (see [`Epochs`](super::epoch::Epochs)). So the dictionary of a
//! head with churn holds what is live and what readers may still see.
//!
//! The dictionary also hands out series references, so that whoever reads the next one under its lock knows: series
//! below it have all their pairs here, series from it on came later.

use super::arena::Arena;
use super::slab::{Slab, Slot, Use};
use hashbrown::{DefaultHashBuilder, HashTable};
use model::{Label, LabelsRef, SeriesRef};
use std::collections::VecDeque;
use std::hash::BuildHasher;

/// The number of a pair.
pub(super) type PairId = u32;

/// All pairs and names of a head.
#[derive(Debug)]
pub(super) struct Dictionary {
    text: Slab,
    pairs: Arena<Pair>,
    table: HashTable<PairId>,
    names: Vec<Name>,
    name_table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    free_pairs: Vec<PairId>,
    free_names: Vec<u32>,
    dying: VecDeque<Dying>,
    next_reference: u64,
    version: u64,
    generation: u64,
}

/// One pair.
#[derive(Debug, Clone, Copy)]
struct Pair {
    hash: u32,
    text: Slot,
    text_bytes: u32,
    name: u32,
    /// Series that have it.
    references: u32,
    /// Where it stands in the list of its name.
    place: u32,
    /// The epoch in which the last series left it, if none has it now.
    died: u32,
}

/// One label name.
#[derive(Debug, Default)]
struct Name {
    text: Box<[u8]>,
    /// Its pairs, in no order.
    pairs: Vec<PairId>,
}

/// A pair that no series had at the end of an epoch.
#[derive(Debug, Clone, Copy)]
struct Dying {
    epoch: u32,
    pair: PairId,
}

/// The label set interned last, so that labels which the next one shares are compared, not looked up: series of one target
/// come one after the other. Good only while the dictionary's lock is held, or while no pair goes.
#[derive(Debug, Default)]
pub(super) struct InternMemo {
    packed: Vec<u8>,
    labels: Vec<(u32, PairId)>,
}

/// The name of a number that is not given out.
const NO_NAME: u32 = u32::MAX;

/// How many pairs are freed or scanned while the dictionary's lock is held once.
pub(super) const PAIRS_PER_LOCK: usize = 1024;

impl InternMemo {
    /// To be called when the lock was taken.
    pub(super) fn forget(&mut self) {
        self.labels.clear();
    }
}

impl Dictionary {
    /// An empty dictionary that hands out references from `first_reference` on.
    pub(super) fn new(first_reference: u64) -> Self {
        Self {
            text: Slab::default(),
            pairs: Arena::default(),
            table: HashTable::new(),
            names: Vec::new(),
            name_table: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            free_pairs: Vec::new(),
            free_names: Vec::new(),
            dying: VecDeque::new(),
            next_reference: first_reference,
            version: 0,
            generation: 0,
        }
    }

    /// The reference that the next series gets.
    pub(super) fn next_reference(&self) -> SeriesRef {
        SeriesRef(self.next_reference)
    }

    /// Hands out a reference. To be called after the series' labels were interned, under the same lock.
    pub(super) fn take_reference(&mut self) -> SeriesRef {
        let reference = SeriesRef(self.next_reference);
        self.next_reference += 1;
        reference
    }

    /// Sees to it that later references are above `reference`.
    pub(super) fn pass_reference(&mut self, reference: SeriesRef) {
        self.next_reference = self.next_reference.max(reference.0.saturating_add(1));
    }

    /// Counts one more series with `labels` and appends the numbers of its pairs to `ids`, in order of names.
    pub(super) fn intern(&mut self, labels: LabelsRef<'_>, memo: &mut InternMemo, ids: &mut Vec<PairId>) {
        let first = ids.len();
        let mut before = 0;
        for (index, text) in pair_texts(labels).enumerate() {
            let shared = memo.labels.get(index).filter(|(end, _)| memo.packed.get(before..*end as usize) == Some(text));
            let pair = match shared {
                Some(&(_, pair)) => pair,
                None => self.find_or_add(text),
            };
            before = memo.labels.get(index).map_or(usize::MAX, |(end, _)| *end as usize);
            self.pairs[pair].references += 1;
            ids.push(pair);
        }
        memo.packed.clear();
        memo.packed.extend_from_slice(labels.as_packed());
        memo.labels.clear();
        let mut end = 0;
        for &pair in &ids[first..] {
            end += self.pairs[pair].text_bytes;
            memo.labels.push((end, pair));
        }
    }

    /// Counts one more series, of `count` labels, and appends the numbers of its pairs to `ids`. `pair_before` knows the pairs
    /// of labels that are those of another series, which is counted; the others are the `texts`, in order.
    pub(super) fn intern_alike<'t>(
        &mut self,
        count: usize,
        pair_before: impl Fn(&[PairId], usize) -> Option<PairId>,
        mut texts: impl Iterator<Item = &'t [u8]>,
        ids: &mut Vec<PairId>,
    ) {
        for index in 0..count {
            let before = pair_before(ids, index);
            let Some(pair) = before.or_else(|| texts.next().map(|text| self.find_or_add(text))) else { break };
            self.pairs[pair].references += 1;
            ids.push(pair);
        }
    }

    /// Counts one series less with these pairs; those that none has any longer die in `epoch`.
    pub(super) fn release(&mut self, ids: &[PairId], epoch: u32) {
        for &id in ids {
            let pair = &mut self.pairs[id];
            pair.references -= 1;
            if pair.references == 0 {
                pair.died = epoch;
                self.dying.push_back(Dying { epoch, pair: id });
            }
        }
    }

    /// Frees at most [`PAIRS_PER_LOCK`] pairs that died before epoch `oldest`, the oldest one a reader may still be in.
    /// Says whether there may be more.
    pub(super) fn reclaim(&mut self, oldest: u32) -> bool {
        for _ in 0..PAIRS_PER_LOCK {
            let Some(dying) = self.dying.pop_front_if(|dying| dying.epoch < oldest) else { return false };
            let pair = self.pairs[dying.pair];
            // It may have come to life again, and died again later.
            if pair.references == 0 && pair.died == dying.epoch {
                self.remove(dying.pair);
            }
        }
        true
    }

    /// The pair (`name`, `value`), if a series has or had it; `scratch` is overwritten.
    pub(super) fn find(&self, name: &[u8], value: &[u8], scratch: &mut Vec<u8>) -> Option<PairId> {
        scratch.clear();
        pack_string(name, scratch);
        pack_string(value, scratch);
        self.find_text(scratch, self.hash(scratch))
    }

    /// The number of a name, good until [`Dictionary::generation`] changes.
    pub(super) fn find_name(&self, name: &[u8]) -> Option<u32> {
        self.name_table.find(expand(self.hash(name)), |&id| &*self.names[id as usize].text == name).copied()
    }

    /// The names in use, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        let in_use = |name: &&Name| name.pairs.iter().any(|&pair| self.pairs[pair].references > 0);
        self.names.iter().filter(in_use).map(|name| &*name.text)
    }

    /// The text of a name.
    pub(super) fn name(&self, name: u32) -> &[u8] {
        self.names.get(name as usize).map_or(&[], |name| &name.text)
    }

    /// The pairs of a name, in no order; dying ones are among them. Grows at its end while the generation stays.
    pub(super) fn pairs_of(&self, name: u32) -> &[PairId] {
        self.names.get(name as usize).map_or(&[], |name| &name.pairs)
    }

    /// Whether there is a pair of that number.
    pub(super) fn is_used(&self, pair: PairId) -> bool {
        self.pairs[pair].name != NO_NAME
    }

    /// Whether a series has that pair.
    pub(super) fn is_live(&self, pair: PairId) -> bool {
        self.pairs[pair].references > 0
    }

    /// How many series have that pair.
    pub(super) fn series_with(&self, pair: PairId) -> u64 {
        u64::from(self.pairs[pair].references)
    }

    /// The number of the name of a pair.
    pub(super) fn name_of(&self, pair: PairId) -> u32 {
        self.pairs[pair].name
    }

    /// Name and value of a pair.
    pub(super) fn label(&self, pair: PairId) -> Label<'_> {
        let text = LabelsRef::from_packed_unchecked(self.packed(pair));
        text.iter().next().unwrap_or(Label { name: &[], value: &[] })
    }

    /// A pair as [`LabelsRef`] packs it.
    pub(super) fn packed(&self, pair: PairId) -> &[u8] {
        let pair = &self.pairs[pair];
        self.text.bytes(pair.text, pair.text_bytes as usize)
    }

    /// How many numbers are given out, free ones among them.
    pub(super) fn numbers(&self) -> u32 {
        self.pairs.len()
    }

    /// How many pairs there are, dying ones among them.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Rises with every pair added or freed.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Rises when pairs were freed: lists of values have other places, numbers of names may mean something else.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Bytes held, about.
    pub(super) fn size_bytes(&self) -> usize {
        let lists: usize = self.names.iter().map(|name| name.text.len() + name.pairs.capacity() * 4).sum();
        self.text.capacity_bytes()
            + self.pairs.capacity_bytes()
            + self.table.allocation_size()
            + self.name_table.allocation_size()
            + self.names.capacity() * size_of::<Name>()
            + lists
            + (self.free_pairs.capacity() + self.free_names.capacity()) * 4
            + self.dying.capacity() * size_of::<Dying>()
    }

    fn hash(&self, bytes: &[u8]) -> u32 {
        self.hasher.hash_one(bytes) as u32
    }

    fn find_text(&self, text: &[u8], hash: u32) -> Option<PairId> {
        let same = |&id: &PairId| self.pairs[id].hash == hash && self.packed(id) == text;
        self.table.find(expand(hash), same).copied()
    }

    fn find_or_add(&mut self, text: &[u8]) -> PairId {
        let hash = self.hash(text);
        match self.find_text(text, hash) {
            Some(pair) => pair,
            None => self.add(text, hash),
        }
    }

    fn add(&mut self, text: &[u8], hash: u32) -> PairId {
        let label = LabelsRef::from_packed_unchecked(text).iter().next();
        let name = self.find_or_add_name(label.map_or(&[], |label| label.name));
        let slot = self.text.allocate(Use::List, text.len());
        self.text.bytes_mut(slot, text.len()).copy_from_slice(text);
        let place = self.names[name as usize].pairs.len() as u32;
        let pair = Pair { hash, text: slot, text_bytes: text.len() as u32, name, references: 0, place, died: u32::MAX };
        let id = match self.free_pairs.pop() {
            Some(id) => {
                self.pairs[id] = pair;
                id
            }
            None => self.pairs.push(pair),
        };
        self.names[name as usize].pairs.push(id);
        let pairs = &self.pairs;
        self.table.insert_unique(expand(hash), id, |&id| expand(pairs[id].hash));
        self.version += 1;
        id
    }

    fn find_or_add_name(&mut self, text: &[u8]) -> u32 {
        if let Some(name) = self.find_name(text) {
            return name;
        }
        let name = Name { text: text.into(), pairs: Vec::new() };
        let id = match self.free_names.pop() {
            Some(id) => {
                self.names[id as usize] = name;
                id
            }
            None => {
                self.names.push(name);
                (self.names.len() - 1) as u32
            }
        };
        let hash = expand(self.hash(text));
        let (names, hasher) = (&self.names, &self.hasher);
        let rehash = |&id: &u32| expand(hasher.hash_one(&*names[id as usize].text) as u32);
        self.name_table.insert_unique(hash, id, rehash);
        id
    }

    /// Frees a pair that no series has.
    fn remove(&mut self, id: PairId) {
        let pair = self.pairs[id];
        if let Ok(entry) = self.table.find_entry(expand(pair.hash), |&other| other == id) {
            entry.remove();
        }
        self.text.free(pair.text, pair.text_bytes as usize);
        self.pairs[id].name = NO_NAME;
        let list = &mut self.names[pair.name as usize].pairs;
        list.swap_remove(pair.place as usize);
        if let Some(&moved) = list.get(pair.place as usize) {
            self.pairs[moved].place = pair.place;
        }
        if list.is_empty() {
            self.remove_name(pair.name);
        }
        self.free_pairs.push(id);
        self.version += 1;
        self.generation += 1;
    }

    fn remove_name(&mut self, id: u32) {
        let hash = expand(self.hash(&self.names[id as usize].text));
        if let Ok(entry) = self.name_table.find_entry(hash, |&other| other == id) {
            entry.remove();
        }
        self.names[id as usize] = Name::default();
        self.free_names.push(id);
    }
}

/// What a table is given for a 32-bit hash: it takes the tag from the top and the place from the bottom.
fn expand(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// The bytes of each label of a packed label set.
pub(super) fn pair_texts(labels: LabelsRef<'_>) -> impl Iterator<Item = &[u8]> {
    let packed = labels.as_packed();
    let mut start = 0;
    labels.iter().map_while(move |label| {
        // The value ends the label, and it is part of `packed`.
        let end = (label.value.as_ptr().addr() - packed.as_ptr().addr()) + label.value.len();
        packed.get(std::mem::replace(&mut start, end)..end)
    })
}

/// Appends a string as [`LabelsRef`] packs it. Strings it could not hold occur in no label set; any bytes do for them.
fn pack_string(string: &[u8], out: &mut Vec<u8>) {
    let [size, mid, high, ..] = (string.len() as u64).to_le_bytes();
    if string.len() < 0xff {
        out.push(size);
    } else {
        out.extend_from_slice(&[0xff, size, mid, high]);
    }
    out.extend_from_slice(string);
}
