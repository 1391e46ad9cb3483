//! The layout at the front of a histogram chunk.

use super::super::SampleFault;
use super::super::varbit::{push_int, push_uint, read_int, read_uint};
use crate::bitstream::{BitReader, PendingBits, WordSink};
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

/// Bounds of so many thousandths are written as such; one more is the largest number of 25 bits.
const MAX_THOUSANDTHS: f64 = 33_554_430.0;

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

/// Writes a layout.
pub(super) fn write_layout(layout: &HistogramLayout, bits: &mut PendingBits, sink: &mut impl WordSink) {
    write_zero_threshold(layout.zero_threshold(), bits, sink);
    push_int(layout.schema().into(), bits, sink);
    for spans in [layout.positive(), layout.negative()] {
        push_uint(spans.len() as u64, bits, sink);
        for span in spans {
            push_uint(span.length.into(), bits, sink);
            push_int(span.offset.into(), bits, sink);
        }
    }
    if layout.has_custom_buckets() {
        push_uint(layout.custom_bounds().len() as u64, bits, sink);
        layout.custom_bounds().iter().for_each(|bound| write_bound(*bound, bits, sink));
    }
}

fn write_zero_threshold(threshold: f64, bits: &mut PendingBits, sink: &mut impl WordSink) {
    if threshold == 0.0 {
        return bits.push(0, 8, sink);
    }
    let (raw, mantissa_bits) = (threshold.to_bits(), 52);
    let power = (raw >> mantissa_bits).wrapping_sub(1023 - 244);
    if raw << 12 == 0 && (1..0xff).contains(&power) {
        return bits.push(power, 8, sink);
    }
    bits.push(0xff, 8, sink);
    bits.push(raw, 64, sink);
}

/// Whole thousandths that are in use take few bits, any other bound all of its own.
fn write_bound(bound: f64, bits: &mut PendingBits, sink: &mut impl WordSink) {
    let thousandths = bound * 1000.0;
    let whole = thousandths.round();
    if !(0.0..=MAX_THOUSANDTHS).contains(&thousandths) || whole / 1000.0 != bound {
        bits.push(0, 1, sink);
        return bits.push(bound.to_bits(), 64, sink);
    }
    push_uint(whole as u64 + 1, bits, sink);
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
