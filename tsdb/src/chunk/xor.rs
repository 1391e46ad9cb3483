//! XOR chunks (encoding 1): delta-of-delta times, XORed values.
//!
//! The encoder keeps what it must know between two samples in [`XorState`], plain data that a head packs into its own
//! line for the series; finished bits leave in whole words. The decoder fills columns: one window of 64 bits holds all
//! control bits of a sample, and in a window of zeros each two bits are one more unchanged sample.
//!
//! Bit layout as in Prometheus, `tsdb/chunkenc/xor.go`; page: `tsdb/docs/format/chunks.md`.

use super::window::Window;
use super::{ChunkError, SampleFault, WordSink};
use crate::bitstream::{BitReader, PendingBits, take_words};
use crate::cursor::Cursor;
use bytes::Bytes;
use model::SampleColumns;

/// The most bytes one [`XorState::append`] hands to its sink: the second sample's 157 bits after 63 pending ones.
pub const MAX_APPEND_BYTES: usize = 24;

/// The most samples of a chunk.
pub const MAX_SAMPLES: u16 = u16::MAX;

/// [`XorState::leading`] while no window of significant bits was written yet.
pub const NO_WINDOW: u8 = 0xff;

const HEADER_BYTES: usize = 2;

/// All that is known of an open chunk besides its whole words.
///
/// The fields are open so that a head can hold them in its own layout; between two appends they may be taken apart and
/// put together again. Memory: at most 48 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct XorState {
    /// The newest timestamp.
    pub last_ms: i64,
    /// The bits of the newest value.
    pub value_bits: u64,
    /// The newest timestamp less the one before, wrapping; 0 until there are two.
    pub delta_ms: i64,
    /// Bits that do not fill a word yet, from the top; the rest is zero.
    pub pending: u64,
    /// How many bits are pending, 0 to 63.
    pub pending_bits: u8,
    /// Leading zeros of the current window of significant bits, 0 to 31, or [`NO_WINDOW`].
    pub leading: u8,
    /// Trailing zeros of that window.
    pub trailing: u8,
    /// How many samples the chunk holds.
    pub count: u16,
}

impl Default for XorState {
    /// An empty chunk: the header's two bytes are pending.
    fn default() -> Self {
        Self {
            last_ms: 0,
            value_bits: 0,
            delta_ms: 0,
            pending: 0,
            pending_bits: HEADER_BYTES as u8 * 8,
            leading: NO_WINDOW,
            trailing: 0,
            count: 0,
        }
    }
}

impl XorState {
    /// Appends a sample; words that are complete now go to `sink`, at most [`MAX_APPEND_BYTES`].
    ///
    /// # Panics
    /// If the chunk has [`MAX_SAMPLES`] already. Whoever appends cuts long before.
    #[inline(always)]
    pub fn append(&mut self, timestamp_ms: i64, value: f64, sink: &mut impl WordSink) {
        assert!(self.count < MAX_SAMPLES, "an XOR chunk holds at most 65535 samples");
        let bits = value.to_bits();
        let delta_ms = timestamp_ms.wrapping_sub(self.last_ms);
        if self.count < 2 {
            // By value: if its address went anywhere, the state could not stay in registers.
            *self = self.append_head(timestamp_ms, bits, sink);
        } else {
            self.push_delta_of_delta(delta_ms.wrapping_sub(self.delta_ms), sink);
            self.push_value(bits ^ self.value_bits, sink);
            self.delta_ms = delta_ms;
        }
        self.last_ms = timestamp_ms;
        self.value_bits = bits;
        self.count += 1;
    }

    /// The size of the chunk's data if it were finished now, given how many bytes its sink took so far.
    pub fn size_bytes(&self, sunk_bytes: usize) -> usize {
        sunk_bytes + usize::from(self.pending_bits).div_ceil(8)
    }

    /// Appends the chunk's data to `out`: the `words` its sink took, the pending bits, the count. The chunk stays open.
    pub fn write_chunk(&self, words: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(words);
        let pending = self.pending.to_be_bytes();
        out.extend_from_slice(pending.get(..self.size_bytes(0)).unwrap_or(&pending));
        if let Some(header) = out.get_mut(start..).and_then(|data| data.first_chunk_mut()) {
            *header = self.count.to_be_bytes();
        }
    }

    /// The chunk's data on its own; see [`XorState::write_chunk`].
    pub fn finish(&self, words: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(self.size_bytes(words.len()));
        self.write_chunk(words, &mut out);
        out.into()
    }

    /// Opens finished data again: what a sink took of it goes to `sink`, the rest is the state. As in Prometheus, a chunk
    /// without a window goes on with one of 64 bits.
    ///
    /// # Errors
    /// As [`decode_xor`].
    pub fn resume(data: &[u8], sink: &mut impl WordSink) -> Result<Self, ChunkError> {
        Self::resume_into(data, &mut SampleColumns::default(), sink)
    }

    /// As [`XorState::resume`], and appends the samples to `columns`.
    ///
    /// # Errors
    /// As [`decode_xor`]; `columns` is then as it was before.
    pub fn resume_into(data: &[u8], columns: &mut SampleColumns, sink: &mut impl WordSink) -> Result<Self, ChunkError> {
        let mut decoder = Decoder::start(data)?;
        decoder.run(columns)?;
        let end_bits = decoder.reader.at().max(HEADER_BYTES * 8);
        let PendingBits { word: pending, count: pending_bits } = take_words(data, end_bits, sink);
        let (leading, trailing) = match decoder.count {
            0 => (NO_WINDOW, 0),
            _ => ((64 - decoder.significant - decoder.trailing) as u8, decoder.trailing as u8),
        };
        Ok(Self {
            last_ms: decoder.time_ms,
            value_bits: decoder.value_bits,
            delta_ms: decoder.delta_ms,
            pending,
            pending_bits,
            leading,
            trailing,
            count: decoder.count,
        })
    }

    /// One of the first two samples.
    #[cold]
    fn append_head(mut self, timestamp_ms: i64, bits: u64, sink: &mut impl WordSink) -> Self {
        if self.count == 0 {
            let zigzag = timestamp_ms << 1 ^ timestamp_ms >> 63;
            self.push_uvarint(zigzag.cast_unsigned(), sink);
            self.push(bits, 64, sink);
        } else {
            self.delta_ms = timestamp_ms.wrapping_sub(self.last_ms);
            self.push_uvarint(self.delta_ms.cast_unsigned(), sink);
            self.push_value(bits ^ self.value_bits, sink);
        }
        self
    }

    fn push_uvarint(&mut self, mut value: u64, sink: &mut impl WordSink) {
        while value >= 0x80 {
            self.push(value & 0x7f | 0x80, 8, sink);
            value >>= 7;
        }
        self.push(value, 8, sink);
    }

    #[inline(always)]
    fn push_delta_of_delta(&mut self, dod: i64, sink: &mut impl WordSink) {
        // Each range is one longer above than below zero.
        match dod {
            0 => self.push(0, 1, sink),
            -8_191..=8_192 => self.push(0b10 << 14 | low_bits(dod, 14), 16, sink),
            -65_535..=65_536 => self.push(0b110 << 17 | low_bits(dod, 17), 20, sink),
            -524_287..=524_288 => self.push(0b1110 << 20 | low_bits(dod, 20), 24, sink),
            _ => {
                self.push(0b1111, 4, sink);
                self.push(dod.cast_unsigned(), 64, sink);
            }
        }
    }

    #[inline(always)]
    fn push_value(&mut self, xor: u64, sink: &mut impl WordSink) {
        let (mut bits, mut window) = (self.pending(), Window { leading: self.leading, trailing: self.trailing });
        window.push_xor(xor, &mut bits, sink);
        (self.pending, self.pending_bits) = (bits.word, bits.count);
        (self.leading, self.trailing) = (window.leading, window.trailing);
    }

    /// Appends the low `count` bits of `bits`, 1 to 64; the others are zero.
    #[inline(always)]
    fn push(&mut self, bits: u64, count: u32, sink: &mut impl WordSink) {
        let mut pending = self.pending();
        pending.push(bits, count, sink);
        (self.pending, self.pending_bits) = (pending.word, pending.count);
    }

    #[inline(always)]
    fn pending(&self) -> PendingBits {
        PendingBits { word: self.pending, count: self.pending_bits }
    }
}

/// The low `count` bits of a number that fits in them.
fn low_bits(value: i64, count: u32) -> u64 {
    value.cast_unsigned() & ((1 << count) - 1)
}

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
struct Decoder<'a> {
    reader: BitReader<'a>,
    count: u16,
    time_ms: i64,
    delta_ms: i64,
    value_bits: u64,
    /// The window of significant bits: how many, and how many behind them; all 64 before the first was read.
    significant: u32,
    trailing: u32,
}

impl<'a> Decoder<'a> {
    /// Reads the header.
    fn start(data: &'a [u8]) -> Result<Self, ChunkError> {
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
    fn run(&mut self, columns: &mut SampleColumns) -> Result<(), ChunkError> {
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

#[cfg(test)]
mod tests;
