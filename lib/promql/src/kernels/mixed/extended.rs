//! `anchored` and `smoothed` over histograms: as over floats, bucket by bucket.

use super::{Speaker, WorkingHistograms};
use crate::Grid;
use crate::annotations::Remark;
use crate::ast::Boundary;
use crate::column::{Column, Presence};
use crate::kernels::extended::smoothed;
use crate::kernels::windows::{Histograms, Margin, MixedWindow, Samples, Windows};
use crate::kernels::{Kernel, RangeCall};
use crate::plan::Shift;
use model::{FloatHistogram, HistogramRef, ResetHint};

/// The ends of a window: the positions of the first and the last sample that matter, and what is at the bounds.
struct Ends {
    first: usize,
    last: usize,
    left: FloatHistogram,
    right: FloatHistogram,
}

impl RangeCall {
    /// `rate`, `increase` and `delta` between the bounds of a window become the result; `None` if there is none.
    pub(super) fn between_bounds(
        &self,
        window: MixedWindow<'_>,
        boundary: Boundary,
        working: &mut WorkingHistograms,
        speaker: &mut Speaker<'_>,
    ) -> Option<()> {
        let is_counter = self.kernel.is_counter();
        let ends = Ends::of(window, boundary, is_counter, speaker)?;
        let is_gauge = |end: &FloatHistogram| end.hint() == ResetHint::Gauge;
        if !(is_counter || is_gauge(&ends.left) && is_gauge(&ends.right)) {
            speaker.say(Remark::NotGauge(speaker.name));
        }
        let result = &mut working.result;
        result.clone_from(&ends.right);
        speaker.subtract(result, ends.left.as_ref())?;
        if is_counter && let Some(resets) = ends.resets(window, boundary, speaker)? {
            speaker.add(result, resets.as_ref())?;
        }
        if self.kernel == Kernel::Rate {
            result.divide(self.range_seconds);
        }
        result.set_hint(ResetHint::Gauge);
        result.compact(0);
        Some(())
    }
}

impl Ends {
    /// `None`: there is no sample in the window, margins aside, or they do not fit together.
    fn of(window: MixedWindow<'_>, boundary: Boundary, is_counter: bool, speaker: &mut Speaker<'_>) -> Option<Self> {
        let histograms = window.histograms;
        let times = histograms.timestamps_ms;
        let (start_ms, end_ms) = window.bounds_ms;
        let is_smoothed = boundary == Boundary::Smoothed;
        let mut last = times.len().checked_sub(1)?;
        let first = times[..last].partition_point(|time_ms| *time_ms <= start_ms).saturating_sub(1);
        if is_smoothed {
            last = times[..last].partition_point(|time_ms| *time_ms < end_ms);
        }
        if times[last] <= start_ms || is_smoothed && times[first] > end_ms {
            return None;
        }
        check_kinds(histograms.slice(first..last.max(first) + 1), is_counter, speaker)?;
        let left = match is_smoothed && times[first] < start_ms {
            true => speaker.interpolate(histograms, first, start_ms, is_counter)?,
            false => FloatHistogram::from_ref(histograms.get(first)?),
        };
        let right = match last.checked_sub(1) {
            Some(before) if is_smoothed && times[last] > end_ms => {
                speaker.interpolate(histograms, before, end_ms, is_counter)?
            }
            _ => FloatHistogram::from_ref(histograms.get(last)?),
        };
        Some(Self { first, last, left, right })
    }

    /// What counters had when they were reset, if they were; `None` if that does not fit together.
    fn resets(
        &self,
        window: MixedWindow<'_>,
        boundary: Boundary,
        speaker: &mut Speaker<'_>,
    ) -> Option<Option<FloatHistogram>> {
        let histograms = window.histograms;
        let mut before = self.left.as_ref();
        let mut from = self.first + 1;
        // The value at a smoothed bound knows already of a reset on the way from the sample before.
        let is_between = boundary == Boundary::Smoothed
            && histograms.timestamps_ms.get(self.first).is_some_and(|time_ms| *time_ms < window.bounds_ms.0);
        if is_between
            && let (Some(first), Some(next)) = (histograms.get(self.first), histograms.get(from))
            && next.detect_reset(&first)
        {
            before = next;
            from += 1;
        }
        if from > self.last {
            return Some(None);
        }
        let mut resets: Option<FloatHistogram> = None;
        // The last one is what is at the bound, or its hint has gone there.
        for histogram in histograms.slice(from..self.last).iter().chain([self.right.as_ref()]) {
            if histogram.detect_reset(&before) {
                match &mut resets {
                    Some(resets) => speaker.add(resets, before)?,
                    None => resets = Some(FloatHistogram::from_ref(before)),
                }
            }
            before = histogram;
        }
        Some(resets)
    }
}

/// Whether all have buckets of one kind; says if not, and if there are gauges where counters are meant.
fn check_kinds(histograms: Histograms<'_>, is_counter: bool, speaker: &mut Speaker<'_>) -> Option<()> {
    let is_custom = histograms.get(0)?.layout.has_custom_buckets();
    for histogram in histograms.iter() {
        if histogram.layout.has_custom_buckets() != is_custom {
            speaker.say(Remark::MixedSchemas(speaker.name));
            return None;
        }
        if is_counter && histogram.hint == ResetHint::Gauge {
            speaker.say(Remark::NotCounter(speaker.name));
        }
    }
    Some(())
}

impl Speaker<'_> {
    /// The histogram at `time_ms` on the line from number `at` to the next one. A counter that is reset between them starts with
    /// nothing.
    fn interpolate(
        &mut self,
        histograms: Histograms<'_>,
        at: usize,
        time_ms: i64,
        is_counter: bool,
    ) -> Option<FloatHistogram> {
        let (from, to) = (histograms.get(at)?, histograms.get(at + 1)?);
        let (from_ms, to_ms) = (*histograms.timestamps_ms.get(at)?, *histograms.timestamps_ms.get(at + 1)?);
        if time_ms == from_ms {
            return Some(FloatHistogram::from_ref(from));
        }
        let mut result = FloatHistogram::from_ref(to);
        if time_ms == to_ms {
            return Some(result);
        }
        let fraction = (time_ms - from_ms) as f64 / (to_ms - from_ms) as f64;
        if is_counter && to.detect_reset(&from) {
            result.scale(fraction);
            return Some(result);
        }
        self.subtract(&mut result, from)?;
        result.scale(fraction);
        self.add(&mut result, from)?;
        Some(result)
    }
}

/// A smoothed instant selector over floats and histograms; see [`smoothed`]. Where it finds both within the lookback it has
/// nothing.
pub(crate) fn smoothed_mixed(
    (floats, histograms): (Samples<'_>, Histograms<'_>),
    grid: &Grid,
    (shift, lookback_ms): (Shift, i64),
    mut speaker: Speaker<'_>,
) -> Column {
    let margin = Margin { before_ms: 0, behind_ms: lookback_ms };
    let windows = Windows { samples: floats, grid, range_ms: lookback_ms, shift, margin, except: None };
    let mut seen = Presence::none(grid.steps());
    let mut column = windows.map_mixed(histograms, |window, out| {
        if window.histograms.rows.is_empty() {
            return;
        }
        seen.set(window.step);
        if !window.floats.values.is_empty() {
            speaker.say(Remark::MixedRange(speaker.name));
        } else if let Some(histogram) = speaker.smoothed(window.histograms, window.bounds_ms.1) {
            out.histogram(window.step, histogram.as_ref());
        }
    });
    column.floats = smoothed(floats, grid, shift, lookback_ms);
    column.floats.restrict_to(column.floats.present().minus(&seen));
    column
}

impl Speaker<'_> {
    /// What there was at `time_ms`, between the samples before and behind it.
    fn smoothed(&mut self, histograms: Histograms<'_>, time_ms: i64) -> Option<FloatHistogram> {
        let times = histograms.timestamps_ms;
        let next = times.partition_point(|at_ms| *at_ms < time_ms);
        if times.get(next) == Some(&time_ms) {
            return Some(FloatHistogram::from_ref(histograms.get(next)?));
        }
        let at = next.checked_sub(1)?;
        let before = histograms.get(at)?;
        let Some(behind) = histograms.get(next) else {
            // Its hint is of the sample that it was, not of the value that is still the same.
            return Some(FloatHistogram::from_ref(HistogramRef { hint: ResetHint::Unknown, ..before }));
        };
        check_kinds(histograms.slice(at..next + 1), false, self)?;
        // What does not say that it is a gauge is a counter.
        let is_counter = [before, behind].iter().any(|histogram| histogram.hint != ResetHint::Gauge);
        self.interpolate(histograms, at, time_ms, is_counter)
    }
}
