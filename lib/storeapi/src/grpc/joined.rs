//! Frames of a peer made batches of whole series.
//!
//! A series may come in several frames of equal labels, so the last series waits until another follows, or the end. What
//! comes must be sorted, or a merge above would leave series out of order and apart: a peer that is not sorted is refused by
//! name.

use super::request::aggregate;
use crate::merge::order_chunks;
use crate::store::{Shard, StoreError};
use model::{Labels, LabelsRef, PackedBuilder};
use proto::series::{Encoding, MalformedFrame, ReadChunk, SeriesFields};
use std::collections::VecDeque;
use std::sync::Arc;
use tsdb::{Chunk, ChunkSeriesBatch};

/// A batch is full with so many series,
const BATCH_SERIES: usize = 128;
/// or so many bytes.
const BATCH_BYTES: usize = 1 << 20;

/// Joins the frames of one answer.
#[derive(Debug)]
pub(super) struct Joined {
    store: Arc<str>,
    builder: PackedBuilder,
    /// The series that may go on in the next frame, its labels packed; empty chunks and no labels before the first.
    labels: Vec<u8>,
    chunks: Vec<Chunk>,
    /// What these take, and the most that they may.
    held: usize,
    held_bytes: usize,
    started: bool,
    batch: ChunkSeriesBatch,
    batch_bytes: usize,
    full: VecDeque<ChunkSeriesBatch>,
}

/// What a peer is not able to do, done here once it has answered in full: labels left out, shards told apart.
#[derive(Debug)]
pub(super) struct Redone {
    pub(super) without: Arc<[Vec<u8>]>,
    pub(super) shard: Option<Arc<Shard>>,
    series: Vec<Entry>,
    bytes: usize,
    packed: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    labels: Labels,
    chunks: Vec<Chunk>,
}

impl Joined {
    /// For an answer of `store`, of which a series may take so many bytes.
    pub(super) fn new(store: Arc<str>, held_bytes: usize) -> Self {
        Self {
            store,
            builder: PackedBuilder::default(),
            labels: Vec::new(),
            chunks: Vec::new(),
            held: 0,
            held_bytes,
            started: false,
            batch: ChunkSeriesBatch::default(),
            batch_bytes: 0,
            full: VecDeque::new(),
        }
    }

    /// A batch that is full.
    pub(super) fn take_full(&mut self) -> Option<ChunkSeriesBatch> {
        self.full.pop_front()
    }

    /// What is left after the last frame.
    pub(super) fn finish(&mut self) -> Option<ChunkSeriesBatch> {
        if self.started {
            self.push_series();
            self.started = false;
        }
        let rest = std::mem::take(&mut self.batch);
        self.full.extend((!rest.is_empty()).then_some(rest));
        self.take_full()
    }

    /// Takes the series of a frame.
    pub(super) fn add(&mut self, mut series: SeriesFields) -> Result<(), StoreError> {
        let mut builder = std::mem::take(&mut self.builder);
        let mut chunks = Vec::new();
        loop {
            let (mut taken, most) = (0, self.held_bytes);
            let read = series.next_series(&mut builder, &mut |chunk| {
                taken += size_of::<Chunk>() + chunk.0.data.len();
                // Of what is refused below no more is kept.
                if taken <= most {
                    chunks.push(chunk_of(chunk));
                }
            });
            let Some(labels) = read.map_err(|error| malformed(&self.store, &error))? else { break };
            if self.started && labels.as_packed() != self.labels {
                let before = LabelsRef::from_packed_unchecked(&self.labels);
                if labels < before {
                    return Err(not_sorted(&self.store, labels, before));
                }
                self.push_series();
            }
            self.held += taken;
            check_held(&self.store, self.held, most)?;
            if self.chunks.is_empty() {
                self.labels.clear();
                self.labels.extend_from_slice(labels.as_packed());
                // The first part of a series, in most cases all of it.
                std::mem::swap(&mut self.chunks, &mut chunks);
            } else {
                self.chunks.append(&mut chunks);
            }
            self.started = true;
        }
        self.builder = builder;
        Ok(())
    }

    /// Moves the series that waits to the batch.
    fn push_series(&mut self) {
        order_chunks(&mut self.chunks);
        self.batch_bytes += self.labels.len() + self.chunks.iter().map(|chunk| chunk.data.len()).sum::<usize>();
        self.batch.push(LabelsRef::from_packed_unchecked(&self.labels), self.chunks.drain(..));
        self.held = 0;
        if self.batch.len() >= BATCH_SERIES || self.batch_bytes >= BATCH_BYTES {
            self.full.push_back(self.batch.take());
            self.batch_bytes = 0;
        }
    }
}

// === what a peer does wrong ===

#[cold]
pub(super) fn malformed(store: &str, error: &MalformedFrame) -> StoreError {
    StoreError::Internal { store: store.to_owned(), reason: format!("its answer cannot be read: {error}") }
}

#[cold]
pub(super) fn not_sorted(store: &str, labels: LabelsRef<'_>, before: LabelsRef<'_>) -> StoreError {
    let reason = format!("its answer is not sorted: {labels:?} came after {before:?}");
    StoreError::Internal { store: store.to_owned(), reason }
}

/// Whether a series may take `held` bytes.
pub(super) fn check_held(store: &str, held: usize, most: usize) -> Result<(), StoreError> {
    if held <= most {
        return Ok(());
    }
    Err(StoreError::LimitExceeded(format!("{store}: a series of its answer takes more than {most} bytes")))
}

impl Redone {
    /// Leaves `without` out and what is not of `shard`.
    pub(super) fn new(without: Arc<[Vec<u8>]>, shard: Option<Arc<Shard>>) -> Self {
        Self { without, shard, series: Vec::new(), bytes: 0, packed: Vec::new() }
    }

    /// Takes a batch; gives how many bytes are held by now.
    pub(super) fn add(&mut self, batch: &ChunkSeriesBatch) -> usize {
        for (labels, chunks) in batch.iter() {
            labels.overlay(
                LabelsRef::from_packed_unchecked(&[]),
                |name| is_among(&self.without, name),
                &mut self.packed,
            );
            let labels = LabelsRef::from_packed_unchecked(&self.packed);
            if self.shard.as_ref().is_some_and(|shard| !shard.holds(labels)) {
                continue;
            }
            let entry = Entry { labels: labels.to_owned(), chunks: chunks.to_vec() };
            self.bytes += self.packed.len() + size_of::<Entry>();
            self.bytes += chunks.iter().map(|chunk| chunk.data.len() + size_of::<Chunk>()).sum::<usize>();
            self.series.push(entry);
        }
        self.bytes
    }

    /// Everything, in order, series that became equal joined.
    pub(super) fn finish(&mut self) -> VecDeque<ChunkSeriesBatch> {
        let mut series = std::mem::take(&mut self.series);
        series.sort_by(|left, right| left.labels.cmp(&right.labels));
        let (mut batches, mut batch) = (VecDeque::new(), ChunkSeriesBatch::default());
        let mut series = series.into_iter().peekable();
        while let Some(Entry { labels, mut chunks }) = series.next() {
            while let Some(equal) = series.next_if(|next| next.labels == labels) {
                chunks.extend(equal.chunks);
            }
            order_chunks(&mut chunks);
            batch.push(labels.as_ref(), chunks);
            if batch.len() >= BATCH_SERIES {
                batches.push_back(std::mem::take(&mut batch));
            }
        }
        batches.extend((!batch.is_empty()).then_some(batch));
        batches
    }
}

fn is_among(names: &[Vec<u8>], name: &[u8]) -> bool {
    names.iter().any(|known| known == name)
}

pub(super) fn chunk_of((chunk, _): ReadChunk) -> Chunk {
    let encoding = match chunk.encoding {
        Encoding::Xor => tsdb::Encoding::Xor,
        Encoding::Histogram => tsdb::Encoding::Histogram,
        Encoding::FloatHistogram => tsdb::Encoding::FloatHistogram,
    };
    let aggregate = aggregate(chunk.aggregate);
    Chunk { min_ms: chunk.min_ms, max_ms: chunk.max_ms, aggregate, encoding, data: chunk.data }
}
