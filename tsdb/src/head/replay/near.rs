//! The chunks that wait for a series, found from where those of the series before were.

use crate::head_chunks::HeadChunk;
use model::SeriesRef;

/// Where the chunks were that a thread looked for last: those of the next series are mostly just behind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Near(usize);

impl Near {
    /// Where the chunks of `series` are, or would be, in `chunks`, which are sorted.
    pub(super) fn first_of(&mut self, chunks: &[HeadChunk], series: SeriesRef) -> usize {
        let is_before = |chunk: &HeadChunk| chunk.series < series;
        let start = match self.0.checked_sub(1).and_then(|at| chunks.get(at)) {
            Some(before) if is_before(before) => self.0,
            _ => 0,
        };
        let rest = chunks.get(start..).unwrap_or_default();
        let mut reach = 1;
        while rest.get(reach).is_some_and(is_before) {
            reach *= 2;
        }
        // What lies at half the reach is before, or it is the first.
        let some = rest.get(reach / 2..rest.len().min(reach + 1)).unwrap_or_default();
        self.0 = start + reach / 2 + some.partition_point(is_before);
        self.0
    }
}

#[cfg(test)]
mod tests;
