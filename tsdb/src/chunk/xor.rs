//! XOR chunks (encoding 1): delta-of-delta times, XORed values.
//!
//! The encoder keeps what it must know between two samples in [`XorState`], plain data that a head packs into its own
//! line for the series; finished bits leave in whole words. Reading them is in [`decode`].
//!
//! Bit layout as in Prometheus, `tsdb/chunkenc/xor.go`; page: `tsdb/docs/format/chunks.md`.

mod decode;

use super::window::Window;
use super::{ChunkError, WordSink};
use crate::bitstream::{PendingBits, take_words};
use bytes::Bytes;
use decode::Decoder;
use model::SampleColumns;

pub use decode::{decode_xor, last_of_xor};

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
        let decoder = Decoder::start(data)?.run(columns)?;
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

#[cfg(test)]
mod tests;
