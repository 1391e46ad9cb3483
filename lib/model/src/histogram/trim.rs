//! Observations below or above a number.

use super::buckets::Bucket;
use super::{BUCKET_CELLS, COUNT_CELL, FloatHistogram, SideBuckets, ZERO_COUNT_CELL};

/// Which observations are kept.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Below(f64),
    Above(f64),
}

/// What is kept of a bucket, and the observation that stands for all of these.
struct Part {
    count: f64,
    midpoint: f64,
}

impl FloatHistogram {
    /// Keeps the observations up to `bound`, as the operator `</` does: of the bucket in which that lies as much as lies below if
    /// observations are spread evenly (custom buckets and the zero bucket) or evenly by their logarithms. Where anything goes
    /// count and sum are estimated anew, and empty buckets are dropped.
    ///
    /// Source: Prometheus 3.14, `TrimBuckets` in `model/histogram/float_histogram.go`.
    pub fn trim_upper(&mut self, bound: f64) {
        self.trim(Kept::Below(bound));
    }

    /// Keeps the observations from `bound` on, as the operator `>/` does; see [`FloatHistogram::trim_upper`].
    pub fn trim_lower(&mut self, bound: f64) {
        self.trim(Kept::Above(bound));
    }

    fn trim(&mut self, kept: Kept) {
        let view = self.as_ref();
        let is_custom = self.layout.has_custom_buckets();
        let mut cells = self.cells[..BUCKET_CELLS].to_vec();
        let mut total = Total::default();
        let is_positive_populated = total.add_side(view.positive_buckets(), kept, (true, is_custom), &mut cells);
        let is_negative_populated = total.add_side(view.negative_buckets(), kept, (false, is_custom), &mut cells);
        let zero_count = self.zero_count();
        if zero_count > 0.0 {
            let width = self.layout.zero_threshold();
            // Nothing is expected on a side where nothing else is.
            let lower = if is_positive_populated && !is_negative_populated { 0.0 } else { -width };
            let upper = if is_negative_populated && !is_positive_populated { 0.0 } else { width };
            let part = kept.of_zero(lower, upper, zero_count);
            total.add(&part);
            total.is_trimmed |= part.count != zero_count;
            cells[ZERO_COUNT_CELL] = part.count.to_bits();
        }
        if total.is_trimmed {
            cells[COUNT_CELL] = total.count.to_bits();
            (self.cells, self.sum) = (cells, total.sum);
            self.cells.resize(self.layout.cells(), 0);
            self.compact(0);
        }
    }
}

/// Count and sum of what is kept.
#[derive(Default)]
struct Total {
    count: f64,
    sum: f64,
    is_trimmed: bool,
}

impl Total {
    fn add(&mut self, part: &Part) {
        self.count += part.count;
        self.sum += part.midpoint * part.count;
    }

    /// Adds what is kept of `buckets`, and its counts to `cells`. Returns whether anything was in them.
    fn add_side(
        &mut self,
        buckets: SideBuckets<'_>,
        kept: Kept,
        (is_positive, is_custom): (bool, bool),
        cells: &mut Vec<u64>,
    ) -> bool {
        let mut is_populated = false;
        for bucket in buckets {
            if bucket.count == 0.0 {
                cells.push(bucket.count.to_bits());
                continue;
            }
            is_populated = true;
            let part = kept.of(&bucket, is_positive, is_custom);
            self.add(&part);
            // Of a count that is not a number a part is none either, and yet the whole of it.
            self.is_trimmed |= part.count != bucket.count && !kept.is_all(&bucket);
            cells.push(part.count.to_bits());
        }
        is_populated
    }
}

impl Kept {
    /// Whether all of `bucket` is kept.
    fn is_all(self, bucket: &Bucket) -> bool {
        match self {
            Self::Below(bound) => bucket.upper <= bound,
            Self::Above(bound) => bucket.lower >= bound,
        }
    }

    /// What is kept of `bucket`.
    fn of(self, bucket: &Bucket, is_positive: bool, is_custom: bool) -> Part {
        let middle = |lower, upper| midpoint(lower, upper, is_positive, is_custom);
        if self.is_all(bucket) {
            return Part { count: bucket.count, midpoint: middle(bucket.lower, bucket.upper) };
        }
        let is_cut = match self {
            Self::Below(bound) => bucket.lower < bound,
            Self::Above(bound) => bucket.upper > bound,
        };
        if !is_cut {
            return Part { count: 0.0, midpoint: 0.0 };
        }
        if bucket.lower == f64::NEG_INFINITY {
            return self.of_lowest(bucket);
        }
        if bucket.upper == f64::INFINITY {
            return self.of_highest(bucket);
        }
        let below = |bound: f64| match bound {
            _ if bound <= bucket.lower => 0.0,
            _ if bound >= bucket.upper => bucket.count,
            _ => bucket.count * bucket.fraction_below(bound, is_custom),
        };
        match self {
            Self::Below(bound) => Part { count: below(bound), midpoint: middle(bucket.lower, bound) },
            Self::Above(bound) => Part { count: bucket.count - below(bound), midpoint: middle(bound, bucket.upper) },
        }
    }

    /// What is kept of a cut bucket that begins at −Inf: nobody knows where in it observations are, unless it ends above zero; then
    /// they are taken to be above zero.
    fn of_lowest(self, bucket: &Bucket) -> Part {
        let Bucket { upper, count, .. } = *bucket;
        let none = Part { count: 0.0, midpoint: if upper.is_infinite() { 0.0 } else { upper } };
        match self {
            Self::Below(bound) if bound > 0.0 && upper > 0.0 && upper.is_finite() => {
                Part { count: count * bound / upper, midpoint: bound / 2.0 }
            }
            Self::Below(bound) if upper <= 0.0 => Part { count, midpoint: bound },
            Self::Above(bound) if bound >= 0.0 && upper > bound && upper.is_finite() => {
                Part { count: count * (1.0 - bound / upper), midpoint: f64::midpoint(bound, upper) }
            }
            _ => none,
        }
    }

    /// What is kept of a cut bucket that ends at +Inf.
    fn of_highest(self, bucket: &Bucket) -> Part {
        match self {
            Self::Above(bound) if bound >= bucket.lower => Part { count: bucket.count, midpoint: bound },
            _ => Part { count: 0.0, midpoint: bucket.lower },
        }
    }

    /// What is kept of a zero bucket with those bounds.
    fn of_zero(self, lower: f64, upper: f64, count: f64) -> Part {
        let whole = Part { count, midpoint: (lower + upper) / 2.0 };
        let none = Part { count: 0.0, midpoint: 0.0 };
        match self {
            Self::Below(bound) if bound <= lower => none,
            Self::Below(bound) if bound >= upper => whole,
            Self::Below(bound) => {
                Part { count: count * ((bound - lower) / (upper - lower)), midpoint: (lower + bound) / 2.0 }
            }
            Self::Above(bound) if bound <= lower => whole,
            Self::Above(bound) if bound >= upper => none,
            Self::Above(bound) => {
                Part { count: count * ((upper - bound) / (upper - lower)), midpoint: (bound + upper) / 2.0 }
            }
        }
    }
}

/// The observation that stands for all between two bounds.
fn midpoint(lower: f64, upper: f64, is_positive: bool, is_linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if is_linear => (lower + upper) / 2.0,
        (false, false) => {
            let mean = (lower * upper).abs().sqrt();
            if is_positive { mean } else { -mean }
        }
    }
}

#[cfg(test)]
mod tests;
