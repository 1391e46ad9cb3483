//! Native histograms: how buckets lie, and one histogram as a view of numbers that lie elsewhere.
//!
//! A boxed histogram exists nowhere. What changes from sample to sample (counts and sum) lies in the rows of a
//! [`HistogramColumn`]; what hardly ever changes (schema, spans, bounds) is a [`HistogramLayout`], parsed once and shared.
//!
//! Source: Prometheus 3.14, `model/histogram/histogram.go`, `float_histogram.go`, `generic.go`.

mod bounds;
mod buckets;
mod classic;
mod column;
#[cfg(test)]
mod fixture;
mod float;
mod indexed;
mod kahan;
mod layout;
mod reset;
mod resolution;
mod runs;
mod sum;
mod text;
mod trim;
mod validity;
mod working;

pub use buckets::{Bucket, BucketPlace, BucketPlaces, Buckets, SideBuckets};
pub use classic::{ClassicHistogram, InvalidClassicHistogram};
pub use column::{HistogramColumn, HistogramMatrix, KahanColumn};
pub use float::{Added, CannotReduce, FloatHistogram, IncompatibleBuckets};
pub use kahan::{HistogramMean, KahanHistogram};
pub use layout::{CUSTOM_BUCKETS_SCHEMA, HistogramLayout, LayoutParts, Span, TooManyBuckets};
pub use resolution::Reduction;
pub use text::TestExpression;
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

impl HistogramRef<'_> {
    /// Whether any count, the sum or a bound is infinite, as sums of huge histograms become.
    pub fn has_overflow(&self) -> bool {
        let cells = self.cells.iter().take(self.layout.cells());
        self.sum.is_infinite()
            || cells.into_iter().any(|cell| self.numbers.value(*cell).is_infinite())
            || self.layout.custom_bounds().iter().any(|bound| bound.is_infinite())
    }

    /// How many samples it counts as where samples in memory are limited: one for 16 bytes that it has in Prometheus.
    pub fn size_samples(&self) -> usize {
        const STRUCT_BYTES: usize = 168;
        let layout = self.layout;
        let is_custom = layout.has_custom_buckets();
        let elements = layout.positive().len() + layout.positive_buckets();
        let others = match is_custom {
            true => layout.custom_bounds().len(),
            false => layout.negative().len() + layout.negative_buckets(),
        };
        (STRUCT_BYTES + 8 * (elements + others) + 8) / 16
    }

    /// Whether it is the same data as `other`: counts and sum bit for bit, the same buckets, whatever spans without buckets lie
    /// between them. The hint does not count.
    ///
    /// Source: Prometheus 3.14, `Equals` in `model/histogram/float_histogram.go`.
    pub fn is_same(&self, other: &HistogramRef<'_>) -> bool {
        let (layout, others) = (self.layout, other.layout);
        let cells = |one: &[u64], two: &[u64]| {
            let bits = |numbers: Numbers, cell: &u64| numbers.value(*cell).to_bits();
            one.iter().map(|cell| bits(self.numbers, cell)).eq(two.iter().map(|cell| bits(other.numbers, cell)))
        };
        let is_custom = layout.has_custom_buckets();
        layout.schema() == others.schema()
            && self.sum.to_bits() == other.sum.to_bits()
            && cells(&[self.count()], &[other.count()])
            && (!is_custom || layout.custom_bounds() == others.custom_bounds())
            && layout.zero_threshold() == others.zero_threshold()
            && cells(&[self.zero_count()], &[other.zero_count()])
            && spans_match(layout.negative(), others.negative())
            && cells(self.negative(), other.negative())
            && spans_match(layout.positive(), others.positive())
            && cells(self.positive(), other.positive())
    }
}

/// Whether both have the same spans, those without buckets aside.
fn spans_match(spans: &[Span], others: &[Span]) -> bool {
    let with_buckets = |spans: &[Span]| {
        let mut between = 0_i64;
        let spans = spans.iter().filter_map(move |span| {
            between += i64::from(span.offset);
            (span.length > 0).then(|| (std::mem::take(&mut between), span.length))
        });
        spans.collect::<Vec<_>>()
    };
    spans == others || with_buckets(spans) == with_buckets(others)
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
