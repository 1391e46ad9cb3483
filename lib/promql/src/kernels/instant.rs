//! Instant selectors: the newest sample within the lookback.

use super::windows::{Samples, advance};
use crate::Grid;
use crate::chain::seconds;
use crate::column::{ColumnBuilder, FloatColumn};
use crate::plan::Shift;

/// At each step the newest sample in `(t − lookback_ms, t]`, unless that is a stale marker; or when it was, in seconds, if
/// `timestamps` is set.
pub(crate) fn newest(
    samples: Samples<'_>,
    grid: &Grid,
    shift: Shift,
    lookback_ms: i64,
    timestamps: bool,
) -> FloatColumn {
    let mut out = ColumnBuilder::new(grid.steps());
    let Samples { timestamps_ms, values } = samples;
    let mut slots = out.slots();
    let mut end = 0;
    let mut step_ms = grid.start_ms();
    for step in 0..grid.steps() {
        let time_ms = shift.apply(step_ms);
        step_ms = step_ms.saturating_add(grid.step_ms());
        end = advance(timestamps_ms, end, time_ms);
        let Some(at) = end.checked_sub(1) else { continue };
        let (timestamp_ms, value) = (timestamps_ms[at], values[at]);
        if timestamp_ms > time_ms.saturating_sub(lookback_ms) && !model::is_stale(value) {
            slots.set(step, if timestamps { seconds(timestamp_ms) } else { value });
        }
    }
    out.build()
}
