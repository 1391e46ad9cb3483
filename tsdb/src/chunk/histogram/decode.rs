//! From histogram chunks to columns.

use super::super::start::Starts;
use super::super::varbit::{self, read_int, read_uint};
use super::super::window::Window;
use super::super::{ChunkError, SampleFault};
use super::layout::read_layout;
use super::side::read_side;
use super::{CellState, HEADER_BYTES, empty_layout, hint_of_header};
use crate::bitstream::BitReader;
use crate::series::Encoding;
use model::{BUCKET_CELLS, HistogramLayout, Numbers, ResetHint, SampleColumns, is_stale};
use std::sync::Arc;

/// The most cells that a chunk may have in all of its rows. A bucket may take a single bit, so data of a few MiB could
/// make us fill GiB; what is written has far fewer, for chunks are cut after a few KiB or ten histograms.
const MAX_CHUNK_CELLS: usize = 1 << 24;

/// Appends all samples of a histogram chunk to `columns`.
///
/// # Errors
/// As [`super::super::decode`].
pub(in super::super) fn decode(encoding: Encoding, data: &[u8], columns: &mut SampleColumns) -> Result<(), ChunkError> {
    let mut decoder = Decoder::start(encoding, data)?;
    if decoder.count == 0 {
        return Ok(());
    }
    let (before, had_starts) = (columns.len(), !columns.starts_ms.is_empty());
    let decoded = decoder.run(columns);
    if decoded.is_err() {
        columns.truncate(before);
        if !had_starts {
            columns.starts_ms.clear();
        }
    }
    decoded
}

/// Where a decoder stands.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    pub(super) reader: BitReader<'a>,
    pub(super) count: u16,
    pub(super) header: ResetHint,
    pub(super) numbers: Numbers,
    starts: Starts,
    pub(super) time_ms: i64,
    pub(super) delta_ms: i64,
    pub(super) sum_bits: u64,
    pub(super) sum_window: Window,
    pub(super) cells: Cells,
    /// The numbers of the chunk's layout and of the empty one in the column, once there is a row of each.
    layout_number: Option<u32>,
    empty_number: Option<u32>,
}

/// The numbers of the newest sample, by cell. They stay when a stale sample comes, which shows none of them.
#[derive(Debug, Default)]
pub(super) struct Cells {
    values: Vec<u64>,
    /// By how much each changed; of whole counts.
    changes: Vec<u64>,
    /// The window of each; of floats.
    windows: Vec<Window>,
    /// How many positive buckets there are.
    positive: usize,
}

impl Cells {
    /// What a writer that goes on must know of cell `at`.
    pub(super) fn state(&self, at: usize) -> CellState {
        let value = self.values.get(at).copied().unwrap_or_default();
        let aside = match self.windows.get(at) {
            Some(window) => window.to_aside(),
            None => self.changes.get(at).copied().unwrap_or_default(),
        };
        CellState { value, aside }
    }
}

impl<'a> Decoder<'a> {
    /// Reads the header.
    pub(super) fn start(encoding: Encoding, data: &'a [u8]) -> Result<Self, ChunkError> {
        let &[first, second, third] =
            data.first_chunk::<HEADER_BYTES>().ok_or(ChunkError::Truncated { sample: 0, count: 0, offset: 0 })?;
        let has_starts = matches!(encoding, Encoding::HistogramSt | Encoding::FloatHistogramSt);
        let (hint, first, starts) = if has_starts { (first, first & 0x3f, third) } else { (third, first, 0) };
        let count = u16::from_be_bytes([first, second]);
        // Time, count, zero count and sum take at least a bit each.
        let most = data.len() * 2;
        if usize::from(count) > most {
            return Err(ChunkError::CountTooLarge { size_bytes: data.len(), count, most });
        }
        let numbers = match encoding {
            Encoding::FloatHistogram | Encoding::FloatHistogramSt => Numbers::Float,
            _ => Numbers::Integer,
        };
        Ok(Self {
            reader: BitReader::new(data, HEADER_BYTES),
            count,
            header: hint_of_header(hint),
            numbers,
            starts: Starts::new(starts),
            time_ms: 0,
            delta_ms: 0,
            sum_bits: 0,
            sum_window: Window::default(),
            cells: Cells::default(),
            layout_number: None,
            empty_number: None,
        })
    }

    /// Appends all samples; what a fault leaves behind is for the caller to take away.
    fn run(&mut self, columns: &mut SampleColumns) -> Result<(), ChunkError> {
        let layout = self.read_layout()?;
        let Some(reduction) = layout.reduction() else {
            return self.read_samples(&Arc::new(layout), columns);
        };
        let mut fine = SampleColumns::default();
        self.read_samples(&Arc::new(layout), &mut fine)?;
        let coarse = Arc::new(reduction.layout().clone());
        for (at, row) in fine.histograms.iter().enumerate() {
            let time_ms = fine.timestamps_ms.get(at).copied().unwrap_or_default();
            if row.is_stale() {
                columns.push_histogram(time_ms, row);
            } else {
                let number = columns.histograms.add_layout(Arc::clone(&coarse));
                let cells = columns.histograms.push_row(number, row.numbers, row.hint, row.sum);
                reduction.fold(row, cells);
                columns.histogram_at.push(position(columns.len()));
                columns.push(time_ms, row.sum);
            }
            columns.set_start(fine.start_ms(at));
        }
        Ok(())
    }

    /// Appends all samples with the layout as it is, which may be one that is reserved.
    pub(super) fn read_all(&mut self, columns: &mut SampleColumns) -> Result<HistogramLayout, ChunkError> {
        let layout = self.read_layout()?;
        self.read_samples(&Arc::new(layout.clone()), columns)?;
        Ok(layout)
    }

    fn read_layout(&mut self) -> Result<HistogramLayout, ChunkError> {
        read_layout(&mut self.reader).map_err(|fault| fault.at(0, self.count, HEADER_BYTES))
    }

    /// Reads all samples, once the layout is known.
    fn read_samples(&mut self, layout: &Arc<HistogramLayout>, columns: &mut SampleColumns) -> Result<(), ChunkError> {
        let count = usize::from(self.count);
        let most = MAX_CHUNK_CELLS / layout.cells();
        if count > most {
            return Err(ChunkError::CountTooLarge { size_bytes: self.reader.size_bytes(), count: self.count, most });
        }
        columns.timestamps_ms.reserve(count);
        columns.values.reserve(count);
        columns.histogram_at.reserve(count);
        for sample in 0..count {
            let offset = self.reader.at() / 8;
            self.read_sample(sample, layout).map_err(|fault| fault.at(sample, self.count, offset))?;
            self.push(sample, layout, columns);
        }
        Ok(())
    }

    fn read_sample(&mut self, sample: usize, layout: &HistogramLayout) -> Result<(), SampleFault> {
        let before_ms = self.time_ms;
        if sample == 0 {
            self.read_first(layout)?;
            self.starts.read_first(&mut self.reader, self.time_ms)?;
        } else {
            match self.numbers {
                Numbers::Integer => self.read_counts()?,
                Numbers::Float => self.read_floats()?,
            }
            self.starts.read(&mut self.reader, sample, before_ms);
        }
        if self.reader.overran() { Err(SampleFault::Truncated) } else { Ok(()) }
    }

    /// Appends the newest sample to `columns`.
    fn push(&mut self, sample: usize, layout: &Arc<HistogramLayout>, columns: &mut SampleColumns) {
        let sum = f64::from_bits(self.sum_bits);
        let column = &mut columns.histograms;
        if is_stale(sum) {
            let number = *self.empty_number.get_or_insert_with(|| column.add_layout(Arc::clone(empty_layout())));
            column.push_row(number, self.numbers, ResetHint::Unknown, sum);
        } else {
            let hint = match self.header {
                ResetHint::Gauge => ResetHint::Gauge,
                // What the header says of the first one holds only beside the chunk it was cut from.
                _ if sample == 0 => ResetHint::Unknown,
                _ => ResetHint::NotReset,
            };
            let number = *self.layout_number.get_or_insert_with(|| column.add_layout(Arc::clone(layout)));
            column.push_cells(number, self.numbers, (hint, sum), &self.cells.values);
        }
        columns.histogram_at.push(position(columns.len()));
        columns.push(self.time_ms, sum);
        if !self.starts.are_absent() {
            columns.set_start(self.starts.start_ms);
        }
    }

    /// The first sample, whose numbers stand as they are.
    fn read_first(&mut self, layout: &HistogramLayout) -> Result<(), SampleFault> {
        let least_bits = match self.numbers {
            Numbers::Integer => 1,
            Numbers::Float => 64,
        };
        let cells = layout.cells();
        if cells > self.reader.left() / least_bits {
            return Err(SampleFault::Truncated);
        }
        let reader = &mut self.reader;
        self.time_ms = read_int(reader);
        self.cells.positive = layout.positive_buckets();
        self.cells.values.resize(cells, 0);
        match self.numbers {
            Numbers::Integer => self.cells.changes.resize(cells, 0),
            Numbers::Float => self.cells.windows.resize(cells, Window::default()),
        }
        let (head, positive, negative) = split(&mut self.cells.values, self.cells.positive);
        for cell in head {
            *cell = match self.numbers {
                Numbers::Integer => read_uint(reader),
                Numbers::Float => reader.take(64),
            };
        }
        self.sum_bits = reader.take(64);
        for side in [positive, negative] {
            let mut count = 0_u64;
            for cell in side {
                *cell = match self.numbers {
                    Numbers::Float => reader.take(64),
                    Numbers::Integer => {
                        count = count.wrapping_add_signed(read_int(reader));
                        count
                    }
                };
            }
        }
        Ok(())
    }

    /// Time and numbers of one of the later samples of whole counts.
    #[inline]
    fn read_counts(&mut self) -> Result<(), SampleFault> {
        // A copy, which can stay in registers.
        let mut reader = self.reader;
        let (head, positive, negative) = split(&mut self.cells.values, self.cells.positive);
        let (head_changes, positive_changes, negative_changes) = split(&mut self.cells.changes, self.cells.positive);
        let mut numbers = varbit::Numbers::new(&mut reader);
        self.delta_ms = self.delta_ms.wrapping_add(numbers.next());
        self.time_ms = self.time_ms.wrapping_add(self.delta_ms);
        for (cell, change) in head.iter_mut().zip(head_changes) {
            *change = change.wrapping_add_signed(numbers.next());
            *cell = cell.wrapping_add(*change);
        }
        numbers.stop();
        self.sum_bits ^= self.sum_window.read_xor(&mut reader).ok_or(SampleFault::BadWindow)?;
        if !is_stale(f64::from_bits(self.sum_bits)) {
            read_side(&mut reader, positive, positive_changes);
            if !negative.is_empty() {
                read_side(&mut reader, negative, negative_changes);
            }
        }
        self.reader = reader;
        Ok(())
    }

    /// Time and numbers of one of the later samples of floats.
    #[inline]
    fn read_floats(&mut self) -> Result<(), SampleFault> {
        self.delta_ms = self.delta_ms.wrapping_add(read_int(&mut self.reader));
        self.time_ms = self.time_ms.wrapping_add(self.delta_ms);
        let reader = &mut self.reader;
        let (head, buckets) = self.cells.values.split_at_mut_checked(BUCKET_CELLS).unwrap_or_default();
        let (head_windows, windows) = self.cells.windows.split_at_mut_checked(BUCKET_CELLS).unwrap_or_default();
        for (cell, window) in head.iter_mut().zip(head_windows) {
            *cell ^= window.read_xor(reader).ok_or(SampleFault::BadWindow)?;
        }
        self.sum_bits ^= self.sum_window.read_xor(reader).ok_or(SampleFault::BadWindow)?;
        if is_stale(f64::from_bits(self.sum_bits)) {
            return Ok(());
        }
        let mut fields = buckets.iter_mut().zip(windows);
        loop {
            // Each zero bit is a bucket that stays as it is.
            let zeros = reader.peek().leading_zeros() as usize;
            reader.skip(zeros.min(fields.len()));
            if zeros == 64 && fields.len() > 64 {
                fields.nth(63);
                continue;
            }
            let Some((cell, window)) = fields.nth(zeros) else { return Ok(()) };
            *cell ^= window.read_xor(reader).ok_or(SampleFault::BadWindow)?;
        }
    }
}

/// The cells of the head, of the positive and of the negative buckets.
fn split(cells: &mut [u64], positive: usize) -> (&mut [u64], &mut [u64], &mut [u64]) {
    let (head, buckets) = cells.split_at_mut_checked(BUCKET_CELLS).unwrap_or_default();
    let (positive, negative) = buckets.split_at_mut_checked(positive).unwrap_or_default();
    (head, positive, negative)
}

fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
