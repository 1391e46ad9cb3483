//! Encoded samples: the data of a chunk, without the frame a file puts around it.
//!
//! Format: `tsdb/docs/format/chunks.md`.

pub mod xor;

use crate::cursor::Corruption;
use crate::series::{Aggregate, Encoding};
use model::SampleColumns;

pub use crate::bitstream::WordSink;

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
    #[error("chunks of encoding {encoding:?} cannot be decoded to floats")]
    Unsupported { encoding: Encoding },
}

/// Appends all samples of a chunk to `columns`.
///
/// # Errors
/// Malformed data, or an encoding without float samples, which is named; `columns` is as it was before.
pub fn decode(encoding: Encoding, data: &[u8], columns: &mut SampleColumns) -> Result<(), ChunkError> {
    match encoding {
        Encoding::Xor => xor::decode_xor(data, columns),
        Encoding::Histogram
        | Encoding::FloatHistogram
        | Encoding::Xor2
        | Encoding::HistogramSt
        | Encoding::FloatHistogramSt => Err(ChunkError::Unsupported { encoding }),
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
