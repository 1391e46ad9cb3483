//! The encoder: what is known between two histograms of an open chunk.

use super::decode::Decoder;
use super::layout::write_layout;
use super::{HEADER_BYTES, header_of_hint, spread};
use crate::bitstream::{PendingBits, WordSink, take_words};
use crate::chunk::ChunkError;
use crate::chunk::varbit::{push_int, push_uint};
use crate::chunk::window::Window;
use crate::series::Encoding;
use bytes::Bytes;
use model::{BUCKET_CELLS, HistogramLayout, HistogramRef, Numbers, ResetHint, SampleColumns};
use std::sync::{Arc, LazyLock};

/// The most histograms of a chunk.
pub const MAX_HISTOGRAMS: u16 = u16::MAX;

/// The most bits of a cell: two of control, a window, its 64 bits.
const MAX_CELL_BITS: usize = 77;

/// What a stale histogram has.
static EMPTY_LAYOUT: LazyLock<Arc<HistogramLayout>> = LazyLock::new(Arc::default);

/// All that is known of an open chunk of histograms besides its whole words, its layout and its [`CellState`]s.
///
/// The fields are open so that a head can hold them in its own layout; between two appends they may be taken apart and put
/// together again. Memory: at most 48 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistogramState {
    /// The newest timestamp.
    pub last_ms: i64,
    /// The newest timestamp less the one before, wrapping; 0 until there are two.
    pub delta_ms: i64,
    /// The bits of the newest sum.
    pub sum_bits: u64,
    /// Bits that do not fill a word yet, from the top; the rest is zero.
    pub pending: u64,
    /// How many bits are pending, 0 to 63.
    pub pending_bits: u8,
    /// Leading zeros of the sum's window of significant bits, or [`NO_WINDOW`](crate::chunk::xor::NO_WINDOW).
    pub leading: u8,
    /// Trailing zeros of that window.
    pub trailing: u8,
    /// What the chunk says of its first histogram and the one before; of gauges [`ResetHint::Gauge`].
    pub header: ResetHint,
    pub numbers: Numbers,
    /// How many histograms the chunk holds.
    pub count: u16,
}

const _: () = assert!(size_of::<HistogramState>() <= 48);

/// What is known of one cell of the newest histogram. A chunk has as many as its layout has cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CellState {
    /// The number itself.
    pub value: u64,
    /// Of whole counts by how much it changed, wrapping; of floats the window it is written in.
    pub aside: u64,
}

/// The layout that a chunk gets from its first histogram: a stale one has none.
pub fn layout_of(histogram: HistogramRef<'_>) -> &HistogramLayout {
    if histogram.is_stale() { &EMPTY_LAYOUT } else { histogram.layout }
}

/// The header of a chunk that begins with the histogram and does not follow another of its kind.
pub fn header_of_first(histogram: HistogramRef<'_>) -> ResetHint {
    match histogram.hint {
        hint @ (ResetHint::Gauge | ResetHint::Reset) => hint,
        ResetHint::Unknown | ResetHint::NotReset => ResetHint::Unknown,
    }
}

/// The layout of stale histograms, to be shared.
pub fn empty_layout() -> &'static Arc<HistogramLayout> {
    &EMPTY_LAYOUT
}

/// The most bytes that appending to a chunk with so many cells hands to a sink; beginning one: with its layout besides,
/// see [`max_layout_bytes`].
pub const fn max_append_bytes(cells: usize) -> usize {
    // Pending bits, a time of at most 72 bits, a sum; a whole count takes no more than a float.
    (63 + 72 + MAX_CELL_BITS * (cells + 1)).div_ceil(8)
}

/// The most bytes a layout takes at the front of a chunk.
pub fn max_layout_bytes(layout: &HistogramLayout) -> usize {
    let spans = layout.positive().len() + layout.negative().len();
    HEADER_BYTES + (72_usize * 5 + 144 * spans + 72 * layout.custom_bounds().len()).div_ceil(8)
}

impl HistogramState {
    /// Begins a chunk with a histogram. `cells` has as many as [`layout_of`] the histogram; the header is what
    /// [`HistogramState::decide`] says, or [`HistogramState::header_of_next`], or [`header_of_first`] where there is no chunk
    /// before.
    pub fn begin(
        header: ResetHint,
        timestamp_ms: i64,
        histogram: HistogramRef<'_>,
        cells: &mut [CellState],
        sink: &mut impl WordSink,
    ) -> Self {
        let numbers = histogram.numbers;
        let mut bits = PendingBits { word: 0, count: HEADER_BYTES as u8 * 8 };
        let layout = layout_of(histogram);
        write_layout(layout, &mut bits, sink);
        push_int(timestamp_ms, &mut bits, sink);
        let shown = if histogram.is_stale() { &[0; BUCKET_CELLS][..] } else { histogram.cells };
        let aside = match numbers {
            Numbers::Integer => 0,
            Numbers::Float => Window::NONE.to_aside(),
        };
        for (cell, &value) in cells.iter_mut().zip(shown) {
            *cell = CellState { value, aside };
        }
        let (head, buckets) = cells.split_at_checked(BUCKET_CELLS).unwrap_or_default();
        for cell in head {
            match numbers {
                Numbers::Integer => push_uint(cell.value, &mut bits, sink),
                Numbers::Float => bits.push(cell.value, 64, sink),
            }
        }
        let sum_bits = histogram.sum.to_bits();
        bits.push(sum_bits, 64, sink);
        let (positive, negative) = buckets.split_at_checked(layout.positive_buckets()).unwrap_or_default();
        for side in [positive, negative] {
            let mut before = 0;
            for cell in side {
                match numbers {
                    Numbers::Float => bits.push(cell.value, 64, sink),
                    Numbers::Integer => {
                        push_int(cell.value.wrapping_sub(before).cast_signed(), &mut bits, sink);
                        before = cell.value;
                    }
                }
            }
        }
        Self {
            last_ms: timestamp_ms,
            delta_ms: 0,
            sum_bits,
            pending: bits.word,
            pending_bits: bits.count,
            leading: Window::NONE.leading,
            trailing: Window::NONE.trailing,
            header,
            numbers,
            count: 1,
        }
    }

    /// Appends a histogram which the chunk takes as it is: see [`HistogramState::decide`]. `positive_buckets` are those of
    /// the chunk's layout. Words that are complete now go to `sink`, at most [`max_append_bytes`].
    ///
    /// # Panics
    /// If the chunk has [`MAX_HISTOGRAMS`] already. Whoever appends cuts long before.
    pub fn append(
        &mut self,
        timestamp_ms: i64,
        histogram: HistogramRef<'_>,
        positive_buckets: usize,
        cells: &mut [CellState],
        sink: &mut impl WordSink,
    ) {
        assert!(self.count < MAX_HISTOGRAMS, "a chunk holds at most 65535 histograms");
        let mut bits = PendingBits { word: self.pending, count: self.pending_bits };
        let delta_ms = timestamp_ms.wrapping_sub(self.last_ms);
        push_int(delta_ms.wrapping_sub(self.delta_ms), &mut bits, sink);
        (self.last_ms, self.delta_ms) = (timestamp_ms, delta_ms);
        let is_stale = histogram.is_stale();
        let shown = if is_stale { &[0; BUCKET_CELLS][..] } else { histogram.cells };
        let (head, buckets) = cells.split_at_mut_checked(BUCKET_CELLS).unwrap_or_default();
        let (head_shown, shown) = shown.split_at_checked(BUCKET_CELLS).unwrap_or_default();
        match self.numbers {
            // Counts of a stale one are not written, nor read.
            Numbers::Integer if is_stale => bits.push(0, BUCKET_CELLS as u32, sink),
            Numbers::Integer => {
                for (cell, &value) in head.iter_mut().zip(head_shown) {
                    push_int(cell.follow(value), &mut bits, sink);
                }
            }
            Numbers::Float => push_floats(head, head_shown, &mut bits, sink),
        }
        let sum_bits = histogram.sum.to_bits();
        let mut window = Window { leading: self.leading, trailing: self.trailing };
        window.push_xor(sum_bits ^ self.sum_bits, &mut bits, sink);
        (self.leading, self.trailing, self.sum_bits) = (window.leading, window.trailing, sum_bits);
        if !is_stale {
            match self.numbers {
                Numbers::Float => push_floats(buckets, shown, &mut bits, sink),
                Numbers::Integer => {
                    let (positive, negative) = buckets.split_at_mut_checked(positive_buckets).unwrap_or_default();
                    let (shown_positive, shown_negative) = shown.split_at_checked(positive_buckets).unwrap_or_default();
                    push_side(positive, shown_positive, &mut bits, sink);
                    push_side(negative, shown_negative, &mut bits, sink);
                }
            }
        }
        (self.pending, self.pending_bits) = (bits.word, bits.count);
        self.count += 1;
    }

    /// The encoding of the chunk.
    pub fn encoding(&self) -> Encoding {
        match self.numbers {
            Numbers::Integer => Encoding::Histogram,
            Numbers::Float => Encoding::FloatHistogram,
        }
    }

    /// The size of the chunk's data if it were finished now, given how many bytes its sink took so far.
    pub fn size_bytes(&self, sunk_bytes: usize) -> usize {
        sunk_bytes + usize::from(self.pending_bits).div_ceil(8)
    }

    /// Appends the chunk's data to `out`: the `words` its sink took, the pending bits, count and header. The chunk stays
    /// open.
    pub fn write_chunk(&self, words: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(words);
        let pending = self.pending.to_be_bytes();
        out.extend_from_slice(pending.get(..self.size_bytes(0)).unwrap_or(&pending));
        if let Some([first, second, header]) = out.get_mut(start..).and_then(|data| data.first_chunk_mut()) {
            [*first, *second] = self.count.to_be_bytes();
            *header = header_of_hint(self.header);
        }
    }

    /// The chunk's data on its own; see [`HistogramState::write_chunk`].
    pub fn finish(&self, words: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(self.size_bytes(words.len()));
        self.write_chunk(words, &mut out);
        out.into()
    }

    /// Opens finished data with at least one histogram again: what a sink took of it goes to `sink`, the rest is the state,
    /// the layout and the cells. As in Prometheus, a number without a window goes on with one of 64 bits.
    ///
    /// # Errors
    /// As [`crate::chunk::decode`]; no histogram is an error too, as is an encoding that is not written.
    pub fn resume(
        encoding: Encoding,
        data: &[u8],
        sink: &mut impl WordSink,
    ) -> Result<(Self, HistogramLayout, Vec<CellState>), ChunkError> {
        Self::resume_into(encoding, data, &mut SampleColumns::default(), sink)
    }

    /// As [`HistogramState::resume`], and appends the samples to `columns`, with the buckets that the chunk has.
    ///
    /// # Errors
    /// As there; `columns` may have got some of them.
    pub fn resume_into(
        encoding: Encoding,
        data: &[u8],
        columns: &mut SampleColumns,
        sink: &mut impl WordSink,
    ) -> Result<(Self, HistogramLayout, Vec<CellState>), ChunkError> {
        let mut decoder = Decoder::start(encoding, data)?;
        if decoder.count == 0 || !matches!(encoding, Encoding::Histogram | Encoding::FloatHistogram) {
            return Err(ChunkError::Truncated { sample: 0, count: decoder.count, offset: data.len() });
        }
        let layout = decoder.read_all(columns)?;
        let cells = (0..layout.cells()).map(|at| decoder.cells.state(at)).collect();
        let bits = take_words(data, decoder.reader.at(), sink);
        let state = Self {
            last_ms: decoder.time_ms,
            delta_ms: decoder.delta_ms,
            sum_bits: decoder.sum_bits,
            pending: bits.word,
            pending_bits: bits.count,
            leading: decoder.sum_window.leading,
            trailing: decoder.sum_window.trailing,
            header: decoder.header,
            numbers: decoder.numbers,
            count: decoder.count,
        };
        Ok((state, layout, cells))
    }

    /// Writes the chunk of `data` anew with a layout that has more buckets; its cells go to `cells`, which has as many as the
    /// layout, its words to `sink`.
    ///
    /// # Errors
    /// As [`HistogramState::resume`].
    pub fn recode(
        &self,
        data: &[u8],
        layout: &HistogramLayout,
        cells: &mut [CellState],
        sink: &mut impl WordSink,
    ) -> Result<Self, ChunkError> {
        let mut columns = SampleColumns::default();
        Decoder::start(self.encoding(), data)?.read_all(&mut columns)?;
        let mut wide = vec![0; layout.cells()];
        let mut state: Option<Self> = None;
        for (histogram, &timestamp_ms) in columns.histograms.iter().zip(&columns.timestamps_ms) {
            spread(histogram, layout, &mut wide);
            let histogram = HistogramRef { layout, cells: &wide, ..histogram };
            match &mut state {
                Some(state) => state.append(timestamp_ms, histogram, layout.positive_buckets(), cells, sink),
                None => state = Some(Self::begin(self.header, timestamp_ms, histogram, cells, sink)),
            }
        }
        state.ok_or(ChunkError::Truncated { sample: 0, count: 0, offset: data.len() })
    }
}

impl CellState {
    /// Takes the next whole count; returns by how much its change changed.
    #[inline(always)]
    fn follow(&mut self, value: u64) -> i64 {
        let change = value.wrapping_sub(self.value);
        let more = change.wrapping_sub(self.aside);
        *self = Self { value, aside: change };
        more.cast_signed()
    }
}

/// Writes whole counts of one side. What the change of a count changed by is written less that of the bucket before.
fn push_side(cells: &mut [CellState], counts: &[u64], bits: &mut PendingBits, sink: &mut impl WordSink) {
    let (mut before, mut zeros) = (0_i64, 0);
    for (cell, &count) in cells.iter_mut().zip(counts) {
        let more = cell.follow(count);
        if more == before {
            zeros += 1;
            if zeros == 64 {
                bits.push(0, zeros, sink);
                zeros = 0;
            }
            continue;
        }
        if zeros > 0 {
            bits.push(0, zeros, sink);
            zeros = 0;
        }
        push_int(more.wrapping_sub(before), bits, sink);
        before = more;
    }
    if zeros > 0 {
        bits.push(0, zeros, sink);
    }
}

/// Writes floats, each in a window of its own.
fn push_floats(cells: &mut [CellState], values: &[u64], bits: &mut PendingBits, sink: &mut impl WordSink) {
    for (cell, &value) in cells.iter_mut().zip(values) {
        let mut window = Window::from_aside(cell.aside);
        window.push_xor(value ^ cell.value, bits, sink);
        *cell = CellState { value, aside: window.to_aside() };
    }
}
