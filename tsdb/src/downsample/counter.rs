//! Counters without resets.

use model::SampleColumns;

/// Makes one counter without resets of counters that lie in consecutive chunks, raw or of the aggregate
/// [`Counter`](crate::Aggregate::Counter).
///
/// NaNs, the stale marker among them, are left out. A second value at the timestamp of the last sample is not a sample: it
/// is what the counter really was there, and tells whether it was reset before the next one. Samples that are not later
/// than the last one are passed over, so that chunks may overlap.
#[derive(Debug, Clone, Default)]
pub struct CounterResets {
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    at_ms: i64,
    /// As the chunk has it.
    value: f64,
    /// Since the first sample, as if there were no resets.
    total: f64,
}

impl CounterResets {
    /// Appends the samples of the next chunk to `out`; times in `chunk` need not rise.
    pub fn apply(&mut self, chunk: &SampleColumns, out: &mut SampleColumns) {
        for (&at_ms, &value) in chunk.timestamps_ms.iter().zip(&chunk.values) {
            if let Some(total) = self.next(at_ms, value) {
                out.push(at_ms, total);
            }
        }
    }

    /// The value in place of a sample's; `None` if that is not a sample of the result.
    fn next(&mut self, at_ms: i64, value: f64) -> Option<f64> {
        if value.is_nan() {
            return None;
        }
        let total = match &mut self.last {
            None => value,
            Some(last) if at_ms > last.at_ms => {
                last.total + if value >= last.value { value - last.value } else { value }
            }
            Some(last) => {
                if at_ms == last.at_ms {
                    last.value = value;
                }
                return None;
            }
        };
        self.last = Some(Last { at_ms, value, total });
        Some(total)
    }
}

#[cfg(test)]
mod tests;
