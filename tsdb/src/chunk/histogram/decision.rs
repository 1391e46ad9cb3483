//! Whether a histogram may follow in a chunk, and what must be done before.

use super::spans::{Bucket, side_by_side, union};
use super::state::{CellState, HistogramState};
use model::{
    BUCKET_CELLS, COUNT_CELL, HistogramLayout, HistogramRef, Numbers, ResetHint, Span, ZERO_COUNT_CELL, is_stale,
};

/// What to do with a histogram that follows in a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Its cells are those of the chunk, or it is stale: [`HistogramState::append`].
    Append,
    /// It lacks buckets that the chunk has, none of which counts: [`spread`](super::spread) it onto the chunk's layout, then
    /// append it.
    Widen,
    /// It has buckets that the chunk lacks: the chunk must be written anew with this layout, see
    /// [`HistogramState::recode`]; then [`spread`](super::spread) the histogram onto it and append it.
    Recode(HistogramLayout),
    /// It begins a new chunk, whose header says this.
    Cut(ResetHint),
}

/// How the buckets of one side compare.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    /// The histogram has buckets that the chunk lacks.
    chunk_lacks: bool,
    /// The chunk has buckets that the histogram lacks.
    histogram_lacks: bool,
}

impl HistogramState {
    /// Decides what to do with the histogram after those of the chunk, which has `layout` and `cells` and at least one
    /// histogram; its numbers are those of the chunk.
    ///
    /// Source: Prometheus 3.14, `appendable` and `AppendHistogram` in `tsdb/chunkenc`.
    pub fn decide(&self, layout: &HistogramLayout, cells: &[CellState], histogram: HistogramRef<'_>) -> Decision {
        if histogram.hint == ResetHint::Gauge {
            return self.decide_gauge(layout, histogram);
        }
        if self.header == ResetHint::Gauge {
            return Decision::Cut(match self.numbers {
                // So Prometheus says, although nobody looked.
                Numbers::Integer => ResetHint::NotReset,
                Numbers::Float => ResetHint::Unknown,
            });
        }
        if histogram.hint == ResetHint::Reset {
            return Decision::Cut(ResetHint::Reset);
        }
        if histogram.is_stale() {
            return Decision::Append;
        }
        if is_stale(f64::from_bits(self.sum_bits)) {
            return Decision::Cut(ResetHint::Unknown);
        }
        let fell = |cell: usize, now: u64| {
            let before = cells.get(cell).map_or(0, |cell| cell.value);
            match self.numbers {
                Numbers::Integer => before > now,
                Numbers::Float => self.fell(before, now),
            }
        };
        let (fell_count, fell_zeros) =
            (fell(COUNT_CELL, histogram.count()), fell(ZERO_COUNT_CELL, histogram.zero_count()));
        if fell_count {
            return Decision::Cut(ResetHint::Reset);
        }
        if !has_same_scale(layout, histogram.layout) {
            return Decision::Cut(ResetHint::Unknown);
        }
        if fell_zeros || !has_same_bounds(layout, histogram.layout) {
            return Decision::Cut(ResetHint::Reset);
        }
        let buckets = cells.get(BUCKET_CELLS..).unwrap_or_default();
        let (positive, negative) = buckets.split_at_checked(layout.positive_buckets()).unwrap_or_default();
        let positive = self.compare(layout.positive(), positive, histogram.layout.positive(), histogram.positive());
        let negative = self.compare(layout.negative(), negative, histogram.layout.negative(), histogram.negative());
        match (positive, negative) {
            (Some(positive), Some(negative)) => fit(layout, histogram.layout, positive, negative),
            _ => Decision::Cut(ResetHint::Reset),
        }
    }

    /// What the header of a chunk says that begins with the histogram although there may be room in this one.
    pub fn header_of_next(
        &self,
        layout: &HistogramLayout,
        cells: &[CellState],
        histogram: HistogramRef<'_>,
    ) -> ResetHint {
        match (histogram.hint, self.decide(layout, cells, histogram)) {
            (hint @ (ResetHint::Gauge | ResetHint::Reset), _) => hint,
            (_, Decision::Cut(header)) => header,
            (_, Decision::Append | Decision::Widen | Decision::Recode(_)) => ResetHint::NotReset,
        }
    }

    fn decide_gauge(&self, layout: &HistogramLayout, histogram: HistogramRef<'_>) -> Decision {
        if self.header != ResetHint::Gauge {
            return Decision::Cut(ResetHint::Gauge);
        }
        if histogram.is_stale() {
            return Decision::Append;
        }
        let is_stale = is_stale(f64::from_bits(self.sum_bits));
        if is_stale || !has_same_scale(layout, histogram.layout) || !has_same_bounds(layout, histogram.layout) {
            return Decision::Cut(ResetHint::Gauge);
        }
        let compare = |chunk: &[Span], histogram: &[Span]| {
            if chunk == histogram {
                return Side::default();
            }
            side_by_side(chunk, histogram).fold(Side::default(), |side, (_, bucket)| side.with(bucket))
        };
        let positive = compare(layout.positive(), histogram.layout.positive());
        let negative = compare(layout.negative(), histogram.layout.negative());
        match fit(layout, histogram.layout, positive, negative) {
            Decision::Cut(_) => Decision::Cut(ResetHint::Gauge),
            // If one side of the histogram must be widened, Prometheus puts both together anew.
            Decision::Recode(_) if positive.histogram_lacks || negative.histogram_lacks => {
                recode(layout, histogram.layout, true, true, ResetHint::Gauge)
            }
            decision => decision,
        }
    }

    /// Compares the buckets of one side; `None`: one counts less than it did.
    fn compare(&self, spans: &[Span], cells: &[CellState], other: &[Span], counts: &[u64]) -> Option<Side> {
        if spans == other {
            let fell = cells.iter().zip(counts).any(|(cell, &count)| self.fell(cell.value, count));
            return (!fell).then_some(Side::default());
        }
        let mut side = Side::default();
        for (_, bucket) in side_by_side(spans, other) {
            let value = |at: usize| cells.get(at).map_or(0, |cell| cell.value);
            let fell = match bucket {
                Bucket::Both(at, other) => self.fell(value(at), counts.get(other).copied().unwrap_or(0)),
                Bucket::First(at) => self.numbers.value(value(at)) != 0.0,
                Bucket::Second(_) => false,
            };
            if fell {
                return None;
            }
            side = side.with(bucket);
        }
        Some(side)
    }

    /// Whether the count of a bucket is less than it was. Whole counts came as differences, so one may be negative.
    #[inline]
    fn fell(&self, before: u64, count: u64) -> bool {
        match self.numbers {
            Numbers::Integer => before.cast_signed() > count.cast_signed(),
            Numbers::Float => f64::from_bits(before) > f64::from_bits(count),
        }
    }
}

impl Side {
    fn with(self, bucket: Bucket) -> Self {
        Self {
            chunk_lacks: self.chunk_lacks || matches!(bucket, Bucket::Second(_)),
            histogram_lacks: self.histogram_lacks || matches!(bucket, Bucket::First(_)),
        }
    }
}

/// Whether buckets of one index are the same buckets.
fn has_same_scale(layout: &HistogramLayout, other: &HistogramLayout) -> bool {
    layout.schema() == other.schema() && layout.zero_threshold() == other.zero_threshold()
}

fn has_same_bounds(layout: &HistogramLayout, other: &HistogramLayout) -> bool {
    !other.has_custom_buckets() || layout.custom_bounds() == other.custom_bounds()
}

/// What makes a chunk of `layout` and a histogram of `other` fit.
fn fit(layout: &HistogramLayout, other: &HistogramLayout, positive: Side, negative: Side) -> Decision {
    if positive.chunk_lacks || negative.chunk_lacks {
        recode(layout, other, positive.histogram_lacks, negative.histogram_lacks, ResetHint::Unknown)
    } else if positive.histogram_lacks || negative.histogram_lacks {
        Decision::Widen
    } else {
        Decision::Append
    }
}

/// The layout of both; of each side the histogram's own spans, unless it must be widened there.
fn recode(
    layout: &HistogramLayout,
    other: &HistogramLayout,
    widens_positive: bool,
    widens_negative: bool,
    or_cut: ResetHint,
) -> Decision {
    let spans = |first: &[Span], second: &[Span], widens: bool| {
        if widens { union(first, second) } else { second.to_vec() }
    };
    let positive = spans(layout.positive(), other.positive(), widens_positive);
    let negative = spans(layout.negative(), other.negative(), widens_negative);
    let bounds = layout.custom_bounds().to_vec();
    // Two layouts that have nothing in common may have too many buckets together.
    HistogramLayout::new(layout.schema(), layout.zero_threshold(), positive, negative, bounds)
        .map_or(Decision::Cut(or_cut), Decision::Recode)
}
