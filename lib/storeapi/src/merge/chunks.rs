//! The chunks of one series, gathered from several places: each once, in order.
//!
//! What is gathered and ordered is a *cut*: one raw chunk, or the aggregates of one downsampled chunk, which lie next to
//! each other and stay together.

use std::cmp::Ordering;
use std::collections::HashSet;
use tsdb::{Aggregate, Chunk};
use xxhash_rust::xxh3::xxh3_64;

/// With so many cuts or fewer, each new one is compared with all of them: most differ in length or first bytes.
const COMPARED_CUTS: usize = 32;

/// Whether chunks follow each other, so that neither order nor number can be wrong.
pub(super) fn are_ordered(chunks: &[Chunk]) -> bool {
    chunks.windows(2).all(|pair| pair[0].max_ms < pair[1].min_ms || is_one_cut(&pair[0], &pair[1]))
}

/// Sorts chunks and keeps one of those that are equal in range, aggregates, encoding and bytes.
pub(crate) fn order_chunks(chunks: &mut Vec<Chunk>) {
    if are_ordered(chunks) {
        return;
    }
    let mut cuts: Vec<&[Chunk]> = chunks.chunk_by(is_one_cut).collect();
    cuts.sort_by(|left, right| compare(left, right));
    cuts.dedup();
    *chunks = cuts.concat();
}

/// Gathers the cuts of one series, of which those are left out whose bytes came before.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    chunks: Vec<Chunk>,
    /// Where each cut ends.
    ends: Vec<usize>,
    /// Hashes of the bytes of all cuts, once there are many.
    hashes: HashSet<u64>,
}

impl Gathered {
    /// Adds the cuts of one place.
    pub(super) fn add(&mut self, chunks: impl Iterator<Item = Chunk>) {
        let (mut start, mut chunks) = (self.chunks.len(), chunks.peekable());
        while let Some(chunk) = chunks.next() {
            let goes_on = chunks.peek().is_some_and(|next| is_one_cut(&chunk, next));
            self.chunks.push(chunk);
            if goes_on {
                continue;
            }
            if self.is_new(start) {
                self.ends.push(self.chunks.len());
            } else {
                self.chunks.truncate(start);
            }
            start = self.chunks.len();
        }
    }

    /// Takes all chunks out, in order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Chunk> {
        let in_order = self.cuts().zip(self.cuts().skip(1)).all(|(left, right)| first(left).1 < first(right).0);
        if !in_order {
            let mut cuts: Vec<&[Chunk]> = self.cuts().collect();
            cuts.sort_by(|left, right| compare(left, right));
            self.chunks = cuts.concat();
        }
        self.ends.clear();
        self.hashes.clear();
        self.chunks.drain(..)
    }

    /// Bytes of what is held.
    pub(super) fn size_bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.data.len() + size_of::<Chunk>()).sum()
    }

    /// Whether no cut before has the bytes of the last one, which begins at `start`.
    fn is_new(&mut self, start: usize) -> bool {
        let cut = &self.chunks[start..];
        if self.ends.len() < COMPARED_CUTS {
            return !self.cuts().any(|held| have_same_bytes(held, cut));
        }
        let hashed = hash(cut);
        if self.hashes.is_empty() {
            self.hashes = self.cuts().map(hash).collect();
        }
        self.hashes.insert(hashed)
    }

    fn cuts(&self) -> impl Iterator<Item = &[Chunk]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.chunks[start..*end])
    }
}

/// Whether `right`, which follows `left`, is another aggregate of the same downsampled chunk.
fn is_one_cut(left: &Chunk, right: &Chunk) -> bool {
    let is_next = left.aggregate != Aggregate::Raw && left.aggregate < right.aggregate;
    is_next && (left.min_ms, left.max_ms) == (right.min_ms, right.max_ms)
}

fn have_same_bytes(left: &[Chunk], right: &[Chunk]) -> bool {
    let of = |chunk: &Chunk| (chunk.aggregate, chunk.encoding);
    let same = |(left, right): (&Chunk, &Chunk)| of(left) == of(right) && left.data == right.data;
    left.len() == right.len() && left.iter().zip(right).all(same)
}

fn hash(cut: &[Chunk]) -> u64 {
    cut.iter().fold(0, |hash, chunk| {
        let of = hash ^ (u64::from(chunk.encoding as u8) << 8 | chunk.aggregate as u64);
        of.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ xxh3_64(&chunk.data)
    })
}

/// The range of a cut, which is not empty.
fn first(cut: &[Chunk]) -> (i64, i64) {
    cut.first().map_or((0, 0), |chunk| (chunk.min_ms, chunk.max_ms))
}

/// As Thanos orders the chunks of a series: by first, then last timestamp; then aggregate by aggregate, one that is absent
/// first, then by encoding and the bytes, the larger first. Replicas are told apart in this order, so answers depend on it.
fn compare(left: &[Chunk], right: &[Chunk]) -> Ordering {
    let by_fields = || {
        for (left, right) in left.iter().zip(right) {
            // Whoever names a later aggregate lacks this one.
            let order = (right.aggregate.cmp(&left.aggregate))
                .then_with(|| (left.encoding as u8).cmp(&(right.encoding as u8)))
                .then_with(|| right.data.cmp(&left.data));
            if order.is_ne() {
                return order;
            }
        }
        left.len().cmp(&right.len())
    };
    first(left).cmp(&first(right)).then_with(by_fields)
}

#[cfg(test)]
mod tests;
