//! Instant selectors: the newest sample within the lookback.

use super::windows::{Samples, advance};
use crate::Grid;
use crate::chain::seconds;
use crate::column::{Column, ColumnBuilder, FloatColumn, MixedBuilder};
use crate::plan::{Reading, Shift};
use model::SampleColumns;

/// At each step what is wanted of the newest sample in `(t − lookback_ms, t]`, unless that is a stale marker.
pub(crate) fn newest(
    samples: Samples<'_>,
    grid: &Grid,
    shift: Shift,
    lookback_ms: i64,
    reading: Reading,
) -> FloatColumn {
    let mut out = ColumnBuilder::new(grid.steps());
    let mut slots = out.slots();
    each_newest(samples, grid, shift, lookback_ms, |step, at| {
        slots.set(step, samples.read(reading, at));
    });
    out.build()
}

/// The same of samples some of which are histograms: among the values are their sums.
pub(crate) fn newest_mixed(
    samples: &SampleColumns,
    grid: &Grid,
    shift: Shift,
    lookback_ms: i64,
    reading: Reading,
) -> Column {
    let mut out = MixedBuilder::new(grid.steps());
    let all = Samples::from(samples);
    each_newest(all, grid, shift, lookback_ms, |step, at| match (reading, samples.histogram(at)) {
        (Reading::Sample | Reading::TimeOfFloat, Some(histogram)) => out.histogram(step, histogram),
        _ => out.float(step, all.read(reading, at)),
    });
    out.build()
}

impl Samples<'_> {
    /// What of the sample at `at` is wanted.
    #[inline]
    fn read(self, reading: Reading, at: usize) -> f64 {
        match reading {
            Reading::Sample => self.values[at],
            Reading::Time | Reading::TimeOfFloat => seconds(self.timestamps_ms[at]),
            Reading::Start => seconds(self.starts_ms.get(at).copied().unwrap_or(0)),
        }
    }
}

/// Calls `f` with each step at which a sample is found, and the position of that sample.
#[inline]
fn each_newest(samples: Samples<'_>, grid: &Grid, shift: Shift, lookback_ms: i64, mut f: impl FnMut(usize, usize)) {
    let Samples { timestamps_ms, values, .. } = samples;
    let mut end = 0;
    let mut step_ms = grid.start_ms();
    for step in 0..grid.steps() {
        let time_ms = shift.apply(step_ms);
        step_ms = step_ms.saturating_add(grid.step_ms());
        end = advance(timestamps_ms, end, time_ms);
        let Some(at) = end.checked_sub(1) else { continue };
        if timestamps_ms[at] > time_ms.saturating_sub(lookback_ms) && !model::is_stale(values[at]) {
            f(step, at);
        }
    }
}
