//! How the buckets of a histogram lie.

use super::{BUCKET_CELLS, bounds};

/// The schema whose bucket bounds are listed, not computed.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// A run of buckets that follow each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// How far it begins behind the end of the span before; of the first: behind bucket 0, and then it may be negative.
    pub offset: i32,
    /// How many buckets there are.
    pub length: u32,
}

/// Schema, thresholds and spans of one or many histograms. Equality is that of the bits.
#[derive(Debug, Clone, Default)]
pub struct HistogramLayout {
    schema: i32,
    zero_threshold: f64,
    positive: Vec<Span>,
    negative: Vec<Span>,
    custom_bounds: Vec<f64>,
    positive_buckets: usize,
    negative_buckets: usize,
    is_plain: bool,
}

/// The parts of a layout where they lie. Equality is that of the bits.
#[derive(Debug, Clone, Copy)]
pub struct LayoutParts<'a> {
    pub schema: i32,
    pub zero_threshold: f64,
    pub positive: &'a [Span],
    pub negative: &'a [Span],
    pub custom_bounds: &'a [f64],
}

/// A layout claims more buckets than [`HistogramLayout::MAX_BUCKETS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("histogram has {buckets} buckets, at most {} are possible", HistogramLayout::MAX_BUCKETS)]
pub struct TooManyBuckets {
    pub buckets: u64,
}

impl HistogramLayout {
    /// The most buckets of a histogram, and the most bounds: what a file or a message may make us reserve.
    pub const MAX_BUCKETS: usize = 1 << 16;

    /// Puts a layout together. Nothing is checked but its size: see
    /// [`HistogramRef::validate`](super::HistogramRef::validate).
    ///
    /// # Errors
    /// More buckets, or more bounds, than [`HistogramLayout::MAX_BUCKETS`].
    pub fn new(
        schema: i32,
        zero_threshold: f64,
        positive: Vec<Span>,
        negative: Vec<Span>,
        custom_bounds: Vec<f64>,
    ) -> Result<Self, TooManyBuckets> {
        let parts = LayoutParts {
            schema,
            zero_threshold,
            positive: &positive,
            negative: &negative,
            custom_bounds: &custom_bounds,
        };
        let (positive_buckets, negative_buckets) = parts.buckets()?;
        let is_plain = parts.is_plain();
        Ok(Self {
            schema,
            zero_threshold,
            positive,
            negative,
            custom_bounds,
            positive_buckets,
            negative_buckets,
            is_plain,
        })
    }

    /// Becomes the layout of `parts`, in the memory it has.
    ///
    /// # Errors
    /// As [`HistogramLayout::new`]; it is what it was then.
    pub fn become_copy(&mut self, parts: LayoutParts<'_>) -> Result<(), TooManyBuckets> {
        (self.positive_buckets, self.negative_buckets) = parts.buckets()?;
        self.is_plain = parts.is_plain();
        (self.schema, self.zero_threshold) = (parts.schema, parts.zero_threshold);
        self.positive.clear();
        self.positive.extend_from_slice(parts.positive);
        self.negative.clear();
        self.negative.extend_from_slice(parts.negative);
        self.custom_bounds.clear();
        self.custom_bounds.extend_from_slice(parts.custom_bounds);
        Ok(())
    }

    /// Its parts.
    pub fn parts(&self) -> LayoutParts<'_> {
        LayoutParts {
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            positive: &self.positive,
            negative: &self.negative,
            custom_bounds: &self.custom_bounds,
        }
    }

    /// How bounds follow from indices: −4 to 8 by powers of 2^(2^−schema), [`CUSTOM_BUCKETS_SCHEMA`] by a list.
    pub fn schema(&self) -> i32 {
        self.schema
    }

    /// Whether bounds are listed.
    pub fn has_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// Whether it is what layouts are made to be: exponential buckets, none of which lies in the zero bucket, in spans that could
    /// not be fewer. Two histograms that share such a layout are added, compared and compacted cell by cell.
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Observations up to so far from zero are in the zero bucket.
    pub fn zero_threshold(&self) -> f64 {
        self.zero_threshold
    }

    /// The spans of the positive buckets.
    pub fn positive(&self) -> &[Span] {
        &self.positive
    }

    /// The spans of the negative buckets.
    pub fn negative(&self) -> &[Span] {
        &self.negative
    }

    /// The upper bounds of custom buckets, without the last, which is +Inf; none with another schema.
    pub fn custom_bounds(&self) -> &[f64] {
        &self.custom_bounds
    }

    /// How many positive buckets there are.
    pub fn positive_buckets(&self) -> usize {
        self.positive_buckets
    }

    /// How many negative buckets there are.
    pub fn negative_buckets(&self) -> usize {
        self.negative_buckets
    }

    /// How many cells a histogram has: count, zero count, buckets.
    pub fn cells(&self) -> usize {
        BUCKET_CELLS + self.positive_buckets + self.negative_buckets
    }

    /// Bytes of memory held.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.positive)
            + size_of_val(&*self.negative)
            + size_of_val(&*self.custom_bounds)
    }
}

impl LayoutParts<'_> {
    /// How many positive and negative buckets there are.
    fn buckets(&self) -> Result<(usize, usize), TooManyBuckets> {
        let count = |spans: &[Span]| spans.iter().map(|span| u64::from(span.length)).sum::<u64>();
        let (positive, negative) = (count(self.positive), count(self.negative));
        let buckets = positive.saturating_add(negative).max(self.custom_bounds.len() as u64);
        if buckets > HistogramLayout::MAX_BUCKETS as u64 {
            return Err(TooManyBuckets { buckets });
        }
        Ok((positive as usize, negative as usize))
    }

    /// See [`HistogramLayout::is_plain`].
    fn is_plain(&self) -> bool {
        let is_plain = |spans: &[Span]| {
            let Some((first, others)) = spans.split_first() else { return true };
            first.length > 0
                && others.iter().all(|span| span.offset > 0 && span.length > 0)
                && bounds::exponential_bound(self.schema, first.offset) > self.zero_threshold
        };
        self.schema != CUSTOM_BUCKETS_SCHEMA && is_plain(self.positive) && is_plain(self.negative)
    }
}

impl PartialEq for HistogramLayout {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for HistogramLayout {}

impl PartialEq for LayoutParts<'_> {
    fn eq(&self, other: &Self) -> bool {
        let bits = |bounds: &[f64], others: &[f64]| {
            bounds.len() == others.len()
                && bounds.iter().zip(others).all(|(one, other)| one.to_bits() == other.to_bits())
        };
        self.schema == other.schema
            && self.zero_threshold.to_bits() == other.zero_threshold.to_bits()
            && self.positive == other.positive
            && self.negative == other.negative
            && bits(self.custom_bounds, other.custom_bounds)
    }
}

impl Eq for LayoutParts<'_> {}
