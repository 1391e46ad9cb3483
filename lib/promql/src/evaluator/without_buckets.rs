//! Native histograms of which only counts and sums are looked at.
//!
//! Source: Prometheus 3.14, `promql/histogram_stats_iterator.go`.

#[cfg(test)]
mod tests;

use crate::Grid;
use crate::kernels::margin;
use crate::plan::{Leaf, Shift};
use model::{HistogramColumn, HistogramLayout, HistogramRef, Numbers, ResetHint, SampleColumns};
use std::sync::Arc;

/// Histograms of one series without their buckets. What buckets tell of the counter goes into hints before.
#[derive(Debug, Default)]
pub(super) struct WithoutBuckets {
    histograms: HistogramColumn,
    /// Samples before which nothing was read: a selector passes over what no step sees.
    starts: Vec<usize>,
}

impl WithoutBuckets {
    /// Takes the histograms of `columns`, as a selector reads them.
    pub(super) fn fill(&mut self, columns: &SampleColumns, leaf: &Leaf) {
        self.find_starts(&columns.timestamps_ms, leaf);
        self.histograms.clear();
        let mut starts = self.starts.iter().peekable();
        let mut layout: Option<(i32, u32)> = None;
        let mut before: Option<HistogramRef<'_>> = None;
        for (histogram, at) in columns.histograms.iter().zip(&columns.histogram_at) {
            while starts.next_if(|start| **start <= *at as usize).is_some() {
                before = None;
            }
            let mut hint = histogram.hint;
            if !histogram.is_stale() {
                if let (ResetHint::Unknown, Some(before)) = (hint, &before) {
                    hint = if histogram.detect_reset(before) { ResetHint::Reset } else { ResetHint::NotReset };
                }
                before = Some(HistogramRef { hint, ..histogram });
            }
            let schema = histogram.layout.schema();
            let number = match layout {
                Some((same, number)) if same == schema => number,
                _ => layout.insert((schema, self.histograms.add_layout(Arc::new(without_spans(schema))))).1,
            };
            let count = histogram.numbers.value(histogram.count()).to_bits();
            self.histograms.push_cells(number, Numbers::Float, (hint, histogram.sum), &[count, 0]);
        }
    }

    pub(super) fn histograms(&mut self) -> &mut HistogramColumn {
        &mut self.histograms
    }

    /// Goes through the samples as Prometheus does: from step to step, one after the other unless the next ones that the step
    /// sees are farther ahead.
    fn find_starts(&mut self, times_ms: &[i64], leaf: &Leaf) {
        self.starts.clear();
        let Some((grid, shift, back_ms)) = reach(leaf) else { return };
        let (mut at, mut read_ms) = (0, i64::MIN);
        for step in 0..grid.steps() {
            let end_ms = shift.apply(grid.time_ms(step));
            let start_ms = end_ms.saturating_sub(back_ms);
            if start_ms > read_ms {
                let Some(ahead) = times_ms.get(at..) else { return };
                let passed = ahead.partition_point(|time_ms| *time_ms < start_ms);
                if passed > 0 {
                    at += passed;
                    self.starts.push(at);
                }
                let Some(time_ms) = times_ms.get(at) else { return };
                read_ms = *time_ms;
            }
            while read_ms < end_ms {
                at += 1;
                let Some(time_ms) = times_ms.get(at) else { return };
                read_ms = *time_ms;
            }
        }
    }
}

fn without_spans(schema: i32) -> HistogramLayout {
    HistogramLayout::new(schema, 0.0, Vec::new(), Vec::new(), Vec::new()).unwrap_or_default()
}

/// Over which steps a selector goes, and how far it reads back from each, the start inside.
fn reach(leaf: &Leaf) -> Option<(&Grid, Shift, i64)> {
    Some(match leaf {
        Leaf::Instant { grid, shift, lookback_ms, .. } | Leaf::Smoothed { grid, shift, lookback_ms, .. } => {
            (grid, *shift, lookback_ms - 1)
        }
        Leaf::Range(call) => {
            (&call.grid, call.shift, call.range_ms.saturating_add(margin(call.boundary, call.lookback_ms).before_ms))
        }
        Leaf::Samples { .. } => return None,
    })
}
