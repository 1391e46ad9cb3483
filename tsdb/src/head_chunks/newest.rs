//! Which chunk of a file is needed longest.

use super::HeadChunkRef;
use super::frame::HeadFrame;

/// The newest of some chunks. Those of samples that came in order are needed up to a time; those of late samples are of any
/// time, and go in the order in which they were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Newest {
    /// The newest sample of those that came in order.
    max_ms: i64,
    /// The last chunk of late samples.
    late: HeadChunkRef,
}

impl Newest {
    /// Of no chunk.
    pub(super) const NONE: Self = Self { max_ms: i64::MIN, late: HeadChunkRef::NONE };

    /// Takes note of a chunk and its place.
    pub(super) fn include(&mut self, chunk: &HeadFrame<'_>, place: HeadChunkRef) {
        match chunk.out_of_order {
            true => self.late = self.late.max(place),
            false => self.max_ms = self.max_ms.max(chunk.max_ms),
        }
    }

    /// Takes note of other chunks.
    pub(super) fn join(&mut self, other: Self) {
        *self = Self { max_ms: self.max_ms.max(other.max_ms), late: self.late.max(other.late) };
    }

    /// The newest sample of those that came in order; `i64::MIN` if there is none.
    pub(super) fn in_order_ms(self) -> i64 {
        self.max_ms
    }

    /// Whether no chunk is needed by who needs samples from `min_ms` on and late chunks behind `late`.
    pub(super) fn are_before(&self, min_ms: i64, late: HeadChunkRef) -> bool {
        self.max_ms < min_ms && self.late <= late
    }
}
