//! Open chunks that come from a snapshot: taken as they are, to be gone on with.

use super::open_chunk::{MAX_SAMPLES, TARGET_SAMPLES, WORD_BYTES, chunk_end_ms, first_ms, range_end_ms};
use super::{Rules, Shard};
use crate::chunk::histogram::{CellState, HistogramState};
use crate::chunk::xor::{NO_WINDOW, XorState};
use crate::head::hot_line::MAX_CHUNK_RANGE_MS;
use crate::head::slab::Use;
use crate::head_chunks::HeadChunks;
use crate::snapshot::ChunkEnd;
use model::{HistogramLayout, TimeRange};

/// An open chunk of histograms, taken apart.
pub(in crate::head) struct RestoredHistograms<'a> {
    pub(in crate::head) state: HistogramState,
    pub(in crate::head) layout: &'a HistogramLayout,
    pub(in crate::head) cells: &'a [CellState],
    pub(in crate::head) words: &'a [u8],
}

/// A larger chunk of histograms is not gone on with: none that was written with care is.
const MAX_HISTOGRAM_BYTES: usize = 1 << 20;

impl Shard {
    /// What a snapshot is to say of the end of the open chunk, one of floats.
    pub(in crate::head) fn chunk_end(&self, number: u32, chunk_range_ms: i64) -> ChunkEnd {
        let line = &self.lines[number];
        let XorState { delta_ms, pending_bits, leading, trailing, .. } = line.state();
        let spare_bits = pending_bits.wrapping_neg() % 8;
        let (delta_ms, left_ms) = (delta_ms as u32, line.left_ms);
        ChunkEnd { chunk_range_ms, delta_ms, left_ms, spare_bits, leading, trailing }
    }

    /// Whether a line can hold the state of a chunk: none that follows the rules for cutting is too large for it.
    pub(in crate::head) fn can_hold(state: &XorState, words: &[u8], times_ms: &[i64]) -> bool {
        (1..=u16::from(MAX_SAMPLES)).contains(&state.count)
            && words.len() / WORD_BYTES <= usize::from(u8::MAX)
            && u32::try_from(state.delta_ms).is_ok()
            && is_short(times_ms)
    }

    /// Whether a series can hold a chunk of histograms.
    pub(in crate::head) fn can_hold_histograms(state: &HistogramState, words: &[u8], times_ms: &[i64]) -> bool {
        state.count > 0 && words.len() <= MAX_HISTOGRAM_BYTES && is_short(times_ms)
    }

    /// Gives a float series, which has no open chunk, this one, with samples at `times_ms`. Where it ends is as if each had
    /// been appended here.
    pub(in crate::head) fn restore_floats(
        &mut self,
        number: u32,
        (state, words): (&XorState, &[u8]),
        times_ms: &[i64],
        rules: &Rules,
    ) {
        let (first_ms, last_ms) = (times_ms.first().copied().unwrap_or(0), state.last_ms);
        let mut end_ms = range_end_ms(first_ms, rules.chunk_range_ms);
        let quarter = usize::from(TARGET_SAMPLES / 4);
        if times_ms.len() > quarter
            && let Some(&quarter_ms) = times_ms.get(quarter - 1)
        {
            end_ms = chunk_end_ms(first_ms, quarter_ms, end_ms, 4.0);
        }
        self.go_on(number, (state, words), left_ms(end_ms, last_ms));
    }

    /// Gives a float series, which has no open chunk, this one, where `left_ms` are left.
    pub(in crate::head) fn go_on(&mut self, number: u32, (state, words): (&XorState, &[u8]), left_ms: u32) {
        let slot = self.slab.allocate(Use::Chunk, words.len());
        self.slab.bytes_mut(slot, words.len()).copy_from_slice(words);
        let line = &mut self.lines[number];
        (line.slot, line.words) = (slot, (words.len() / WORD_BYTES) as u8);
        line.left_ms = left_ms;
        line.set_state(state);
    }

    /// Gives a series, which has no open chunk, this one of histograms, the first at `first_ms`.
    pub(in crate::head) fn restore_histograms(
        &mut self,
        number: u32,
        chunk: &RestoredHistograms<'_>,
        first_ms: i64,
        rules: &Rules,
        files: &HeadChunks,
    ) {
        let RestoredHistograms { state, layout, cells, words } = *chunk;
        let at = self.enter_histograms(number, state.numbers, files);
        let mut held = self.load_cells(at);
        self.set_layout(at, layout, &mut held);
        held.copy_from_slice(cells);
        self.store_cells(at, held);
        self.replace_words(at, words);
        self.begin_restored(at, state, first_ms);
        let line = &mut self.lines[number];
        line.left_ms = left_ms(range_end_ms(first_ms, rules.chunk_range_ms), state.last_ms);
        line.set_newest(state.last_ms, u64::from(at));
    }
}

/// The state of the encoder of a chunk with samples in `range`, the last of which has these `value_bits`, and the words that
/// it has written, from what a snapshot says of its end. `None` if that cannot be the end of this chunk, or a line cannot
/// hold it: then the chunk is to be decoded.
pub(in crate::head) fn state_at<'a>(
    end: &ChunkEnd,
    data: &'a [u8],
    range: TimeRange,
    value_bits: u64,
) -> Option<(XorState, &'a [u8])> {
    let ChunkEnd { delta_ms, spare_bits, leading, trailing, .. } = *end;
    let count = u16::from_be_bytes(*data.first_chunk()?);
    let bits = (data.len() * 8).checked_sub(usize::from(spare_bits)).filter(|_| spare_bits < 8)?;
    let (words, rest) = data.split_at_checked(bits / 64 * WORD_BYTES)?;
    let pending_bits = (bits % 64) as u8;
    let mut pending = [0; WORD_BYTES];
    pending.iter_mut().zip(rest).for_each(|(to, &byte)| *to = byte);
    let pending = u64::from_be_bytes(pending) & !u64::MAX.checked_shr(pending_bits.into()).unwrap_or(0);
    let delta_ms = i64::from(delta_ms);
    let state =
        XorState { last_ms: range.max_ms(), value_bits, delta_ms, pending, pending_bits, leading, trailing, count };
    let span_ms = range.max_ms().checked_sub(range.min_ms())?;
    let has_window = leading < 32 && trailing < 64 - leading || leading == NO_WINDOW && trailing == 0;
    let is_delta = if count == 1 { delta_ms == 0 && span_ms == 0 } else { (1..=span_ms).contains(&delta_ms) };
    let fits = (1..=u16::from(MAX_SAMPLES)).contains(&count)
        && usize::from(count) <= data.len() * 4
        && (1..=usize::from(u8::MAX)).contains(&(words.len() / WORD_BYTES))
        && first_ms(words) == range.min_ms();
    (fits && has_window && is_delta && span_ms < 2 * MAX_CHUNK_RANGE_MS).then_some((state, words))
}

/// Whether samples at these times may be in one chunk.
fn is_short(times_ms: &[i64]) -> bool {
    let span_ms = times_ms.first().zip(times_ms.last()).and_then(|(first_ms, last_ms)| last_ms.checked_sub(*first_ms));
    span_ms.is_some_and(|span_ms| span_ms < 2 * MAX_CHUNK_RANGE_MS)
}

/// What is left of a chunk that ends at `end_ms`; nothing if that is over: then the next sample begins another one.
fn left_ms(end_ms: i64, last_ms: i64) -> u32 {
    super::open_chunk::left_ms(end_ms.max(last_ms), last_ms)
}

#[cfg(test)]
mod tests;
