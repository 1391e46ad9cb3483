//! Labels of a block's series as they are sent, and their order restored.
//!
//! External labels come in and replica labels go. Where a block's own series have none of the names concerned, which its
//! header knows, a label that comes in changes the order of two series only if one's labels begin with all of the other's:
//! `{a="1"}` goes before `{a="1",b="2"}`, and after both got `aa="x"` it goes behind. Elsewhere the first label in which two
//! series part decides as before. So what continues a series before it is held back and sorted with it, which is next to
//! nothing. Where the series have such a name, all of them are sorted; chunks are not read yet then.

use crate::rows::SeriesRows;
use model::{Labels, LabelsRef};
use storeapi::write_sort_key;
use tsdb::index::ChunkMeta;

/// What is done to the labels of a block's series.
#[derive(Debug, Clone)]
pub(crate) struct Relabel {
    set: Labels,
    remove: Vec<Vec<u8>>,
    /// The series have labels of names that are set or removed.
    sorts_all: bool,
}

/// Takes series in the order of their own labels, gives them in the order of the labels they are sent with. Those that
/// became equal are joined.
#[derive(Debug)]
pub(crate) struct Reorder {
    relabel: Relabel,
    /// The own labels, packed, with which those of all held back begin.
    run_first: Vec<u8>,
    held_back: SeriesRows,
    packed: Vec<u8>,
}

impl Relabel {
    /// Sets `external` but for the names in `without`, and removes these. `has_name` tells whether any series of the block
    /// has a label of that name.
    pub(crate) fn new(external: &Labels, without: &[Vec<u8>], has_name: impl Fn(&[u8]) -> bool) -> Self {
        let mut set = external.edit();
        set.retain(|name| !without.iter().any(|gone| gone == name));
        // Fewer labels of a label set are one, too.
        let set = set.build().unwrap_or_else(|_| external.clone());
        let remove: Vec<Vec<u8>> = without.iter().filter(|name| has_name(name)).cloned().collect();
        let sorts_all = !remove.is_empty() || set.iter().any(|label| has_name(label.name));
        Self { set, remove, sorts_all }
    }

    /// Replaces `packed` by the labels that series with these are sent with.
    pub(crate) fn apply<'p>(&self, labels: LabelsRef<'_>, packed: &'p mut Vec<u8>) -> LabelsRef<'p> {
        labels.overlay(self.set.as_ref(), |name| self.remove.iter().any(|gone| gone == name), packed);
        LabelsRef::from_packed_unchecked(packed)
    }
}

impl Reorder {
    /// Before the first series.
    pub(crate) fn new(relabel: Relabel) -> Self {
        Self { relabel, run_first: Vec::new(), held_back: SeriesRows::default(), packed: Vec::new() }
    }

    /// Takes the next series, unless `wanted` refuses the labels it would be sent with, and adds to `out` what is in order.
    /// Tells whether it was taken.
    pub(crate) fn push(
        &mut self,
        labels: LabelsRef<'_>,
        chunks: &[ChunkMeta],
        wanted: impl Fn(LabelsRef<'_>) -> bool,
        out: &mut SeriesRows,
    ) -> bool {
        let sent = self.relabel.apply(labels, &mut self.packed);
        if !wanted(sent) {
            return false;
        }
        let continues = self.relabel.sorts_all || labels.as_packed().starts_with(&self.run_first);
        if self.held_back.is_empty() || !continues {
            release(&mut self.held_back, out);
            self.run_first.clear();
            self.run_first.extend_from_slice(labels.as_packed());
        }
        self.held_back.push(sent, chunks);
        true
    }

    /// Adds the rest to `out`.
    pub(crate) fn finish(&mut self, out: &mut SeriesRows) {
        release(&mut self.held_back, out);
    }

    /// What is held back: how many series, and their bytes.
    pub(crate) fn held_back(&self) -> (usize, u64) {
        (self.held_back.len(), self.held_back.size_bytes())
    }

    /// Whether nothing comes out before [`Reorder::finish`].
    pub(crate) fn sorts_all(&self) -> bool {
        self.relabel.sorts_all
    }
}

/// Moves what was held back to `out`, sorted.
fn release(held_back: &mut SeriesRows, out: &mut SeriesRows) {
    if held_back.len() < 2 {
        held_back.iter().for_each(|(labels, chunks)| out.push(labels, chunks));
        return held_back.clear();
    }
    let mut keyed: Vec<(Vec<u8>, usize)> = Vec::with_capacity(held_back.len());
    for (index, (labels, _)) in held_back.iter().enumerate() {
        let mut key = Vec::new();
        write_sort_key(labels, &mut key);
        keyed.push((key, index));
    }
    keyed.sort_unstable();
    let mut previous: Option<&[u8]> = None;
    for (key, index) in &keyed {
        let Some((labels, chunks)) = held_back.get(*index) else { continue };
        if previous == Some(key) {
            out.extend_last(chunks);
        } else {
            out.push(labels, chunks);
        }
        previous = Some(key);
    }
    held_back.clear();
}

#[cfg(test)]
mod tests;
