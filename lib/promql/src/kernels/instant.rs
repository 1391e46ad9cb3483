//! Instant selectors: the newest sample within the lookback.

use super::regular::{Alike, Pieces, Stretch};
use super::windows::{Ends, Samples, advance_by};
use crate::Grid;
use crate::chain::seconds;
use crate::column::{Column, ColumnBuilder, FloatColumn, MixedBuilder, Slots};
use crate::plan::{Reading, Shift};
use model::{HistogramRef, SampleColumns};
use std::ops::Range;

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
    let Samples { timestamps_ms, values, .. } = samples;
    // In a window that is as wide as samples are far apart there is one: the newest.
    let range_ms = |spacing_ms| (spacing_ms <= lookback_ms).then_some(spacing_ms);
    let mut end = 0;
    for (steps, stretch) in Pieces::new(timestamps_ms, grid.steps(), Ends::new(grid, shift, 0), range_ms) {
        match stretch.filter(|_| reading == Reading::Sample).as_ref().and_then(Stretch::rows) {
            Some(rows) => rows.for_each(|row| row.copy_first(values, &mut slots)),
            None => each_newest(samples, (grid, steps), shift, (lookback_ms, &mut end), |step, at| {
                slots.set(step, samples.read(reading, at));
            }),
        }
    }
    out.build()
}

impl Alike {
    /// Sets the first value of each window, unless it is a stale marker.
    fn copy_first(self, values: &[f64], slots: &mut Slots<'_>) {
        let mut is_any_stale = false;
        for (slot, value) in slots.row(self.places()).zip(self.each_of(&values[self.first..])) {
            *slot = *value;
            is_any_stale |= model::is_stale(*value);
        }
        if !is_any_stale {
            return slots.set_row(self.places());
        }
        for (step, at) in self.iter().filter(|(_, at)| !model::is_stale(values[*at])) {
            slots.set(step, values[at]);
        }
    }
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
    each_newest(all, (grid, 0..grid.steps()), shift, (lookback_ms, &mut 0), |step, at| {
        let row = samples.histogram_row(at).filter(|_| matches!(reading, Reading::Sample | Reading::TimeOfFloat));
        let histogram = row.and_then(|row| Some((samples.histograms.layout(row)?, samples.histograms.get(row)?)));
        match histogram {
            Some((shared, histogram)) => out.shared_histogram(step, shared, histogram),
            None => out.float(step, all.read(reading, at)),
        }
    });
    out.build()
}

/// What `function` makes of the newest samples that are histograms.
pub(crate) fn of_newest(
    samples: &SampleColumns,
    (grid, shift, lookback_ms): (&Grid, Shift, i64),
    function: fn(&HistogramRef<'_>) -> f64,
) -> FloatColumn {
    let mut out = ColumnBuilder::new(grid.steps());
    let mut slots = out.slots();
    each_newest(samples.into(), (grid, 0..grid.steps()), shift, (lookback_ms, &mut 0), |step, at| {
        if let Some(histogram) = samples.histogram(at) {
            slots.set(step, function(&histogram));
        }
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

/// Calls `f` with each of some steps of a grid at which a sample is found, and the position of that sample; before `end`
/// none is looked for.
#[inline]
fn each_newest(
    samples: Samples<'_>,
    (grid, steps): (&Grid, Range<usize>),
    shift: Shift,
    (lookback_ms, end): (i64, &mut usize),
    mut f: impl FnMut(usize, usize),
) {
    let Samples { timestamps_ms, values, .. } = samples;
    let mut step_ms = grid.time_ms(steps.start);
    let (mut behind, mut stride) = (*end, 0);
    for step in steps {
        let time_ms = shift.apply(step_ms);
        step_ms = step_ms.saturating_add(grid.step_ms());
        let before = behind;
        behind = advance_by(stride, timestamps_ms, before, time_ms);
        stride = behind - before;
        let Some(at) = behind.checked_sub(1) else { continue };
        if timestamps_ms[at] > time_ms.saturating_sub(lookback_ms) && !model::is_stale(values[at]) {
            f(step, at);
        }
    }
    *end = behind;
}
