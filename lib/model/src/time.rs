//! Ranges of time.

/// A range of milliseconds, **both ends inside**: what queries, chunks and StoreAPI mean by a range. Block metadata is
/// half-open; `tsdb` converts where it reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    min_ms: i64,
    max_ms: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { min_ms: i64::MIN, max_ms: i64::MAX };

    /// The range from `min_ms` to `max_ms`, both inside; `None` if it would run backwards.
    pub fn new(min_ms: i64, max_ms: i64) -> Option<Self> {
        (min_ms <= max_ms).then_some(Self { min_ms, max_ms })
    }

    /// The first millisecond inside.
    pub fn min_ms(self) -> i64 {
        self.min_ms
    }

    /// The last millisecond inside.
    pub fn max_ms(self) -> i64 {
        self.max_ms
    }

    /// Whether `timestamp_ms` lies inside.
    pub fn contains(self, timestamp_ms: i64) -> bool {
        self.min_ms <= timestamp_ms && timestamp_ms <= self.max_ms
    }

    /// The smallest range that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self { min_ms: self.min_ms.min(other.min_ms), max_ms: self.max_ms.max(other.max_ms) }
    }

    /// Whether the two ranges share a millisecond.
    pub fn overlaps(self, other: Self) -> bool {
        self.min_ms <= other.max_ms && other.min_ms <= self.max_ms
    }
}

#[cfg(test)]
mod tests;
