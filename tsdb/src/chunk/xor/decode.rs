//! Reading XOR chunks: one window of 64 bits holds all control bits of a sample, and in a window of zeros each two bits are
//! one more unchanged sample.

use super::HEADER_BYTES;
use crate::bitstream::BitReader;
use crate::chunk::{ChunkError, SampleFault};
use crate::cursor::Cursor;
use model::SampleColumns;

/// Appends all samples of an XOR chunk to `columns`. Times come as they were stored: that they rise was for the writer to
/// see to.
///
/// # Errors
/// A count that the data cannot hold, data that ends within a sample, a window beyond 64 bits; `columns` is then as it
/// was before.
pub fn decode_xor(data: &[u8], columns: &mut SampleColumns) -> Result<(), ChunkError> {
    Decoder::start(data)?.run(columns)
}

/// The last sample of an XOR chunk; `None` if it has none. All of it is walked over: what is malformed is found as well.
///
/// # Errors
/// As [`decode_xor`].
pub fn last_of_xor(data: &[u8]) -> Result<Option<(i64, f64)>, ChunkError> {
    let mut decoder = Decoder::start(data)?;
    decoder.pass()?;
    Ok((decoder.count > 0).then(|| (decoder.time_ms, f64::from_bits(decoder.value_bits))))
}

/// Where a decoder stands: after `sample` samples.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    pub(super) reader: BitReader<'a>,
    pub(super) count: u16,
    pub(super) time_ms: i64,
    pub(super) delta_ms: i64,
    pub(super) value_bits: u64,
    /// The window of significant bits: how many, and how many behind them; all 64 before the first was read.
    pub(super) significant: u32,
    pub(super) trailing: u32,
}

impl<'a> Decoder<'a> {
    /// Reads the header.
    pub(super) fn start(data: &'a [u8]) -> Result<Self, ChunkError> {
        let header = *data.first_chunk().ok_or(ChunkError::Truncated { sample: 0, count: 0, offset: 0 })?;
        let count = u16::from_be_bytes(header);
        // No sample has less than two bits: this bounds what is reserved for them.
        let most = data.len() * 4;
        if usize::from(count) > most {
            return Err(ChunkError::CountTooLarge { size_bytes: data.len(), count, most });
        }
        let reader = BitReader::new(data, HEADER_BYTES);
        Ok(Self { reader, count, time_ms: 0, delta_ms: 0, value_bits: 0, significant: 64, trailing: 0 })
    }

    /// Appends all samples to `columns`, or none.
    pub(super) fn run(&mut self, columns: &mut SampleColumns) -> Result<(), ChunkError> {
        let before = columns.len();
        let count = usize::from(self.count);
        columns.timestamps_ms.resize(before + count, 0);
        columns.values.resize(before + count, 0.0);
        let times = columns.timestamps_ms.get_mut(before..).unwrap_or_default();
        let values = columns.values.get_mut(before..).unwrap_or_default();
        let mut slots = times.iter_mut().zip(values.iter_mut());
        let Err((offset, fault)) = self.fill(&mut slots) else {
            // Samples of this encoding have no start.
            if !columns.starts_ms.is_empty() {
                columns.starts_ms.resize(before + count, 0);
            }
            return Ok(());
        };
        let sample = count - slots.len() - 1;
        columns.timestamps_ms.truncate(before);
        columns.values.truncate(before);
        Err(fault.at(sample, self.count, offset))
    }

    /// Fills the slots; on a fault, the offset of the sample it lies in, whose slot is taken.
    fn fill<'s>(
        &mut self,
        slots: &mut impl ExactSizeIterator<Item = (&'s mut i64, &'s mut f64)>,
    ) -> Result<(), (usize, SampleFault)> {
        for index in 0..2 {
            let Some((time_ms, value)) = slots.next() else { return Ok(()) };
            let offset = self.reader.at() / 8;
            self.read_head(index == 0).map_err(|fault| (offset, fault))?;
            (*time_ms, *value) = (self.time_ms, f64::from_bits(self.value_bits));
        }
        while let Some((time_ms, value)) = slots.next() {
            let at = self.reader.at();
            let window = self.reader.peek();
            let unchanged = window.leading_zeros() as usize / 2;
            if unchanged == 0 {
                self.read_sample(window).map_err(|fault| (at / 8, fault))?;
                (*time_ms, *value) = (self.time_ms, f64::from_bits(self.value_bits));
                continue;
            }
            let more = (unchanged - 1).min(slots.len());
            self.reader.skip(2 * (1 + more));
            let repeated = f64::from_bits(self.value_bits);
            self.time_ms = self.time_ms.wrapping_add(self.delta_ms);
            (*time_ms, *value) = (self.time_ms, repeated);
            for (time_ms, value) in slots.take(more) {
                self.time_ms = self.time_ms.wrapping_add(self.delta_ms);
                (*time_ms, *value) = (self.time_ms, repeated);
            }
            if self.reader.overran() {
                return Err((at / 8, SampleFault::Truncated));
            }
        }
        Ok(())
    }

    /// Passes over all samples.
    fn pass(&mut self) -> Result<(), ChunkError> {
        let count = usize::from(self.count);
        let mut sample = 0;
        while sample < count {
            let offset = self.reader.at() / 8;
            let passed = match sample {
                0 | 1 => self.read_head(sample == 0).map(|()| 1),
                _ => self.pass_some(count - sample),
            };
            sample += passed.map_err(|fault| fault.at(sample, self.count, offset))?;
        }
        Ok(())
    }

    /// Passes over some of the `left` samples that are left: those that a window shows to be unchanged, or one. How many.
    #[inline(always)]
    fn pass_some(&mut self, left: usize) -> Result<usize, SampleFault> {
        let window = self.reader.peek();
        let unchanged = (window.leading_zeros() as usize / 2).min(left);
        if unchanged == 0 {
            return self.read_sample(window).map(|()| 1);
        }
        self.reader.skip(2 * unchanged);
        self.time_ms = self.time_ms.wrapping_add(self.delta_ms.wrapping_mul(unchanged as i64));
        if self.reader.overran() { Err(SampleFault::Truncated) } else { Ok(unchanged) }
    }

    /// One of the first two samples, which begin with a varint at a byte's border.
    fn read_head(&mut self, first: bool) -> Result<(), SampleFault> {
        let mut cursor = Cursor::new(self.reader.rest());
        if first {
            self.time_ms = cursor.varint().map_err(|_| SampleFault::Truncated)?;
            self.value_bits = cursor.be_u64().map_err(|_| SampleFault::Truncated)?;
            self.reader.skip(cursor.offset() * 8);
            return Ok(());
        }
        self.delta_ms = cursor.uvarint().map_err(|_| SampleFault::Truncated)?.cast_signed();
        self.time_ms = self.time_ms.wrapping_add(self.delta_ms);
        self.reader.skip(cursor.offset() * 8);
        self.read_value(self.reader.peek(), 0)
    }

    /// One of the later samples; `window` is what the reader sees.
    #[inline(always)]
    fn read_sample(&mut self, window: u64) -> Result<(), SampleFault> {
        let ones = window.leading_ones();
        if ones >= 4 {
            return self.read_wide_sample();
        }
        // 10, 110 and 1110 introduce 14, 17 and 20 bits; 0 introduces none.
        let mut used = 1;
        if ones > 0 {
            used = 12 + 4 * ones;
            let payload = 11 + 3 * ones;
            let raw = (window << (ones + 1)) >> (64 - payload);
            let negative = i64::from(raw > 1 << (payload - 1));
            let dod = raw.cast_signed() - (negative << payload);
            self.delta_ms = self.delta_ms.wrapping_add(dod);
        }
        self.time_ms = self.time_ms.wrapping_add(self.delta_ms);
        self.read_value(window << used, used)
    }

    /// A sample whose delta-of-delta takes 64 bits.
    #[cold]
    fn read_wide_sample(&mut self) -> Result<(), SampleFault> {
        self.reader.skip(4);
        self.delta_ms = self.delta_ms.wrapping_add(self.reader.take(64).cast_signed());
        self.time_ms = self.time_ms.wrapping_add(self.delta_ms);
        self.read_value(self.reader.peek(), 0)
    }

    /// A value, whose control bits `window` begins with; they stand `used` bits after the reader's place.
    #[inline(always)]
    fn read_value(&mut self, window: u64, used: u32) -> Result<(), SampleFault> {
        self.reader.skip(used as usize);
        if window >> 63 == 0 {
            self.reader.skip(1);
        } else {
            // Both are reckoned: whether a value brings its own window is what nobody can guess.
            let is_own = window >> 62 == 0b11;
            let leading = (window >> 57 & 0x1f) as u32;
            // 64 is written as 0.
            let own = ((window >> 51 & 0x3f) as u32).wrapping_sub(1) % 64 + 1;
            let control = if is_own { 13 } else { 2 };
            self.significant = if is_own { own } else { self.significant };
            self.trailing = if is_own { 64_u32.wrapping_sub(leading + own) } else { self.trailing };
            if self.trailing > 63 {
                return Err(SampleFault::BadWindow);
            }
            let bits = match used + control + self.significant <= 64 {
                true => window << control,
                false => self.reader.peek_at(control as usize),
            };
            self.value_bits ^= bits >> (64 - self.significant) << self.trailing;
            self.reader.skip((control + self.significant) as usize);
        }
        if self.reader.overran() { Err(SampleFault::Truncated) } else { Ok(()) }
    }
}
