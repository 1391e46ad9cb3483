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
    if payload == 64 {
        return bits.cast_signed();
    }
    // Of n bits, a number above 2^(n-1) means itself less 2^n.
    let negative = u64::from(bits > (1 << payload) >> 1);
    bits.wrapping_sub(negative << payload).cast_signed()
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
