//! A part of the head: the series whose fingerprints fall into it, as plain data behind one lock.

use super::arena::Arena;
use super::chunk_list::{self, FullChunk, Place};
use super::dictionary::PairId;
use super::hot_line::{HotLine, NO_LINE, table_hash};
use super::postings::Postings;
use super::prefetch::prefetch;
use super::slab::{Slab, Slot, Use};
use crate::append::RefusedBecause;
use crate::chunk::WordSink;
use crate::chunk::xor::{self, decode_xor};
use crate::cursor::Cursor;
use crate::head_chunks::{HeadChunks, HeadFrame};
use crate::series::Encoding;
use hashbrown::HashTable;
use model::{Fingerprint, SampleColumns, SeriesRef, TimeRange};

/// Series of a head, by line number.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) lines: Arena<HotLine>,
    pub(super) cold: Arena<Cold>,
    /// Line numbers by fingerprint; only those of live lines.
    table: HashTable<u32>,
    slab: Slab,
    pub(super) postings: Postings,
    /// Lines that a new series may take.
    free: Vec<u32>,
    /// Lines that fell free in an epoch which readers may still be in.
    dying: Vec<(u32, Vec<u32>)>,
    /// Full chunks that the files did not take.
    kept: Vec<Option<Kept>>,
    free_kept: Vec<u32>,
    /// The line that was found last: the next batch likely begins with its successor.
    pub(super) newest: u32,
    scratch: Vec<u8>,
}

/// What is known of a series beyond its hot line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cold {
    labels: Slot,
    chunks: Slot,
    label_count: u32,
    /// The size of the list of full chunks.
    chunk_bytes: u32,
}

/// A full chunk in memory.
#[derive(Debug)]
struct Kept {
    /// The line of its series.
    number: u32,
    data: Box<[u8]>,
}

/// What samples are held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Samples before this are out of bounds.
    pub(super) floor_ms: i64,
    /// Samples after this are too far ahead.
    pub(super) max_ms: i64,
    /// Chunks end at multiples of this.
    pub(super) chunk_range_ms: i64,
}

/// How many samples a chunk should hold.
pub(super) const TARGET_SAMPLES: u8 = 120;
/// How many it may hold, when samples come faster than it was cut for.
const MAX_SAMPLES: u8 = 2 * TARGET_SAMPLES;
/// A chunk of more bytes takes no further sample: with one of 19 bytes it would pass 1 KiB.
const MAX_OPEN_BYTES: usize = 1024 - 19;

/// The words that one sample completed.
#[derive(Debug, Default)]
struct Words {
    words: [[u8; WORD_BYTES]; xor::MAX_APPEND_BYTES / WORD_BYTES],
    len: usize,
}

const WORD_BYTES: usize = 8;

/// With so many bits pending, the next sample often completes a word.
const LIKELY_FULL_BITS: u8 = 40;

impl WordSink for Words {
    #[inline(always)]
    fn push_word(&mut self, word: [u8; 8]) {
        if let Some(to) = self.words.get_mut(self.len) {
            *to = word;
        }
        self.len += 1;
    }
}

impl Rules {
    /// Whether a sample of that time is taken at all, whatever its series holds.
    #[inline(always)]
    pub(super) fn bound(&self, timestamp_ms: i64) -> Result<(), RefusedBecause> {
        if timestamp_ms > self.max_ms {
            return Err(RefusedBecause::TooFarInFuture);
        }
        if timestamp_ms < self.floor_ms {
            return Err(RefusedBecause::OutOfBounds);
        }
        Ok(())
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            lines: Arena::default(),
            cold: Arena::default(),
            table: HashTable::new(),
            slab: Slab::default(),
            postings: Postings::default(),
            free: Vec::new(),
            dying: Vec::new(),
            kept: Vec::new(),
            free_kept: Vec::new(),
            newest: NO_LINE,
            scratch: Vec::new(),
        }
    }
}

impl Shard {
    /// The line of a series.
    #[inline]
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Option<u32> {
        let is_it = |&number: &u32| self.lines[number].is(fingerprint);
        self.table.find(table_hash(fingerprint), is_it).copied()
    }

    /// The line that likely is that of a series: one in a hundred guesses is wrong. Looks at no line.
    #[inline]
    pub(super) fn guess(&self, fingerprint: Fingerprint) -> Option<u32> {
        self.table.find(table_hash(fingerprint), |_| true).copied()
    }

    /// Asks for the memory of a line, if there is such a line.
    #[inline]
    pub(super) fn prefetch(&self, number: u32) {
        if number < self.lines.len() {
            prefetch(&self.lines[number]);
        }
    }

    /// Asks for the end of a series' open chunk, if the next sample likely writes to it.
    #[inline]
    pub(super) fn prefetch_chunk(&self, number: u32) {
        let line = &self.lines[number];
        if line.pending_bits() >= LIKELY_FULL_BITS && line.words > 0 {
            let bytes = self.slab.bytes(line.slot, usize::from(line.words) * WORD_BYTES);
            bytes.last().into_iter().for_each(prefetch);
        }
    }

    /// The line that followed the one found last, the last time.
    #[inline]
    pub(super) fn successor_of_newest(&self) -> Option<u32> {
        let newest = Some(self.newest).filter(|&newest| newest != NO_LINE)?;
        Some(self.lines[newest].successor).filter(|&successor| successor != NO_LINE)
    }

    /// Remembers that `number` followed the line found last.
    #[inline]
    pub(super) fn succeed(&mut self, number: u32) {
        if self.newest != NO_LINE {
            self.lines[self.newest].successor = number;
        }
        self.newest = number;
    }

    /// Adds a series, which must not be there, with these label pairs.
    pub(super) fn create(&mut self, fingerprint: Fingerprint, reference: SeriesRef, pairs: &[PairId]) -> u32 {
        let size_bytes = size_of_val(pairs);
        let labels = self.slab.allocate(Use::List, size_bytes);
        for (to, pair) in self.slab.bytes_mut(labels, size_bytes).chunks_exact_mut(4).zip(pairs) {
            to.copy_from_slice(&pair.to_le_bytes());
        }
        let cold = Cold { labels, chunks: Slot::NONE, label_count: pairs.len() as u32, chunk_bytes: 0 };
        let line = HotLine::new(fingerprint, reference);
        let number = match self.free.pop() {
            Some(number) => {
                self.lines[number] = line;
                self.cold[number] = cold;
                number
            }
            None => {
                self.cold.push(cold);
                self.lines.push(line)
            }
        };
        let lines = &self.lines;
        self.table.insert_unique(table_hash(fingerprint), number, |&number| lines[number].table_hash());
        for &pair in pairs {
            self.postings.add(pair, number);
        }
        number
    }

    /// The label pairs of a series, in order of names.
    pub(super) fn pairs(&self, number: u32) -> impl Iterator<Item = PairId> {
        let cold = &self.cold[number];
        let bytes = self.slab.bytes(cold.labels, cold.label_count as usize * size_of::<PairId>());
        bytes.chunks_exact(4).map(|pair| pair.try_into().map_or(0, PairId::from_le_bytes))
    }

    /// Appends a sample to the open chunk, or says why not. The newest sample again counts as appended.
    #[inline(always)]
    pub(super) fn append(
        &mut self,
        number: u32,
        (timestamp_ms, value): (i64, f64),
        rules: &Rules,
        files: &HeadChunks,
    ) -> Result<(), RefusedBecause> {
        rules.bound(timestamp_ms)?;
        let line = &mut self.lines[number];
        if line.has_sample() && timestamp_ms <= line.last_ms {
            return self.append_old(number, timestamp_ms, value);
        }
        let distance_ms = timestamp_ms.wrapping_sub(line.last_ms).cast_unsigned();
        let state = line.state();
        let full = line.count == 0
            || distance_ms >= u64::from(line.left_ms)
            || line.count == TARGET_SAMPLES / 4
            || line.count >= MAX_SAMPLES
            || state.size_bytes(usize::from(line.words) * 8) > MAX_OPEN_BYTES;
        if full {
            self.turn_chunk(number, timestamp_ms, rules, files);
        } else {
            line.left_ms -= distance_ms as u32;
        }
        self.encode(number, timestamp_ms, value);
        Ok(())
    }

    /// Writes a sample into the open chunk.
    #[inline(always)]
    fn encode(&mut self, number: u32, timestamp_ms: i64, value: f64) {
        let line = &mut self.lines[number];
        let mut state = line.state();
        let mut words = Words::default();
        state.append(timestamp_ms, value, &mut words);
        line.set_state(&state);
        if words.len > 0 {
            self.push_words(number, &words);
        }
    }

    /// Puts the words that a sample completed behind those of the open chunk.
    #[inline]
    fn push_words(&mut self, number: u32, words: &Words) {
        let line = &mut self.lines[number];
        let old_bytes = usize::from(line.words) * WORD_BYTES;
        let new_bytes = old_bytes + words.len * WORD_BYTES;
        line.slot = match old_bytes {
            0 => self.slab.allocate(Use::Chunk, new_bytes),
            _ => self.slab.grow(Use::Chunk, line.slot, old_bytes, new_bytes),
        };
        line.words += words.len as u8;
        let bytes = self.slab.bytes_mut(line.slot, new_bytes);
        // Mostly one word: a store, not a call.
        for (to, word) in bytes[old_bytes..].chunks_exact_mut(WORD_BYTES).zip(&words.words) {
            to.copy_from_slice(word);
        }
    }

    /// A sample that is not newer than the newest.
    #[cold]
    fn append_old(&mut self, number: u32, timestamp_ms: i64, value: f64) -> Result<(), RefusedBecause> {
        let line = &self.lines[number];
        if timestamp_ms == line.last_ms {
            return match line.value_bits == value.to_bits() {
                true => Ok(()),
                false => Err(RefusedBecause::DuplicateTimestamp),
            };
        }
        if line.is_unlogged() && self.open_chunk_holds(number, timestamp_ms, value) {
            // What was refused by the log comes again: to the head it is a repeat, to the log it is new.
            return Ok(());
        }
        Err(RefusedBecause::OutOfOrder)
    }

    fn open_chunk_holds(&self, number: u32, timestamp_ms: i64, value: f64) -> bool {
        let (mut data, mut columns) = (Vec::new(), SampleColumns::default());
        self.write_open_chunk(number, &mut data);
        if decode_xor(&data, &mut columns).is_err() {
            return false;
        }
        let at = columns.timestamps_ms.binary_search(&timestamp_ms);
        at.is_ok_and(|at| columns.values.get(at).is_some_and(|have| have.to_bits() == value.to_bits()))
    }

    /// Sees to it that the open chunk takes a sample at `timestamp_ms`: begins one, ends it and begins the next, or only
    /// moves its end. Rules as in Prometheus, `tsdb/head_append.go`.
    #[cold]
    fn turn_chunk(&mut self, number: u32, timestamp_ms: i64, rules: &Rules, files: &HeadChunks) {
        let line = &mut self.lines[number];
        if line.count > 0 {
            let last_ms = line.last_ms;
            let mut end_ms = last_ms.saturating_add(i64::from(line.left_ms));
            if line.count == TARGET_SAMPLES / 4 {
                let first_ms = first_ms(self.slab.bytes(line.slot, usize::from(line.words) * 8));
                end_ms = chunk_end_ms(first_ms, last_ms, end_ms);
            }
            let size_bytes = line.state().size_bytes(usize::from(line.words) * 8);
            if timestamp_ms < end_ms && line.count < MAX_SAMPLES && size_bytes <= MAX_OPEN_BYTES {
                line.left_ms = left_ms(end_ms, timestamp_ms);
                return;
            }
            self.close_chunk(number, files);
        }
        let end_ms = range_end_ms(timestamp_ms, rules.chunk_range_ms);
        self.lines[number].left_ms = left_ms(end_ms, timestamp_ms);
    }

    /// Hands the open chunk to the files.
    pub(super) fn close_chunk(&mut self, number: u32, files: &HeadChunks) {
        let mut data = std::mem::take(&mut self.scratch);
        data.clear();
        self.write_open_chunk(number, &mut data);
        let line = &mut self.lines[number];
        let (min_ms, max_ms) = (first_ms(&data), line.last_ms);
        self.drop_open_chunk(number);
        let place = self.store(number, min_ms, max_ms, &data, files);
        self.scratch = data;
        self.add_full_chunk(number, FullChunk { min_ms, max_ms, place });
    }

    /// Puts a full chunk of a series into the files.
    pub(super) fn store(&mut self, number: u32, min_ms: i64, max_ms: i64, data: &[u8], files: &HeadChunks) -> Place {
        let series = self.lines[number].reference();
        match files.append(&HeadFrame { series, min_ms, max_ms, encoding: Encoding::Xor, out_of_order: false, data }) {
            Ok(place) => Place::File(place.0),
            // Full, for instance because the disk is. The log has the samples, and the memory has the chunk.
            Err(_) => Place::Kept(self.keep(number, data)),
        }
    }

    /// Adds a chunk that is newer than all full ones of the series.
    pub(super) fn add_full_chunk(&mut self, number: u32, chunk: FullChunk) {
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
    pub(super) fn full_chunks(&self, number: u32) -> impl Iterator<Item = FullChunk> {
        chunk_list::chunks(self.chunk_list(number))
    }

    fn chunk_list(&self, number: u32) -> &[u8] {
        match &self.cold[number] {
            Cold { chunk_bytes: 0, .. } => &[],
            cold => self.slab.bytes(cold.chunks, cold.chunk_len()),
        }
    }

    /// Appends the data of the open chunk to `out`; nothing if there is none.
    pub(super) fn write_open_chunk(&self, number: u32, out: &mut Vec<u8>) {
        let line = &self.lines[number];
        if line.count > 0 {
            line.state().write_chunk(self.slab.bytes(line.slot, usize::from(line.words) * 8), out);
        }
    }

    /// The time of the first sample of the open chunk, if there is one.
    pub(super) fn open_min_ms(&self, number: u32) -> Option<i64> {
        let line = &self.lines[number];
        (line.count > 0).then(|| first_ms(self.slab.bytes(line.slot, usize::from(line.words) * 8)))
    }

    /// Whether a chunk of the series shares a time with `range`.
    pub(super) fn overlaps(&self, number: u32, range: TimeRange) -> bool {
        let line = &self.lines[number];
        if !line.has_sample() || line.last_ms < range.min_ms() {
            return false;
        }
        // Mostly a range ends after the newest sample, and then nothing else is looked at.
        let open = line.count > 0
            && (line.last_ms <= range.max_ms()
                || self.open_min_ms(number).is_some_and(|min_ms| min_ms <= range.max_ms()));
        open || self.full_chunks(number).any(|chunk| chunk.min_ms <= range.max_ms() && chunk.max_ms >= range.min_ms())
    }

    /// Gives a series another list of full chunks.
    pub(super) fn set_full_chunks(&mut self, number: u32, chunks: &[FullChunk]) {
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

    /// Drops the open chunk of a series, which has one.
    pub(super) fn drop_open_chunk(&mut self, number: u32) {
        let line = &mut self.lines[number];
        self.slab.free(line.slot, usize::from(line.words) * 8);
        line.close_chunk();
    }

    /// Takes a series without chunks out of the table and frees its labels; postings and number are left.
    pub(super) fn kill(&mut self, number: u32) {
        let line = &mut self.lines[number];
        line.kill();
        if let Ok(entry) = self.table.find_entry(line.table_hash(), |&other| other == number) {
            entry.remove();
        }
        let cold = &mut self.cold[number];
        self.slab.free(cold.labels, cold.label_count as usize * size_of::<PairId>());
        *cold = Cold { labels: Slot::NONE, chunks: Slot::NONE, label_count: 0, chunk_bytes: 0 };
    }

    /// Takes note of lines that are in no posting any longer and fell free in `epoch`.
    pub(super) fn retire(&mut self, epoch: u32, numbers: Vec<u32>) {
        self.dying.push((epoch, numbers));
    }

    /// Lets new series take the lines that fell free before epoch `oldest`.
    pub(super) fn reuse(&mut self, oldest: u32) {
        let Self { dying, free, .. } = self;
        dying.retain(|(epoch, numbers)| {
            if *epoch < oldest {
                // Taken from the end: lowest first.
                free.extend(numbers.iter().rev());
            }
            *epoch >= oldest
        });
    }

    /// The data of a chunk that the files did not take.
    pub(super) fn kept(&self, kept: u32) -> &[u8] {
        self.kept.get(kept as usize).and_then(Option::as_ref).map_or(&[], |kept| &kept.data)
    }

    /// Frees a chunk that the files did not take.
    pub(super) fn forget_kept(&mut self, kept: u32) {
        self.kept[kept as usize] = None;
        self.free_kept.push(kept);
    }

    /// Offers the files one of the chunks they did not take. `false`: there is none, or it was refused again.
    pub(super) fn store_one_kept(&mut self, files: &HeadChunks) -> bool {
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
        let frame = HeadFrame {
            series: self.lines[number].reference(),
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            encoding: Encoding::Xor,
            out_of_order: false,
            data: self.kept(kept),
        };
        let Ok(place) = files.append(&frame) else { return false };
        chunk.place = Place::File(place.0);
        self.set_full_chunks(number, &chunks);
        self.forget_kept(kept);
        true
    }

    fn keep(&mut self, number: u32, data: &[u8]) -> u32 {
        let kept = Some(Kept { number, data: data.into() });
        if let Some(at) = self.free_kept.pop() {
            self.kept[at as usize] = kept;
            return at;
        }
        self.kept.push(kept);
        (self.kept.len() - 1) as u32
    }

    /// Bytes held, about.
    pub(super) fn size_bytes(&self) -> usize {
        self.lines.capacity_bytes()
            + self.cold.capacity_bytes()
            + self.table.allocation_size()
            + self.slab.capacity_bytes()
            + self.postings.size_bytes()
            + (self.free.capacity() + self.free_kept.capacity()) * 4
            + self.kept.iter().flatten().map(|kept| kept.data.len() + size_of::<Kept>()).sum::<usize>()
            + self.scratch.capacity()
    }
}

impl Cold {
    fn chunk_len(&self) -> usize {
        self.chunk_bytes as usize
    }
}

/// The time of the first sample, from the first bytes of a chunk: behind the count stands its varint, and by the time the
/// sample is in, those bytes are in whole words.
fn first_ms(data: &[u8]) -> i64 {
    let mut cursor = Cursor::new(data.get(2..).unwrap_or_default());
    cursor.varint().unwrap_or(0)
}

/// What is left of a chunk at `timestamp_ms` that ends at `end_ms`, which is later.
fn left_ms(end_ms: i64, timestamp_ms: i64) -> u32 {
    u32::try_from(end_ms.saturating_sub(timestamp_ms)).unwrap_or(u32::MAX)
}

/// The end of the range that `timestamp_ms` lies in.
fn range_end_ms(timestamp_ms: i64, range_ms: i64) -> i64 {
    (timestamp_ms / range_ms).saturating_mul(range_ms).saturating_add(range_ms)
}

/// Where a chunk should end that is a quarter full: such that what is left of the range is cut into equal parts.
fn chunk_end_ms(first_ms: i64, last_ms: i64, range_end_ms: i64) -> i64 {
    let left = range_end_ms.saturating_sub(first_ms) as f64;
    let full = last_ms.saturating_sub(first_ms).saturating_add(1) as f64 * 4.0;
    let parts = (left / full).floor();
    if parts <= 1.0 { range_end_ms } else { (first_ms as f64 + left / parts) as i64 }
}

#[cfg(test)]
mod tests;
