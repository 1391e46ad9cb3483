//! The histograms of a series, decoded into rows of a column.
//!
//! Integer buckets come as differences from one to the next and leave as counts; sums wrap, because a histogram that counts
//! below zero is one that [`HistogramRef::validate`](model::HistogramRef::validate) refuses, not one that stops us. What a
//! message can make us keep is bounded twice: by its bytes, for buckets are held against the spans only once all of both were
//! read; and by the buckets there may be, for what is beyond is counted and not kept.

use super::fields::FieldsOf;
use super::version_2;
use super::{Rejection, Rejections, WriteBatch};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire};
use model::{
    BUCKET_CELLS, COUNT_CELL, HistogramColumn, HistogramLayout, InvalidHistogram, LayoutParts, Numbers, ResetHint,
    Span, TooManyBuckets, ZERO_COUNT_CELL,
};

pub(super) const HISTOGRAMS: u32 = 4;
pub(super) const HISTOGRAMS_KEY: u8 = 0x22;

/// The histograms of a series as they were sent, to be decoded one by one.
#[derive(Debug, Clone)]
pub struct HistogramFields<'a> {
    rest: FieldsOf<'a>,
}

/// A histogram that was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistogramAt {
    pub timestamp_ms: i64,
    /// Its row of the column.
    pub row: usize,
}

/// A histogram that is none, or is too large.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BadHistogram {
    pub timestamp_ms: i64,
    pub fault: HistogramFault,
}

/// Why a histogram is not taken.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum HistogramFault {
    #[error("{side} side: spans need {spans} buckets, have {buckets} buckets")]
    Buckets { side: &'static str, spans: u64, buckets: usize },
    #[error("there are {buckets} buckets, {limit} are allowed")]
    TooMany { buckets: u64, limit: usize },
    #[error("there are {spans} spans, {limit} are allowed")]
    TooManySpans { spans: usize, limit: usize },
    #[error(transparent)]
    Invalid(#[from] InvalidHistogram),
}

/// What decoding a histogram needs, to be used again for the next.
#[derive(Debug, Default)]
pub struct HistogramScratch {
    positive: Side,
    negative: Side,
    custom_bounds: Capped<f64>,
}

/// The buckets on one side of zero.
#[derive(Debug, Default)]
struct Side {
    spans: Capped<Span>,
    /// Counts, summed up from differences.
    counts: Capped<u64>,
    /// Bits of counts that came as floats.
    floats: Capped<u64>,
}

/// As many as there may be, and how many there were.
#[derive(Debug)]
struct Capped<T> {
    kept: Vec<T>,
    seen: usize,
    max: usize,
}

impl<T> Default for Capped<T> {
    fn default() -> Self {
        Self { kept: Vec::new(), seen: 0, max: 0 }
    }
}

impl<T> Capped<T> {
    /// Begins anew, with at most `max`.
    fn begin(&mut self, max: usize) {
        self.kept.clear();
        (self.seen, self.max) = (0, max);
    }

    #[inline]
    fn push(&mut self, one: T) {
        self.seen += 1;
        if self.kept.len() < self.max {
            self.kept.push(one);
        }
    }

    fn held_bytes(&self) -> usize {
        self.kept.capacity() * size_of::<T>()
    }
}

/// What a histogram has once. Of fields that exclude each other the last sent counts.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    count: Number,
    zero_count: Number,
    sum: f64,
    schema: i32,
    zero_threshold: f64,
    hint: u64,
    timestamp_ms: i64,
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Integer(u64),
    Float(u64),
}

impl Default for Number {
    fn default() -> Self {
        Self::Integer(0)
    }
}

impl Number {
    /// The cell it makes in a histogram of `numbers`; one of the other kind is as good as none.
    fn cell(self, numbers: Numbers) -> u64 {
        match (self, numbers) {
            (Self::Integer(cell), Numbers::Integer) | (Self::Float(cell), Numbers::Float) => cell,
            (Self::Integer(_), Numbers::Float) | (Self::Float(_), Numbers::Integer) => 0,
        }
    }
}

impl HistogramFault {
    /// The reason it is counted under.
    pub fn rejection(&self) -> Rejection {
        match self {
            Self::Buckets { .. } | Self::Invalid(_) => Rejection::InvalidHistogram,
            Self::TooMany { .. } | Self::TooManySpans { .. } => Rejection::TooManyBuckets,
        }
    }
}

impl<'a> HistogramFields<'a> {
    /// Over the fields from `at` to the end of `body`.
    pub(super) fn new(body: &'a [u8], at: usize) -> Self {
        Self { rest: FieldsOf::new(body, at, HISTOGRAMS, HISTOGRAMS_KEY) }
    }

    /// Those of a series of 2.0.
    fn of_version_2(body: &'a [u8], at: usize) -> Self {
        Self { rest: FieldsOf::new(body, at, version_2::HISTOGRAMS, version_2::HISTOGRAMS_2_KEY) }
    }

    /// Decodes the next one into a row of `column`, if it is valid and has at most `max_buckets` buckets (and as many spans on
    /// a side); `None` after the last. The row of an invalid one stays, and is nobody's.
    pub fn decode_next(
        &mut self,
        column: &mut HistogramColumn,
        scratch: &mut HistogramScratch,
        max_buckets: usize,
    ) -> Option<Result<HistogramAt, BadHistogram>> {
        // A batch that came out of a walk has no fault.
        let (message, at) = self.rest.next_message().ok()??;
        scratch.begin(max_buckets);
        let head = scratch.read(message, at).ok()?;
        let row = scratch.push_into(column, &head, max_buckets);
        Some(match row {
            Ok(row) => Ok(HistogramAt { timestamp_ms: head.timestamp_ms, row }),
            Err(fault) => Err(BadHistogram { timestamp_ms: head.timestamp_ms, fault }),
        })
    }
}

impl HistogramScratch {
    /// How many bytes of memory it holds.
    pub fn held_bytes(&self) -> usize {
        let side = |side: &Side| side.spans.held_bytes() + side.counts.held_bytes() + side.floats.held_bytes();
        side(&self.positive) + side(&self.negative) + self.custom_bounds.held_bytes()
    }

    /// Begins anew, for a histogram that may have `max_buckets`.
    fn begin(&mut self, max_buckets: usize) {
        for side in [&mut self.positive, &mut self.negative] {
            side.spans.begin(max_buckets);
            side.counts.begin(max_buckets);
            side.floats.begin(max_buckets);
        }
        self.custom_bounds.begin(max_buckets);
    }

    /// Reads the message that reaches from `at` to the end of `message`.
    fn read(&mut self, message: &[u8], mut at: usize) -> Result<Head, Fault> {
        let mut head = Head::default();
        while at < message.len() {
            let start = at;
            let key = wire::key(message, &mut at)?;
            match (key.number, key.wire) {
                (1, Wire::Varint) => head.count = Number::Integer(wire::uvarint(message, &mut at)?),
                (2, Wire::Fixed64) => head.count = Number::Float(wire::fixed64(message, &mut at)?),
                (3, Wire::Fixed64) => head.sum = f64::from_bits(wire::fixed64(message, &mut at)?),
                (4, Wire::Varint) => head.schema = zigzag_32(wire::uvarint(message, &mut at)?),
                (5, Wire::Fixed64) => head.zero_threshold = f64::from_bits(wire::fixed64(message, &mut at)?),
                (6, Wire::Varint) => head.zero_count = Number::Integer(wire::uvarint(message, &mut at)?),
                (7, Wire::Fixed64) => head.zero_count = Number::Float(wire::fixed64(message, &mut at)?),
                (8, Wire::Len) => at = span(message, at, &mut self.negative.spans)?,
                (9, wire) => at = deltas(message, at, wire, &mut self.negative.counts)?,
                (10, wire) => at = doubles(message, at, wire, |bits| self.negative.floats.push(bits))?,
                (11, Wire::Len) => at = span(message, at, &mut self.positive.spans)?,
                (12, wire) => at = deltas(message, at, wire, &mut self.positive.counts)?,
                (13, wire) => at = doubles(message, at, wire, |bits| self.positive.floats.push(bits))?,
                (14, Wire::Varint) => head.hint = wire::uvarint(message, &mut at)?,
                (15, Wire::Varint) => head.timestamp_ms = wire::uvarint(message, &mut at)?.cast_signed(),
                (16, wire) => {
                    at = doubles(message, at, wire, |bits| self.custom_bounds.push(f64::from_bits(bits)))?;
                }
                (1..=8 | 11 | 14 | 15, _) => return Err(Fault { at: start, what: WRONG_WIRE_TYPE }),
                (_, wire) => wire::skip(message, wire, &mut at)?,
            }
        }
        Ok(head)
    }

    /// Appends what was read to `column`; returns the row.
    fn push_into(
        &self,
        column: &mut HistogramColumn,
        head: &Head,
        max_buckets: usize,
    ) -> Result<usize, HistogramFault> {
        let numbers = match head.count {
            Number::Integer(_) => Numbers::Integer,
            Number::Float(_) => Numbers::Float,
        };
        let sides = [("negative", &self.negative), ("positive", &self.positive)];
        let of = |side: &'_ Side| match numbers {
            Numbers::Integer => side.counts.seen,
            Numbers::Float => side.floats.seen,
        };
        let buckets = (of(&self.positive) + of(&self.negative)).max(self.custom_bounds.seen);
        if buckets > max_buckets {
            return Err(HistogramFault::TooMany { buckets: buckets as u64, limit: max_buckets });
        }
        for (name, side) in sides {
            if side.spans.seen > max_buckets {
                return Err(HistogramFault::TooManySpans { spans: side.spans.seen, limit: max_buckets });
            }
            check_buckets(name, &side.spans.kept, of(side))?;
        }
        let layout = LayoutParts {
            schema: head.schema,
            zero_threshold: head.zero_threshold,
            positive: &self.positive.spans.kept,
            negative: &self.negative.spans.kept,
            custom_bounds: &self.custom_bounds.kept,
        };
        let row = match HistogramLayout::is_reserved(head.schema) {
            false => self.push_as(layout, column, head, numbers)?,
            true => self.push_reduced(layout, column, head, numbers)?,
        };
        match column.get(row) {
            Some(histogram) => histogram.validate()?,
            None => return Err(InvalidHistogram::Schema(head.schema).into()),
        }
        Ok(row)
    }

    /// Appends what was read to `column` as a histogram of `layout`.
    fn push_as(
        &self,
        layout: LayoutParts<'_>,
        column: &mut HistogramColumn,
        head: &Head,
        numbers: Numbers,
    ) -> Result<usize, HistogramFault> {
        let layout = column.layout_of(layout).map_err(too_many_buckets)?;
        // One that nobody knows means as much as none.
        let hint = ResetHint::from_number(head.hint).unwrap_or_default();
        let row = column.len();
        let cells = column.push_row(layout, numbers, hint, head.sum);
        let [positive, negative] = [&self.positive, &self.negative].map(|side| match numbers {
            Numbers::Integer => &side.counts.kept,
            Numbers::Float => &side.floats.kept,
        });
        let counts = positive.iter().chain(negative).copied();
        for (cell, count) in cells.iter_mut().skip(BUCKET_CELLS).zip(counts) {
            *cell = count;
        }
        cells[COUNT_CELL] = head.count.cell(numbers);
        cells[ZERO_COUNT_CELL] = head.zero_count.cell(numbers);
        Ok(row)
    }

    /// The same for a layout finer than any that is kept: its buckets are added up to those of schema 8, before anything is
    /// checked that does not concern spans, as in Prometheus from 3.8 on.
    #[cold]
    fn push_reduced(
        &self,
        layout: LayoutParts<'_>,
        column: &mut HistogramColumn,
        head: &Head,
        numbers: Numbers,
    ) -> Result<usize, HistogramFault> {
        if !layout.custom_bounds.is_empty() {
            return Err(InvalidHistogram::BoundsWithoutCustomSchema(layout.schema).into());
        }
        for (side, spans) in [("positive", layout.positive), ("negative", layout.negative)] {
            if let Some((at, span)) = spans.iter().enumerate().skip(1).find(|(_, span)| span.offset < 0) {
                return Err(InvalidHistogram::SpanOffset { side, number: at + 1, offset: span.offset }.into());
            }
        }
        let mut fine = HistogramColumn::default();
        self.push_as(layout, &mut fine, head, numbers)?;
        let reduction = fine.layout(0).and_then(|layout| layout.reduction());
        let (Some(reduction), Some(histogram)) = (reduction, fine.get(0)) else {
            return Err(InvalidHistogram::Schema(head.schema).into());
        };
        let layout = column.layout_of(reduction.layout().parts()).map_err(too_many_buckets)?;
        let row = column.len();
        reduction.fold(histogram, column.push_row(layout, numbers, histogram.hint, histogram.sum));
        Ok(row)
    }
}

fn too_many_buckets(TooManyBuckets { buckets }: TooManyBuckets) -> HistogramFault {
    HistogramFault::TooMany { buckets, limit: HistogramLayout::MAX_BUCKETS }
}

fn check_buckets(side: &'static str, spans: &[Span], buckets: usize) -> Result<(), HistogramFault> {
    let needed = spans.iter().map(|span| u64::from(span.length)).sum::<u64>();
    if needed == buckets as u64 { Ok(()) } else { Err(HistogramFault::Buckets { side, spans: needed, buckets }) }
}

/// Reads a BucketSpan whose size is at `at`; returns where it ends.
fn span(message: &[u8], mut at: usize, spans: &mut Capped<Span>) -> Result<usize, Fault> {
    let end = wire::end_of_len(message, &mut at)?;
    let message = message.get(..end).unwrap_or_default();
    let mut span = Span::default();
    while at < end {
        let start = at;
        let key = wire::key(message, &mut at)?;
        match (key.number, key.wire) {
            (1, Wire::Varint) => span.offset = zigzag_32(wire::uvarint(message, &mut at)?),
            // As in every decoder, what is over 32 bits is cut off.
            (2, Wire::Varint) => span.length = wire::uvarint(message, &mut at)? as u32,
            (1 | 2, _) => return Err(Fault { at: start, what: WRONG_WIRE_TYPE }),
            (_, wire) => wire::skip(message, wire, &mut at)?,
        }
    }
    spans.push(span);
    Ok(end)
}

/// Reads differences, packed or one, whose value is at `at`, and sums them up; returns where they end.
fn deltas(message: &[u8], mut at: usize, wire: Wire, counts: &mut Capped<u64>) -> Result<usize, Fault> {
    let end = match wire {
        Wire::Len => wire::end_of_len(message, &mut at)?,
        // One by one: this one.
        Wire::Varint => at + 1,
        Wire::Fixed64 | Wire::Fixed32 => return Err(Fault { at, what: WRONG_WIRE_TYPE }),
    };
    // Beyond those that are kept the sum is nobody's.
    let mut count = counts.kept.last().copied().unwrap_or(0);
    while at < end {
        let delta = wire::uvarint(message, &mut at)?;
        count = count.wrapping_add(zigzag_64(delta).cast_unsigned());
        counts.push(count);
    }
    Ok(at)
}

/// Reads doubles, packed or one, whose value is at `at`; returns where they end.
fn doubles(message: &[u8], mut at: usize, wire: Wire, mut push: impl FnMut(u64)) -> Result<usize, Fault> {
    let end = match wire {
        Wire::Len => wire::end_of_len(message, &mut at)?,
        Wire::Fixed64 => at + 8,
        Wire::Varint | Wire::Fixed32 => return Err(Fault { at, what: WRONG_WIRE_TYPE }),
    };
    while at < end {
        push(wire::fixed64(message, &mut at)?);
    }
    Ok(at)
}

fn zigzag_64(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// What is over 32 bits is cut off.
fn zigzag_32(value: u64) -> i32 {
    let value = value as u32;
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

impl WriteBatch {
    /// The histograms of row `index`, in the order they were sent; nothing beyond the last row.
    pub fn histograms(&self, index: usize) -> HistogramFields<'_> {
        let series = self.series.get(index);
        let range =
            series.filter(|series| series.histograms_at > 0).map(|series| series.histograms_at..series.field.end);
        let (body, at) = self.cut(range.as_ref());
        if self.symbols.is_some() { HistogramFields::of_version_2(body, at) } else { HistogramFields::new(body, at) }
    }

    /// How many histograms are valid and have at most `max_buckets` buckets, and what is wrong with the others. Nothing is kept
    /// of them: this is for who sends them on.
    pub fn check_histograms(&self, max_buckets: usize) -> (u64, Rejections) {
        let (mut valid, mut rejections) = (0, Rejections::default());
        let (mut column, mut scratch) = (HistogramColumn::default(), HistogramScratch::default());
        for row in 0..self.series.len() {
            let mut histograms = self.histograms(row);
            while let Some(decoded) = histograms.decode_next(&mut column, &mut scratch, max_buckets) {
                match decoded {
                    Ok(_) => valid += 1,
                    Err(bad) => self.reject_histogram(row, &bad, &mut rejections),
                }
                column.clear();
            }
        }
        (valid, rejections)
    }

    /// Counts a histogram of row `row` as refused.
    pub fn reject_histogram(&self, row: usize, bad: &BadHistogram, rejections: &mut Rejections) {
        let BadHistogram { timestamp_ms, fault } = bad;
        let detail = || format!("{fault}: series {} at {timestamp_ms} ms", self.labels(row));
        rejections.add(u32::try_from(row).ok(), fault.rejection(), 1, detail);
    }
}

#[cfg(test)]
mod tests;
