//! Whether a counter began anew.

use super::indexed::Indexed;
use super::working::{Working, bounds_match, coarser, intersection, shift};
use super::{HistogramRef, Numbers, ResetHint, Span, bounds};

impl HistogramRef<'_> {
    /// Whether the counter began anew between `previous` and it: its hint says so, or, where the hint says nothing of that, a
    /// count is smaller, or a populated bucket is gone. What the two may differ in without that: it may be coarser, and its zero
    /// bucket wider if that ends in no populated bucket. The sum does not count.
    ///
    /// Source: Prometheus 3.14, `DetectReset` in `model/histogram/float_histogram.go`, with what it misses: of the buckets beyond
    /// the last one here it looks at the first alone, so one that is empty hides populated ones behind it.
    pub fn detect_reset(&self, previous: &HistogramRef<'_>) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            // A gauge was taken for a counter; whoever did so is told.
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        let (layout, before) = (self.layout, previous.layout);
        let is_custom = layout.has_custom_buckets();
        if self.value(self.count()) < previous.value(previous.count()) || is_custom && !before.has_custom_buckets() {
            return true;
        }
        if is_custom && !bounds_match(layout.custom_bounds(), before.custom_bounds()) {
            return self.has_fallen_between_bounds(previous);
        }
        if layout.schema() > before.schema() {
            return true;
        }
        if !is_custom && self.has_fallen_in_zero(previous) {
            return true;
        }
        if std::ptr::eq(layout, before) || layout == before {
            return self.has_fallen_in_any(previous);
        }
        let sides = [
            ((layout.positive(), self.positive()), (before.positive(), previous.positive())),
            ((layout.negative(), self.negative()), (before.negative(), previous.negative())),
        ];
        let shift = shift(before.schema(), layout.schema());
        sides.into_iter().take(if is_custom { 1 } else { 2 }).any(|((spans, cells), (old_spans, old_cells))| {
            let beyond_zero = |index: i32| {
                is_custom
                    || layout.zero_threshold() == 0.0
                    || bounds::exponential_bound(layout.schema(), index) > layout.zero_threshold()
            };
            let now = merged(self.numbers, spans, cells, 0).skip_while(|(index, _)| !beyond_zero(*index));
            let old = merged(previous.numbers, old_spans, old_cells, shift);
            has_fallen(now, old.skip_while(|(index, _)| !beyond_zero(*index)))
        })
    }

    fn value(&self, cell: u64) -> f64 {
        self.numbers.value(cell)
    }

    /// Whether its zero bucket shrank, has less in it, or ends within a populated bucket of `previous`.
    fn has_fallen_in_zero(&self, previous: &HistogramRef<'_>) -> bool {
        let (threshold, before) = (self.layout.zero_threshold(), previous.layout.zero_threshold());
        if threshold == before {
            return self.value(self.zero_count()) < previous.value(previous.zero_count());
        }
        if threshold < before {
            return true;
        }
        let (zero_count, end) = Working::new(*previous, 1.0).zero_count_for(threshold);
        end != threshold || self.value(self.zero_count()) < zero_count.value
    }

    /// Whether any bucket outside of the zero bucket has less in it than in `previous`, which has the same layout.
    fn has_fallen_in_any(&self, previous: &HistogramRef<'_>) -> bool {
        let layout = self.layout;
        let is_custom = layout.has_custom_buckets();
        let fallen = |cells: &[u64], old: &[u64], hidden: usize| match (self.numbers, previous.numbers) {
            (Numbers::Integer, Numbers::Integer) => {
                cells.iter().zip(old).skip(hidden).any(|(now, old)| (*now as f64) < *old as f64)
            }
            (numbers, olds) => {
                cells.iter().zip(old).skip(hidden).any(|(now, old)| numbers.value(*now) < olds.value(*old))
            }
        };
        let hidden =
            |spans: &[Span], cells: &[u64]| match is_custom || layout.is_plain() || layout.zero_threshold() == 0.0 {
                true => 0,
                false => super::working::hidden(Indexed::new(spans, cells), layout.schema(), layout.zero_threshold()),
            };
        let (positive, negative) = (self.positive(), self.negative());
        fallen(positive, previous.positive(), hidden(layout.positive(), positive))
            || !is_custom && fallen(negative, previous.negative(), hidden(layout.negative(), negative))
    }

    /// Whether between bounds that both have, which are custom ones, less is in it than in `previous`.
    fn has_fallen_between_bounds(&self, previous: &HistogramRef<'_>) -> bool {
        let (mut now, mut old) = (self.positive_buckets().peekable(), previous.positive_buckets().peekable());
        let common = intersection(self.layout.custom_bounds(), previous.layout.custom_bounds());
        common.into_iter().chain([f64::INFINITY]).any(|bound| {
            let [now, old] = [&mut now, &mut old].map(|buckets| {
                let mut sum = 0.0;
                while let Some(bucket) = buckets.next_if(|bucket| bucket.upper <= bound) {
                    sum += bucket.count;
                }
                sum
            });
            now < old
        })
    }
}

/// The buckets of a side, made coarser by `shift`: the index of each and its count.
fn merged<'a>(
    numbers: Numbers,
    spans: &'a [Span],
    cells: &'a [u64],
    shift: u32,
) -> impl Iterator<Item = (i32, f64)> + 'a {
    let mut buckets = Indexed::new(spans, cells).map(move |(index, cell)| (coarser(index, shift), cell)).peekable();
    std::iter::from_fn(move || {
        let (index, cell) = buckets.next()?;
        let mut count = numbers.value(cell);
        while let Some((_, cell)) = buckets.next_if(|(next, _)| *next == index) {
            count += numbers.value(cell);
        }
        Some((index, count))
    })
}

/// Whether a bucket of `previous` that is populated is gone, or has less in it now.
fn has_fallen(mut current: impl Iterator<Item = (i32, f64)>, previous: impl Iterator<Item = (i32, f64)>) -> bool {
    let mut now = current.next();
    for (index, before) in previous {
        while let Some((at, _)) = now
            && at < index
        {
            now = current.next();
        }
        match now {
            Some((at, count)) if at == index && count < before => return true,
            Some((at, _)) if at != index && before != 0.0 => return true,
            Some(_) => {}
            None => return before != 0.0,
        }
    }
    false
}

#[cfg(test)]
mod tests;
