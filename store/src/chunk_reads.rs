//! Which parts of which chunk files are read for a batch of chunks.

use std::ops::Range;
use tsdb::index::ChunkMeta;
use tsdb::segment::ChunkRef;

/// Chunks with less between them may be read in one piece: the gap costs less than another round trip.
const GAPS_BYTES: [u64; 4] = [512 << 10, 64 << 10, 8 << 10, 0];
/// So much may be read for nothing, besides as much as is wanted, where reads may be that large.
const SPARE_BYTES: u64 = 256 << 10;

/// So many neighbours tell what is usual.
const TELLING_NEIGHBOURS: usize = 8;

/// A part of a chunk file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkRead {
    /// From 0.
    pub(crate) file_index: u32,
    pub(crate) range: Range<u64>,
}

/// The reads for a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ChunkReads {
    /// In order of files and offsets.
    pub(crate) reads: Vec<ChunkRead>,
    /// For each chunk of the batch, in which of them it begins.
    pub(crate) read_of: Vec<usize>,
}

/// What is known of chunk sizes before they are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkSizes<'a> {
    /// As large as this a chunk is taken to be, with its frame; at least 1.
    pub(crate) estimate_bytes: u64,
    /// The sizes of the files.
    pub(crate) files: &'a [u64],
}

impl ChunkReads {
    /// Plans the reads for `chunks`, each read at most `max_bytes` unless one chunk alone is taken to be larger.
    ///
    /// # Errors
    /// The place of a chunk that lies in no file.
    pub(crate) fn plan(chunks: &[ChunkMeta], sizes: ChunkSizes<'_>, max_bytes: u64) -> Result<Self, ChunkRef> {
        let mut order: Vec<usize> = (0..chunks.len()).collect();
        let place = |index: &usize| chunks.get(*index).map_or(ChunkRef(0), |chunk| chunk.place);
        // Chunks of a block are written in the order of its series: this is mostly one look.
        order.sort_by_key(place);
        let places: Vec<ChunkRef> = order.iter().map(place).collect();
        let sizes = ChunkSizes { estimate_bytes: usual_bytes(&places, sizes.estimate_bytes), ..sizes };
        let mut wanted = Vec::with_capacity(order.len());
        for (at, place) in places.iter().enumerate() {
            wanted.push(extent(*place, places.get(at + 1).copied(), sizes)?);
        }
        let wanted_bytes = size_bytes(&wanted);
        let most_bytes = wanted_bytes.saturating_mul(2).saturating_add(SPARE_BYTES.min(max_bytes));
        for gap_bytes in GAPS_BYTES {
            let (reads, read_of_wanted) = join(&wanted, gap_bytes, max_bytes);
            let read_bytes = size_bytes(&reads);
            if read_bytes <= most_bytes || gap_bytes == 0 {
                let mut read_of = vec![0; chunks.len()];
                for (index, read) in order.iter().zip(read_of_wanted) {
                    if let Some(slot) = read_of.get_mut(*index) {
                        *slot = read;
                    }
                }
                return Ok(Self { reads, read_of });
            }
        }
        Ok(Self::default())
    }

    /// Bytes of all reads.
    pub(crate) fn size_bytes(&self) -> u64 {
        size_bytes(&self.reads)
    }
}

fn size_bytes(reads: &[ChunkRead]) -> u64 {
    reads.iter().map(|read| read.range.end - read.range.start).sum()
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

/// As much of the file as a chunk takes at most, as far as is known: it ends where the next begins.
fn extent(place: ChunkRef, next: Option<ChunkRef>, sizes: ChunkSizes<'_>) -> Result<ChunkRead, ChunkRef> {
    let (file_index, start) = (place.file_index(), u64::from(place.offset()));
    let file_bytes = sizes.files.get(file_index as usize).copied().unwrap_or(0);
    if start >= file_bytes {
        return Err(place);
    }
    let next = next.filter(|next| next.file_index() == file_index && *next > place);
    let bound = next.map_or(u64::MAX, |next| u64::from(next.offset()));
    let end = start.saturating_add(sizes.estimate_bytes.max(1)).min(bound).min(file_bytes);
    Ok(ChunkRead { file_index, range: start..end })
}

/// Joins what lies near each other. For each of `wanted`, which are in order, the read that begins at or before it.
fn join(wanted: &[ChunkRead], gap_bytes: u64, max_bytes: u64) -> (Vec<ChunkRead>, Vec<usize>) {
    let mut reads: Vec<ChunkRead> = Vec::new();
    let mut read_of = Vec::with_capacity(wanted.len());
    for next in wanted {
        let last = reads.last_mut().filter(|last| {
            let near = next.range.start <= last.range.end.saturating_add(gap_bytes);
            let end = next.range.end.max(last.range.end);
            last.file_index == next.file_index && near && end - last.range.start <= max_bytes
        });
        match last {
            Some(last) => last.range.end = last.range.end.max(next.range.end),
            None => reads.push(next.clone()),
        }
        read_of.push(reads.len() - 1);
    }
    (reads, read_of)
}

#[cfg(test)]
mod tests;
