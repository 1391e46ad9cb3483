//! Which parts of which chunk files are read for a batch of chunks.
//!
//! Gaps that cost less than another read are read over, however little is wanted: one chunk of each series of a long block is
//! a hundredth of what is read then. So reads over gaps are small, some are on their way at a time, and what is not wanted of
//! them is given back before the next.

use std::ops::Range;
use tsdb::index::ChunkMeta;
use tsdb::segment::ChunkRef;

/// A read of which most is not wanted is at most such a part of what one may be, so that several are on their way.
const GAPS_SHARE: u64 = 2;
/// Of reads of which most is not wanted, so many of the largest that one may be are on their way at a time.
const LARGEST_ON_THEIR_WAY: u64 = 2;
/// Parts of a file that are together larger are better read at the same time than one after the other.
const PARTS_BYTES: u64 = 256 << 10;

/// So many neighbours tell what is usual.
const TELLING_NEIGHBOURS: usize = 8;

/// A part of a chunk file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkRead {
    /// From 0.
    pub(crate) file_index: u32,
    pub(crate) range: Range<u64>,
    /// Which chunks begin in it, of [`ChunkReads::order`].
    pub(crate) chunks: Range<usize>,
    /// What these are taken to be, all together.
    pub(crate) wanted_bytes: u64,
}

/// The reads for a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ChunkReads {
    /// In order of files and offsets.
    pub(crate) reads: Vec<ChunkRead>,
    /// The chunks of the batch, by number, in the same order.
    pub(crate) order: Vec<usize>,
}

/// What is known of chunk sizes before they are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkSizes<'a> {
    /// As large as this a chunk is taken to be, with its frame; at least 1.
    pub(crate) estimate_bytes: u64,
    /// The sizes of the files.
    pub(crate) files: &'a [u64],
}

/// How reads may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadLimits {
    /// Chunks with at most so much between them are read in one piece.
    pub(crate) gap_bytes: u64,
    /// A read is at most so large, unless one chunk alone is taken to be larger.
    pub(crate) max_bytes: u64,
}

impl ChunkReads {
    /// Plans the reads for `chunks`.
    ///
    /// # Errors
    /// The place of a chunk that lies in no file.
    pub(crate) fn plan(chunks: &[ChunkMeta], sizes: ChunkSizes<'_>, limits: ReadLimits) -> Result<Self, ChunkRef> {
        let mut order: Vec<usize> = (0..chunks.len()).collect();
        let place = |index: &usize| chunks.get(*index).map_or(ChunkRef(0), |chunk| chunk.place);
        // Chunks of a block are written in the order of its series: this is mostly one look.
        order.sort_by_key(place);
        let places: Vec<ChunkRef> = order.iter().map(place).collect();
        let sizes = ChunkSizes { estimate_bytes: usual_bytes(&places, sizes.estimate_bytes), ..sizes };
        let mut reads: Vec<ChunkRead> = Vec::new();
        for (at, place) in places.iter().enumerate() {
            let range = extent(*place, places.get(at + 1).copied(), sizes)?;
            let (file_index, wanted_bytes) = (place.file_index(), range.end - range.start);
            let next = ChunkRead { file_index, range, chunks: at..at + 1, wanted_bytes };
            if !reads.last_mut().is_some_and(|last| last.take(&next, limits)) {
                reads.push(next);
            }
        }
        Ok(Self { reads, order })
    }
}

impl ChunkRead {
    /// Bytes of the read.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Reads `next` as well, which lies behind, if it may; whether it does.
    fn take(&mut self, next: &Self, limits: ReadLimits) -> bool {
        let end = next.range.end.max(self.range.end);
        let wanted_bytes = self.wanted_bytes + next.wanted_bytes;
        let joined =
            Self { range: self.range.start..end, wanted_bytes, chunks: self.chunks.start..next.chunks.end, ..*self };
        let near = next.range.start <= self.range.end.saturating_add(limits.gap_bytes);
        let max_bytes = if joined.is_mostly_wanted() { limits.max_bytes } else { limits.max_bytes / GAPS_SHARE };
        let takes = self.file_index == next.file_index && near && joined.size_bytes() <= max_bytes;
        if takes {
            *self = joined;
        }
        takes
    }

    fn is_mostly_wanted(&self) -> bool {
        self.wanted_bytes >= self.size_bytes() / 2
    }

    /// What is kept of it, as far as is known.
    fn kept_bytes(&self) -> u64 {
        if self.is_mostly_wanted() { self.size_bytes() } else { self.wanted_bytes }
    }
}

/// Bytes of all reads.
pub(crate) fn size_bytes(reads: &[ChunkRead]) -> u64 {
    reads.iter().map(ChunkRead::size_bytes).sum()
}

/// The memory it takes to read all that, of which the gaps are given back as it goes on.
pub(crate) fn memory_bytes(reads: &[ChunkRead], max_bytes: u64) -> u64 {
    let kept_bytes: u64 = reads.iter().map(ChunkRead::kept_bytes).sum();
    size_bytes(reads).min(kept_bytes.saturating_add(max_bytes.saturating_mul(LARGEST_ON_THEIR_WAY)))
}

/// How many of the reads, from the first, fit into so much memory; at least one.
pub(crate) fn fitting(reads: &[ChunkRead], memory_bytes: u64) -> usize {
    let mut left_bytes = memory_bytes;
    let fits = |read: &&ChunkRead| match left_bytes.checked_sub(read.size_bytes()) {
        Some(left) => {
            left_bytes = left;
            true
        }
        None => false,
    };
    reads.iter().take_while(fits).count().max(1)
}

/// The reads as they are asked for: so many of a file at once, if they are small.
pub(crate) fn at_once(reads: &[ChunkRead], parts: usize) -> Vec<&[ChunkRead]> {
    let mut all = Vec::new();
    let mut left = reads;
    while let Some(first) = left.first() {
        let mut bytes = first.size_bytes();
        let follows = |pair: &&[ChunkRead]| match pair {
            // What lies side by side might come in one piece, and each of the two would hold all of it.
            [one, next] if one.file_index == next.file_index && one.range.end < next.range.start => {
                bytes += next.size_bytes();
                bytes <= PARTS_BYTES
            }
            _ => false,
        };
        let count = left.windows(2).take(parts.saturating_sub(1)).take_while(follows).count() + 1;
        let (some, others) = left.split_at(count);
        all.push(some);
        left = others;
    }
    all
}

/// What a chunk is taken to be beside neighbours that tell their sizes: twice the largest of them, but not more than without
/// them. A larger one is read again.
fn usual_bytes(places: &[ChunkRef], estimate_bytes: u64) -> u64 {
    let distances = places.windows(2).filter_map(|pair| match pair {
        [left, right] if left.file_index() == right.file_index() => right.0.checked_sub(left.0),
        _ => None,
    });
    let (mut count, mut largest) = (0, 0);
    for distance in distances.filter(|distance| (1..=estimate_bytes).contains(distance)) {
        count += 1;
        largest = largest.max(distance);
    }
    if count < TELLING_NEIGHBOURS { estimate_bytes } else { estimate_bytes.min(largest * 2) }
}

/// As much of its file as a chunk takes at most, as far as is known: it ends where the next begins.
fn extent(place: ChunkRef, next: Option<ChunkRef>, sizes: ChunkSizes<'_>) -> Result<Range<u64>, ChunkRef> {
    let (file_index, start) = (place.file_index(), u64::from(place.offset()));
    let file_bytes = sizes.files.get(file_index as usize).copied().unwrap_or(0);
    if start >= file_bytes {
        return Err(place);
    }
    let next = next.filter(|next| next.file_index() == file_index && *next > place);
    let bound = next.map_or(u64::MAX, |next| u64::from(next.offset()));
    let end = start.saturating_add(sizes.estimate_bytes.max(1)).min(bound).min(file_bytes);
    Ok(start..end)
}

#[cfg(test)]
mod tests;
