//! A walk over series with labels added or taken away, in order again.
//!
//! External labels and dropped replica labels change the order of series: `{a="1"}` goes before `{a="1",b="2"}`, and after
//! both got `replica="x"` it goes behind. Call a series' *stem* its labels whose names sort before the first changed name.
//! Where two stems part in a label, order stays. Where labels are only set, it can change only while stems continue that of
//! a series before them, so the walk buffers one such run at a time and sorts it. A *removed* label can send a series back
//! before all whose stem continues its own, however long ago they passed: then the whole answer is one run.

use crate::merge::order_chunks;
use crate::sort_key::write_sort_key;
use model::{Labels, LabelsRef};
use std::collections::VecDeque;
use tsdb::{Chunk, ChunkSeriesBatch, SeriesCursor, SourceError};

const READ_SERIES: usize = 128;

/// Adds `set` to each series (replacing labels of the same names) and takes `remove` away, then restores order and joins
/// series whose labels became equal.
pub struct RelabeledCursor {
    inner: Box<dyn SeriesCursor>,
    set: Labels,
    remove: Vec<Vec<u8>>,
    /// The name that sorts first among those changed.
    first_changed: Vec<u8>,
    read: ChunkSeriesBatch,
    at: usize,
    /// Where changed labels are packed.
    packed: Vec<u8>,
    /// How long the packed stem of each series that was read is.
    stems: Vec<usize>,
    /// The packed stem of the run's first series, with which those of all its series begin.
    run_stem: Vec<u8>,
    run: Vec<Entry>,
    ready: VecDeque<Entry>,
}

struct Entry {
    key: Vec<u8>,
    labels: Labels,
    chunks: Vec<Chunk>,
}

impl RelabeledCursor {
    /// Wraps `inner`. With nothing to change, it is handed back as it is.
    pub fn wrap(inner: Box<dyn SeriesCursor>, set: &Labels, remove: &[Vec<u8>]) -> Box<dyn SeriesCursor> {
        let changed = set.iter().map(|label| label.name).chain(remove.iter().map(Vec::as_slice)).min();
        let Some(first_changed) = changed.map(<[u8]>::to_vec) else {
            return inner;
        };
        Box::new(Self {
            inner,
            set: set.clone(),
            remove: remove.to_vec(),
            first_changed,
            read: ChunkSeriesBatch::default(),
            at: 0,
            packed: Vec::new(),
            stems: Vec::new(),
            run_stem: Vec::new(),
            run: Vec::new(),
            ready: VecDeque::new(),
        })
    }

    /// Takes the next series on: into `batch` if no other belongs before it, else into the run. `false` at the end.
    fn step(&mut self, skip_chunks: bool, batch: &mut ChunkSeriesBatch) -> Result<bool, SourceError> {
        if self.at == self.read.len() {
            self.read_on(skip_chunks)?;
        }
        let Some((labels, chunks)) = self.read.get(self.at) else {
            let is_end = self.run.is_empty();
            self.close_run();
            return Ok(!is_end);
        };
        let stem_bytes = self.stems.get(self.at).copied().unwrap_or_default();
        let (stem, rest) = labels.as_packed().split_at(stem_bytes);
        if !self.run.is_empty() && !stem.starts_with(&self.run_stem) {
            self.close_run();
            return Ok(true);
        }
        let is_gone = |name: &[u8]| self.remove.iter().any(|gone| gone == name);
        let rest = LabelsRef::from_packed_unchecked(rest);
        self.packed.clear();
        self.packed.extend_from_slice(stem);
        rest.overlay_onto(self.set.as_ref(), is_gone, &mut self.packed);
        let labels = LabelsRef::from_packed_unchecked(&self.packed);
        if self.run.is_empty() && self.is_followed_by_another_stem(stem) {
            batch.push(labels, chunks.iter().cloned());
        } else {
            if self.run.is_empty() {
                self.run_stem.clear();
                self.run_stem.extend_from_slice(stem);
            }
            self.run.push(Entry { key: Vec::new(), labels: labels.to_owned(), chunks: chunks.to_vec() });
        }
        self.at += 1;
        Ok(true)
    }

    /// Whether the series after the current one is known, and its stem does not continue `stem`.
    fn is_followed_by_another_stem(&self, stem: &[u8]) -> bool {
        let next = self.read.get(self.at + 1).zip(self.stems.get(self.at + 1));
        next.is_some_and(|((labels, _), &bytes)| {
            let next = labels.as_packed().get(..bytes).unwrap_or_default();
            self.remove.is_empty() && !next.starts_with(stem)
        })
    }

    fn read_on(&mut self, skip_chunks: bool) -> Result<(), SourceError> {
        self.inner.next_batch(READ_SERIES, skip_chunks, &mut self.read)?;
        self.at = 0;
        self.stems.clear();
        // Where labels are removed no stem keeps series apart.
        let stem = |labels: LabelsRef<'_>| match self.remove.is_empty() {
            true => labels.split_before(&self.first_changed).as_packed().len(),
            false => 0,
        };
        self.stems.extend(self.read.iter().map(|(labels, _)| stem(labels)));
        Ok(())
    }

    fn close_run(&mut self) {
        if self.run.len() > 1 {
            for entry in &mut self.run {
                write_sort_key(entry.labels.as_ref(), &mut entry.key);
            }
            self.run.sort_by(|left, right| left.key.cmp(&right.key));
        }
        for entry in self.run.drain(..) {
            match self.ready.back_mut().filter(|last| last.labels == entry.labels) {
                Some(last) => {
                    last.chunks.extend(entry.chunks);
                    order_chunks(&mut last.chunks);
                }
                None => self.ready.push_back(entry),
            }
        }
    }
}

impl SeriesCursor for RelabeledCursor {
    fn next_batch(
        &mut self,
        max_series: usize,
        skip_chunks: bool,
        batch: &mut ChunkSeriesBatch,
    ) -> Result<(), SourceError> {
        batch.clear();
        while batch.len() < max_series {
            if let Some(entry) = self.ready.pop_front() {
                batch.push(entry.labels.as_ref(), entry.chunks);
            } else if !self.step(skip_chunks, batch)? {
                break;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for RelabeledCursor {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RelabeledCursor")
            .field("set", &self.set)
            .field("remove", &self.remove.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
