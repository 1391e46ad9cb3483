//! Native histograms: how buckets lie, and one histogram as a view of numbers that lie elsewhere.
//!
//! A boxed histogram exists nowhere. What changes from sample to sample (counts and sum) lies in the rows of a
//! [`HistogramColumn`]; what hardly ever changes (schema, spans, bounds) is a [`HistogramLayout`], parsed once and shared.
//!
//! Source: Prometheus 3.14, `model/histogram/histogram.go`, `float_histogram.go`, `generic.go`.

mod bounds;
mod column;
mod layout;
mod resolution;
mod text;
mod validity;

pub use column::{HistogramColumn, HistogramMatrix};
pub use layout::{CUSTOM_BUCKETS_SCHEMA, HistogramLayout, LayoutParts, Span, TooManyBuckets};
pub use resolution::Reduction;
pub use validity::InvalidHistogram;

use crate::is_stale;

/// What a histogram knows of the one before it in its series. The numbers are those of records and remote write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ResetHint {
    #[default]
    Unknown = 0,
    /// The counter began anew.
    Reset = 1,
    NotReset = 2,
    /// No counter: it may go up and down.
    Gauge = 3,
}

/// What the cells of a histogram are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// Whole counts, as `u64`.
    #[default]
    Integer,
    /// The bits of an `f64`.
    Float,
}

/// One histogram. Cells are the count of observations, the count in the zero bucket, then the positive and the negative
/// buckets, each with its own count (not summed up, not as a difference to the one before).
#[derive(Debug, Clone, Copy)]
pub struct HistogramRef<'a> {
    pub layout: &'a HistogramLayout,
    pub hint: ResetHint,
    pub numbers: Numbers,
    /// At least [`HistogramLayout::cells`] many; more are not looked at.
    pub cells: &'a [u64],
    /// Not a number where observations were; [`STALE_NAN`](crate::STALE_NAN): the series ended here.
    pub sum: f64,
}

/// Where the count stands among the cells.
pub const COUNT_CELL: usize = 0;
/// Where the count in the zero bucket stands.
pub const ZERO_COUNT_CELL: usize = 1;
/// Where the buckets begin.
pub const BUCKET_CELLS: usize = 2;

impl ResetHint {
    /// The hint of that number; `None` for one not known.
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            0 => Self::Unknown,
            1 => Self::Reset,
            2 => Self::NotReset,
            3 => Self::Gauge,
            _ => return None,
        })
    }
}

impl Numbers {
    /// What a cell says.
    #[inline]
    pub fn value(self, cell: u64) -> f64 {
        match self {
            Self::Integer => cell as f64,
            Self::Float => f64::from_bits(cell),
        }
    }
}

impl<'a> HistogramRef<'a> {
    /// Whether it says that its series ended.
    pub fn is_stale(&self) -> bool {
        is_stale(self.sum)
    }

    /// The cell of the count of observations.
    pub fn count(&self) -> u64 {
        self.cells.first().copied().unwrap_or(0)
    }

    /// The cell of the count in the zero bucket.
    pub fn zero_count(&self) -> u64 {
        self.cells.get(ZERO_COUNT_CELL).copied().unwrap_or(0)
    }

    /// The cells of the positive buckets, in order.
    pub fn positive(&self) -> &'a [u64] {
        self.cells.get(BUCKET_CELLS..BUCKET_CELLS + self.layout.positive_buckets()).unwrap_or_default()
    }

    /// The cells of the negative buckets, from zero outwards.
    pub fn negative(&self) -> &'a [u64] {
        self.cells.get(BUCKET_CELLS + self.layout.positive_buckets()..self.layout.cells()).unwrap_or_default()
    }
}

impl PartialEq for HistogramRef<'_> {
    /// Bit for bit.
    fn eq(&self, other: &Self) -> bool {
        self.hint == other.hint && self.equals_but_hint(other)
    }
}

impl HistogramRef<'_> {
    /// Whether all but the hint is equal, bit for bit. The hint is not the sender's to say: storage finds out.
    pub fn equals_but_hint(&self, other: &HistogramRef<'_>) -> bool {
        self.numbers == other.numbers
            && self.sum.to_bits() == other.sum.to_bits()
            && self.cells.get(..self.layout.cells()) == other.cells.get(..other.layout.cells())
            && self.layout == other.layout
    }
}

#[cfg(test)]
mod tests;
