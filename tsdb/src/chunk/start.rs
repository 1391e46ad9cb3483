//! Start timestamps within a chunk: since when the counter behind each sample has been counting.
//!
//! Source: Prometheus 3.14, `tsdb/chunkenc/st.go`.

use super::SampleFault;
use super::varbit::{read_int, read_varint};
use crate::bitstream::BitReader;

/// Reads the start of each sample, which follows the sample's other fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Starts {
    /// The first sample has one.
    is_first_known: bool,
    /// From which sample on each has one of its own; 0: none has.
    changes_from: usize,
    /// That of the newest sample; 0: not known.
    pub(super) start_ms: i64,
    /// The timestamp before the newest one less the newest start.
    difference_ms: i64,
}

impl Starts {
    /// Takes the header's byte: the top bit says whether the first sample has a start, the others from which sample on each
    /// has.
    pub(super) fn new(header: u8) -> Self {
        let (is_first_known, changes_from) = (header & 0x80 != 0, usize::from(header & 0x7f));
        Self { is_first_known, changes_from, start_ms: 0, difference_ms: 0 }
    }

    /// Whether there is none in the whole chunk.
    pub(super) fn are_absent(&self) -> bool {
        !self.is_first_known && self.changes_from == 0
    }

    /// The sample from which on each has bits of its own, the first aside.
    pub(super) fn own_from(&self) -> usize {
        if self.changes_from == 0 { usize::MAX } else { self.changes_from }
    }

    /// Reads that of the first sample, which is at `time_ms`.
    pub(super) fn read_first(&mut self, reader: &mut BitReader<'_>, time_ms: i64) -> Result<(), SampleFault> {
        if self.is_first_known {
            self.start_ms = time_ms.wrapping_sub(read_varint(reader).ok_or(SampleFault::Varint)?);
        }
        Ok(())
    }

    /// Reads that of sample `at`, which is not the first; the one before it is at `before_ms`.
    #[inline]
    pub(super) fn read(&mut self, reader: &mut BitReader<'_>, at: usize, before_ms: i64) {
        if at < self.own_from() {
            return;
        }
        let read = read_int(reader);
        self.difference_ms = if at == self.changes_from { read } else { self.difference_ms.wrapping_add(read) };
        self.start_ms = before_ms.wrapping_sub(self.difference_ms);
    }
}
