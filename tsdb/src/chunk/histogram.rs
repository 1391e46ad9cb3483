//! Histogram chunks: whole counts (encoding 2) and floats (3), and the same with start timestamps (5, 6), which are only read.
//!
//! Whoever writes one asks [`HistogramState::decide`] what the next histogram takes: to be appended, more buckets first, or a
//! new chunk. What lies between two appends is plain data: a state of fixed size, a [`CellState`] for each cell, the layout,
//! and the words that the sink took. [`OpenHistograms`] is all of that in one.
//!
//! A chunk has one layout, then a row of numbers a sample. Whole counts are written as the change of their change since the
//! sample before, bucket counts as differences to the bucket before on top of that, floats as XORs. The decoder turns the
//! differences between buckets into absolute counts as it goes: their sum is linear, so a run of zero bits is a run of counts
//! that go on as they did, and that is a loop of two additions over slices.
//!
//! Bit layout as in Prometheus, `tsdb/chunkenc/histogram.go`, `float_histogram.go`, `histogram_st.go`; page:
//! `tsdb/docs/format/chunks.md`.

mod decision;
mod decode;
mod layout;
mod open;
mod side;
mod spans;
mod state;

pub use decision::Decision;
pub(super) use decode::decode;
pub use layout::LayoutFault;
pub use open::{OpenHistograms, Pushed};
#[cfg(test)]
pub(super) use spans::indices;
pub use spans::spread;
pub use state::{
    CellState, HistogramState, MAX_HISTOGRAMS, empty_layout, header_of_first, layout_of, max_append_bytes,
    max_layout_bytes,
};

use model::ResetHint;

/// Bytes before the layout: the count and the header, in which the encodings differ.
const HEADER_BYTES: usize = 3;

/// What the top two bits of a header say of the histogram before the chunk's first one.
pub(super) fn hint_of_header(bits: u8) -> ResetHint {
    match bits >> 6 {
        0b01 => ResetHint::NotReset,
        0b10 => ResetHint::Reset,
        0b11 => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    }
}

/// The header's byte that says so.
fn header_of_hint(hint: ResetHint) -> u8 {
    match hint {
        ResetHint::Unknown => 0,
        ResetHint::NotReset => 0b01 << 6,
        ResetHint::Reset => 0b10 << 6,
        ResetHint::Gauge => 0b11 << 6,
    }
}

#[cfg(test)]
mod tests;
