//! Lines through the samples of a window.

use super::Kahan;
use super::windows::{Samples, Window, Windows};
use crate::QueryError;
use crate::column::FloatColumn;

/// `deriv`: the slope of the line of least squares, per second.
pub(crate) fn slope(windows: Windows<'_>) -> FloatColumn {
    lines(windows, |window| window.timestamps_ms.first().copied().unwrap_or(0), |(slope, _), _| slope)
}

/// `predict_linear`: where that line is so many seconds after the step.
pub(crate) fn predict(windows: Windows<'_>, after: &FloatColumn) -> FloatColumn {
    let at = |(slope, intercept): (f64, f64), window: Window<'_>| slope * after.value(window.step) + intercept;
    lines(windows, |window| window.time_ms, at)
}

/// The sums that a line of least squares is made of; `x` is in seconds from `from_ms`.
#[derive(Debug, Clone, Copy)]
struct Line {
    from_ms: i64,
    x: Kahan,
    y: Kahan,
    xy: Kahan,
    xx: Kahan,
}

/// What is smoothed so far: the last two values and the slope, with the factors.
type Smoothed = [f64; 5];

/// What `result` makes of slope and value at `from_ms` of the line through each window of at least two samples.
fn lines<'a>(
    windows: Windows<'a>,
    from_ms: impl Fn(Window<'a>) -> i64,
    result: impl Fn((f64, f64), Window<'a>) -> f64,
) -> FloatColumn {
    let Samples { timestamps_ms, values, .. } = windows.samples;
    let none = Kahan::default();
    let add = |line: Line, at: usize| {
        let x = (timestamps_ms[at] - line.from_ms) as f64 / 1e3;
        let y = values[at];
        Line { x: line.x.add(x), y: line.y.add(y), xy: line.xy.add(x * y), xx: line.xx.add(x * x), ..line }
    };
    windows.fold_at(
        |window| Line { from_ms: from_ms(window), x: none, y: none, xy: none, xx: none },
        add,
        |line, window| (window.values.len() > 1).then(|| result(line.solve(window.values), window)),
    )
}

impl Line {
    /// Slope, and value at the start of `x`.
    fn solve(self, values: &[f64]) -> (f64, f64) {
        let first = values.first().copied().unwrap_or(f64::NAN);
        // A level line comes out exactly level.
        if values.iter().skip(1).all(|value| *value == first) {
            return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
        }
        let n = values.len() as f64;
        let (x, y, xy, xx) = (self.x.total(), self.y.total(), self.xy.total(), self.xx.total());
        let covariance = xy - x * y / n;
        let variance = xx - x * x / n;
        let slope = covariance / variance;
        (slope, y / n - slope * x / n)
    }
}

/// `double_exponential_smoothing`: the last smoothed value.
///
/// # Errors
/// A factor that is not between 0 and 1.
pub(crate) fn smooth<'a>(
    windows: Windows<'a>,
    smoothing: &FloatColumn,
    trend: &FloatColumn,
) -> Result<FloatColumn, QueryError> {
    let mut outcome = Ok(());
    let start = |window: Window<'a>| {
        let (smoothing, trend) = (smoothing.value(window.step), trend.value(window.step));
        if outcome.is_ok() {
            outcome = check_factors(smoothing, trend);
        }
        smooth_first(window.values, smoothing, trend)
    };
    let column = windows.fold(start, smooth_next, |[_, level, ..], _| level);
    outcome.map(|()| column)
}

/// Refuses factors of `double_exponential_smoothing` that are not between 0 and 1.
pub(crate) fn check_factors(smoothing: f64, trend: f64) -> Result<(), QueryError> {
    for (what, short, value) in [("smoothing", "sf", smoothing), ("trend", "tf", trend)] {
        // A NaN passes, as it does in Prometheus.
        if value <= 0.0 || value >= 1.0 {
            let value = crate::number::fixed(value);
            let text = format!("invalid {what} factor. Expected: 0 < {short} < 1, got: {value}");
            return Err(QueryError::Execution(text));
        }
    }
    Ok(())
}

/// That of the first two values, and the other values; `None`: there are no two.
fn smooth_first(values: &[f64], smoothing: f64, trend: f64) -> Option<(Smoothed, &[f64])> {
    let [first, second, rest @ ..] = values else { return None };
    Some((smoothed([0.0, *first, second - first, smoothing, trend], *second), rest))
}

/// Takes in a value from the third one on.
#[inline(always)]
fn smooth_next([before, level, slope, smoothing, trend]: Smoothed, value: f64) -> Smoothed {
    let slope = trend * (level - before) + (1.0 - trend) * slope;
    smoothed([before, level, slope, smoothing, trend], value)
}

/// Takes in a value after the slope before it is known.
#[inline(always)]
fn smoothed([_, level, slope, smoothing, trend]: Smoothed, value: f64) -> Smoothed {
    let scaled = smoothing * value;
    let next = (1.0 - smoothing) * (level + slope);
    [level, scaled + next, slope, smoothing, trend]
}
