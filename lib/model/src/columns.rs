//! Samples of one series, as columns.

/// Samples of one series in columns of equal length, timestamps rising strictly.
///
/// A decoder fills it, the engine's kernels read its slices, and the next series reuses it: the columns keep their
/// capacity when cleared.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct SampleColumns {
    /// Milliseconds since the epoch.
    pub timestamps_ms: Vec<i64>,
    /// The value at the same position; NaN payloads (the stale marker among them) are kept bit for bit.
    pub values: Vec<f64>,
}

impl SampleColumns {
    /// Appends one sample.
    pub fn push(&mut self, timestamp_ms: i64, value: f64) {
        self.timestamps_ms.push(timestamp_ms);
        self.values.push(value);
    }

    /// Forgets all samples, keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps_ms.clear();
        self.values.clear();
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.timestamps_ms.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.timestamps_ms.is_empty()
    }
}

#[cfg(test)]
mod tests;
