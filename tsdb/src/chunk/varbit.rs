//! Numbers in as few bits as their size allows: what the histogram encodings and start timestamps are made of.
//!
//! A number of ones says how many bits follow; a signed number's range is one longer above zero than below it.
//! Source: Prometheus 3.14, `tsdb/chunkenc/varbit.go`.

use crate::bitstream::{BitReader, PendingBits, WordSink};

/// Bits of the number itself after so many ones (and a zero, except after eight).
const PAYLOAD_BITS: [u32; 9] = [0, 3, 6, 9, 12, 18, 25, 56, 64];

/// Reads a signed number; beyond the end of the data it is 0.
#[inline(always)]
pub(super) fn read_int(reader: &mut BitReader<'_>) -> i64 {
    let (bits, payload) = read(reader);
    if payload == 64 { bits.cast_signed() } else { signed(bits, payload) }
}

/// Of n bits, 63 at most, a number above 2^(n-1) means itself less 2^n.
#[inline(always)]
fn signed(bits: u64, count: u32) -> i64 {
    let negative = u64::from(bits > (1 << count) >> 1);
    bits.wrapping_sub(negative << count).cast_signed()
}

/// Reads an unsigned number; beyond the end of the data it is 0.
#[inline(always)]
pub(super) fn read_uint(reader: &mut BitReader<'_>) -> u64 {
    read(reader).0
}

/// The number's bits, and how many they are.
#[inline(always)]
fn read(reader: &mut BitReader<'_>) -> (u64, u32) {
    let window = reader.peek();
    let ones = window.leading_ones();
    let payload = PAYLOAD_BITS.get(ones as usize).copied().unwrap_or(64);
    match ones {
        0 => {
            reader.skip(1);
            (0, 0)
        }
        1..=7 => {
            reader.skip((ones + 1 + payload) as usize);
            ((window << (ones + 1)) >> (64 - payload), payload)
        }
        _ => {
            reader.skip(8);
            (reader.take(64), 64)
        }
    }
}

/// A number is short with up to so many ones, 12 bits of its own. It takes no more than [`SHORT_BITS`].
const SHORT_ONES: u32 = 4;
const SHORT_BITS: u32 = 17;

/// How a short number is read that begins with certain five bits.
#[derive(Debug, Clone, Copy, Default)]
struct Short {
    /// How many bits it takes; a long one: none.
    bits: u8,
    /// How many stand in front of its own.
    prefix: u8,
    /// How far its own are from the other end of a word.
    shift: u8,
    /// Its own bits at the top of a word, all of them set.
    own: u64,
}

/// By the first five bits.
const SHORT: [Short; 32] = {
    let (mut table, mut first) = ([Short { bits: 0, prefix: 0, shift: 0, own: 0 }; 32], 0_u32);
    while first < 31 {
        let ones = (first << 27).leading_ones();
        let payload = PAYLOAD_BITS[ones as usize];
        table[first as usize] = Short {
            bits: (ones + 1 + payload) as u8,
            prefix: (ones + 1) as u8,
            shift: (63 - payload.saturating_sub(1)) as u8,
            own: ((1_u64 << payload) - 1).rotate_right(payload),
        };
        first += 1;
    }
    table
};

impl Short {
    /// The number at the top of `window`. A number of n bits is one of two's complement but for the highest, which is not the
    /// lowest: turned round it is.
    #[inline(always)]
    fn number(self, window: u64) -> i64 {
        let own = window << self.prefix & self.own;
        (own.wrapping_neg().cast_signed() >> self.shift).wrapping_neg()
    }
}

/// Signed numbers one after the other, most of them short.
///
/// What is next to be read stays in a register, and a table says what a number takes: the next one waits for that alone, not
/// for what the number is, nor for a branch that nobody could foresee. Whoever is done [stops](Numbers::stop): only then is
/// the reader where it should be.
#[derive(Debug)]
pub(super) struct Numbers<'r, 'a> {
    reader: &'r mut BitReader<'a>,
    /// What the reader sees, without what was read of it.
    window: u64,
    /// How many bits were.
    used: u32,
}

impl<'r, 'a> Numbers<'r, 'a> {
    #[inline(always)]
    pub(super) fn new(reader: &'r mut BitReader<'a>) -> Self {
        let window = reader.peek();
        Self { reader, window, used: 0 }
    }

    /// The next number; beyond the end of the data it is 0.
    #[inline(always)]
    pub(super) fn next(&mut self) -> i64 {
        if self.used > 64 - SHORT_BITS {
            self.pass(self.used);
        }
        let short = SHORT.get((self.window >> (64 - SHORT_ONES - 1)) as usize).copied().unwrap_or_default();
        if short.bits == 0 {
            return self.next_long();
        }
        let number = short.number(self.window);
        (self.window, self.used) = (self.window << short.bits, self.used + u32::from(short.bits));
        number
    }

    #[inline(never)]
    fn next_long(&mut self) -> i64 {
        self.pass(self.used);
        let number = read_int(self.reader);
        self.pass(0);
        number
    }

    /// Passes over a run of zeros, numbers that are 0, of at most `most`, if there are many of them; answers how many.
    #[inline(always)]
    pub(super) fn pass_zeros(&mut self, most: usize) -> usize {
        const MANY: u32 = 16;
        if self.window >> (64 - MANY) != 0 {
            return 0;
        }
        let seen = self.window.leading_zeros().min(64 - self.used);
        let run = (seen as usize).min(most);
        self.pass(self.used + run as u32);
        run
    }

    /// Puts the reader where it should be.
    #[inline(always)]
    pub(super) fn stop(self) {
        self.reader.skip(self.used as usize);
    }

    /// Lets the reader pass over `bits` and look again.
    #[inline(always)]
    fn pass(&mut self, bits: u32) {
        self.reader.skip(bits as usize);
        (self.window, self.used) = (self.reader.peek(), 0);
    }
}

/// Writes a signed number.
#[inline(always)]
pub(super) fn push_int(value: i64, bits: &mut PendingBits, sink: &mut impl WordSink) {
    if value == 0 {
        return bits.push(0, 1, sink);
    }
    // n bits are enough up to 2^(n-1), below zero one less.
    let beyond = if value > 0 { value.unsigned_abs() - 1 } else { value.unsigned_abs() };
    push(value.cast_unsigned(), 65 - beyond.leading_zeros(), bits, sink);
}

/// Writes an unsigned number.
#[inline(always)]
pub(super) fn push_uint(value: u64, bits: &mut PendingBits, sink: &mut impl WordSink) {
    if value == 0 {
        return bits.push(0, 1, sink);
    }
    push(value, 64 - value.leading_zeros(), bits, sink);
}

/// Writes a number for which `least` bits are enough.
#[inline(always)]
fn push(value: u64, least: u32, bits: &mut PendingBits, sink: &mut impl WordSink) {
    let (ones, payload) = match least {
        0..=3 => (1, 3),
        4..=6 => (2, 6),
        7..=9 => (3, 9),
        10..=12 => (4, 12),
        13..=18 => (5, 18),
        19..=25 => (6, 25),
        26..=56 => (7, 56),
        _ => {
            bits.push(0xff, 8, sink);
            return bits.push(value, 64, sink);
        }
    };
    let prefix = (1 << (ones + 1)) - 2;
    bits.push(prefix << payload | value & ((1 << payload) - 1), ones + 1 + payload, sink);
}

/// Reads an unsigned LEB128 that need not begin at a byte's border; `None`: it has more than 64 bits.
pub(super) fn read_uvarint(reader: &mut BitReader<'_>) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = reader.take(8);
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= (byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Reads a zigzag LEB128 that need not begin at a byte's border; `None`: it has more than 64 bits.
pub(super) fn read_varint(reader: &mut BitReader<'_>) -> Option<i64> {
    let zigzag = read_uvarint(reader)?;
    Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
}

#[cfg(test)]
mod tests;
