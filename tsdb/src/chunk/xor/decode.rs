//! Reading XOR chunks: one window holds all control bits of a sample, and in a window of zeros each two bits are one more
//! unchanged sample.

use super::HEADER_BYTES;
use crate::bitstream::{BitReader, WINDOW_BITS};
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
    Decoder::start(data)?.run(columns).map(drop)
}

/// The last sample of an XOR chunk; `None` if it has none. All of it is walked over: what is malformed is found as well.
///
/// # Errors
/// As [`decode_xor`].
pub fn last_of_xor(data: &[u8]) -> Result<Option<(i64, f64)>, ChunkError> {
    let start = Decoder::start(data)?;
    let end = start.walk(&mut Passed(start.count.into())).ok_or_else(|| start.fault())?;
    Ok((end.count > 0).then(|| (end.time_ms, f64::from_bits(end.value_bits))))
}

/// Where a decoder stands.
///
/// What is read of a sample decides where the next begins, which has to be known in a register, not through memory: while
/// samples are read it is a copy of which nobody takes the address, so that all who change it are inlined.
#[derive(Debug, Clone, Copy)]
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

/// What a delta-of-delta takes that is not short, with its control bits.
const WIDE_BITS: usize = 4 + 64;

/// Where samples go.
trait Slots {
    /// How many are still to come.
    fn left(&self) -> usize;

    fn put(&mut self, time_ms: i64, value_bits: u64);

    /// `count` samples alike, each `delta_ms` behind the one before; `time_ms` is that before the first.
    fn put_alike(&mut self, count: usize, time_ms: i64, delta_ms: i64, value_bits: u64);
}

/// The ends of two columns.
impl<'a, I: ExactSizeIterator<Item = (&'a mut i64, &'a mut f64)>> Slots for I {
    #[inline(always)]
    fn left(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn put(&mut self, time_ms: i64, value_bits: u64) {
        if let Some(slot) = self.next() {
            (*slot.0, *slot.1) = (time_ms, f64::from_bits(value_bits));
        }
    }

    #[inline(always)]
    fn put_alike(&mut self, count: usize, mut time_ms: i64, delta_ms: i64, value_bits: u64) {
        for slot in self.take(count) {
            time_ms = time_ms.wrapping_add(delta_ms);
            (*slot.0, *slot.1) = (time_ms, f64::from_bits(value_bits));
        }
    }
}

/// Nowhere: so many are passed over.
struct Passed(usize);

impl Slots for Passed {
    fn left(&self) -> usize {
        self.0
    }

    fn put(&mut self, _: i64, _: u64) {
        self.0 -= 1;
    }

    fn put_alike(&mut self, count: usize, _: i64, _: i64, _: u64) {
        self.0 -= count;
    }
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

    /// Appends all samples to `columns`, or none. Where the decoder stands behind them.
    pub(super) fn run(self, columns: &mut SampleColumns) -> Result<Self, ChunkError> {
        let (before, count) = (columns.len(), usize::from(self.count));
        columns.timestamps_ms.resize(before + count, 0);
        columns.values.resize(before + count, 0.0);
        let times = columns.timestamps_ms.get_mut(before..).unwrap_or_default();
        let values = columns.values.get_mut(before..).unwrap_or_default();
        let Some(end) = self.walk(&mut times.iter_mut().zip(values)) else {
            columns.timestamps_ms.truncate(before);
            columns.values.truncate(before);
            return Err(self.fault());
        };
        // Samples of this encoding have no start.
        if !columns.starts_ms.is_empty() {
            columns.starts_ms.resize(before + count, 0);
        }
        Ok(end)
    }

    /// From the header to the end, as many samples as there are slots; `None` if something is malformed. What is read beyond
    /// the end is zeros, and that it was too much is seen in the end.
    fn walk(mut self, slots: &mut impl Slots) -> Option<Self> {
        for index in 0..slots.left().min(2) {
            self.read_head(index == 0).ok()?;
            slots.put(self.time_ms, self.value_bits);
        }
        let mut here = self;
        while slots.left() > 0 {
            let window = here.reader.window();
            if window >> 62 != 0 {
                here.read_sample(window).ok()?;
                slots.put(here.time_ms, here.value_bits);
                continue;
            }
            let unchanged = (window.leading_zeros() / 2).min(WINDOW_BITS / 2) as usize;
            let count = unchanged.min(slots.left());
            here.reader.skip(2 * count);
            slots.put_alike(count, here.time_ms, here.delta_ms, here.value_bits);
            here.time_ms = here.time_ms.wrapping_add(here.delta_ms.wrapping_mul(count as i64));
        }
        (!here.reader.overran()).then_some(here)
    }

    /// What is malformed, of a chunk that is: the samples are read again, one by one.
    #[cold]
    fn fault(mut self) -> ChunkError {
        let count = self.count;
        for sample in 0..usize::from(count) {
            let offset = self.reader.at() / 8;
            let read = match sample {
                0 | 1 => self.read_head(sample == 0),
                _ => self.read_sample(self.reader.window()),
            };
            // Zeros beyond the end may look like a window that is none.
            let read = if self.reader.overran() { Err(SampleFault::Truncated) } else { read };
            if let Err(fault) = read {
                return fault.at(sample, count, offset);
            }
        }
        SampleFault::Truncated.at(usize::from(count), count, self.reader.at() / 8)
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
        self.read_value(self.reader.window(), 0)
    }

    /// One of the later samples; `window` is what the reader sees.
    #[inline(always)]
    fn read_sample(&mut self, window: u64) -> Result<(), SampleFault> {
        let (dod, window, used) = match window.leading_ones() {
            0 => (0, window << 1, 1),
            // 10, 110 and 1110.
            1 => (short_dod::<14>(window << 2), window << 16, 16),
            2 => (short_dod::<17>(window << 3), window << 20, 20),
            3 => (short_dod::<20>(window << 4), window << 24, 24),
            _ => {
                let dod = wide_dod(self.reader);
                self.reader.skip(WIDE_BITS);
                (dod, self.reader.window(), 0)
            }
        };
        self.delta_ms = self.delta_ms.wrapping_add(dod);
        self.time_ms = self.time_ms.wrapping_add(self.delta_ms);
        self.read_value(window, used)
    }

    /// A value, whose control bits `window` begins with; they stand `used` bits after the reader's place.
    #[inline(always)]
    fn read_value(&mut self, window: u64, used: u32) -> Result<(), SampleFault> {
        // Each way has its end to itself: the processor guesses which it is and goes on with the next sample, where it would
        // wait for both to be reckoned.
        match window >> 62 {
            0b11 => {
                let leading = (window >> 57 & 0x1f) as u32;
                let written = (window >> 51 & 0x3f) as u32;
                // 64 is written as 0.
                self.significant = if written == 0 { 64 } else { written };
                self.trailing = 64_u32.wrapping_sub(leading + self.significant);
                if self.trailing > 63 {
                    self.reader.skip(used as usize + 13);
                    return Err(SampleFault::BadWindow);
                }
                self.read_significant(window << 13, used + 13);
            }
            0b10 => self.read_significant(window << 2, used + 2),
            _ => self.reader.skip(used as usize + 1),
        }
        Ok(())
    }

    /// The significant bits of a value, which `window` begins with; they stand `used` bits after the reader's place.
    #[inline(always)]
    fn read_significant(&mut self, window: u64, used: u32) {
        let end = used + self.significant;
        let bits = if end <= WINDOW_BITS { window } else { self.reader.peek_at(used as usize) };
        self.value_bits ^= bits >> (64 - self.significant) << self.trailing;
        self.reader.skip(end as usize);
    }
}

/// A delta-of-delta of so many bits, with which `window` begins: one more may be said above zero than below.
#[inline(always)]
fn short_dod<const BITS: u32>(window: u64) -> i64 {
    let raw = window >> (64 - BITS);
    ((raw.wrapping_sub(1) << (64 - BITS)).cast_signed() >> (64 - BITS)) + 1
}

/// A delta-of-delta of 64 bits, behind its control bits.
#[cold]
#[inline(never)]
fn wide_dod(reader: BitReader<'_>) -> i64 {
    reader.peek_at(WIDE_BITS - 64).cast_signed()
}
