//! Open chunks that come from a snapshot: taken as they are, to be gone on with.

use super::open_chunk::{MAX_SAMPLES, TARGET_SAMPLES, WORD_BYTES, chunk_end_ms, range_end_ms};
use super::{Rules, Shard};
use crate::chunk::histogram::{CellState, HistogramState};
use crate::chunk::xor::XorState;
use crate::head::hot_line::MAX_CHUNK_RANGE_MS;
use crate::head::slab::Use;
use crate::head_chunks::HeadChunks;
use model::HistogramLayout;

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
        let slot = self.slab.allocate(Use::Chunk, words.len());
        self.slab.bytes_mut(slot, words.len()).copy_from_slice(words);
        let line = &mut self.lines[number];
        (line.slot, line.words) = (slot, (words.len() / WORD_BYTES) as u8);
        line.left_ms = left_ms(end_ms, last_ms);
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

/// Whether samples at these times may be in one chunk.
fn is_short(times_ms: &[i64]) -> bool {
    let span_ms = times_ms.first().zip(times_ms.last()).and_then(|(first_ms, last_ms)| last_ms.checked_sub(*first_ms));
    span_ms.is_some_and(|span_ms| span_ms < 2 * MAX_CHUNK_RANGE_MS)
}

/// What is left of a chunk that ends at `end_ms`; nothing if that is over: then the next sample begins another one.
fn left_ms(end_ms: i64, last_ms: i64) -> u32 {
    super::open_chunk::left_ms(end_ms.max(last_ms), last_ms)
}
