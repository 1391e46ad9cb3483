//! Changes to packed label sets, made by copying bytes: no label is taken out and put back.

#[cfg(test)]
mod tests;

use hashbrown::{DefaultHashBuilder, HashTable};
use model::{Label, Labels, LabelsRef, METRIC_NAME};
use std::cmp::Ordering;
use std::hash::BuildHasher;

/// Sizes below this are one byte in the packed layout, others `ff` and three bytes.
const LONG: usize = 0xff;

/// Whether a label tells what the metric is and not which series: what functions take away.
pub(crate) fn is_metadata(name: &[u8]) -> bool {
    name == METRIC_NAME || name == b"__type__" || name == b"__unit__"
}

/// A label set on its way through the operators: borrowed until the first change, then in a buffer that is used again.
#[derive(Debug, Default)]
pub(crate) struct LabelScratch {
    current: Vec<u8>,
    next: Vec<u8>,
}

impl LabelScratch {
    /// Starts with a copy of `labels`.
    pub(crate) fn start(&mut self, labels: LabelsRef<'_>) {
        self.current.clear();
        self.current.extend_from_slice(labels.as_packed());
    }

    /// The set as it is now.
    pub(crate) fn labels(&self) -> LabelsRef<'_> {
        LabelsRef::from_packed_unchecked(&self.current)
    }

    /// Keeps the labels whose name `keep` accepts; answers whether that changed anything.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&[u8]) -> bool) -> bool {
        self.next.clear();
        for label in LabelsRef::from_packed_unchecked(&self.current).iter() {
            if keep(label.name) {
                push_label(&mut self.next, label);
            }
        }
        let changed = self.next.len() != self.current.len();
        std::mem::swap(&mut self.current, &mut self.next);
        changed
    }

    /// Keeps the labels that `names` keeps.
    pub(crate) fn keep(&mut self, names: &NameSet) {
        self.next.clear();
        names.write(LabelsRef::from_packed_unchecked(&self.current), &mut self.next);
        std::mem::swap(&mut self.current, &mut self.next);
    }

    /// Takes away name, type and unit; answers whether there was any of them. They are cut out: most often it is the first label
    /// and no other.
    pub(crate) fn drop_metadata(&mut self) -> bool {
        let (mut at, before) = (0, self.current.len());
        let label_at = |packed: &[u8]| {
            let label = LabelsRef::from_packed_unchecked(packed).iter().next()?;
            (label.name < b"__v".as_slice()).then(|| (packed_size(label), is_metadata(label.name)))
        };
        while let Some((size, goes)) = label_at(&self.current[at..]) {
            match goes {
                true => drop(self.current.drain(at..at + size)),
                false => at += size,
            }
        }
        self.current.len() != before
    }

    /// Gives `name` the value `value`; an empty one takes the label away.
    pub(crate) fn set(&mut self, name: &[u8], value: &[u8]) {
        self.next.clear();
        let mut new = (!value.is_empty()).then_some(Label { name, value });
        for label in LabelsRef::from_packed_unchecked(&self.current).iter() {
            if let Some(label) = new.take_if(|new| new.name <= label.name) {
                push_label(&mut self.next, label);
            }
            if label.name != name {
                push_label(&mut self.next, label);
            }
        }
        if let Some(label) = new {
            push_label(&mut self.next, label);
        }
        std::mem::swap(&mut self.current, &mut self.next);
    }
}

/// The labels of which an operator keeps or drops some, and whether it drops them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NameSet {
    /// Sorted.
    names: Vec<Vec<u8>>,
    without: bool,
}

impl NameSet {
    /// `by (names)`, `on (names)`.
    pub(crate) fn only(names: &[Vec<u8>]) -> Self {
        Self::new(names.to_vec(), false)
    }

    /// `without (names)`, `ignoring (names)`: the metric's name goes as well.
    pub(crate) fn without(names: &[Vec<u8>]) -> Self {
        let mut names = names.to_vec();
        names.push(METRIC_NAME.to_vec());
        Self::new(names, true)
    }

    /// All labels but `names`, the metric's name among those that stay.
    pub(crate) fn except(names: &[Vec<u8>]) -> Self {
        Self::new(names.to_vec(), true)
    }

    fn new(mut names: Vec<Vec<u8>>, without: bool) -> Self {
        names.sort_unstable();
        names.dedup();
        Self { names, without }
    }

    /// The names of the labels that stay; `None`: these are those that go.
    pub(crate) fn kept(&self) -> Option<&[Vec<u8>]> {
        (!self.without).then_some(&self.names)
    }

    /// Adds a name to those that stay.
    pub(crate) fn also(mut self, name: &[u8]) -> Self {
        if !self.without {
            self.names.push(name.to_vec());
        }
        Self::new(self.names, self.without)
    }

    /// Appends the labels that stay, packed. Labels and names are sorted: they are walked over side by side.
    pub(crate) fn write(&self, labels: LabelsRef<'_>, out: &mut Vec<u8>) {
        let mut names = self.names.iter().peekable();
        for label in labels.iter() {
            let order = loop {
                match names.peek().map(|name| name.as_slice().cmp(label.name)) {
                    Some(Ordering::Less) => names.next(),
                    order => break order,
                };
            };
            if order.is_none() && !self.without {
                return;
            }
            if (order == Some(Ordering::Equal)) != self.without {
                push_label(out, label);
            }
        }
    }
}

/// So many label sets are compared one by one.
const FEW_SETS: usize = 4;

/// Label sets by number: equal sets get the same one.
#[derive(Debug, Default)]
pub(crate) struct LabelTable {
    /// Of all, once they are more than a few.
    table: HashTable<u32>,
    sets: Vec<Labels>,
    hasher: DefaultHashBuilder,
    /// The one that was asked for last.
    last: usize,
}

impl LabelTable {
    /// The number of `labels`, and whether it is new.
    pub(crate) fn insert(&mut self, labels: LabelsRef<'_>) -> (usize, bool) {
        // Series of one group often follow each other.
        if self.sets.get(self.last).is_some_and(|set| set.as_ref() == labels) {
            return (self.last, false);
        }
        if self.sets.len() < FEW_SETS {
            let found = self.find(labels);
            self.last = found.unwrap_or(self.sets.len());
            self.sets.extend(found.is_none().then(|| labels.to_owned()));
            return (self.last, found.is_none());
        }
        let Self { table, sets, hasher, last } = self;
        let hash_of = |set: &Labels| hasher.hash_one(set.as_ref().as_packed());
        if table.is_empty() {
            for (id, set) in (0..).zip(&*sets) {
                table.insert_unique(hash_of(set), id, |id| hash_of(&sets[*id as usize]));
            }
        }
        let hash = hasher.hash_one(labels.as_packed());
        if let Some(found) = table.find(hash, |id| sets[*id as usize].as_ref() == labels) {
            *last = *found as usize;
            return (*last, false);
        }
        let id = u32::try_from(sets.len()).unwrap_or(u32::MAX);
        sets.push(labels.to_owned());
        *last = id as usize;
        table.insert_unique(hash, id, |id| hash_of(&sets[*id as usize]));
        (id as usize, true)
    }

    /// `labels`, as they were kept when they came first.
    pub(crate) fn share(&mut self, labels: LabelsRef<'_>) -> Labels {
        let (id, _) = self.insert(labels);
        self.get(id).clone()
    }

    /// The number of `labels`, if it has one.
    pub(crate) fn find(&self, labels: LabelsRef<'_>) -> Option<usize> {
        if self.table.is_empty() {
            return self.sets.iter().position(|set| set.as_ref() == labels);
        }
        let hash = self.hasher.hash_one(labels.as_packed());
        self.table.find(hash, |id| self.sets[*id as usize].as_ref() == labels).map(|id| *id as usize)
    }

    /// The set with number `id`.
    pub(crate) fn get(&self, id: usize) -> &Labels {
        &self.sets[id]
    }

    /// How many sets there are.
    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }
}

/// How many bytes a label takes in the packed layout.
fn packed_size(label: Label<'_>) -> usize {
    let size = |string: &[u8]| if string.len() < LONG { 1 + string.len() } else { 4 + string.len() };
    size(label.name) + size(label.value)
}

/// Appends one label in the packed layout.
pub(crate) fn push_label(out: &mut Vec<u8>, label: Label<'_>) {
    for string in [label.name, label.value] {
        let size = u32::try_from(string.len()).unwrap_or(u32::MAX).to_le_bytes();
        if string.len() < LONG {
            out.push(size[0]);
        } else {
            out.extend_from_slice(&[0xff, size[0], size[1], size[2]]);
        }
        out.extend_from_slice(string);
    }
}
