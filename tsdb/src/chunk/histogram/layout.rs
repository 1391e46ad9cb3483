//! The layout at the front of a histogram chunk.

use super::super::SampleFault;
use super::super::varbit::{read_int, read_uint};
use crate::bitstream::BitReader;
use model::{CUSTOM_BUCKETS_SCHEMA, HistogramLayout, Span, TooManyBuckets};

/// Why the layout of a histogram chunk is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutFault {
    #[error("schema {0} is not known")]
    Schema(i64),
    #[error("a span of {length} buckets at offset {offset}")]
    Span { length: u64, offset: i64 },
    #[error(transparent)]
    TooManyBuckets(#[from] TooManyBuckets),
    #[error("{0} custom bounds")]
    TooManyBounds(u64),
}

/// No span takes less: a length and an offset of one bit each.
const LEAST_SPAN_BITS: u64 = 2;

/// Reads a layout, where nothing is reserved for what the rest of the data cannot hold.
pub(super) fn read_layout(reader: &mut BitReader<'_>) -> Result<HistogramLayout, SampleFault> {
    let zero_threshold = read_zero_threshold(reader);
    let schema = read_int(reader);
    let known = i32::try_from(schema).ok().filter(|&schema| matches!(schema, -4..=52 | CUSTOM_BUCKETS_SCHEMA));
    let schema = known.ok_or(SampleFault::Layout(LayoutFault::Schema(schema)))?;
    let (positive, negative) = (read_spans(reader)?, read_spans(reader)?);
    let bounds = match schema {
        CUSTOM_BUCKETS_SCHEMA => read_bounds(reader)?,
        _ => Vec::new(),
    };
    if reader.overran() {
        return Err(SampleFault::Truncated);
    }
    HistogramLayout::new(schema, zero_threshold, positive, negative, bounds)
        .map_err(|fault| SampleFault::Layout(fault.into()))
}

/// A byte for 0 and for the powers of two that are in use, nine for any other number.
fn read_zero_threshold(reader: &mut BitReader<'_>) -> f64 {
    match reader.take(8) {
        0 => 0.0,
        0xff => f64::from_bits(reader.take(64)),
        // 1 stands for 2^-243. Exponents are biased by 1023, and none of these is subnormal.
        power => f64::from_bits((power + 1023 - 244) << 52),
    }
}

fn read_spans(reader: &mut BitReader<'_>) -> Result<Vec<Span>, SampleFault> {
    let count = read_uint(reader);
    if count > reader.left() as u64 / LEAST_SPAN_BITS {
        return Err(SampleFault::Truncated);
    }
    let read_span = |_| {
        let (length, offset) = (read_uint(reader), read_int(reader));
        match (u32::try_from(length), i32::try_from(offset)) {
            (Ok(length), Ok(offset)) => Ok(Span { offset, length }),
            _ => Err(SampleFault::Layout(LayoutFault::Span { length, offset })),
        }
    };
    (0..count).map(read_span).collect()
}

fn read_bounds(reader: &mut BitReader<'_>) -> Result<Vec<f64>, SampleFault> {
    let count = read_uint(reader);
    if count > HistogramLayout::MAX_BUCKETS as u64 {
        return Err(SampleFault::Layout(LayoutFault::TooManyBounds(count)));
    }
    // Thousandths take at least five bits.
    if count > reader.left() as u64 / 5 {
        return Err(SampleFault::Truncated);
    }
    let read_bound = |_| match read_uint(reader) {
        0 => f64::from_bits(reader.take(64)),
        thousandths => (thousandths - 1) as f64 / 1000.0,
    };
    Ok((0..count).map(read_bound).collect())
}
