//! Encoded samples: the data of a chunk, without the frame a file puts around it.
//!
//! Format: `tsdb/docs/format/chunks.md`.

mod encode;
pub mod histogram;
mod start;
mod varbit;
mod window;
pub mod xor;
mod xor2;

use crate::cursor::Corruption;
use crate::series::{Aggregate, Encoding};
use histogram::LayoutFault;
use model::{ResetHint, SampleColumns};

pub use crate::bitstream::WordSink;
pub(crate) use encode::encode_uncut;
pub use encode::{encode, to_common};

/// Why the data of a chunk could not be decoded. Offsets are bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error("chunk of {size_bytes} bytes says it holds {count} samples, at most {most} fit")]
    CountTooLarge { size_bytes: usize, count: u16, most: usize },
    #[error("chunk ends in sample {sample} of {count}, which begins at byte {offset}")]
    Truncated { sample: usize, count: u16, offset: usize },
    #[error("chunk has a value of more than 64 bits in sample {sample} of {count}, which begins at byte {offset}")]
    BadWindow { sample: usize, count: u16, offset: usize },
    #[error("aggregate {aggregate:?} of a downsampled chunk, {fault}")]
    Aggregate { aggregate: Aggregate, fault: Corruption },
    #[error("counts and sums of a downsampled chunk differ in time from sample {sample} on")]
    NotAligned { sample: usize },
    #[error("chunk has a varint of more than 64 bits in sample {sample} of {count}, which begins at byte {offset}")]
    BadVarint { sample: usize, count: u16, offset: usize },
    #[error("layout of a histogram chunk, {0}")]
    Layout(LayoutFault),
}

/// Why a sample could not be read.
#[derive(Debug)]
enum SampleFault {
    Truncated,
    BadWindow,
    Varint,
    Layout(LayoutFault),
}

impl SampleFault {
    /// The fault of sample `sample` of `count`, which begins at byte `offset`.
    #[cold]
    fn at(self, sample: usize, count: u16, offset: usize) -> ChunkError {
        match self {
            Self::Truncated => ChunkError::Truncated { sample, count, offset },
            Self::BadWindow => ChunkError::BadWindow { sample, count, offset },
            Self::Varint => ChunkError::BadVarint { sample, count, offset },
            Self::Layout(fault) => ChunkError::Layout(fault),
        }
    }
}

/// Appends all samples of a chunk to `columns`: floats to `values`, histograms to `histograms` as well, start timestamps to
/// `starts_ms`.
///
/// Hints are those of Prometheus' querier: [`ResetHint::Gauge`](model::ResetHint::Gauge) throughout a chunk of gauges;
/// otherwise not known of the first histogram, no reset before the others. What a chunk says of its first one is for those
/// who know the chunk before it: see [`reset_hint`]. A stale histogram has the empty layout.
///
/// # Errors
/// Malformed data; `columns` is as it was before.
pub fn decode(encoding: Encoding, data: &[u8], columns: &mut SampleColumns) -> Result<(), ChunkError> {
    match encoding {
        Encoding::Xor => xor::decode_xor(data, columns),
        Encoding::Xor2 => xor2::decode(data, columns),
        Encoding::Histogram | Encoding::FloatHistogram | Encoding::HistogramSt | Encoding::FloatHistogramSt => {
            histogram::decode(encoding, data, columns)
        }
    }
}

/// The same for who looks at the last sample only: of encodings in which it can be had for less, the others are left out.
///
/// # Errors
/// As [`decode`], of whatever sample.
pub fn decode_last(encoding: Encoding, data: &[u8], columns: &mut SampleColumns) -> Result<(), ChunkError> {
    if encoding != Encoding::Xor {
        return decode(encoding, data, columns);
    }
    if let Some((timestamp_ms, value)) = xor::last_of_xor(data)? {
        columns.push(timestamp_ms, value);
    }
    Ok(())
}

/// What a histogram chunk says of its first histogram and the one before that, which was the last of another chunk;
/// `None` for other encodings, and for data of less than three bytes.
pub fn reset_hint(encoding: Encoding, data: &[u8]) -> Option<ResetHint> {
    let &[first, _, third] = data.first_chunk()?;
    match encoding {
        Encoding::Histogram | Encoding::FloatHistogram => Some(histogram::hint_of_header(third)),
        Encoding::HistogramSt | Encoding::FloatHistogramSt => Some(histogram::hint_of_header(first)),
        Encoding::Xor | Encoding::Xor2 => None,
    }
}

/// How many samples a chunk says it holds: the first two bytes of every encoding, of which the newer histograms use the
/// top two bits for something else.
///
/// # Errors
/// Data of less than two bytes.
pub fn sample_count(encoding: Encoding, data: &[u8]) -> Result<u16, ChunkError> {
    let header = *data.first_chunk().ok_or(ChunkError::Truncated { sample: 0, count: 0, offset: 0 })?;
    Ok(match encoding {
        Encoding::HistogramSt | Encoding::FloatHistogramSt => u16::from_be_bytes(header) & 0x3fff,
        Encoding::Xor | Encoding::Histogram | Encoding::FloatHistogram | Encoding::Xor2 => u16::from_be_bytes(header),
    })
}

#[cfg(test)]
mod tests;
