//! The full chunks of a series: a list of places, and what the files did not take.

use super::{Cold, Shard};
use crate::head::chunk_list::{self, FullChunk, Place};
use crate::head::slab::{Slot, Use};
use crate::head_chunks::{HeadChunks, HeadFrame};
use crate::series::Encoding;

/// The samples of a chunk that takes no more.
#[derive(Debug, Clone, Copy)]
pub(in crate::head) struct EncodedChunk<'a> {
    /// The range of its samples, both ends inside.
    pub(in crate::head) min_ms: i64,
    pub(in crate::head) max_ms: i64,
    pub(in crate::head) encoding: Encoding,
    pub(in crate::head) data: &'a [u8],
}

/// A full chunk in memory.
#[derive(Debug)]
pub(super) struct Kept {
    /// The line of its series.
    number: u32,
    encoding: Encoding,
    pub(super) data: Box<[u8]>,
}

impl Shard {
    /// Puts a full chunk of a series into the files.
    pub(in crate::head) fn store(&mut self, number: u32, chunk: &EncodedChunk<'_>, files: &HeadChunks) -> Place {
        let EncodedChunk { min_ms, max_ms, encoding, data } = *chunk;
        let series = self.lines[number].reference();
        match files.append(&HeadFrame { series, min_ms, max_ms, encoding, out_of_order: false, data }) {
            Ok(place) => Place::File(place.0),
            // Full, for instance because the disk is. The log has the samples, and the memory has the chunk.
            Err(_) => Place::Kept(self.keep(Kept { number, encoding, data: data.into() })),
        }
    }

    /// Adds a chunk that is newer than all full ones of the series.
    pub(in crate::head) fn add_full_chunk(&mut self, number: u32, chunk: FullChunk) {
        let mut tail = std::mem::take(&mut self.scratch);
        tail.clear();
        let old_bytes = self.cold[number].chunk_len();
        chunk_list::extend(self.chunk_list(number), chunk, &mut tail);
        let new_bytes = old_bytes + tail.len();
        let cold = &mut self.cold[number];
        cold.chunks = match old_bytes {
            0 => self.slab.allocate(Use::List, new_bytes),
            _ => self.slab.grow(Use::List, cold.chunks, old_bytes, new_bytes),
        };
        cold.chunk_bytes = new_bytes as u32;
        let slot = cold.chunks;
        self.slab.bytes_mut(slot, new_bytes)[old_bytes..].copy_from_slice(&tail);
        self.scratch = tail;
    }

    /// The full chunks of a series, oldest first.
    pub(in crate::head) fn full_chunks(&self, number: u32) -> impl Iterator<Item = FullChunk> {
        chunk_list::chunks(self.chunk_list(number))
    }

    /// How many chunks a series has, full ones and the open one.
    pub(in crate::head) fn count_chunks(&self, number: u32) -> u64 {
        chunk_list::count(self.cold[number].chunk_len()) + u64::from(self.has_open_chunk(number))
    }

    pub(super) fn chunk_list(&self, number: u32) -> &[u8] {
        match &self.cold[number] {
            Cold { chunk_bytes: 0, .. } => &[],
            cold => self.slab.bytes(cold.chunks, cold.chunk_len()),
        }
    }

    /// Gives a series another list of full chunks.
    pub(in crate::head) fn set_full_chunks(&mut self, number: u32, chunks: &[FullChunk]) {
        let mut list = std::mem::take(&mut self.scratch);
        list.clear();
        chunk_list::build(chunks.iter().copied(), &mut list);
        let old_bytes = self.cold[number].chunk_len();
        if old_bytes > 0 {
            self.slab.free(self.cold[number].chunks, old_bytes);
        }
        let slot = if list.is_empty() { Slot::NONE } else { self.slab.allocate(Use::List, list.len()) };
        if !list.is_empty() {
            self.slab.bytes_mut(slot, list.len()).copy_from_slice(&list);
        }
        let cold = &mut self.cold[number];
        (cold.chunks, cold.chunk_bytes) = (slot, list.len() as u32);
        self.scratch = list;
    }

    /// How many full chunks the files did not take.
    pub(in crate::head) fn kept_chunks(&self) -> usize {
        self.kept.len() - self.free_kept.len()
    }

    /// Encoding and data of a chunk that the files did not take.
    pub(in crate::head) fn kept(&self, kept: u32) -> Option<(Encoding, &[u8])> {
        self.kept.get(kept as usize)?.as_ref().map(|kept| (kept.encoding, &*kept.data))
    }

    /// Frees a chunk that the files did not take.
    pub(in crate::head) fn forget_kept(&mut self, kept: u32) {
        self.kept[kept as usize] = None;
        self.free_kept.push(kept);
    }

    /// Offers the files one of the chunks they did not take. `false`: there is none, or it was refused again.
    pub(in crate::head) fn store_one_kept(&mut self, files: &HeadChunks) -> bool {
        let Some((kept, number)) = (0..).zip(&self.kept).find_map(|(at, kept)| Some((at, kept.as_ref()?.number)))
        else {
            self.kept = Vec::new();
            self.free_kept = Vec::new();
            return false;
        };
        let mut chunks: Vec<_> = self.full_chunks(number).collect();
        let Some(chunk) = chunks.iter_mut().find(|chunk| chunk.place == Place::Kept(kept)) else {
            self.forget_kept(kept);
            return true;
        };
        let Some((encoding, data)) = self.kept(kept) else { return false };
        let FullChunk { min_ms, max_ms, .. } = *chunk;
        let series = self.lines[number].reference();
        let frame = HeadFrame { series, min_ms, max_ms, encoding, out_of_order: false, data };
        let Ok(place) = files.append(&frame) else { return false };
        chunk.place = Place::File(place.0);
        self.set_full_chunks(number, &chunks);
        self.forget_kept(kept);
        true
    }

    fn keep(&mut self, kept: Kept) -> u32 {
        if let Some(at) = self.free_kept.pop() {
            self.kept[at as usize] = Some(kept);
            return at;
        }
        self.kept.push(Some(kept));
        (self.kept.len() - 1) as u32
    }
}
