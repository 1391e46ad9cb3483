//! The window of significant bits in which an XOR is written: each field of a float histogram has one, and so has a sum.
//!
//! Source: Prometheus 3.14, `tsdb/chunkenc/xor.go`.

use crate::bitstream::BitReader;

/// Zeros before and behind the window. The default is one of all 64 bits, which is what a reader begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) leading: u8,
    pub(super) trailing: u8,
}

impl Window {
    /// Reads an XOR with its control bits. `None`: a window that reaches beyond 64 bits.
    #[inline(always)]
    pub(super) fn read_xor(&mut self, reader: &mut BitReader<'_>) -> Option<u64> {
        match reader.peek().leading_ones() {
            0 => {
                reader.skip(1);
                Some(0)
            }
            1 => {
                reader.skip(2);
                Some(self.read(reader))
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
