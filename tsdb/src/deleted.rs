//! Ranges of time that were deleted from a series: in order, none touching the next.

/// A deleted range, both ends inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deleted {
    pub min_ms: i64,
    pub max_ms: i64,
}

impl Deleted {
    /// Whether the millisecond lies inside.
    pub fn contains(self, timestamp_ms: i64) -> bool {
        self.min_ms <= timestamp_ms && timestamp_ms <= self.max_ms
    }
}

/// Adds a range; those that it overlaps or touches become one with it. Ends saturate: Prometheus 3.14 fails where a range
/// ends with the last millisecond there is.
pub(crate) fn add(ranges: &mut Vec<Deleted>, range: Deleted) {
    let start = ranges.partition_point(|each| each.max_ms.saturating_add(1) < range.min_ms);
    let end = ranges.partition_point(|each| each.min_ms <= range.max_ms.saturating_add(1));
    match ranges.get(start..end) {
        Some([first, .., last]) => {
            let joined = Deleted { min_ms: first.min_ms.min(range.min_ms), max_ms: last.max_ms.max(range.max_ms) };
            ranges.splice(start..end, [joined]);
        }
        Some([only]) => {
            let joined = Deleted { min_ms: only.min_ms.min(range.min_ms), max_ms: only.max_ms.max(range.max_ms) };
            ranges.splice(start..end, [joined]);
        }
        _ => ranges.insert(start, range),
    }
}

/// Puts ranges of any order in order, and joins those that overlap or touch.
pub(crate) fn join(ranges: &mut Vec<Deleted>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let touches = next.min_ms <= kept.max_ms.saturating_add(1);
        if touches {
            kept.max_ms = kept.max_ms.max(next.max_ms);
        }
        touches
    });
}

/// Whether a sample of that time was deleted.
pub(crate) fn holds(ranges: &[Deleted], timestamp_ms: i64) -> bool {
    cover(ranges, timestamp_ms, timestamp_ms)
}

/// Whether all that lies between the two, both inside, was deleted.
pub(crate) fn cover(ranges: &[Deleted], min_ms: i64, max_ms: i64) -> bool {
    first_to_end_at(ranges, min_ms).is_some_and(|range| range.min_ms <= min_ms && max_ms <= range.max_ms)
}

/// Whether anything that lies between the two, both inside, was deleted.
pub(crate) fn reach(ranges: &[Deleted], min_ms: i64, max_ms: i64) -> bool {
    first_to_end_at(ranges, min_ms).is_some_and(|range| range.min_ms <= max_ms)
}

/// The first range that ends at `timestamp_ms` or later.
fn first_to_end_at(ranges: &[Deleted], timestamp_ms: i64) -> Option<Deleted> {
    ranges.get(ranges.partition_point(|range| range.max_ms < timestamp_ms)).copied()
}

#[cfg(test)]
mod tests;
