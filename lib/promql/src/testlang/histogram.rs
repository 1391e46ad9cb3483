//! Histograms as they are described: `{{schema:1 sum:-0.3 count:3.1 buckets:[5.1 10 7] offset:-3}}`.

use crate::lexer::Descriptor;
use model::{BUCKET_CELLS, HistogramLayout, HistogramRef, Numbers, ResetHint, Span, TooManyBuckets};

/// What a description says. Nothing is checked: a histogram that nobody could observe can be described as well.
#[derive(Debug, Clone, Default)]
pub(super) struct Description {
    /// What has been said, a bit for each [`Descriptor`].
    said: u16,
    pub(super) schema: i32,
    sum: f64,
    zero_threshold: f64,
    offsets: [i32; 2],
    hint: ResetHint,
    pub(super) hint_set: bool,
    custom_bounds: Vec<f64>,
    /// Count, zero count, positive buckets, negative buckets.
    cells: Vec<u64>,
    positive: usize,
}

/// What stands behind a descriptor.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Int(i64),
    Float(f64),
    Floats(Vec<f64>),
    Hint(ResetHint),
}

impl Descriptor {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Count => "count",
            Self::Schema => "schema",
            Self::Offset => "offset",
            Self::NegativeOffset => "n_offset",
            Self::Buckets => "buckets",
            Self::NegativeBuckets => "n_buckets",
            Self::ZeroBucket => "z_bucket",
            Self::ZeroBucketWidth => "z_bucket_w",
            Self::CustomValues => "custom_values",
            Self::ResetHint => "counter_reset_hint",
        }
    }
}

impl Description {
    /// Takes what a descriptor says; false if that was said before.
    pub(super) fn set(&mut self, name: Descriptor, item: Item) -> bool {
        let bit = 1 << name as u16;
        if self.said & bit != 0 {
            return false;
        }
        self.said |= bit;
        self.cells.resize(self.cells.len().max(BUCKET_CELLS), 0);
        match (name, item) {
            (Descriptor::Schema, Item::Int(schema)) => self.schema = schema as i32,
            (Descriptor::Offset, Item::Int(offset)) => self.offsets[0] = offset as i32,
            (Descriptor::NegativeOffset, Item::Int(offset)) => self.offsets[1] = offset as i32,
            (Descriptor::Sum, Item::Float(sum)) => self.sum = sum,
            (Descriptor::Count, Item::Float(count)) => self.cells[0] = count.to_bits(),
            (Descriptor::ZeroBucket, Item::Float(count)) => self.cells[1] = count.to_bits(),
            (Descriptor::ZeroBucketWidth, Item::Float(width)) => self.zero_threshold = width,
            (Descriptor::CustomValues, Item::Floats(bounds)) => self.custom_bounds = bounds,
            (Descriptor::Buckets, Item::Floats(counts)) => {
                self.positive = counts.len();
                let counts = counts.into_iter().map(f64::to_bits);
                drop(self.cells.splice(BUCKET_CELLS..BUCKET_CELLS, counts));
            }
            (Descriptor::NegativeBuckets, Item::Floats(counts)) => {
                self.cells.extend(counts.into_iter().map(f64::to_bits));
            }
            (_, Item::Hint(hint)) => (self.hint, self.hint_set) = (hint, true),
            // The grammar puts nothing else behind any of them.
            _ => return false,
        }
        true
    }

    /// How many numbers it has.
    pub(super) fn cells(&self) -> usize {
        self.cells.len().max(BUCKET_CELLS) + self.custom_bounds.len()
    }

    /// How its buckets lie.
    ///
    /// # Errors
    /// More buckets than there may be.
    pub(super) fn layout(&self) -> Result<HistogramLayout, TooManyBuckets> {
        let negative = self.cells.len().saturating_sub(BUCKET_CELLS + self.positive);
        let [positive, negative] =
            [(self.positive, self.offsets[0]), (negative, self.offsets[1])].map(|(len, offset)| {
                let length = u32::try_from(len).unwrap_or(u32::MAX);
                if length == 0 { Vec::new() } else { vec![Span { offset, length }] }
            });
        HistogramLayout::new(self.schema, self.zero_threshold, positive, negative, self.custom_bounds.clone())
    }

    /// It as a view, `layout` being its own.
    pub(super) fn as_ref<'a>(&'a self, layout: &'a HistogramLayout) -> HistogramRef<'a> {
        let cells: &[u64] = if self.cells.is_empty() { &[0; BUCKET_CELLS] } else { &self.cells };
        HistogramRef { layout, hint: self.hint, numbers: Numbers::Float, cells, sum: self.sum }
    }
}
