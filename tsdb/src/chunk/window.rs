//! The window of significant bits in which an XOR is written: each field of a float histogram has one, and so has a sum.
//!
//! Source: Prometheus 3.14, `tsdb/chunkenc/xor.go`.

use super::xor::NO_WINDOW;
use crate::bitstream::{BitReader, PendingBits, WordSink};

/// Zeros before and behind the window. The default is one of all 64 bits, which is what a reader begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) leading: u8,
    pub(super) trailing: u8,
}

impl Window {
    /// There is none yet, so that a writer begins with a new one. More zeros are in front than any XOR has.
    pub(super) const NONE: Self = Self { leading: NO_WINDOW, trailing: 0 };

    /// Writes an XOR with its control bits.
    #[inline(always)]
    pub(super) fn push_xor(&mut self, xor: u64, bits: &mut PendingBits, sink: &mut impl WordSink) {
        if xor == 0 {
            return bits.push(0, 1, sink);
        }
        let (leading, trailing) = (xor.leading_zeros().min(31), xor.trailing_zeros());
        let (window_leading, window_trailing) = (u32::from(self.leading), u32::from(self.trailing));
        if leading >= window_leading && trailing >= window_trailing {
            bits.push(0b10, 2, sink);
            return bits.push(xor >> window_trailing, 64 - window_leading - window_trailing, sink);
        }
        let significant = 64 - leading - trailing;
        // 64 is written as 0.
        let control = 0b11 << 11 | u64::from(leading) << 6 | u64::from(significant & 0x3f);
        bits.push(control, 13, sink);
        bits.push(xor >> trailing, significant, sink);
        *self = Self { leading: leading as u8, trailing: trailing as u8 };
    }

    /// The window as a number, to be kept beside a value.
    pub(super) fn to_aside(self) -> u64 {
        u64::from(self.leading) << 8 | u64::from(self.trailing)
    }

    /// The window of that number.
    pub(super) fn from_aside(aside: u64) -> Self {
        let [.., leading, trailing] = aside.to_be_bytes();
        Self { leading, trailing }
    }

    /// Reads an XOR with its control bits. `None`: a window that reaches beyond 64 bits.
    #[inline(always)]
    pub(super) fn read_xor(&mut self, reader: &mut BitReader<'_>) -> Option<u64> {
        let ahead = reader.peek();
        match ahead.leading_ones() {
            0 => {
                reader.skip(1);
                Some(0)
            }
            1 => {
                let significant = 64 - u32::from(self.leading) - u32::from(self.trailing);
                if significant > 62 {
                    reader.skip(2);
                    return Some(self.read(reader));
                }
                // All of it was seen.
                reader.skip(2 + significant as usize);
                Some((ahead << 2) >> (64 - significant) << self.trailing)
            }
            _ => {
                reader.skip(2);
                self.read_new(reader)
            }
        }
    }

    /// Reads an XOR in the window as it is.
    #[inline(always)]
    pub(super) fn read(self, reader: &mut BitReader<'_>) -> u64 {
        // A window always has a bit, see below.
        reader.take(64 - u32::from(self.leading) - u32::from(self.trailing)) << self.trailing
    }

    /// Reads a new window and an XOR in it.
    #[inline(always)]
    pub(super) fn read_new(&mut self, reader: &mut BitReader<'_>) -> Option<u64> {
        let control = reader.take(11);
        let leading = (control >> 6) as u8;
        // 64 is written as 0.
        let significant = ((control & 0x3f) as u8).wrapping_sub(1) % 64 + 1;
        let trailing = 64_u8.checked_sub(leading + significant)?;
        *self = Self { leading, trailing };
        Some(self.read(reader))
    }
}
