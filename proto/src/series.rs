//! `SeriesResponse` by hand: the messages of a `Series` answer, read in place and written from slices.
//!
//! A frame carries one series, a batch of them, a warning or hints. Reading turns no field into a struct of its own: labels
//! go into a [`model::PackedBuilder`] that is used again and again, and the data of a chunk is a slice of the frame. Writing
//! takes packed labels and chunk slices, finds all sizes first, and writes each byte once, into memory reserved for just
//! that many.
//!
//! Message: `proto/thanos/store.proto`.

mod read;
mod write;

pub use crate::thanos::{Aggr, chunk::Encoding};
pub use read::{FoundSeries, FrameContent, SeriesFields, read_frame};
pub use write::{FrameForm, FrameWriter, warning_frame};

use bytes::Bytes;
use std::borrow::Cow;

/// A chunk of samples of one aggregate. A downsampled chunk is several of these of equal range, next to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireChunk<D> {
    /// Both ends inside, milliseconds.
    pub min_ms: i64,
    pub max_ms: i64,
    pub aggregate: Aggr,
    pub encoding: Encoding,
    /// The encoded samples.
    pub data: D,
}

/// A chunk as it was read, and the hash of its data that came with it; 0: none did.
pub type ReadChunk = (WireChunk<Bytes>, u64);

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} at byte {at}: {what}")]
pub struct MalformedFrame {
    /// The message and field that could not be read.
    pub field: &'static str,
    /// The byte of the frame.
    pub at: usize,
    pub what: Cow<'static, str>,
}

#[cfg(test)]
mod tests;
