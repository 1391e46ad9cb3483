//! The body of a histogram in a record: read into a row, and written.

use crate::cursor::{Corruption, Cursor, Fault, push_uvarint, push_varint};
use hashbrown::{DefaultHashBuilder, HashTable};
use model::{
    BUCKET_CELLS, CUSTOM_BUCKETS_SCHEMA, HistogramColumn, HistogramLayout, HistogramRef, LayoutParts, Numbers,
    ResetHint, Span, TooManyBuckets,
};
use std::hash::BuildHasher;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The schemas there can be, besides that of custom buckets.
const EXPONENTIAL_SCHEMAS: RangeInclusive<i32> = -4..=8;

/// Those of versions to come, finer than what we keep.
const RESERVED_SCHEMAS: RangeInclusive<i32> = 9..=52;

/// What a span takes at least: offset and length.
const SPAN_MIN_BYTES: usize = 2;
const FLOAT_BYTES: usize = 8;

/// Reads histograms into the rows of one column, in which equal layouts are one; reused.
#[derive(Debug, Default)]
pub(crate) struct HistogramReader {
    positive: Vec<Span>,
    negative: Vec<Span>,
    bounds: Vec<f64>,
    hasher: DefaultHashBuilder,
    /// The layouts of the column, by what they hold.
    layouts: HashTable<u32>,
}

/// What stands before the buckets.
struct Head {
    hint: ResetHint,
    schema: i32,
    zero_threshold: f64,
    numbers: Numbers,
    zero_count: u64,
    count: u64,
    sum: f64,
}

impl HistogramReader {
    /// Reads one histogram and appends it to `column`, which no other reader adds to. `false`: its schema is not known, and
    /// it was passed over.
    ///
    /// # Errors
    /// The column may then have a row too many.
    pub(crate) fn read(
        &mut self,
        cursor: &mut Cursor<'_>,
        numbers: Numbers,
        column: &mut HistogramColumn,
    ) -> Result<bool, Corruption> {
        let head = Head::read(cursor, numbers)?;
        read_spans(cursor, &mut self.positive)?;
        read_spans(cursor, &mut self.negative)?;
        self.bounds.clear();
        match head.schema {
            CUSTOM_BUCKETS_SCHEMA => {
                // Bounds are part of the layout, and stand behind the buckets.
                let mut ahead = cursor.clone();
                pass_over_buckets(&mut ahead, numbers)?;
                read_bounds(&mut ahead, &mut self.bounds)?;
                self.read_row(cursor, &head, column)?;
                read_bounds(cursor, &mut self.bounds)?;
            }
            schema if EXPONENTIAL_SCHEMAS.contains(&schema) => self.read_row(cursor, &head, column)?,
            schema if RESERVED_SCHEMAS.contains(&schema) => self.read_reduced(cursor, &head, column)?,
            _ => {
                pass_over_buckets(cursor, numbers)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The column was cleared or cut.
    pub(crate) fn forget_beyond(&mut self, column: &HistogramColumn) {
        let kept = column.layouts().len();
        self.layouts.retain(|&mut number| (number as usize) < kept);
    }

    fn read_row(
        &mut self,
        cursor: &mut Cursor<'_>,
        head: &Head,
        column: &mut HistogramColumn,
    ) -> Result<(), Corruption> {
        self.check_size(cursor, head.numbers)?;
        let Self { positive, negative, bounds, hasher, layouts, .. } = self;
        let (schema, zero_threshold) = (head.schema, head.zero_threshold);
        let parts = LayoutParts { schema, zero_threshold, positive, negative, custom_bounds: bounds };
        let layout = number_of(parts, hasher, layouts, column).map_err(|error| too_many(cursor, &error))?;
        self.fill(cursor, head, layout, column)
    }

    /// Reads a histogram of a schema that is finer than those we keep, and makes it coarser. Hardly anybody has such.
    #[cold]
    fn read_reduced(
        &mut self,
        cursor: &mut Cursor<'_>,
        head: &Head,
        column: &mut HistogramColumn,
    ) -> Result<(), Corruption> {
        self.check_size(cursor, head.numbers)?;
        let mut fine = HistogramColumn::default();
        let (positive, negative) = (self.positive.clone(), self.negative.clone());
        let layout = HistogramLayout::new(head.schema, head.zero_threshold, positive, negative, Vec::new());
        let layout = layout.map_err(|error| too_many(cursor, &error))?;
        let reduction = layout.reduction();
        let number = fine.add_layout(Arc::new(layout));
        self.fill(cursor, head, number, &mut fine)?;
        let (Some(reduction), Some(row)) = (reduction, fine.get(0)) else { return Ok(()) };
        let parts = reduction.layout().parts();
        let number = number_of(parts, &self.hasher, &mut self.layouts, column);
        let number = number.map_err(|error| too_many(cursor, &error))?;
        reduction.fold(row, column.push_row(number, row.numbers, row.hint, row.sum));
        Ok(())
    }

    /// Appends a row of `layout`, whose spans were just read, and reads its buckets.
    fn fill(
        &self,
        cursor: &mut Cursor<'_>,
        head: &Head,
        layout: u32,
        column: &mut HistogramColumn,
    ) -> Result<(), Corruption> {
        let cells = column.push_row(layout, head.numbers, head.hint, head.sum);
        let Some(([count, zero_count], buckets)) = cells.split_first_chunk_mut::<BUCKET_CELLS>() else {
            unreachable!("a row has these cells")
        };
        (*count, *zero_count) = (head.count, head.zero_count);
        let (positive, negative) = buckets.split_at_mut(bucket_count(&self.positive));
        read_buckets(cursor, head.numbers, positive)?;
        read_buckets(cursor, head.numbers, negative)
    }

    /// Nothing is reserved for buckets that the record cannot hold.
    fn check_size(&self, cursor: &Cursor<'_>, numbers: Numbers) -> Result<(), Corruption> {
        let buckets = bucket_count(&self.positive).saturating_add(bucket_count(&self.negative));
        let want = buckets.saturating_mul(bucket_min_bytes(numbers)) as u64;
        let left = cursor.rest().len() as u64;
        if want > left { Err(cursor.fault(Fault::Truncated { want, left })) } else { Ok(()) }
    }
}

/// The number of a layout in the column; equal ones have one.
fn number_of(
    parts: LayoutParts<'_>,
    hasher: &DefaultHashBuilder,
    layouts: &mut HashTable<u32>,
    column: &mut HistogramColumn,
) -> Result<u32, TooManyBuckets> {
    let hash = hash_of(hasher, parts);
    let parts_of = |&number: &u32| column.layouts().get(number as usize).map(|layout| layout.parts());
    if let Some(&known) = layouts.find(hash, |number| parts_of(number) == Some(parts)) {
        return Ok(known);
    }
    let number = column.layout_of(parts)?;
    let parts_of = |&number: &u32| column.layouts().get(number as usize).map(|layout| layout.parts());
    layouts.insert_unique(hash, number, |number| parts_of(number).map_or(0, |parts| hash_of(hasher, parts)));
    Ok(number)
}

fn too_many(cursor: &Cursor<'_>, error: &TooManyBuckets) -> Corruption {
    let limit = HistogramLayout::MAX_BUCKETS as u64;
    cursor.fault(Fault::TooLarge { what: "number of buckets", got: error.buckets, limit })
}

impl Head {
    fn read(cursor: &mut Cursor<'_>, numbers: Numbers) -> Result<Self, Corruption> {
        // A hint of later versions says nothing to us.
        let hint = ResetHint::from_number(cursor.u8()?.into()).unwrap_or_default();
        let schema = i32::try_from(cursor.varint()?);
        let schema = schema.map_err(|_| cursor.fault(Fault::Malformed("schema has more than 32 bits")))?;
        let zero_threshold = f64::from_bits(cursor.be_u64()?);
        let (zero_count, count) = match numbers {
            Numbers::Integer => (cursor.uvarint()?, cursor.uvarint()?),
            Numbers::Float => (cursor.be_u64()?, cursor.be_u64()?),
        };
        let sum = f64::from_bits(cursor.be_u64()?);
        Ok(Self { hint, schema, zero_threshold, numbers, zero_count, count, sum })
    }
}

fn hash_of(hasher: &DefaultHashBuilder, parts: LayoutParts<'_>) -> u64 {
    let LayoutParts { schema, zero_threshold, positive, negative, custom_bounds } = parts;
    // Bounds tell hardly any layouts apart: their number, the first and the last of them will do.
    let ends = [custom_bounds.first(), custom_bounds.last()].map(|bound| bound.map(|bound| bound.to_bits()));
    hasher.hash_one((schema, zero_threshold.to_bits(), positive, negative, custom_bounds.len(), ends))
}

fn bucket_count(spans: &[Span]) -> usize {
    spans.iter().fold(0, |sum, span| sum.saturating_add(span.length as usize))
}

fn bucket_min_bytes(numbers: Numbers) -> usize {
    match numbers {
        Numbers::Integer => 1,
        Numbers::Float => FLOAT_BYTES,
    }
}

fn read_spans(cursor: &mut Cursor<'_>, spans: &mut Vec<Span>) -> Result<(), Corruption> {
    spans.clear();
    let count = read_count(cursor, SPAN_MIN_BYTES)?;
    spans.reserve(count);
    for _ in 0..count {
        let (offset, length) = (i32::try_from(cursor.varint()?), u32::try_from(cursor.uvarint()?));
        let (Ok(offset), Ok(length)) = (offset, length) else {
            return Err(cursor.fault(Fault::Malformed("span has more than 32 bits")));
        };
        spans.push(Span { offset, length });
    }
    Ok(())
}

/// Counts lie as they are, or as the difference to the one before.
fn read_buckets(cursor: &mut Cursor<'_>, numbers: Numbers, cells: &mut [u64]) -> Result<(), Corruption> {
    if cursor.uvarint()? != cells.len() as u64 {
        return Err(cursor.fault(Fault::Malformed("spans have another number of buckets than there are")));
    }
    match numbers {
        Numbers::Integer => {
            let mut count = 0_u64;
            for cell in cells {
                count = count.wrapping_add_signed(cursor.varint()?);
                *cell = count;
            }
        }
        Numbers::Float => {
            for cell in cells {
                *cell = cursor.be_u64()?;
            }
        }
    }
    Ok(())
}

fn pass_over_buckets(cursor: &mut Cursor<'_>, numbers: Numbers) -> Result<(), Corruption> {
    for _positive_then_negative in 0..2 {
        let count = read_count(cursor, bucket_min_bytes(numbers))?;
        match numbers {
            Numbers::Float => drop(cursor.bytes(count * FLOAT_BYTES)?),
            Numbers::Integer => {
                for _ in 0..count {
                    cursor.varint()?;
                }
            }
        }
    }
    Ok(())
}

fn read_bounds(cursor: &mut Cursor<'_>, bounds: &mut Vec<f64>) -> Result<(), Corruption> {
    bounds.clear();
    let count = read_count(cursor, FLOAT_BYTES)?;
    bounds.reserve(count);
    for _ in 0..count {
        bounds.push(f64::from_bits(cursor.be_u64()?));
    }
    Ok(())
}

/// A number of items that take so many bytes each, or more, and so must be there.
fn read_count(cursor: &mut Cursor<'_>, item_min_bytes: usize) -> Result<usize, Corruption> {
    let count = cursor.uvarint_usize()?;
    let (want, left) = (count.saturating_mul(item_min_bytes) as u64, cursor.rest().len() as u64);
    if want > left { Err(cursor.fault(Fault::Truncated { want, left })) } else { Ok(count) }
}

/// Writes one histogram.
pub(crate) fn push_histogram(out: &mut Vec<u8>, histogram: &HistogramRef<'_>) {
    let HistogramRef { layout, hint, numbers, sum, .. } = *histogram;
    out.push(hint as u8);
    push_varint(out, layout.schema().into());
    push_float(out, layout.zero_threshold());
    for cell in [histogram.zero_count(), histogram.count()] {
        match numbers {
            Numbers::Integer => push_uvarint(out, cell),
            Numbers::Float => out.extend_from_slice(&cell.to_be_bytes()),
        }
    }
    push_float(out, sum);
    push_spans(out, layout.positive());
    push_spans(out, layout.negative());
    push_buckets(out, numbers, histogram.positive());
    push_buckets(out, numbers, histogram.negative());
    if layout.has_custom_buckets() {
        push_uvarint(out, layout.custom_bounds().len() as u64);
        layout.custom_bounds().iter().for_each(|bound| push_float(out, *bound));
    }
}

fn push_spans(out: &mut Vec<u8>, spans: &[Span]) {
    push_uvarint(out, spans.len() as u64);
    for span in spans {
        push_varint(out, span.offset.into());
        push_uvarint(out, span.length.into());
    }
}

fn push_buckets(out: &mut Vec<u8>, numbers: Numbers, cells: &[u64]) {
    push_uvarint(out, cells.len() as u64);
    match numbers {
        Numbers::Integer => {
            let mut before = 0_u64;
            for &cell in cells {
                push_varint(out, cell.wrapping_sub(before).cast_signed());
                before = cell;
            }
        }
        Numbers::Float => cells.iter().for_each(|cell| out.extend_from_slice(&cell.to_be_bytes())),
    }
}

fn push_float(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_be_bytes());
}
