//! Lines through the samples of a window.

use super::Kahan;
use super::windows::{Window, Windows};
use crate::QueryError;
use crate::column::FloatColumn;

/// `deriv`: the slope of the line of least squares, per second.
pub(crate) fn slope(windows: Windows<'_>) -> FloatColumn {
    windows.map(|window| {
        let first_ms = *window.timestamps_ms.first()?;
        (window.values.len() > 1).then(|| line(window, first_ms).0)
    })
}

/// `predict_linear`: where that line is so many seconds after the step.
pub(crate) fn predict(windows: Windows<'_>, after: &FloatColumn) -> FloatColumn {
    windows.map(|window| {
        (window.values.len() > 1).then(|| {
            let (slope, intercept) = line(window, window.time_ms);
            slope * after.value(window.step) + intercept
        })
    })
}

/// The slope of the line of least squares, and its value at `at_ms`.
fn line(window: Window<'_>, at_ms: i64) -> (f64, f64) {
    let first = window.values.first().copied().unwrap_or(f64::NAN);
    // A level line comes out exactly level.
    if window.values.iter().skip(1).all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let (mut sum_x, mut sum_y) = (Kahan::default(), Kahan::default());
    let (mut sum_xy, mut sum_xx) = (Kahan::default(), Kahan::default());
    for (timestamp_ms, y) in window.timestamps_ms.iter().zip(window.values) {
        let x = (timestamp_ms - at_ms) as f64 / 1e3;
        sum_x = sum_x.add(x);
        sum_y = sum_y.add(*y);
        sum_xy = sum_xy.add(x * y);
        sum_xx = sum_xx.add(x * x);
    }
    let n = window.values.len() as f64;
    let (x, y, xy, xx) = (sum_x.total(), sum_y.total(), sum_xy.total(), sum_xx.total());
    let covariance = xy - x * y / n;
    let variance = xx - x * x / n;
    let slope = covariance / variance;
    (slope, y / n - slope * x / n)
}

/// `double_exponential_smoothing`: the last smoothed value.
///
/// # Errors
/// A factor that is not between 0 and 1.
pub(crate) fn smooth(
    windows: Windows<'_>,
    smoothing: &FloatColumn,
    trend: &FloatColumn,
) -> Result<FloatColumn, QueryError> {
    let mut refused = None;
    let column = windows.map(|window| {
        let (smoothing, trend) = (smoothing.value(window.step), trend.value(window.step));
        // A NaN passes, as it does in Prometheus.
        if smoothing <= 0.0 || smoothing >= 1.0 {
            refused.get_or_insert(("smoothing", "sf", smoothing));
        } else if trend <= 0.0 || trend >= 1.0 {
            refused.get_or_insert(("trend", "tf", trend));
        }
        smoothed(window.values, smoothing, trend)
    });
    match refused {
        Some((what, short, value)) => {
            let value = crate::number::fixed(value);
            Err(QueryError::Execution(format!("invalid {what} factor. Expected: 0 < {short} < 1, got: {value}")))
        }
        None => Ok(column),
    }
}

fn smoothed(values: &[f64], smoothing: f64, trend: f64) -> Option<f64> {
    let [first, second, ..] = values else { return None };
    let (mut before, mut level, mut slope) = (0.0, *first, second - first);
    for (at, value) in values.iter().enumerate().skip(1) {
        let scaled = smoothing * value;
        if at > 1 {
            slope = trend * (level - before) + (1.0 - trend) * slope;
        }
        let next = (1.0 - smoothing) * (level + slope);
        (before, level) = (level, scaled + next);
    }
    Some(level)
}
