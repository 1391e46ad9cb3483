//! What happens from one sample to the next, of whatever kind they are.

use super::{Point, Value};
use crate::ast::Boundary;
use crate::column::FloatColumn;
use crate::kernels::RangeCall;
use crate::kernels::rate::began_between;
use crate::kernels::windows::{Histograms, Samples, Windows};

impl RangeCall {
    /// How many neighbours in each window are as `is_one` says.
    pub(super) fn count_pairs(
        &self,
        windows: Windows<'_>,
        histograms: Histograms<'_>,
        is_one: fn(Point<'_>, Point<'_>) -> bool,
    ) -> FloatColumn {
        // For each sample 1 if it and the one before it are so, else 0.
        let (mut times_ms, mut found) = (Vec::new(), Vec::new());
        let mut before = None;
        for point in merged(windows.samples, histograms) {
            times_ms.push(point.time_ms);
            found.push(f64::from(u8::from(before.is_some_and(|before| is_one(before, point)))));
            before = Some(point);
        }
        let samples = Samples { timestamps_ms: &times_ms, values: &found, starts_ms: &[] };
        let windows = Windows { samples, ..windows };
        windows.map(|window| {
            // An anchored window begins with the last sample before it.
            let before = match self.boundary {
                Some(Boundary::Anchored) => window.timestamps_ms.partition_point(|ms| *ms <= window.start_ms),
                _ => 1,
            };
            let has_sample = before < window.values.len() || self.boundary.is_none();
            let found: f64 = window.values.iter().skip(before.max(1)).sum();
            // The sum of nothing is −0.
            has_sample.then_some(found + 0.0)
        })
    }
}

/// All samples in order of their times.
fn merged<'a>(floats: Samples<'a>, histograms: Histograms<'a>) -> impl Iterator<Item = Point<'a>> {
    let (mut float, mut histogram) = (0, 0);
    std::iter::from_fn(move || {
        let next = [floats.timestamps_ms.get(float), histograms.timestamps_ms.get(histogram)];
        let is_histogram = match next {
            [Some(float_ms), Some(histogram_ms)] => histogram_ms < float_ms,
            [float_ms, _] => float_ms.is_none(),
        };
        if is_histogram {
            histogram += 1;
            histograms.point(histogram - 1)
        } else {
            float += 1;
            floats.point(float - 1)
        }
    })
}

impl<'a> Samples<'a> {
    /// Number `at`.
    pub(super) fn point(self, at: usize) -> Option<Point<'a>> {
        let start_ms = self.starts_ms.get(at).copied().unwrap_or(0);
        Some(Point { time_ms: *self.timestamps_ms.get(at)?, start_ms, value: Value::Float(*self.values.get(at)?) })
    }
}

impl<'a> Histograms<'a> {
    /// Number `at`.
    pub(super) fn point(self, at: usize) -> Option<Point<'a>> {
        let start_ms = self.starts_ms.get(at).copied().unwrap_or(0);
        Some(Point { time_ms: *self.timestamps_ms.get(at)?, start_ms, value: Value::Histogram(self.get(at)?) })
    }
}

impl Point<'_> {
    /// Whether its counter is known to have begun after `before` was taken.
    pub(super) fn began_after(self, before: Self) -> bool {
        began_between([before.start_ms, self.start_ms], [before.time_ms, self.time_ms])
    }
}

/// Whether a counter began anew. One of another kind is another one.
pub(super) fn is_reset(before: Point<'_>, now: Point<'_>) -> bool {
    match (before.value, now.value) {
        (Value::Float(old), Value::Float(new)) => new < old || now.began_after(before),
        (Value::Histogram(old), Value::Histogram(new)) => now.began_after(before) || new.detect_reset(&old),
        _ => true,
    }
}

/// Whether the value is another one.
pub(super) fn is_change(before: Point<'_>, now: Point<'_>) -> bool {
    match (before.value, now.value) {
        (Value::Float(old), Value::Float(new)) => new != old && !(new.is_nan() && old.is_nan()),
        (Value::Histogram(old), Value::Histogram(new)) => !new.is_same(&old),
        _ => true,
    }
}
