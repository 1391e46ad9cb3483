//! Histograms of one series over a grid.

use super::Presence;
use model::{FloatHistogram, HistogramColumn, HistogramLayout, HistogramMatrix, HistogramRef, ResetHint};
use std::sync::Arc;

/// A histogram for some steps of a grid, none for most series: that is one word.
///
/// Rows that share a layout share it, and what is a count in each of them lies in a row of numbers (see
/// [`HistogramColumn`]); all numbers are floats.
#[derive(Debug, Clone, Default)]
pub struct HistogramSteps(Option<Box<Inner>>);

#[derive(Debug, Clone)]
struct Inner {
    present: Presence,
    /// A row for each step that has one, in order; or one for all of them.
    rows: HistogramColumn,
    constant: bool,
}

/// Room is made for so many cells at most before they come.
const RESERVED_CELLS: usize = 1 << 15;

impl HistogramSteps {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|inner| inner.present.is_empty())
    }

    /// At which steps there is one; `None` if at none.
    pub fn present(&self) -> Option<&Presence> {
        self.0.as_ref().map(|inner| &inner.present).filter(|present| !present.is_empty())
    }

    /// The histogram at `step`.
    pub fn get(&self, step: usize) -> Option<HistogramRef<'_>> {
        let inner = self.0.as_ref().filter(|inner| inner.present.get(step))?;
        inner.rows.get(if inner.constant { 0 } else { inner.present.rank(step) })
    }

    /// The steps that have one, with it.
    pub fn iter(&self) -> impl Iterator<Item = (usize, HistogramRef<'_>)> {
        self.0.as_ref().into_iter().flat_map(|inner| {
            let row = |at| if inner.constant { 0 } else { at };
            inner.present.iter().enumerate().filter_map(move |(at, step)| Some((step, inner.rows.get(row(at))?)))
        })
    }

    /// As [`HistogramSteps::iter`], with the layout of each to be shared.
    pub(crate) fn iter_shared(&self) -> impl Iterator<Item = (usize, &Arc<HistogramLayout>, HistogramRef<'_>)> {
        self.0.as_ref().into_iter().flat_map(|inner| {
            inner.present.iter().enumerate().filter_map(move |(at, step)| {
                let row = if inner.constant { 0 } else { at };
                Some((step, inner.rows.layout(row)?, inner.rows.get(row)?))
            })
        })
    }

    /// The rows if there is one for each step.
    pub(crate) fn as_full(&self) -> Option<&HistogramColumn> {
        let inner = self.0.as_ref().filter(|inner| inner.present.is_all() && !inner.constant)?;
        Some(&inner.rows)
    }

    /// Those of `rows`, one for each step.
    pub(crate) fn from_full(rows: HistogramColumn) -> Self {
        let present = Presence::all(rows.len());
        Self(Some(Box::new(Inner { present, rows, constant: false })))
    }

    /// Sets the histogram at `step`, below `steps`; steps rise from call to call.
    pub(crate) fn push(&mut self, steps: usize, step: usize, histogram: HistogramRef<'_>) {
        self.row_at((steps, step), histogram.layout).push_floats(histogram);
    }

    /// The same of a histogram whose layout is `shared`, which is shared on.
    pub(crate) fn push_shared(
        &mut self,
        (steps, step): (usize, usize),
        shared: &Arc<HistogramLayout>,
        histogram: HistogramRef<'_>,
    ) {
        self.row_at((steps, step), shared).push_shared(shared, histogram);
    }

    /// The same of a gauge with that layout, sum and counts.
    pub(crate) fn push_gauge(
        &mut self,
        (steps, step): (usize, usize),
        shared: &Arc<HistogramLayout>,
        sum: f64,
        counts: impl Iterator<Item = f64>,
    ) {
        self.row_at((steps, step), shared).push_values(shared, (ResetHint::Gauge, sum), counts);
    }

    /// The rows, to which that of `step` is to be appended. Where there is one, there mostly is one of that layout at each step
    /// behind it, and then rows are not moved as they become more.
    fn row_at(&mut self, (steps, step): (usize, usize), layout: &HistogramLayout) -> &mut HistogramColumn {
        let inner = self.0.get_or_insert_with(|| {
            let mut rows = HistogramColumn::default();
            rows.reserve((steps - step).min(RESERVED_CELLS / layout.cells()), layout.cells());
            Box::new(Inner { present: Presence::none(steps), rows, constant: false })
        });
        inner.present.set(step);
        &mut inner.rows
    }

    /// Applies `f` to every histogram.
    pub(crate) fn map(&mut self, mut f: impl FnMut(&mut FloatHistogram)) {
        let Some(inner) = &mut self.0 else { return };
        let mut scratch = FloatHistogram::default();
        let mut rows = HistogramColumn::default();
        for histogram in inner.rows.iter() {
            scratch.assign(histogram);
            f(&mut scratch);
            rows.push(scratch.as_ref());
        }
        inner.rows = rows;
    }

    /// Keeps the histograms that `keep` accepts.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize, HistogramRef<'_>) -> bool) {
        let Some(inner) = &mut self.0 else { return };
        let mut kept = Presence::none(inner.present.steps());
        let mut rows = HistogramColumn::default();
        let constant = inner.constant;
        for (at, step) in inner.present.iter().enumerate() {
            let Some(row) = inner.rows.get(if constant { 0 } else { at }) else { continue };
            if keep(step, row) {
                kept.set(step);
                if !constant {
                    rows.push(row);
                }
            }
        }
        if !constant && rows.len() < inner.rows.len() {
            inner.rows = rows;
        }
        kept.seal();
        inner.present = kept;
        if inner.present.is_empty() {
            self.0 = None;
        }
    }

    /// Takes those of `other`, none of which is at a step that has one already.
    pub(crate) fn fill_from(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        let mut both = Self::default();
        let steps = other.present().map_or(0, Presence::steps);
        let mut own = self.iter().peekable();
        for (step, histogram) in other.iter() {
            while let Some((step, histogram)) = own.next_if(|(own, _)| *own < step) {
                both.push(steps, step, histogram);
            }
            both.push(steps, step, histogram);
        }
        for (step, histogram) in own {
            both.push(steps, step, histogram);
        }
        *self = both.sealed();
    }

    /// The histogram of the one step, at each of `steps` steps.
    pub(crate) fn repeated(&self, steps: usize) -> Self {
        let Some(histogram) = self.get(0) else { return Self::default() };
        let mut rows = HistogramColumn::default();
        rows.push_floats(histogram);
        Self(Some(Box::new(Inner { present: Presence::all(steps), rows, constant: true })))
    }

    /// Notices if there is one at every step; gives memory back if there are not many.
    pub(crate) fn sealed(mut self) -> Self {
        if let Some(inner) = &mut self.0 {
            inner.present.seal();
            inner.rows.shrink();
        }
        self
    }

    /// For the limit on samples.
    pub(crate) fn size_in_samples(&self) -> usize {
        let Some(inner) = &self.0 else { return 0 };
        // It depends on the layout alone.
        let of_alike = |matrix: HistogramMatrix<'_>| {
            inner.rows.get(matrix.rows.start).map_or(0, |first| first.size_samples() * matrix.rows.len())
        };
        let rows: usize = inner.rows.matrices().map(of_alike).sum();
        if inner.constant { rows * inner.present.count() } else { rows }
    }

    /// Bytes outside the value itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| {
            let layouts: usize = inner.rows.layouts().iter().map(|layout| layout.size_bytes()).sum();
            size_of::<Inner>() + inner.present.heap_bytes() + inner.rows.cells() * size_of::<u64>() + layouts
        })
    }
}

impl PartialEq for HistogramSteps {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
