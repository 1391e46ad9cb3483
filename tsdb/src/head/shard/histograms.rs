//! The histograms of a series: its newest one, and the open chunk that ends with it.
//!
//! Where a float series has a value in its hot line, a histogram series has the number of its state here. That state is of
//! fixed size; what grows with the buckets, the numbers by cell and the whole words of the chunk, lies in the slab, and the
//! layout is one of the shard's. Rules for cutting are those of Prometheus, `tsdb/head_append.go`.

use super::open_chunk::{chunk_end_ms, left_ms, range_end_ms};
use super::{Rules, Shard};
use crate::append::RefusedBecause;
use crate::chunk::histogram::{CellState, Decision, HistogramState, header_of_first, layout_of, spread};
use crate::chunk::xor::NO_WINDOW;
use crate::head::arena::Arena;
use crate::head::layouts::{LayoutId, Layouts};
use crate::head::slab::{Slot, Use};
use crate::head_chunks::HeadChunks;
use crate::series::Encoding;
use model::{HistogramColumn, HistogramLayout, HistogramRef, Numbers, ResetHint, Span};

/// What a shard has of histograms.
#[derive(Debug, Default)]
pub(super) struct Histograms {
    series: Arena<HistogramSeries>,
    free: Vec<u32>,
    /// Late histograms have theirs here as well.
    pub(super) layouts: Layouts,
    /// Of the series at hand.
    cells: Vec<CellState>,
    /// The histogram at hand in the layout of its chunk.
    spread: Vec<u64>,
}

/// A series whose newest sample is a histogram.
#[derive(Debug, Clone, Copy)]
struct HistogramSeries {
    /// The encoder's. Without samples there is no open chunk; what it says of the newest one holds nevertheless.
    state: HistogramState,
    /// Of the open chunk, or else of the newest histogram.
    layout: LayoutId,
    /// The encoder's numbers by cell, as many as the layout says.
    cells: Slot,
    /// The whole words of the open chunk.
    data: Slot,
    data_bytes: u32,
    /// The first sample of the open chunk.
    first_ms: i64,
    /// The chunk's end was estimated from what came so far.
    end_is_estimated: bool,
}

/// A histogram on its way to its series, which is on line `number` and has its state at `at`.
#[derive(Debug, Clone, Copy)]
struct Incoming<'a> {
    number: u32,
    at: u32,
    timestamp_ms: i64,
    histogram: HistogramRef<'a>,
}

/// The kind of the newest sample of a series, where that is a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::head) struct NewestHistogram {
    pub(in crate::head) numbers: Numbers,
    has_custom_buckets: bool,
}

/// How many bytes a chunk should hold.
const TARGET_BYTES: usize = 1024;
/// With so many it is cut, when samples grew faster than it was cut for;
const MAX_BYTES: usize = 2 * TARGET_BYTES;
/// but not with fewer samples than these, unless its range ends.
const MIN_SAMPLES: u16 = 10;
/// Number and state of a cell.
const CELL_BYTES: usize = 16;

/// The state of a series of which no histogram was encoded.
const NO_CHUNK: HistogramState = HistogramState {
    last_ms: 0,
    delta_ms: 0,
    sum_bits: 0,
    pending: 0,
    pending_bits: 0,
    leading: NO_WINDOW,
    trailing: 0,
    header: ResetHint::Unknown,
    numbers: Numbers::Integer,
    count: 0,
};

impl Shard {
    /// Appends a histogram to the open chunk, or says why not. The newest one again counts as appended.
    pub(in crate::head) fn append_histogram(
        &mut self,
        number: u32,
        (timestamp_ms, histogram): (i64, HistogramRef<'_>),
        rules: &Rules,
        files: &HeadChunks,
    ) -> Result<(), RefusedBecause> {
        rules.bound(timestamp_ms)?;
        let line = &self.lines[number];
        if line.has_sample() && timestamp_ms <= line.last_ms {
            return self.append_old_histogram(number, timestamp_ms, histogram);
        }
        let at = self.enter_histograms(number, histogram.numbers, files);
        let incoming = Incoming { number, at, timestamp_ms, histogram };
        let mut cells = self.load_cells(at);
        match self.decide(incoming, &cells, rules) {
            Decision::Append => self.encode_histogram(incoming, &mut cells),
            Decision::Widen => self.encode_spread(incoming, &mut cells),
            Decision::Recode(layout) if self.recode(at, &layout, &mut cells) => {
                self.encode_spread(incoming, &mut cells);
            }
            Decision::Recode(_) => self.begin(incoming, ResetHint::Unknown, &mut cells, rules, files),
            Decision::Cut(header) => self.begin(incoming, header, &mut cells, rules, files),
        }
        self.store_cells(at, cells);
        self.lines[number].set_newest(timestamp_ms, u64::from(at));
        Ok(())
    }

    /// Remembers a newest histogram that lies in no open chunk.
    pub(in crate::head) fn set_newest_histogram(
        &mut self,
        number: u32,
        (timestamp_ms, histogram): (i64, HistogramRef<'_>),
        files: &HeadChunks,
    ) {
        let at = self.enter_histograms(number, histogram.numbers, files);
        let mut cells = self.load_cells(at);
        self.set_layout(at, layout_of(histogram), &mut cells);
        for (cell, &value) in cells.iter_mut().zip(histogram.cells) {
            *cell = CellState { value, ..CellState::default() };
        }
        self.store_cells(at, cells);
        let state = &mut self.histograms.series[at].state;
        *state = HistogramState { sum_bits: histogram.sum.to_bits(), numbers: histogram.numbers, ..NO_CHUNK };
        self.lines[number].set_newest(timestamp_ms, u64::from(at));
    }

    /// Appends the newest histogram of a series, which is one, to `column`.
    pub(in crate::head) fn push_newest_histogram(&self, number: u32, column: &mut HistogramColumn) {
        let series = self.histogram_series(number);
        let layout = self.histograms.layouts.get(series.layout);
        let HistogramState { numbers, header, count, sum_bits, .. } = series.state;
        let hint = match (header, count) {
            (ResetHint::Gauge, _) => ResetHint::Gauge,
            (_, 2..) => ResetHint::NotReset,
            _ => ResetHint::Unknown,
        };
        let layout_number = column.add_layout(layout.clone());
        let row = column.push_row(layout_number, numbers, hint, f64::from_bits(sum_bits));
        for (to, cell) in row.iter_mut().zip(self.cells(series)) {
            *to = cell.value;
        }
    }

    /// What kind the newest sample is of, if it is a histogram.
    pub(in crate::head) fn newest_histogram(&self, number: u32) -> Option<NewestHistogram> {
        if !self.lines[number].is_histogram() {
            return None;
        }
        let series = self.histogram_series(number);
        let has_custom_buckets = self.histograms.layouts.get(series.layout).has_custom_buckets();
        Some(NewestHistogram { numbers: series.state.numbers, has_custom_buckets })
    }

    /// Whether a histogram series has an open chunk.
    pub(super) fn has_open_histograms(&self, number: u32) -> bool {
        self.histogram_series(number).state.count > 0
    }

    /// The time of the first histogram of the open chunk.
    pub(super) fn open_histograms_min_ms(&self, number: u32) -> i64 {
        self.histogram_series(number).first_ms
    }

    /// Appends the data of the open chunk to `out`.
    pub(super) fn write_open_histograms(&self, number: u32, out: &mut Vec<u8>) -> Encoding {
        let series = self.histogram_series(number);
        series.state.write_chunk(self.words(series), out);
        series.state.encoding()
    }

    /// Drops the open chunk; the newest histogram stays known.
    pub(super) fn drop_open_histograms(&mut self, number: u32) {
        let at = self.lines[number].value_bits as u32;
        self.free_words(at);
        let state = &mut self.histograms.series[at].state;
        *state = HistogramState { sum_bits: state.sum_bits, numbers: state.numbers, ..NO_CHUNK };
    }

    /// Makes a float series, without an open chunk, of a histogram series.
    pub(super) fn leave_histograms(&mut self, number: u32) {
        let at = self.lines[number].value_bits as u32;
        self.free_words(at);
        let series = self.histograms.series[at];
        let cells = self.histograms.layouts.get(series.layout).cells();
        self.slab.free(series.cells, cells * CELL_BYTES);
        self.histograms.layouts.release(series.layout);
        self.histograms.free.push(at);
        self.lines[number].set_histogram(false);
    }

    /// Lets the open chunk of a series, of which all else was replaced, be that of `state`. Its end is estimated anew, once it
    /// is large enough.
    pub(super) fn begin_restored(&mut self, at: u32, state: HistogramState, first_ms: i64) {
        let series = &mut self.histograms.series[at];
        (series.state, series.first_ms, series.end_is_estimated) = (state, first_ms, false);
    }

    fn histogram_series(&self, number: u32) -> &HistogramSeries {
        &self.histograms.series[self.lines[number].value_bits as u32]
    }

    /// Makes a histogram series of those numbers of what a series is. Says where its state is.
    pub(super) fn enter_histograms(&mut self, number: u32, numbers: Numbers, files: &HeadChunks) -> u32 {
        if self.lines[number].is_histogram() {
            let at = self.lines[number].value_bits as u32;
            if self.histograms.series[at].state.numbers != numbers {
                self.close_chunk(number, files);
                self.histograms.series[at].state.numbers = numbers;
            }
            return at;
        }
        self.close_chunk(number, files);
        let empty = HistogramLayout::default();
        let layout = self.histograms.layouts.intern(&empty);
        let cells = self.slab.allocate(Use::Chunk, empty.cells() * CELL_BYTES);
        self.slab.bytes_mut(cells, empty.cells() * CELL_BYTES).fill(0);
        let state = HistogramState { numbers, ..NO_CHUNK };
        let data = Slot::NONE;
        let series =
            HistogramSeries { state, layout, cells, data, data_bytes: 0, first_ms: 0, end_is_estimated: false };
        let at = match self.histograms.free.pop() {
            Some(at) => {
                self.histograms.series[at] = series;
                at
            }
            None => self.histograms.series.push(series),
        };
        let line = &mut self.lines[number];
        line.set_histogram(true);
        line.value_bits = u64::from(at);
        at
    }

    /// What is to be done with a histogram that is newer than the newest. May move the end of the open chunk.
    fn decide(&mut self, incoming: Incoming<'_>, cells: &[CellState], rules: &Rules) -> Decision {
        let Incoming { number, at, timestamp_ms, histogram } = incoming;
        let series = &mut self.histograms.series[at];
        if series.state.count == 0 {
            return Decision::Cut(header_of_first(histogram));
        }
        let line = &mut self.lines[number];
        let mut end_ms = line.last_ms.saturating_add(i64::from(line.left_ms));
        let size_bytes = series.state.size_bytes(series.data_bytes as usize);
        let range_end_ms = match series.end_is_estimated {
            true => range_end_ms(series.first_ms, rules.chunk_range_ms),
            false => end_ms,
        };
        if !series.end_is_estimated && size_bytes >= TARGET_BYTES / 4 {
            let ratio_to_full = TARGET_BYTES as f64 / size_bytes as f64;
            end_ms = chunk_end_ms(series.first_ms, line.last_ms, end_ms, ratio_to_full);
            series.end_is_estimated = true;
        }
        line.left_ms = left_ms(end_ms.max(timestamp_ms), timestamp_ms);
        let layout = self.histograms.layouts.get(series.layout);
        let is_full = timestamp_ms >= end_ms || size_bytes >= MAX_BYTES;
        if is_full && (series.state.count >= MIN_SAMPLES || timestamp_ms >= range_end_ms) {
            return Decision::Cut(series.state.header_of_next(layout, cells, histogram));
        }
        series.state.decide(layout, cells, histogram)
    }

    /// Ends the open chunk, if there is one, and begins the next.
    fn begin(
        &mut self,
        incoming: Incoming<'_>,
        header: ResetHint,
        cells: &mut Vec<CellState>,
        rules: &Rules,
        files: &HeadChunks,
    ) {
        let Incoming { number, at, timestamp_ms, histogram } = incoming;
        self.close_chunk(number, files);
        self.set_layout(at, layout_of(histogram), cells);
        let mut words = self.take_scratch();
        let state = HistogramState::begin(header, timestamp_ms, histogram, cells, &mut words);
        self.replace_words(at, &words);
        self.scratch = words;
        let series = &mut self.histograms.series[at];
        (series.state, series.first_ms, series.end_is_estimated) = (state, timestamp_ms, false);
        self.lines[number].left_ms = left_ms(range_end_ms(timestamp_ms, rules.chunk_range_ms), timestamp_ms);
    }

    /// Writes a histogram, whose cells are those of the open chunk, into it.
    fn encode_histogram(&mut self, incoming: Incoming<'_>, cells: &mut [CellState]) {
        let mut words = self.take_scratch();
        let series = &mut self.histograms.series[incoming.at];
        let positive = self.histograms.layouts.get(series.layout).positive_buckets();
        series.state.append(incoming.timestamp_ms, incoming.histogram, positive, cells, &mut words);
        self.push_histogram_words(incoming.at, &words);
        self.scratch = words;
    }

    /// Writes a histogram that lacks cells of the open chunk into it.
    fn encode_spread(&mut self, incoming: Incoming<'_>, cells: &mut [CellState]) {
        let layout = self.histograms.layouts.get(self.histograms.series[incoming.at].layout).clone();
        let mut wide = std::mem::take(&mut self.histograms.spread);
        wide.clear();
        wide.resize(layout.cells(), 0);
        spread(incoming.histogram, &layout, &mut wide);
        let histogram = HistogramRef { layout: &layout, cells: &wide, ..incoming.histogram };
        self.encode_histogram(Incoming { histogram, ..incoming }, cells);
        self.histograms.spread = wide;
    }

    /// Writes the open chunk anew with more cells. `false`: its bytes are damaged, and it is as it was.
    fn recode(&mut self, at: u32, layout: &HistogramLayout, cells: &mut Vec<CellState>) -> bool {
        let mut data = self.take_scratch();
        let series = &self.histograms.series[at];
        series.state.write_chunk(self.words(series), &mut data);
        let (mut words, mut wide) = (Vec::new(), vec![CellState::default(); layout.cells()]);
        let recoded = series.state.recode(&data, layout, &mut wide, &mut words);
        self.scratch = data;
        let Ok(state) = recoded else { return false };
        self.set_layout(at, layout, cells);
        *cells = wide;
        self.replace_words(at, &words);
        self.histograms.series[at].state = state;
        true
    }

    /// A histogram that is not newer than the newest sample.
    #[cold]
    fn append_old_histogram(
        &self,
        number: u32,
        timestamp_ms: i64,
        histogram: HistogramRef<'_>,
    ) -> Result<(), RefusedBecause> {
        let line = &self.lines[number];
        if timestamp_ms == line.last_ms {
            let mut newest = HistogramColumn::default();
            if line.is_histogram() {
                self.push_newest_histogram(number, &mut newest);
            }
            return match newest.get(0).is_some_and(|newest| is_same(newest, histogram)) {
                true => Ok(()),
                false => Err(RefusedBecause::DuplicateTimestamp),
            };
        }
        // What was refused by the log comes again: to the head it is a repeat, to the log it is new.
        let holds = line.is_unlogged()
            && self.open_chunk_holds(number, timestamp_ms, |columns, at| {
                columns.histogram(at).is_some_and(|have| is_same(have, histogram))
            });
        if holds { Ok(()) } else { Err(RefusedBecause::OutOfOrder) }
    }

    // === bytes in the slab ===

    fn take_scratch(&mut self) -> Vec<u8> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch
    }

    fn words(&self, series: &HistogramSeries) -> &[u8] {
        match series.data_bytes {
            0 => &[],
            bytes => self.slab.bytes(series.data, bytes as usize),
        }
    }

    fn free_words(&mut self, at: u32) {
        let series = &mut self.histograms.series[at];
        if series.data_bytes > 0 {
            self.slab.free(series.data, series.data_bytes as usize);
            (series.data, series.data_bytes) = (Slot::NONE, 0);
        }
    }

    pub(super) fn replace_words(&mut self, at: u32, words: &[u8]) {
        self.free_words(at);
        self.push_histogram_words(at, words);
    }

    /// Puts words behind those of the open chunk.
    fn push_histogram_words(&mut self, at: u32, words: &[u8]) {
        if words.is_empty() {
            return;
        }
        let series = &mut self.histograms.series[at];
        let old_bytes = series.data_bytes as usize;
        let new_bytes = old_bytes + words.len();
        series.data = match old_bytes {
            0 => self.slab.allocate(Use::Chunk, new_bytes),
            _ => self.slab.grow(Use::Chunk, series.data, old_bytes, new_bytes),
        };
        series.data_bytes = new_bytes as u32;
        self.slab.bytes_mut(series.data, new_bytes)[old_bytes..].copy_from_slice(words);
    }

    fn cells(&self, series: &HistogramSeries) -> impl Iterator<Item = CellState> {
        let bytes = self.histograms.layouts.get(series.layout).cells() * CELL_BYTES;
        let (cells, _) = self.slab.bytes(series.cells, bytes).as_chunks::<CELL_BYTES>();
        cells.iter().map(|&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]| CellState {
            value: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            aside: u64::from_le_bytes([i, j, k, l, m, n, o, p]),
        })
    }

    /// The cells of a series, to be given back to [`Shard::store_cells`].
    pub(super) fn load_cells(&mut self, at: u32) -> Vec<CellState> {
        let mut cells = std::mem::take(&mut self.histograms.cells);
        cells.clear();
        cells.extend(self.cells(&self.histograms.series[at]));
        cells
    }

    pub(super) fn store_cells(&mut self, at: u32, cells: Vec<CellState>) {
        let series = &self.histograms.series[at];
        let slots = self.slab.bytes_mut(series.cells, cells.len() * CELL_BYTES);
        for (to, cell) in slots.chunks_exact_mut(CELL_BYTES).zip(&cells) {
            let (value, aside) = to.split_at_mut(CELL_BYTES / 2);
            value.copy_from_slice(&cell.value.to_le_bytes());
            aside.copy_from_slice(&cell.aside.to_le_bytes());
        }
        self.histograms.cells = cells;
    }

    /// Gives a series another layout, and `cells` and its slot their size.
    pub(super) fn set_layout(&mut self, at: u32, layout: &HistogramLayout, cells: &mut Vec<CellState>) {
        cells.clear();
        cells.resize(layout.cells(), CellState::default());
        let old = self.histograms.series[at];
        let old_layout = self.histograms.layouts.get(old.layout);
        if **old_layout == *layout {
            return;
        }
        self.slab.free(old.cells, old_layout.cells() * CELL_BYTES);
        self.histograms.layouts.release(old.layout);
        let series = &mut self.histograms.series[at];
        series.layout = self.histograms.layouts.intern(layout);
        series.cells = self.slab.allocate(Use::Chunk, layout.cells() * CELL_BYTES);
    }
}

impl NewestHistogram {
    pub(in crate::head) fn of(histogram: HistogramRef<'_>) -> Self {
        Self { numbers: histogram.numbers, has_custom_buckets: histogram.layout.has_custom_buckets() }
    }
}

impl Histograms {
    /// Bytes held outside the slab, about.
    pub(super) fn size_bytes(&self) -> usize {
        self.series.capacity_bytes()
            + self.free.capacity() * size_of::<u32>()
            + self.layouts.size_bytes()
            + self.cells.capacity() * size_of::<CellState>()
            + self.spread.capacity() * size_of::<u64>()
    }
}

/// Whether two histograms say the same: empty buckets say nothing, and hints are not the sender's to give.
pub(in crate::head) fn is_same(one: HistogramRef<'_>, other: HistogramRef<'_>) -> bool {
    if one.numbers != other.numbers {
        return false;
    }
    if one.is_stale() || other.is_stale() {
        return one.is_stale() == other.is_stale();
    }
    let head = |histogram: HistogramRef<'_>| {
        let layout = histogram.layout;
        let bits = [layout.zero_threshold().to_bits(), histogram.sum.to_bits()];
        (layout.schema(), bits, histogram.count(), histogram.zero_count())
    };
    head(one) == head(other)
        && full_buckets(one, one.layout.positive(), one.positive()).eq(full_buckets(
            other,
            other.layout.positive(),
            other.positive(),
        ))
        && full_buckets(one, one.layout.negative(), one.negative()).eq(full_buckets(
            other,
            other.layout.negative(),
            other.negative(),
        ))
        && (!one.layout.has_custom_buckets() || custom_bounds(one).eq(custom_bounds(other)))
}

fn custom_bounds(histogram: HistogramRef<'_>) -> impl Iterator<Item = u64> {
    histogram.layout.custom_bounds().iter().map(|bound| bound.to_bits())
}

/// Index and number of the buckets of one side that are not empty.
fn full_buckets<'a>(
    histogram: HistogramRef<'a>,
    spans: &'a [Span],
    cells: &'a [u64],
) -> impl Iterator<Item = (i64, u64)> {
    let mut end = 0_i64;
    let indices = spans.iter().flat_map(move |span| {
        let start = end + i64::from(span.offset);
        end = start + i64::from(span.length);
        start..end
    });
    indices.zip(cells.iter().copied()).filter(move |&(_, cell)| histogram.numbers.value(cell) != 0.0)
}
