//! Series before their chunks are fetched: labels as they will be sent, and where the chunks lie.

use model::LabelsRef;
use std::mem::size_of;
use tsdb::index::ChunkMeta;

/// Series with the places of their chunks. Label sets lie packed in one buffer, places in one vector.
#[derive(Debug, Default)]
pub(crate) struct SeriesRows {
    labels: Vec<u8>,
    chunks: Vec<ChunkMeta>,
    ends: Vec<RowEnd>,
}

#[derive(Debug, Clone, Copy, Default)]
struct RowEnd {
    labels: usize,
    chunks: usize,
}

impl SeriesRows {
    /// Adds a series.
    pub(crate) fn push(&mut self, labels: LabelsRef<'_>, chunks: &[ChunkMeta]) {
        self.labels.extend_from_slice(labels.as_packed());
        self.chunks.extend_from_slice(chunks);
        self.ends.push(RowEnd { labels: self.labels.len(), chunks: self.chunks.len() });
    }

    /// Adds chunks to the series that was added last.
    pub(crate) fn extend_last(&mut self, chunks: &[ChunkMeta]) {
        if let Some(end) = self.ends.last_mut() {
            self.chunks.extend_from_slice(chunks);
            end.chunks = self.chunks.len();
        }
    }

    /// Forgets all series, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.labels.clear();
        self.chunks.clear();
        self.ends.clear();
    }

    /// How many series there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The labels and chunks of series `index`; `None` beyond the end.
    pub(crate) fn get(&self, index: usize) -> Option<(LabelsRef<'_>, &[ChunkMeta])> {
        let end = self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let packed = self.labels.get(start.labels..end.labels)?;
        Some((LabelsRef::from_packed_unchecked(packed), self.chunks.get(start.chunks..end.chunks)?))
    }

    /// The series in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (LabelsRef<'_>, &[ChunkMeta])> {
        (0..self.len()).map_while(|index| self.get(index))
    }

    /// The chunks of all series, one after the other.
    pub(crate) fn chunks(&self) -> &[ChunkMeta] {
        &self.chunks
    }

    /// Bytes held.
    pub(crate) fn size_bytes(&self) -> u64 {
        let bytes =
            self.labels.len() + self.chunks.len() * size_of::<ChunkMeta>() + self.ends.len() * size_of::<RowEnd>();
        bytes as u64
    }
}
