//! Samples that came late: older than the newest of their series, or than what the head takes in order.
//!
//! A series that has any has an **entry**: a sorted **buffer** of the last few ([`buffer`]), floats and histograms mixed, and
//! the list of the **late chunks** that full buffers became, each of one kind. Late chunks overlap others, late or not;
//! whoever reads joins them ([`join`]). They are not bound to the head's floor: blocks of their own take them over
//! ([`crate::db`]), and until then they stay.
//!
//! The layouts of buffered histograms are those of the shard, which whoever puts histograms in or takes them out hands in.
//!
//! A shard none of whose series ever got a late sample has nothing here but empty vectors.
//!
//! Rules as in Prometheus, `tsdb/head_append.go` and `tsdb/ooo_head.go`.

mod buffer;
mod cut;
mod join;

use super::arena::Arena;
use super::chunk_list::{self, FullChunk, Place};
use super::hot_line::NO_LINE;
use super::layouts::Layouts;
use super::slab::{Slab, Slot, Use};
use crate::chunk;
use crate::head_chunks::{HeadChunkError, HeadChunkRef, HeadChunks, HeadFrame};
use crate::series::Chunk;
use crate::wal::Log;
use buffer::Buffer;
use model::{SampleColumns, SeriesRef, TimeRange};

pub(super) use buffer::{Inserted, LateSample};
pub(super) use join::join;

/// Which late samples a head takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfOrder {
    /// How far behind the newest sample of the head a late one may be, in milliseconds; 0 and less: none is taken.
    pub window_ms: i64,
    /// A buffer of so many late samples of a series becomes a chunk; from 1 to [`OutOfOrder::MAX_CAP`].
    pub cap: u32,
}

/// Whether and how late samples are taken, and the log they are in (`wbl/`), where there may be some in any case.
#[derive(Debug)]
pub(super) struct LateLog {
    pub(super) options: OutOfOrder,
    pub(super) log: Log,
}

/// The late samples of a shard's series.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// The entry of each line; lines behind the end have none.
    of_line: Arena<u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Buffers and lists of chunks.
    slab: Slab,
    /// All times that samples lie in, and perhaps more.
    range: Option<TimeRange>,
    /// Of those that came since the last sweep began.
    recent: Option<TimeRange>,
    scratch: Vec<u8>,
}

/// What a sweep over the entries of a shard met so far.
#[derive(Debug, Default)]
pub(super) struct LateSweep {
    entry: usize,
    range: Option<TimeRange>,
    pub(super) dropped: u64,
    /// The lines of those that had nothing left; for whoever sweeps to empty.
    pub(super) freed: Vec<u32>,
}

/// What a series has.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Its line; [`NO_LINE`] if the entry is free.
    line: u32,
    buffer: Buffer,
    /// See [`chunk_list`]; in the order in which they were written.
    chunks: Slot,
    chunk_bytes: u32,
}

/// The longest a late chunk lasts: its list has 32 bits for it.
const MAX_SPAN_MS: i64 = u32::MAX as i64;
/// The number of no entry.
const NO_ENTRY: u32 = u32::MAX;

impl OutOfOrder {
    /// The largest buffer: as in Prometheus, where it is counted in a byte.
    pub const MAX_CAP: u32 = 255;

    /// Whether late samples are taken.
    pub fn is_on(&self) -> bool {
        self.window_ms > 0
    }

    /// The cap, between its bounds.
    pub(super) fn cap(&self) -> u32 {
        self.cap.clamp(1, Self::MAX_CAP)
    }
}

impl Default for OutOfOrder {
    /// None is taken; the cap is Prometheus' default.
    fn default() -> Self {
        Self { window_ms: 0, cap: 32 }
    }
}

impl Late {
    /// How many series have anything.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether the series of that line has anything.
    pub(super) fn has(&self, line: u32) -> bool {
        self.entry(line).is_some()
    }

    /// The times of all late samples, and perhaps more.
    pub(super) fn range(&self) -> Option<TimeRange> {
        self.range
    }

    /// Puts a sample into the buffer of a series, which may grow beyond any bound: see [`Late::cut`].
    pub(super) fn insert(
        &mut self,
        layouts: &mut Layouts,
        line: u32,
        timestamp_ms: i64,
        sample: LateSample<'_>,
    ) -> Inserted {
        let number = self.entry_or_new(line);
        let buffer = &mut self.entries[number].buffer;
        let inserted = buffer.insert(timestamp_ms, sample, &mut self.slab, layouts);
        if inserted == Inserted::New {
            self.include(timestamp_ms, timestamp_ms);
        }
        inserted
    }

    /// How many samples the buffer of a series holds.
    pub(super) fn buffered(&self, line: u32) -> u32 {
        self.entry(line).map_or(0, |entry| entry.buffer.len())
    }

    /// Appends the samples in the buffer of a series to `columns`, times rising.
    pub(super) fn read_buffer(&self, layouts: &Layouts, line: u32, columns: &mut SampleColumns) {
        if let Some(entry) = self.entry(line) {
            entry.buffer.read(&self.slab, layouts, columns);
        }
    }

    /// The first and the last time in the buffer of a series.
    pub(super) fn buffer_range(&self, line: u32) -> Option<(i64, i64)> {
        self.entry(line)?.buffer.range(&self.slab)
    }

    /// Makes chunks of the buffer of a series, and of whatever follows in it each where the kind changes; then tells where
    /// they are. `false`: the files took not all of it; the rest stays in the buffer, and nothing is told.
    pub(super) fn cut(
        &mut self,
        layouts: &mut Layouts,
        line: u32,
        series: SeriesRef,
        files: &HeadChunks,
        told: impl FnMut(HeadChunkRef),
    ) -> bool {
        let mut columns = SampleColumns::default();
        self.read_buffer(layouts, line, &mut columns);
        let (mut done, mut places) = (0, Vec::new());
        'groups: while done < columns.len() {
            for chunk in &chunk::encode_uncut(&group(&columns, done)) {
                let Ok(chunk) = store(series, chunk, files) else { break 'groups };
                self.attach(line, chunk);
                places.push(place_of(&chunk));
                done = columns.timestamps_ms.partition_point(|&timestamp_ms| timestamp_ms <= chunk.max_ms);
            }
        }
        self.keep_buffered(layouts, line, |at| at >= done);
        let is_whole = done == columns.len();
        if is_whole {
            places.into_iter().for_each(told);
        }
        is_whole
    }

    /// Adds a late chunk of a series; its samples may overlap any others.
    pub(super) fn attach(&mut self, line: u32, chunk: FullChunk) {
        let number = self.entry_or_new(line);
        let mut tail = std::mem::take(&mut self.scratch);
        tail.clear();
        chunk_list::extend(self.list(number), chunk, &mut tail);
        let Entry { chunks, chunk_bytes, .. } = self.entries[number];
        let (old_bytes, new_bytes) = (chunk_bytes as usize, chunk_bytes as usize + tail.len());
        let chunks = match old_bytes {
            0 => self.slab.allocate(Use::List, new_bytes),
            _ => self.slab.grow(Use::List, chunks, old_bytes, new_bytes),
        };
        self.slab.bytes_mut(chunks, new_bytes)[old_bytes..].copy_from_slice(&tail);
        let entry = &mut self.entries[number];
        (entry.chunks, entry.chunk_bytes) = (chunks, new_bytes as u32);
        self.scratch = tail;
        self.include(chunk.min_ms, chunk.max_ms);
    }

    /// Takes the late chunk at `place` out of a series. `false`: it is not there.
    pub(super) fn detach(&mut self, line: u32, place: HeadChunkRef) -> bool {
        let Some(number) = self.number(line) else { return false };
        let before = self.chunks(line).count();
        let kept: Vec<_> = self.chunks(line).filter(|chunk| place_of(chunk) != place).collect();
        if kept.len() < before {
            self.replace_chunks(number, &kept);
        }
        kept.len() < before
    }

    /// The late chunks of a series, in the order in which they were written.
    pub(super) fn chunks(&self, line: u32) -> impl Iterator<Item = FullChunk> {
        chunk_list::chunks(self.number(line).map_or(&[], |number| self.list(number)))
    }

    /// Whether late samples of a series may lie in `range`.
    pub(super) fn overlaps(&self, line: u32, range: TimeRange) -> bool {
        self.ranges(line).any(|(min_ms, max_ms)| min_ms <= range.max_ms() && max_ms >= range.min_ms())
    }

    /// The ranges of the late chunks of a series, and of its buffer.
    pub(super) fn ranges(&self, line: u32) -> impl Iterator<Item = (i64, i64)> {
        self.buffer_range(line).into_iter().chain(self.chunks(line).map(|chunk| (chunk.min_ms, chunk.max_ms)))
    }

    /// The times of the late samples of a series.
    pub(super) fn range_of(&self, line: u32) -> Option<TimeRange> {
        self.ranges(line).filter_map(|(min_ms, max_ms)| TimeRange::new(min_ms, max_ms)).reduce(TimeRange::hull)
    }

    /// Drops the samples in the buffer of a series that `keep` does not want, by their position.
    pub(super) fn keep_buffered(&mut self, layouts: &mut Layouts, line: u32, keep: impl FnMut(usize) -> bool) {
        if let Some(number) = self.number(line) {
            self.entries[number].buffer.keep(&mut self.slab, layouts, keep);
        }
    }

    /// Drops, of the next few entries, the late chunks up to the one at `through`, this one inside, and entries that have
    /// nothing left. `false` at the end; a sweep begins with an empty state.
    pub(super) fn sweep(&mut self, through: HeadChunkRef, sweep: &mut LateSweep) -> bool {
        if sweep.entry == 0 {
            self.recent = None;
        }
        let end = self.entries.len().min(sweep.entry + ENTRIES_PER_LOCK);
        let mut kept = Vec::new();
        for number in sweep.entry..end {
            let line = self.entries[number].line;
            if line == NO_LINE {
                continue;
            }
            let before = self.chunks(line).count();
            kept.clear();
            kept.extend(self.chunks(line).filter(|chunk| place_of(chunk) > through));
            if kept.len() < before {
                sweep.dropped += (before - kept.len()) as u64;
                self.replace_chunks(number, &kept);
            }
            let buffered = self.buffer_range(line);
            let ranges = kept.iter().map(|chunk| (chunk.min_ms, chunk.max_ms)).chain(buffered);
            let ranges = ranges.filter_map(|(min_ms, max_ms)| TimeRange::new(min_ms, max_ms));
            sweep.range = ranges.chain(sweep.range).reduce(TimeRange::hull);
            if kept.is_empty() && buffered.is_none() {
                self.free_entry(number);
                sweep.freed.push(line);
            }
        }
        sweep.entry = end;
        if end < self.entries.len() {
            return true;
        }
        self.range = sweep.range.into_iter().chain(self.recent).reduce(TimeRange::hull);
        if self.len() == 0 {
            *self = Self::default();
        }
        false
    }

    /// The lines that have an entry.
    pub(super) fn lines(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().map(|entry| entry.line).filter(|&line| line != NO_LINE)
    }

    /// Bytes held, about.
    pub(super) fn size_bytes(&self) -> usize {
        self.of_line.capacity_bytes()
            + self.entries.capacity() * size_of::<Entry>()
            + self.free.capacity() * size_of::<u32>()
            + self.slab.capacity_bytes()
            + self.scratch.capacity()
    }

    fn number(&self, line: u32) -> Option<usize> {
        if line >= self.of_line.len() {
            return None;
        }
        Some(self.of_line[line]).filter(|&number| number != NO_ENTRY).map(|number| number as usize)
    }

    fn entry(&self, line: u32) -> Option<&Entry> {
        self.entries.get(self.number(line)?)
    }

    fn entry_or_new(&mut self, line: u32) -> usize {
        if let Some(number) = self.number(line) {
            return number;
        }
        while self.of_line.len() <= line {
            self.of_line.push(NO_ENTRY);
        }
        let entry = Entry { line, buffer: Buffer::EMPTY, chunks: Slot::NONE, chunk_bytes: 0 };
        let number = match self.free.pop() {
            Some(number) => {
                self.entries[number as usize] = entry;
                number
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        self.of_line[line] = number;
        number as usize
    }

    fn free_entry(&mut self, number: usize) {
        let line = std::mem::replace(&mut self.entries[number].line, NO_LINE);
        self.of_line[line] = NO_ENTRY;
        self.free.push(number as u32);
    }

    fn list(&self, number: usize) -> &[u8] {
        match self.entries[number] {
            Entry { chunk_bytes: 0, .. } => &[],
            Entry { chunks, chunk_bytes, .. } => self.slab.bytes(chunks, chunk_bytes as usize),
        }
    }

    fn replace_chunks(&mut self, number: usize, kept: &[FullChunk]) {
        let Entry { chunks, chunk_bytes, .. } = self.entries[number];
        self.slab.free(chunks, chunk_bytes as usize);
        let mut list = std::mem::take(&mut self.scratch);
        list.clear();
        chunk_list::build(kept.iter().copied(), &mut list);
        let chunks = if list.is_empty() { Slot::NONE } else { self.slab.allocate(Use::List, list.len()) };
        if !list.is_empty() {
            self.slab.bytes_mut(chunks, list.len()).copy_from_slice(&list);
        }
        let entry = &mut self.entries[number];
        (entry.chunks, entry.chunk_bytes) = (chunks, list.len() as u32);
        self.scratch = list;
    }

    fn include(&mut self, min_ms: i64, max_ms: i64) {
        let more = TimeRange::new(min_ms, max_ms);
        for range in [&mut self.range, &mut self.recent] {
            *range = range.iter().copied().chain(more).reduce(TimeRange::hull);
        }
    }
}

/// A late chunk holds so many samples at most. Buffers are shorter, unless the files took nothing for a while.
const MAX_CHUNK_SAMPLES: usize = 255;

/// So many numbers of histograms lie in a late chunk at most, unless a single one has more.
const MAX_CHUNK_CELLS: usize = 1 << 18;

/// How many entries are swept while a shard is locked once.
const ENTRIES_PER_LOCK: usize = 1024;

/// The samples from `start` on that become chunks together.
fn group(columns: &SampleColumns, start: usize) -> SampleColumns {
    let (mut group, first_ms) = (SampleColumns::default(), columns.timestamps_ms[start]);
    for at in start..columns.len().min(start + MAX_CHUNK_SAMPLES) {
        let is_far = columns.timestamps_ms[at].saturating_sub(first_ms) > MAX_SPAN_MS;
        if is_far || group.histograms.cells() > MAX_CHUNK_CELLS {
            break;
        }
        group.push_from(columns, at);
    }
    group
}

/// Puts a chunk into the files as a late one.
fn store(series: SeriesRef, chunk: &Chunk, files: &HeadChunks) -> Result<FullChunk, HeadChunkError> {
    let &Chunk { min_ms, max_ms, encoding, ref data, .. } = chunk;
    let place = files.append(&HeadFrame { series, min_ms, max_ms, encoding, out_of_order: true, data })?;
    Ok(FullChunk { min_ms, max_ms, place: Place::File(place.0) })
}

/// Late chunks are always in files.
pub(super) fn place_of(chunk: &FullChunk) -> HeadChunkRef {
    match chunk.place {
        Place::File(place) => HeadChunkRef(place),
        Place::Kept(_) => HeadChunkRef(0),
    }
}

#[cfg(test)]
mod tests;
