//! How fast the counts of histograms change.

use super::{Point, Speaker, Value, WorkingHistograms};
use crate::annotations::{HistogramStep, Remark};
use crate::column::Column;
use crate::kernels::rate::{Extrapolation, began_between, began_ms, has_overlap};
use crate::kernels::windows::{Histograms, MixedWindow, Windows};
use crate::kernels::{Kernel, RangeCall};
use model::{FloatHistogram, HistogramLayout, HistogramRef, Numbers, ResetHint};
use smallvec::SmallVec;

impl Histograms<'_> {
    /// Says of each whether a counter began anew before it.
    pub(super) fn find_resets(self, resets: &mut Vec<bool>) {
        let mut before = None;
        resets.extend(self.iter().enumerate().map(|(at, histogram)| {
            let before: Option<HistogramRef<'_>> = before.replace(histogram);
            before.is_some_and(|before| self.began_before(at) || histogram.detect_reset(&before))
        }));
    }

    /// Whether the counter of number `at` is known to have begun after the one before was taken.
    fn began_before(self, at: usize) -> bool {
        let pair = |of: &[i64]| Some([*of.get(at.checked_sub(1)?)?, *of.get(at)?]);
        match (pair(self.starts_ms), pair(self.timestamps_ms)) {
            (Some(starts), Some(times)) => began_between(starts, times),
            _ => false,
        }
    }
}

impl RangeCall {
    /// `rate`, `increase` and `delta` of a window of histograms become the result; `None` if there is none.
    pub(super) fn extrapolated(
        &self,
        window: MixedWindow<'_>,
        working: &mut WorkingHistograms,
        speaker: &mut Speaker<'_>,
    ) -> Option<()> {
        let is_counter = self.kernel.is_counter();
        let histograms = window.histograms;
        let times_ms = histograms.timestamps_ms;
        let first = histograms.get(0)?;
        let began_ms = began_ms(histograms.starts_ms, times_ms, window.bounds_ms.0).filter(|_| is_counter);
        if times_ms.len() < 2 {
            began_ms?;
            working.result.assign(first);
        } else {
            let resets = working.resets.get(window.first_histogram..).unwrap_or_default();
            difference(histograms, (is_counter, resets), &mut working.result, speaker)?;
            if is_counter && has_overlap(histograms.starts_ms, times_ms) {
                self.warn_of_overlaps(1, speaker.name, speaker.notes);
            }
            if began_ms.is_some() {
                speaker.add(&mut working.result, first)?;
            }
        }
        let per_seconds = (self.kernel == Kernel::Rate).then_some(self.range_seconds);
        let counts = (first.numbers.value(first.count()), working.result.count());
        let extrapolation = Extrapolation { is_counter, per_seconds };
        working.result.scale(extrapolation.factor(times_ms, window.bounds_ms, counts, began_ms));
        Some(())
    }

    /// `irate` and `idelta` of the last two samples of each window.
    pub(super) fn of_last_two(
        &self,
        windows: Windows<'_>,
        histograms: Histograms<'_>,
        mut speaker: Speaker<'_>,
    ) -> Column {
        let is_rate = self.kernel == Kernel::Irate;
        let mut result = FloatHistogram::default();
        windows.map_mixed(histograms, |window, out| {
            let Some([before, last]) = window.last_two() else { return };
            let seconds = (last.time_ms - before.time_ms) as f64 / 1000.0;
            if seconds == 0.0 {
                return;
            }
            match (before.value, last.value) {
                (Value::Float(old), Value::Float(new)) => {
                    let anew = is_rate && (new < old || last.began_after(before));
                    let change = if anew { new } else { new - old };
                    out.float(window.step, if is_rate { change / seconds } else { change });
                }
                (Value::Histogram(old), Value::Histogram(new)) => {
                    let anew = is_rate && (last.began_after(before) || new.detect_reset(&old));
                    if speaker.change([old, new], (is_rate, anew), &mut result).is_none() {
                        return;
                    }
                    if is_rate {
                        result.divide(seconds);
                    }
                    out.histogram(window.step, result.as_ref());
                }
                _ => speaker.say(Remark::MixedRange(speaker.name)),
            }
        })
    }
}

impl<'a> MixedWindow<'a> {
    /// The last two samples, of whatever kind.
    fn last_two(self) -> Option<[Point<'a>; 2]> {
        let newest = |len: usize| len.saturating_sub(2)..len;
        let mut points: SmallVec<[Point<'a>; 4]> = SmallVec::new();
        points.extend(newest(self.floats.values.len()).filter_map(|at| self.floats.point(at)));
        points.extend(newest(self.histograms.rows.len()).filter_map(|at| self.histograms.point(at)));
        points.sort_by_key(|point| point.time_ms);
        points.last_chunk().copied()
    }
}

/// The difference of the ends of a window of at least two, for counters with resets added back.
///
/// `resets` say before which of the window's histograms a counter began anew.
fn difference(
    histograms: Histograms<'_>,
    (is_counter, resets): (bool, &[bool]),
    result: &mut FloatHistogram,
    speaker: &mut Speaker<'_>,
) -> Option<()> {
    let (first, second, last) = (histograms.get(0)?, histograms.get(1)?, histograms.iter().next_back()?);
    let is_gauge = |histogram: HistogramRef<'_>| histogram.hint == ResetHint::Gauge;
    let is_reset = |at: usize| is_counter && resets.get(at).copied().unwrap_or(false);
    let mut any_gauge = is_gauge(first) || is_gauge(last);
    // A counter that began anew after the first one had nothing before, in whatever buckets.
    let nothing;
    let before = match is_reset(1) {
        true => {
            nothing = layout_of_nothing(second.layout, last.layout.zero_threshold());
            HistogramRef {
                layout: &nothing,
                hint: ResetHint::Unknown,
                numbers: Numbers::Float,
                cells: &[0, 0],
                sum: 0.0,
            }
        }
        false => first,
    };
    let is_custom = before.layout.has_custom_buckets();
    let mixes = |histogram: HistogramRef<'_>| histogram.layout.has_custom_buckets() != is_custom;
    if mixes(last) {
        if is_counter && any_gauge {
            speaker.say(Remark::NotCounter(speaker.name));
        }
        speaker.say(Remark::MixedSchemas(speaker.name));
        return None;
    }
    let mut schema = last.layout.schema().min(before.layout.schema());
    if is_counter {
        let len = histograms.rows.len();
        for histogram in histograms.slice(1..len - 1).iter() {
            any_gauge |= is_gauge(histogram);
            schema = schema.min(histogram.layout.schema());
            if mixes(histogram) {
                speaker.say(Remark::MixedSchemas(speaker.name));
                return None;
            }
        }
    }
    result.assign(last);
    // It cannot fail: that schema is not finer, and of custom buckets there is one only.
    let _reduced = result.reduce_to(schema);
    let subtracted = result.sub(before).map_err(|err| speaker.incompatible(err)).ok()?.bounds_reconciled;
    let mut added = false;
    if is_counter {
        let mut previous = before;
        for (at, histogram) in histograms.iter().enumerate().skip(1) {
            // Where there was nothing before, adding that back may bring bounds together still.
            let is_reset = is_reset(at) && (at > 1 || histograms.began_before(at) || histogram.detect_reset(&previous));
            if is_reset {
                added |= result.add(previous).map_err(|err| speaker.incompatible(err)).ok()?.bounds_reconciled;
            }
            previous = histogram;
        }
    }
    if is_counter && any_gauge {
        speaker.say(Remark::NotCounter(speaker.name));
    }
    if !(is_counter || is_gauge(first) && is_gauge(last)) {
        speaker.say(Remark::NotGauge(speaker.name));
    }
    for (reconciled, step) in [(subtracted, HistogramStep::Subtraction), (added, HistogramStep::Addition)] {
        if reconciled {
            speaker.say(Remark::ReconciledBounds(step));
        }
    }
    result.set_hint(ResetHint::Gauge);
    result.compact(0);
    Some(())
}

/// A layout without buckets that fits to `layout`; a zero bucket of that width makes no difference where there is nothing in it.
fn layout_of_nothing(layout: &HistogramLayout, zero_threshold: f64) -> HistogramLayout {
    let bounds = layout.custom_bounds().to_vec();
    HistogramLayout::new(layout.schema(), zero_threshold, Vec::new(), Vec::new(), bounds).unwrap_or_default()
}

impl Speaker<'_> {
    /// Adds `term` to `sum`; `None` if that cannot be done.
    pub(super) fn add(&mut self, sum: &mut FloatHistogram, term: HistogramRef<'_>) -> Option<()> {
        let added = sum.add(term).map_err(|err| self.incompatible(err)).ok()?;
        if added.bounds_reconciled {
            self.say(Remark::ReconciledBounds(HistogramStep::Addition));
        }
        Some(())
    }

    /// Subtracts `term` from `sum`; `None` if that cannot be done.
    pub(super) fn subtract(&mut self, sum: &mut FloatHistogram, term: HistogramRef<'_>) -> Option<()> {
        let added = sum.sub(term).map_err(|err| self.incompatible(err)).ok()?;
        if added.bounds_reconciled {
            self.say(Remark::ReconciledBounds(HistogramStep::Subtraction));
        }
        Some(())
    }

    /// How the second of two histograms differs from the first, or the second itself if its counter began `anew`.
    fn change(
        &mut self,
        [old, new]: [HistogramRef<'_>; 2],
        (is_rate, anew): (bool, bool),
        result: &mut FloatHistogram,
    ) -> Option<()> {
        let are_gauges = [old, new].map(|histogram| histogram.hint == ResetHint::Gauge);
        match is_rate {
            true if are_gauges.contains(&true) => self.say(Remark::NotCounter(self.name)),
            false if are_gauges.contains(&false) => self.say(Remark::NotGauge(self.name)),
            _ => {}
        }
        result.assign(new);
        if !anew {
            self.subtract(result, old)?;
        }
        result.set_hint(ResetHint::Gauge);
        result.compact(0);
        Some(())
    }
}
