//! Where the buckets of one histogram lie in another that has them all.

use super::indexed::Indexed;
use super::working::{bounds_match, hidden};
use super::{BUCKET_CELLS, HistogramLayout, HistogramRef, IncompatibleBuckets, Span, ZERO_COUNT_CELL};

/// How the cells of a histogram go onto those of another, which has all its buckets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Runs<'a> {
    layout: &'a HistogramLayout,
    is_same: bool,
    /// How many positive and negative buckets from the first one on go nowhere.
    hidden: (usize, usize),
}

impl<'a> Runs<'a> {
    /// The way from `other` onto `layout`; `None`: there is no such way, `layout` has to change.
    ///
    /// # Errors
    /// One has exponential buckets, the other custom ones.
    pub(super) fn new(
        layout: &'a HistogramLayout,
        other: HistogramRef<'_>,
    ) -> Result<Option<Self>, IncompatibleBuckets> {
        let (from, is_custom) = (other.layout, layout.has_custom_buckets());
        if std::ptr::eq(layout, from) && layout.is_plain() {
            return Ok(Some(Self { layout, is_same: true, hidden: (0, 0) }));
        }
        if is_custom != from.has_custom_buckets() {
            return Err(IncompatibleBuckets::Mixed);
        }
        let is_same = std::ptr::eq(layout, from) || layout == from;
        let fits = is_same
            || match is_custom {
                true => bounds_match(layout.custom_bounds(), from.custom_bounds()),
                false => layout.schema() == from.schema() && layout.zero_threshold() == from.zero_threshold(),
            };
        if !fits {
            return Ok(None);
        }
        let hide = |spans: &[Span], cells: &[u64]| match is_custom {
            true => 0,
            false => hidden(Indexed::new(spans, cells), layout.schema(), layout.zero_threshold()),
        };
        let hidden = (hide(from.positive(), other.positive()), hide(from.negative(), other.negative()));
        let has_all = is_same
            || (walk(layout.positive(), from.positive(), hidden.0, |_, _, _| {})
                && (is_custom || walk(layout.negative(), from.negative(), hidden.1, |_, _, _| {})));
        Ok(has_all.then_some(Self { layout, is_same, hidden }))
    }

    /// Calls `each` with runs of cells: where one begins in the histogram, where in `other`, and its length.
    pub(super) fn each(&self, other: &HistogramLayout, mut each: impl FnMut(usize, usize, usize)) {
        let is_custom = self.layout.has_custom_buckets();
        if self.is_same && self.hidden == (0, 0) && !is_custom {
            return each(0, 0, self.layout.cells());
        }
        // Custom buckets have no zero bucket.
        each(0, 0, if is_custom { ZERO_COUNT_CELL } else { BUCKET_CELLS });
        let mut side = |spans: (&[Span], &[Span]), cells: (usize, usize), hidden| {
            walk(spans.0, spans.1, hidden, |to, from, len| each(cells.0 + to, cells.1 + from, len));
        };
        side((self.layout.positive(), other.positive()), (BUCKET_CELLS, BUCKET_CELLS), self.hidden.0);
        if !is_custom {
            let negative = |layout: &HistogramLayout| BUCKET_CELLS + layout.positive_buckets();
            let cells = (negative(self.layout), negative(other));
            side((self.layout.negative(), other.negative()), cells, self.hidden.1);
        }
    }
}

/// Calls `each` with every run of buckets of `others` behind the first `hidden` that are in one span of `spans`: where it
/// begins in either's cells, and its length. False once there is one that is not.
fn walk(spans: &[Span], others: &[Span], mut hidden: usize, mut each: impl FnMut(usize, usize, usize)) -> bool {
    let Some((first, spans)) = spans.split_first() else {
        return others.iter().map(|span| span.length as usize).sum::<usize>() <= hidden;
    };
    let mut spans = spans.iter();
    // Where the span begins and ends, and which cell its first bucket has.
    let (mut start, mut cell) = (i64::from(first.offset), 0);
    let mut end = start + i64::from(first.length);
    let (mut other_end, mut other_cell) = (0_i64, 0);
    for other in others {
        let mut index = other_end + i64::from(other.offset);
        other_end = index + i64::from(other.length);
        let skipped = hidden.min(other.length as usize);
        (hidden, index, other_cell) = (hidden - skipped, index + skipped as i64, other_cell + skipped);
        while index < other_end {
            while end <= index {
                let Some(span) = spans.next() else { return false };
                cell += (end - start) as usize;
                start = end + i64::from(span.offset);
                end = start + i64::from(span.length);
            }
            if index < start {
                return false;
            }
            let run = other_end.min(end) - index;
            each(cell + (index - start) as usize, other_cell, run as usize);
            (index, other_cell) = (index + run, other_cell + run as usize);
        }
    }
    true
}

#[cfg(test)]
mod tests;
