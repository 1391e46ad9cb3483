//! A histogram to calculate with.

use super::indexed::{Indexed, Side, is_compact};
use super::runs::Runs;
use super::working::Working;
use super::{
    BUCKET_CELLS, COUNT_CELL, HistogramLayout, HistogramRef, LayoutParts, Numbers, ResetHint, TooManyBuckets,
    ZERO_COUNT_CELL,
};
use std::sync::Arc;

/// A histogram of its own, with floats for counts: what queries calculate with.
///
/// The layout is shared with other histograms as long as nothing changes it. Operations on two histograms of equal layout, or
/// where the first has all buckets of the second, are loops over their counts and allocate nothing. Not checked for sense: a
/// histogram that nobody could have observed has a result that nobody can use, but no operation fails for it.
///
/// Source: Prometheus 3.14, `model/histogram/float_histogram.go`; results are the same to the bit.
#[derive(Debug)]
pub struct FloatHistogram {
    pub(super) layout: Arc<HistogramLayout>,
    pub(super) hint: ResetHint,
    pub(super) sum: f64,
    /// Bits of floats, as many as the layout has cells.
    pub(super) cells: Vec<u64>,
}

/// What has to be said of an addition that was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// One side says that its counter began anew, the other that its did not.
    pub reset_collision: bool,
    /// The bounds of custom buckets differed, and those of both were kept.
    pub bounds_reconciled: bool,
}

/// Two histograms have no buckets in common to add. Neither was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IncompatibleBuckets {
    /// The text is Prometheus'.
    #[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
    Mixed,
    #[error(transparent)]
    TooMany(#[from] TooManyBuckets),
}

/// Buckets cannot be made finer, and custom ones neither coarser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot reduce resolution from schema {from} to {to}")]
pub struct CannotReduce {
    pub from: i32,
    pub to: i32,
}

impl Default for FloatHistogram {
    /// Nothing observed, and no buckets to observe in.
    fn default() -> Self {
        Self { layout: Arc::default(), hint: ResetHint::Unknown, sum: 0.0, cells: vec![0; BUCKET_CELLS] }
    }
}

impl Clone for FloatHistogram {
    fn clone(&self) -> Self {
        Self { layout: Arc::clone(&self.layout), hint: self.hint, sum: self.sum, cells: self.cells.clone() }
    }

    fn clone_from(&mut self, other: &Self) {
        self.layout.clone_from(&other.layout);
        self.cells.clone_from(&other.cells);
        (self.hint, self.sum) = (other.hint, other.sum);
    }
}

impl FloatHistogram {
    /// A copy of `histogram`, its layout as well.
    pub fn from_ref(histogram: HistogramRef<'_>) -> Self {
        let mut copy = Self::default();
        copy.assign(histogram);
        copy
    }

    /// A copy of `histogram`, which has the layout `shared`.
    pub fn from_shared(shared: &Arc<HistogramLayout>, histogram: HistogramRef<'_>) -> Self {
        let mut copy = Self { layout: Arc::clone(shared), ..Self::default() };
        copy.assign(histogram);
        copy
    }

    /// Becomes a copy of `histogram` in the memory it has. An equal layout stays the one that is shared.
    pub fn assign(&mut self, histogram: HistogramRef<'_>) {
        let value = |cell: &u64| histogram.numbers.value(*cell).to_bits();
        self.cells.clear();
        self.cells.extend([COUNT_CELL, ZERO_COUNT_CELL].map(|cell| histogram.cells.get(cell).map_or(0, value)));
        self.cells.extend(histogram.positive().iter().map(value));
        (self.hint, self.sum) = (histogram.hint, histogram.sum);
        let mut parts = histogram.layout.parts();
        if histogram.layout.has_custom_buckets() {
            // What custom buckets have not is left out, should it be there.
            (parts.zero_threshold, parts.negative) = (0.0, &[]);
            self.cells[ZERO_COUNT_CELL] = 0;
        } else {
            parts.custom_bounds = &[];
            self.cells.extend(histogram.negative().iter().map(value));
        }
        self.set_layout(parts);
        self.cells.resize(self.layout.cells(), 0);
    }

    /// Takes the layout of `parts`, which another one had.
    fn set_layout(&mut self, parts: LayoutParts<'_>) {
        if self.layout.parts() == parts {
            return;
        }
        // A layout that is there has no more buckets than there may be.
        let is_taken = Arc::get_mut(&mut self.layout).is_some_and(|layout| layout.become_copy(parts).is_ok());
        if !is_taken {
            let mut layout = HistogramLayout::default();
            let _too_many = layout.become_copy(parts);
            self.layout = Arc::new(layout);
        }
    }

    /// It as a view.
    pub fn as_ref(&self) -> HistogramRef<'_> {
        HistogramRef {
            layout: &self.layout,
            hint: self.hint,
            numbers: Numbers::Float,
            cells: &self.cells,
            sum: self.sum,
        }
    }

    /// Its layout, to be shared.
    pub fn layout(&self) -> &Arc<HistogramLayout> {
        &self.layout
    }

    /// See [`HistogramLayout::schema`].
    pub fn schema(&self) -> i32 {
        self.layout.schema()
    }

    /// What it knows of the one before it.
    pub fn hint(&self) -> ResetHint {
        self.hint
    }

    /// Says what it knows of the one before it.
    pub fn set_hint(&mut self, hint: ResetHint) {
        self.hint = hint;
    }

    /// The count of observations.
    pub fn count(&self) -> f64 {
        self.cell(COUNT_CELL)
    }

    /// The count in the zero bucket.
    pub fn zero_count(&self) -> f64 {
        self.cell(ZERO_COUNT_CELL)
    }

    /// The sum of observations.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    fn cell(&self, cell: usize) -> f64 {
        f64::from_bits(self.cells.get(cell).copied().unwrap_or(0))
    }

    /// Adds `other`, buckets, zero bucket, count and sum. Where the two differ in schema, zero threshold or custom bounds, it
    /// becomes as coarse as needed to hold both.
    ///
    /// # Errors
    /// Exponential and custom buckets; more buckets than there may be. It is what it was then.
    pub fn add(&mut self, other: HistogramRef<'_>) -> Result<Added, IncompatibleBuckets> {
        self.combine(other, 1.0)
    }

    /// Subtracts `other` as [`FloatHistogram::add`] adds; the same is said of the hint. A difference is a gauge, which the
    /// caller must say where it is the result of a query.
    ///
    /// # Errors
    /// As [`FloatHistogram::add`].
    pub fn sub(&mut self, other: HistogramRef<'_>) -> Result<Added, IncompatibleBuckets> {
        self.combine(other, -1.0)
    }

    /// Adds `other` times `sign`, which is 1 or −1.
    fn combine(&mut self, other: HistogramRef<'_>, sign: f64) -> Result<Added, IncompatibleBuckets> {
        let mut added = Added::default();
        match Runs::new(&self.layout, other)? {
            Some(runs) => {
                runs.each(other.layout, |to, from, len| {
                    let (sums, terms) = (self.cells.get_mut(to..to + len), other.cells.get(from..from + len));
                    let cells = sums.unwrap_or_default().iter_mut().zip(terms.unwrap_or_default());
                    let add = |sum: &mut u64, term: f64| *sum = (f64::from_bits(*sum) + term * sign).to_bits();
                    match other.numbers {
                        Numbers::Integer => cells.for_each(|(sum, term)| add(sum, *term as f64)),
                        Numbers::Float => cells.for_each(|(sum, term)| add(sum, f64::from_bits(*term))),
                    }
                });
                self.sum += other.sum * sign;
            }
            None => {
                let mut working = Working::new(self.as_ref(), 1.0);
                added.bounds_reconciled = working.add(Working::new(other, sign), super::sum::Addition::Plain);
                self.become_working(working)?;
            }
        }
        (self.hint, added.reset_collision) = self.hint.combine(other.hint);
        Ok(added)
    }

    /// Becomes `working` but for what was lost in its sums.
    pub(super) fn become_working(&mut self, mut working: Working) -> Result<(), TooManyBuckets> {
        self.layout = working.layout(&self.layout)?;
        self.sum = working.sum.value;
        self.cells.clear();
        self.cells.extend(working.sums().map(|sum| sum.value.to_bits()));
        Ok(())
    }

    /// Multiplies it by `factor`. By a negative one it becomes a gauge.
    pub fn scale(&mut self, factor: f64) {
        self.each(|value| value * factor);
        if factor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    /// Divides it by `divisor`: by zero it has no buckets any more, by a negative one it becomes a gauge.
    pub fn divide(&mut self, divisor: f64) {
        self.each(|value| value / divisor);
        if divisor == 0.0 {
            let parts = self.layout.clone();
            self.set_layout(LayoutParts { positive: &[], negative: &[], ..parts.parts() });
            self.cells.truncate(BUCKET_CELLS);
        } else if divisor < 0.0 {
            self.hint = ResetHint::Gauge;
        }
    }

    fn each(&mut self, of: impl Fn(f64) -> f64) {
        self.sum = of(self.sum);
        self.cells.iter_mut().for_each(|cell| *cell = of(f64::from_bits(*cell)).to_bits());
    }

    /// Drops empty buckets, and makes spans of the rest: of those with at most `max_empty` empty ones between them a common one,
    /// in which the empty ones have cells. (It gets no more buckets by that than there may be.)
    ///
    /// Source: Prometheus, `compactBuckets` in `model/histogram/generic.go`, as it is meant: 3.14 mixes up buckets when it
    /// joins more than two spans.
    pub fn compact(&mut self, max_empty: usize) {
        let histogram = self.as_ref();
        let layout = histogram.layout;
        let sides = [(layout.positive(), histogram.positive()), (layout.negative(), histogram.negative())];
        let is_empty = |cell: u64| f64::from_bits(cell) == 0.0;
        if sides.iter().all(|(spans, cells)| is_compact(spans, cells, max_empty, is_empty)) {
            return;
        }
        let mut others = layout.negative_buckets();
        let [positive, negative] = sides.map(|(spans, cells)| {
            let limits = (max_empty, HistogramLayout::MAX_BUCKETS.saturating_sub(others));
            let side = Side::compact(Indexed::new(spans, cells), limits, is_empty);
            others = side.cells.len();
            side
        });
        let shared = Arc::clone(&self.layout);
        self.cells.truncate(BUCKET_CELLS);
        self.cells.extend(positive.cells.iter().chain(&negative.cells));
        self.set_layout(LayoutParts { positive: &positive.spans, negative: &negative.spans, ..shared.parts() });
    }

    /// Makes its buckets as coarse as `schema`, if they are not yet.
    ///
    /// # Errors
    /// Custom buckets; a finer schema than its own. It is what it was then.
    pub fn reduce_to(&mut self, schema: i32) -> Result<(), CannotReduce> {
        if schema == self.schema() {
            return Ok(());
        }
        let refused = CannotReduce { from: self.schema(), to: schema };
        let reduction = self.layout.reduction_to(schema).ok_or(refused)?;
        let mut cells = vec![0; reduction.layout().cells()];
        reduction.fold(self.as_ref(), &mut cells);
        (self.layout, self.cells) = (Arc::new(reduction.into_layout()), cells);
        Ok(())
    }
}

impl ResetHint {
    /// The hint of a histogram that another one was added to or taken from, and whether the two contradict each other.
    pub(super) fn combine(self, other: Self) -> (Self, bool) {
        match (self, other) {
            _ if self == other => (self, false),
            (Self::Gauge, _) | (_, Self::Gauge) => (Self::Gauge, false),
            (Self::Unknown, _) | (_, Self::Unknown) => (Self::Unknown, false),
            _ => (Self::Unknown, true),
        }
    }
}

#[cfg(test)]
mod tests;
