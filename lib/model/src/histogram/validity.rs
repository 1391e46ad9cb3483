//! Whether a histogram that somebody sent is one.

use super::{CUSTOM_BUCKETS_SCHEMA, HistogramRef, Numbers, Span};

/// Why a histogram is none. The texts are Prometheus'.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum InvalidHistogram {
    #[error("invalid schema {0}")]
    Schema(i32),
    #[error("{side} side: span number {number} with offset {offset}: span offset must be non-negative")]
    SpanOffset { side: &'static str, number: usize, offset: i32 },
    #[error("{side} side: bucket number {number} has observation count of {count}: bucket count must be non-negative")]
    NegativeCount { side: &'static str, number: usize, count: f64 },
    #[error("zero bucket has observation count of {0}: bucket count must be non-negative")]
    NegativeZeroCount(f64),
    #[error("observation count is {0}, which is negative")]
    NegativeTotal(f64),
    #[error("{observed} observations found in buckets, but the count field is {count}")]
    CountMismatch { observed: u64, count: u64 },
    #[error("{observed} observations found in buckets, but the count field is only {count}")]
    CountTooSmall { observed: f64, count: f64 },
    #[error("custom buckets: must have zero {0}")]
    CustomAndExponential(&'static str),
    #[error("custom bounds must be finite and rise: bound number {0} does not")]
    CustomBounds(usize),
    #[error("only {bounds} custom bounds defined, but a span goes beyond them")]
    CustomBoundsMissing { bounds: usize },
    #[error("bounds are listed, but the schema is {0}")]
    BoundsWithoutCustomSchema(i32),
}

/// The schemas of exponential buckets; beyond them up to 52 are reserved, and finer than we keep.
const EXPONENTIAL_SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;

impl HistogramRef<'_> {
    /// Checks what Prometheus checks of a histogram before it is stored (`Validate` in `model/histogram/`).
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<(), InvalidHistogram> {
        match self.layout.schema() {
            CUSTOM_BUCKETS_SCHEMA => self.validate_custom()?,
            schema if EXPONENTIAL_SCHEMAS.contains(&schema) => self.validate_exponential()?,
            schema => return Err(InvalidHistogram::Schema(schema)),
        }
        match self.numbers {
            Numbers::Integer => self.validate_integers(),
            Numbers::Float => self.validate_floats(),
        }
    }

    fn validate_exponential(&self) -> Result<(), InvalidHistogram> {
        if !self.layout.custom_bounds().is_empty() {
            return Err(InvalidHistogram::BoundsWithoutCustomSchema(self.layout.schema()));
        }
        check_spans("positive", self.layout.positive())?;
        check_spans("negative", self.layout.negative())
    }

    fn validate_custom(&self) -> Result<(), InvalidHistogram> {
        let layout = self.layout;
        let bounds = layout.custom_bounds();
        let rises =
            |at: usize| at.checked_sub(1).and_then(|at| bounds.get(at)).is_none_or(|before| *before < bounds[at]);
        if let Some(at) = (0..bounds.len()).find(|&at| !bounds[at].is_finite() || !rises(at)) {
            return Err(InvalidHistogram::CustomBounds(at));
        }
        check_spans("positive", layout.positive())?;
        // A first span that begins before bucket 0 has no bounds at all.
        if let Some(Span { offset: offset @ ..0, .. }) = layout.positive().first() {
            return Err(InvalidHistogram::SpanOffset { side: "positive", number: 1, offset: *offset });
        }
        let ends = layout.positive().iter().map(|span| i64::from(span.offset) + i64::from(span.length)).sum::<i64>();
        // The last bucket, up to +Inf, has no bound in the list.
        if ends > bounds.len() as i64 + 1 {
            return Err(InvalidHistogram::CustomBoundsMissing { bounds: bounds.len() });
        }
        let exponential = [
            (self.numbers.value(self.zero_count()) != 0.0, "zero count"),
            (layout.zero_threshold() != 0.0, "zero threshold"),
            (!layout.negative().is_empty(), "negative spans"),
        ];
        match exponential.into_iter().find(|(is_there, _)| *is_there) {
            Some((_, what)) => Err(InvalidHistogram::CustomAndExponential(what)),
            None => Ok(()),
        }
    }

    /// Counts came as differences, so a negative one shows as a number beyond `i64`.
    fn validate_integers(&self) -> Result<(), InvalidHistogram> {
        let mut observed = self.zero_count();
        for (side, cells) in [("negative", self.negative()), ("positive", self.positive())] {
            for (at, &cell) in cells.iter().enumerate() {
                if cell.cast_signed() < 0 {
                    let count = cell.cast_signed() as f64;
                    return Err(InvalidHistogram::NegativeCount { side, number: at + 1, count });
                }
                observed = observed.wrapping_add(cell);
            }
        }
        let count = self.count();
        // Observations of NaN are in the count and in no bucket.
        match self.sum.is_nan() {
            true if observed > count => {
                Err(InvalidHistogram::CountTooSmall { observed: observed as f64, count: count as f64 })
            }
            false if observed != count => Err(InvalidHistogram::CountMismatch { observed, count }),
            _ => Ok(()),
        }
    }

    /// Sums of floats do not come out even, so counts are held against nothing but zero.
    fn validate_floats(&self) -> Result<(), InvalidHistogram> {
        for (side, cells) in [("negative", self.negative()), ("positive", self.positive())] {
            let counts = cells.iter().map(|&cell| f64::from_bits(cell));
            if let Some((at, count)) = counts.enumerate().find(|(_, count)| *count < 0.0) {
                return Err(InvalidHistogram::NegativeCount { side, number: at + 1, count });
            }
        }
        let (zero_count, count) = (f64::from_bits(self.zero_count()), f64::from_bits(self.count()));
        if zero_count < 0.0 {
            return Err(InvalidHistogram::NegativeZeroCount(zero_count));
        }
        if count < 0.0 { Err(InvalidHistogram::NegativeTotal(count)) } else { Ok(()) }
    }
}

fn check_spans(side: &'static str, spans: &[Span]) -> Result<(), InvalidHistogram> {
    match spans.iter().enumerate().skip(1).find(|(_, span)| span.offset < 0) {
        Some((at, span)) => Err(InvalidHistogram::SpanOffset { side, number: at + 1, offset: span.offset }),
        None => Ok(()),
    }
}
