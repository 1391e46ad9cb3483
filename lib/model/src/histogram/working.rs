//! Histograms of different layouts brought together.

use super::indexed::{Indexed, Side};
use super::sum::{Addition, Sum};
use super::{CUSTOM_BUCKETS_SCHEMA, HistogramLayout, HistogramRef, TooManyBuckets, bounds};
use std::mem::take;
use std::sync::Arc;

/// A histogram taken apart, for the operations in which its layout may change. Each of its counts may be a compensated sum.
///
/// Source: Prometheus 3.14, `Add` and `KahanAdd` in `model/histogram/float_histogram.go`.
#[derive(Debug, Clone)]
pub(super) struct Working {
    pub(super) schema: i32,
    pub(super) zero_threshold: f64,
    pub(super) custom_bounds: Vec<f64>,
    pub(super) count: Sum,
    pub(super) zero_count: Sum,
    pub(super) sum: Sum,
    pub(super) positive: Side<Sum>,
    pub(super) negative: Side<Sum>,
}

impl Working {
    /// A copy of `histogram` with all its counts and its sum times `sign`, which is 1 or −1.
    pub(super) fn new(histogram: HistogramRef<'_>, sign: f64) -> Self {
        let (layout, value) = (histogram.layout, |cell: u64| Sum::from(histogram.numbers.value(cell) * sign));
        let cells = |cells: &[u64]| cells.iter().map(|cell| value(*cell)).collect::<Vec<_>>();
        let is_custom = layout.has_custom_buckets();
        Self {
            schema: layout.schema(),
            zero_threshold: if is_custom { 0.0 } else { layout.zero_threshold() },
            custom_bounds: if is_custom { layout.custom_bounds().to_vec() } else { Vec::new() },
            count: value(histogram.count()),
            zero_count: if is_custom { Sum::default() } else { value(histogram.zero_count()) },
            sum: Sum::from(histogram.sum * sign),
            positive: Side::new(layout.positive(), cells(histogram.positive())),
            negative: match is_custom {
                true => Side::default(),
                false => Side::new(layout.negative(), cells(histogram.negative())),
            },
        }
    }

    /// Gives each count what it lost, as `lost` has it: the cells of a histogram with the same layout.
    pub(super) fn set_lost(&mut self, lost: &[f64], lost_of_sum: f64) {
        let buckets = self.positive.cells.iter_mut().chain(&mut self.negative.cells);
        for (sum, lost) in [&mut self.count, &mut self.zero_count].into_iter().chain(buckets).zip(lost) {
            sum.lost = *lost;
        }
        self.sum.lost = lost_of_sum;
    }

    /// Adds `other`, which has buckets of the same kind. Returns whether bounds of custom buckets had to be reconciled.
    pub(super) fn add(&mut self, mut other: Self, addition: Addition) -> bool {
        self.count = addition.add(self.count, other.count.value);
        self.sum = addition.add(self.sum, other.sum.value);
        if self.schema == CUSTOM_BUCKETS_SCHEMA {
            let is_same = bounds_match(&self.custom_bounds, &other.custom_bounds);
            match is_same {
                true => self.positive = union(&self.positive, &other.positive, 0, addition),
                false => self.intersect(&other, addition),
            }
            return !is_same;
        }
        let zero_count = self.reconcile_zero(&other, addition);
        self.zero_count = addition.merge(self.zero_count, zero_count);
        if self.schema > other.schema {
            self.reduce(other.schema, addition);
        } else if other.schema > self.schema {
            other.reduce(self.schema, addition);
        }
        let hidden = |side: &Side<Sum>| hidden(side.indexed(), self.schema, self.zero_threshold);
        let (positive, negative) = (hidden(&other.positive), hidden(&other.negative));
        self.positive = union(&self.positive, &other.positive, positive, addition);
        self.negative = union(&self.negative, &other.negative, negative, addition);
        false
    }

    /// Makes it as coarse as `schema`, which is below its own.
    fn reduce(&mut self, schema: i32, addition: Addition) {
        let shift = shift(self.schema, schema);
        for side in [&mut self.positive, &mut self.negative] {
            let mut reduced = Side::default();
            let mut newest = None;
            for (index, cell) in side.indexed() {
                let index = coarser(index, shift);
                match reduced.cells.last_mut() {
                    Some(last) if newest == Some(index) => *last = addition.merge(*last, cell),
                    _ => {
                        let joins = reduced.ends_before(index);
                        reduced.push(index, cell, joins);
                    }
                }
                newest = Some(index);
            }
            *side = reduced;
        }
        self.schema = schema;
    }

    /// Widens its zero bucket until its end lies within no populated bucket of either histogram; returns what the count in
    /// `other`'s would be then.
    fn reconcile_zero(&mut self, other: &Self, addition: Addition) -> Sum {
        let (mut zero_count, mut threshold) = (other.zero_count, other.zero_threshold);
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (zero_count, threshold) = other.zero_count_for(self.zero_threshold);
            }
            if threshold > self.zero_threshold {
                (self.zero_count, self.zero_threshold) = self.zero_count_for(threshold);
                self.empty_buckets_in_zero();
            } else if threshold != self.zero_threshold {
                // Not a number: it has no end that could meet another.
                break;
            }
        }
        if addition == Addition::Plain {
            (self.zero_count.lost, zero_count.lost) = (0.0, 0.0);
        }
        zero_count
    }

    /// The count in its zero bucket if that reached to `threshold`, which is not below its own, or as far beyond that as a
    /// populated bucket does in which it ends; and how far.
    pub(super) fn zero_count_for(&self, mut threshold: f64) -> (Sum, f64) {
        if threshold == self.zero_threshold {
            return (self.zero_count, threshold);
        }
        let mut lost = self.zero_count.lost;
        'farther: loop {
            let mut zero_count = Sum { value: self.zero_count.value, lost };
            for (number, side) in [&self.positive, &self.negative].into_iter().enumerate() {
                for (index, cell) in side.indexed() {
                    if bounds::exponential_bound(self.schema, index.wrapping_sub(1)) >= threshold {
                        break;
                    }
                    zero_count = zero_count.kahan(cell.value).kahan(cell.lost);
                    let upper = bounds::exponential_bound(self.schema, index);
                    if upper > threshold {
                        if cell.value != 0.0 {
                            threshold = upper;
                            if number == 1 {
                                // More positive buckets may be within now.
                                lost = zero_count.lost;
                                continue 'farther;
                            }
                        }
                        break;
                    }
                }
            }
            return (zero_count, threshold);
        }
    }

    /// Drops the buckets that the zero bucket has swallowed.
    fn empty_buckets_in_zero(&mut self) {
        for side in [&mut self.positive, &mut self.negative] {
            let (schema, threshold) = (self.schema, self.zero_threshold);
            let below = |index: i32| bounds::exponential_bound(schema, index.wrapping_sub(1)) < threshold;
            let within = side.indexed().take_while(|(index, _)| below(*index)).count();
            side.cells[..within].fill(Sum::default());
            *side = Side::compact(side.indexed(), (0, usize::MAX), Sum::is_empty);
        }
    }

    /// Adds `other`, whose custom buckets have other bounds: only bounds of both remain.
    fn intersect(&mut self, other: &Self, addition: Addition) {
        let common = intersection(&self.custom_bounds, &other.custom_bounds);
        let mut targets = vec![Sum::default(); common.len() + 1];
        for from in [&*self, other] {
            let mut target = 0;
            for (index, cell) in from.positive.indexed() {
                // There is no bound beyond the last, and nobody means a bucket before the first.
                let to = match from.custom_bounds.get(usize::try_from(index).unwrap_or(0)) {
                    Some(bound) => {
                        target += common[target..].iter().take_while(|common| **common < *bound).count();
                        target
                    }
                    None => common.len(),
                };
                targets[to] = targets[to].kahan(cell.value).kahan(cell.lost);
            }
        }
        let (all, buckets) = ([super::Span { offset: 0, length: targets.len() as u32 }], targets);
        self.positive = Side::compact(Indexed::new(&all, &buckets), (0, usize::MAX), Sum::is_empty);
        if addition == Addition::Plain {
            self.positive.cells.iter_mut().for_each(|cell| cell.lost = 0.0);
        }
        self.custom_bounds = common;
    }

    /// Its layout: `shared` if that is equal.
    ///
    /// # Errors
    /// More buckets than there may be.
    pub(super) fn layout(&mut self, shared: &Arc<HistogramLayout>) -> Result<Arc<HistogramLayout>, TooManyBuckets> {
        let [positive, negative] = [&mut self.positive, &mut self.negative].map(|side| take(&mut side.spans));
        let bounds = take(&mut self.custom_bounds);
        let layout = HistogramLayout::new(self.schema, self.zero_threshold, positive, negative, bounds)?;
        Ok(if layout == **shared { Arc::clone(shared) } else { Arc::new(layout) })
    }

    /// Its counts in the order of cells.
    pub(super) fn sums(&self) -> impl Iterator<Item = Sum> {
        let buckets = self.positive.cells.iter().chain(&self.negative.cells);
        [self.count, self.zero_count].into_iter().chain(buckets.copied())
    }
}

/// How far indices are shifted on the way from `schema` to a `coarser` one.
pub(super) fn shift(schema: i32, coarser: i32) -> u32 {
    u32::try_from(i64::from(schema) - i64::from(coarser)).unwrap_or(0).min(63)
}

/// The bucket that `index` goes to when schemas are `shift` apart. A bucket's index is that of its upper bound, so those up to
/// 2^shift make bucket 1.
#[inline]
pub(super) fn coarser(index: i32, shift: u32) -> i32 {
    (((i64::from(index) - 1) >> shift) + 1) as i32
}

/// How many buckets from the first one on lie in the zero bucket altogether. Nothing is added to these.
pub(super) fn hidden<T: Copy>(buckets: Indexed<'_, T>, schema: i32, zero_threshold: f64) -> usize {
    buckets.take_while(|(index, _)| bounds::exponential_bound(schema, *index) <= zero_threshold).count()
}

/// Whether two histograms have the same custom bounds.
pub(super) fn bounds_match(bounds: &[f64], others: &[f64]) -> bool {
    bounds == others
}

/// Bounds that are in both lists.
pub(super) fn intersection(bounds: &[f64], others: &[f64]) -> Vec<f64> {
    let (mut bounds, mut others) = (bounds.iter().peekable(), others.iter().peekable());
    let mut common = Vec::new();
    while let (Some(bound), Some(other)) = (bounds.peek(), others.peek()) {
        if bound == other {
            common.push(**bound);
            bounds.next();
            others.next();
        } else if bound < other {
            bounds.next();
        } else {
            others.next();
        }
    }
    common
}

/// The buckets of `side` with those of `other` behind the first `hidden` added. Its own spans remain; what is new joins what it
/// follows or else the span it comes right before.
fn union(side: &Side<Sum>, other: &Side<Sum>, hidden: usize, addition: Addition) -> Side<Sum> {
    let mut union = Side::default();
    let mut others = other.indexed().skip(hidden).peekable();
    let mut ours = side.indexed();
    for span in &side.spans {
        let mut joins = false;
        for (step, (index, mut cell)) in (&mut ours).take(span.length as usize).enumerate() {
            while let Some((new, cell)) = others.next_if(|(new, _)| *new < index) {
                let follows = union.ends_before(new);
                union.push(new, cell, follows);
                joins = step == 0 && !follows && new + 1 == index;
            }
            if let Some((_, other)) = others.next_if(|(other, _)| *other == index) {
                cell = addition.merge(cell, other);
            }
            union.push(index, cell, step > 0 || joins);
        }
    }
    for (new, cell) in others {
        let follows = union.ends_before(new);
        union.push(new, cell, follows);
    }
    union
}

#[cfg(test)]
mod tests;
