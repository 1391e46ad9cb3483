//! How many samples a query looked at, as Prometheus counts them.

use crate::column::Column;
use crate::kernels::{Histograms, RangeCall, Samples};
use model::SampleColumns;
use std::ops::Range;

/// Samples that a query looked at. A histogram counts for several, by its size.
///
/// Source: Prometheus 3.14, `util/stats/query_stats.go` and where `promql/engine.go` counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// By step of the query: samples it looked at. Of a window all count at every step, however often they were seen before.
    pub queryable: Vec<u64>,
    /// Samples that came new into view. What is evaluated once for all steps counts at the first.
    pub read: Vec<u64>,
    /// The most samples held at one time.
    pub peak: u64,
}

/// What of a selector or a window counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// Each step of its grid, which is the query's.
    Steps,
    /// It is evaluated once, and looked at at every step of the query.
    Once,
    /// It is within a subquery, whose window counts what comes of it: only what is read for it counts, at the first step.
    Within,
    /// It is within the subquery that is the query: all counts at the one step, what is evaluated once so many times.
    Root { times: usize },
}

impl Counted {
    /// For what is evaluated once within, in place of `steps` times.
    pub(crate) fn once(self, steps: usize) -> Self {
        match self {
            Self::Steps | Self::Once => Self::Once,
            Self::Within => Self::Within,
            Self::Root { times } => Self::Root { times: times.saturating_mul(steps) },
        }
    }
}

impl Statistics {
    /// Of a query of `steps` steps that has looked at nothing yet.
    pub(crate) fn new(steps: usize) -> Self {
        Self { queryable: vec![0; steps], read: vec![0; steps], peak: 0 }
    }

    /// Samples at all steps.
    pub fn total_queryable(&self) -> u64 {
        self.queryable.iter().sum()
    }

    /// Samples that came new into view at any step.
    pub fn total_read(&self) -> u64 {
        self.read.iter().sum()
    }

    /// Adds what another part of the query looked at.
    pub(crate) fn add(&mut self, other: &Self) {
        let sides = [(&mut self.queryable, &other.queryable), (&mut self.read, &other.read)];
        for (own, other) in sides {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
        }
    }

    /// Counts what an instant selector found that stands for so many.
    pub(crate) fn found(&mut self, column: &Column, counted: Counted, times: u64) {
        for (step, _) in column.floats.iter() {
            self.at(step, times, times, counted);
        }
        for (step, histogram) in column.histograms.iter() {
            let size = histogram.size_samples() as u64 * times;
            self.at(step, size, size, counted);
        }
    }

    /// Counts what the windows of `call` see of a series, which stands for so many calls. With `reads` its samples come from a
    /// store, else from a subquery.
    pub(crate) fn windows(
        &mut self,
        (call, times): (&RangeCall, u64),
        reads: bool,
        (floats, histograms): (Samples<'_>, Option<Histograms<'_>>),
    ) {
        if !reads && call.counted == Counted::Within {
            return;
        }
        self.slide((call, reads), floats.timestamps_ms, |range| range.len() as u64 * times);
        let Some(histograms) = histograms else { return };
        let mut before = Vec::with_capacity(histograms.rows.len() + 1);
        let mut sum = 0_u64;
        before.push(sum);
        for at in 0..histograms.rows.len() {
            sum += histograms.get(at).map_or(0, |histogram| histogram.size_samples() as u64);
            before.push(sum);
        }
        let until = |at: usize| before.get(at).copied().unwrap_or(sum);
        self.slide((call, reads), histograms.timestamps_ms, |range| {
            until(range.end).saturating_sub(until(range.start)) * times
        });
    }

    /// Counts the samples that are the answer.
    pub(crate) fn samples(&mut self, samples: &SampleColumns) {
        let histograms: usize = samples.histograms.iter().map(|histogram| histogram.size_samples()).sum();
        let count = (samples.len() - samples.histograms.len() + histograms) as u64;
        self.at(0, count, count, Counted::Steps);
    }

    fn slide(&mut self, (call, reads): (&RangeCall, bool), times_ms: &[i64], size: impl Fn(Range<usize>) -> u64) {
        let (mut first, mut end) = (0, 0);
        for (step, time_ms) in call.grid.times_ms().enumerate() {
            let (from_ms, to_ms) = call.bounds_ms(time_ms);
            let seen = end;
            first += times_ms.get(first..).unwrap_or_default().partition_point(|time_ms| *time_ms <= from_ms);
            end = end.max(first);
            end += times_ms.get(end..).unwrap_or_default().partition_point(|time_ms| *time_ms <= to_ms);
            if first < end {
                let read = if reads { size(seen.max(first)..end) } else { 0 };
                self.at(step, size(first..end), read, call.counted);
            }
        }
    }

    fn at(&mut self, step: usize, queryable: u64, read: u64, counted: Counted) {
        let step = if counted == Counted::Steps { step } else { 0 };
        match counted {
            Counted::Within => {}
            Counted::Once => self.queryable.iter_mut().for_each(|at| *at += queryable),
            Counted::Steps => self.queryable.get_mut(step).into_iter().for_each(|at| *at += queryable),
            Counted::Root { times } => {
                self.queryable.first_mut().into_iter().for_each(|at| *at += queryable * times as u64);
            }
        }
        self.read.get_mut(step).into_iter().for_each(|at| *at += read);
    }
}

#[cfg(test)]
mod tests;
