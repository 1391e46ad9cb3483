//! The open chunk of a series: of floats the state is in the hot line, the whole words are in the slab; of histograms see
//! [`histograms`](super::histograms).

use super::{EncodedChunk, Rules, Shard};
use crate::append::RefusedBecause;
use crate::chunk::{self, WordSink, xor, xor::XorState};
use crate::cursor::Cursor;
use crate::head::chunk_list::FullChunk;
use crate::head::slab::Use;
use crate::head_chunks::HeadChunks;
use crate::series::Encoding;
use model::SampleColumns;

/// How many samples a chunk should hold.
pub(super) const TARGET_SAMPLES: u8 = 120;
/// How many it may hold, when samples come faster than it was cut for.
pub(super) const MAX_SAMPLES: u8 = 2 * TARGET_SAMPLES;
/// A chunk of more bytes takes no further sample: with one of 19 bytes it would pass 1 KiB.
const MAX_OPEN_BYTES: usize = 1024 - 19;

/// The words that one sample completed.
#[derive(Debug, Default)]
struct Words {
    words: [[u8; WORD_BYTES]; xor::MAX_APPEND_BYTES / WORD_BYTES],
    len: usize,
}

/// The words that a few samples completed.
#[derive(Debug, Default)]
struct RunWords {
    words: [[u8; WORD_BYTES]; 32],
    len: usize,
}

impl RunWords {
    /// Whether there may be no room for those of another sample.
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.len + xor::MAX_APPEND_BYTES / WORD_BYTES > self.words.len()
    }
}

impl WordSink for RunWords {
    #[inline(always)]
    fn push_word(&mut self, word: [u8; 8]) {
        if let Some(to) = self.words.get_mut(self.len) {
            *to = word;
        }
        self.len += 1;
    }
}

pub(super) const WORD_BYTES: usize = 8;

/// With so many bits pending, the next sample often completes a word.
pub(super) const LIKELY_FULL_BITS: u8 = 40;

impl WordSink for Words {
    #[inline(always)]
    fn push_word(&mut self, word: [u8; 8]) {
        if let Some(to) = self.words.get_mut(self.len) {
            *to = word;
        }
        self.len += 1;
    }
}

impl Shard {
    /// Appends a sample to the open chunk, or says why not. The newest sample again counts as appended.
    #[inline(always)]
    pub(in crate::head) fn append(
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

    /// Appends samples of rising times, all after the newest of the series.
    #[inline(always)]
    pub(in crate::head) fn append_run(
        &mut self,
        number: u32,
        samples: impl Iterator<Item = (i64, f64)>,
        rules: &Rules,
        files: &HeadChunks,
    ) {
        let mut words = RunWords::default();
        let line = &self.lines[number];
        let (mut state, mut left_ms, mut sunk_bytes) =
            (line.state(), line.left_ms, usize::from(line.words) * WORD_BYTES);
        for (timestamp_ms, value) in samples {
            let distance_ms = timestamp_ms.wrapping_sub(state.last_ms).cast_unsigned();
            let count = state.count as u8;
            let full = count == 0
                || distance_ms >= u64::from(left_ms)
                || count == TARGET_SAMPLES / 4
                || count >= MAX_SAMPLES
                || state.size_bytes(sunk_bytes + words.len * WORD_BYTES) > MAX_OPEN_BYTES;
            if full {
                self.put_run(number, &state, left_ms, &mut words);
                self.turn_chunk(number, timestamp_ms, rules, files);
                let line = &self.lines[number];
                (state, left_ms, sunk_bytes) = (line.state(), line.left_ms, usize::from(line.words) * WORD_BYTES);
            } else {
                left_ms -= distance_ms as u32;
                if words.is_full() {
                    self.put_run(number, &state, left_ms, &mut words);
                    sunk_bytes = usize::from(self.lines[number].words) * WORD_BYTES;
                }
            }
            state.append(timestamp_ms, value, &mut words);
        }
        self.put_run(number, &state, left_ms, &mut words);
    }

    /// Writes back what some samples made of the open chunk.
    #[inline]
    fn put_run(&mut self, number: u32, state: &XorState, left_ms: u32, words: &mut RunWords) {
        let line = &mut self.lines[number];
        if state.count > 0 {
            line.set_state(state);
            line.left_ms = left_ms;
        }
        if words.len > 0 {
            let old_bytes = usize::from(line.words) * WORD_BYTES;
            let new_bytes = old_bytes + words.len * WORD_BYTES;
            line.slot = match old_bytes {
                0 => self.slab.allocate(Use::Chunk, new_bytes),
                _ => self.slab.grow(Use::Chunk, line.slot, old_bytes, new_bytes),
            };
            line.words += words.len as u8;
            let bytes = self.slab.bytes_mut(line.slot, new_bytes);
            // Mostly a few words: stores, not a call.
            for (to, word) in bytes[old_bytes..].chunks_exact_mut(WORD_BYTES).zip(&words.words) {
                to.copy_from_slice(word);
            }
            words.len = 0;
        }
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
            return match !line.is_histogram() && line.value_bits == value.to_bits() {
                true => Ok(()),
                false => Err(RefusedBecause::DuplicateTimestamp),
            };
        }
        let is_it = |columns: &SampleColumns, at: usize| {
            columns.histogram(at).is_none()
                && columns.values.get(at).is_some_and(|have| have.to_bits() == value.to_bits())
        };
        if line.is_unlogged() && self.open_chunk_holds(number, timestamp_ms, is_it) {
            // What was refused by the log comes again: to the head it is a repeat, to the log it is new.
            return Ok(());
        }
        Err(RefusedBecause::OutOfOrder)
    }

    /// Whether the open chunk has a sample at `timestamp_ms` that `is_it`.
    pub(super) fn open_chunk_holds(
        &self,
        number: u32,
        timestamp_ms: i64,
        is_it: impl FnOnce(&SampleColumns, usize) -> bool,
    ) -> bool {
        let (mut data, mut columns) = (Vec::new(), SampleColumns::default());
        let Some(encoding) = self.write_open_chunk(number, &mut data) else { return false };
        if chunk::decode(encoding, &data, &mut columns).is_err() {
            return false;
        }
        columns.timestamps_ms.binary_search(&timestamp_ms).is_ok_and(|at| is_it(&columns, at))
    }

    /// Sees to it that the open chunk takes a sample at `timestamp_ms`: begins one, ends it and begins the next, or only
    /// moves its end. Rules as in Prometheus, `tsdb/head_append.go`.
    #[cold]
    fn turn_chunk(&mut self, number: u32, timestamp_ms: i64, rules: &Rules, files: &HeadChunks) {
        if self.lines[number].is_histogram() {
            self.close_chunk(number, files);
            self.leave_histograms(number);
        }
        let line = &mut self.lines[number];
        if line.count > 0 {
            let last_ms = line.last_ms;
            let mut end_ms = last_ms.saturating_add(i64::from(line.left_ms));
            if line.count == TARGET_SAMPLES / 4 {
                let first_ms = first_ms(self.slab.bytes(line.slot, usize::from(line.words) * 8));
                end_ms = chunk_end_ms(first_ms, last_ms, end_ms, 4.0);
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

    /// Hands the open chunk, if there is one, to the files.
    pub(in crate::head) fn close_chunk(&mut self, number: u32, files: &HeadChunks) {
        let mut data = std::mem::take(&mut self.scratch);
        data.clear();
        let max_ms = self.lines[number].last_ms;
        if let (Some(min_ms), Some(encoding)) = (self.open_min_ms(number), self.write_open_chunk(number, &mut data)) {
            self.drop_open_chunk(number);
            let place = self.store(number, &EncodedChunk { min_ms, max_ms, encoding, data: &data }, files);
            self.scratch = data;
            self.add_full_chunk(number, FullChunk { min_ms, max_ms, place });
        } else {
            self.scratch = data;
        }
    }

    /// Whether there is an open chunk.
    #[inline]
    pub(in crate::head) fn has_open_chunk(&self, number: u32) -> bool {
        let line = &self.lines[number];
        line.count > 0 || line.is_histogram() && self.has_open_histograms(number)
    }

    /// Appends the data of the open chunk to `out` and says how it is encoded; `None` if there is none.
    pub(in crate::head) fn write_open_chunk(&self, number: u32, out: &mut Vec<u8>) -> Option<Encoding> {
        if !self.has_open_chunk(number) {
            return None;
        }
        let line = &self.lines[number];
        if line.is_histogram() {
            return Some(self.write_open_histograms(number, out));
        }
        line.state().write_chunk(self.slab.bytes(line.slot, usize::from(line.words) * 8), out);
        Some(Encoding::Xor)
    }

    /// The time of the first sample of the open chunk, if there is one.
    pub(in crate::head) fn open_min_ms(&self, number: u32) -> Option<i64> {
        let line = &self.lines[number];
        self.has_open_chunk(number).then(|| match line.is_histogram() {
            true => self.open_histograms_min_ms(number),
            false => first_ms(self.slab.bytes(line.slot, usize::from(line.words) * 8)),
        })
    }

    /// Drops the open chunk of a series, which has one.
    pub(in crate::head) fn drop_open_chunk(&mut self, number: u32) {
        let line = &mut self.lines[number];
        if line.is_histogram() {
            line.left_ms = 0;
            return self.drop_open_histograms(number);
        }
        self.slab.free(line.slot, usize::from(line.words) * 8);
        line.close_chunk();
    }
}

/// The time of the first sample, from the first bytes of a chunk: behind the count stands its varint, and by the time the
/// sample is in, those bytes are in whole words.
pub(super) fn first_ms(data: &[u8]) -> i64 {
    let mut cursor = Cursor::new(data.get(2..).unwrap_or_default());
    cursor.varint().unwrap_or(0)
}

/// What is left of a chunk at `timestamp_ms` that ends at `end_ms`, which is later.
pub(super) fn left_ms(end_ms: i64, timestamp_ms: i64) -> u32 {
    u32::try_from(end_ms.saturating_sub(timestamp_ms)).unwrap_or(u32::MAX)
}

/// The end of the range that `timestamp_ms` lies in.
pub(super) fn range_end_ms(timestamp_ms: i64, range_ms: i64) -> i64 {
    (timestamp_ms / range_ms).saturating_mul(range_ms).saturating_add(range_ms)
}

/// Where a chunk should end that would be full after `ratio_to_full` times as long: such that what is left of the range is
/// cut into equal parts.
pub(super) fn chunk_end_ms(first_ms: i64, last_ms: i64, range_end_ms: i64, ratio_to_full: f64) -> i64 {
    let left = range_end_ms.saturating_sub(first_ms) as f64;
    let full = last_ms.saturating_sub(first_ms).saturating_add(1) as f64 * ratio_to_full;
    let parts = (left / full).floor();
    if parts <= 1.0 { range_end_ms } else { (first_ms as f64 + left / parts) as i64 }
}
