//! The least and the greatest of a window.

use super::KernelScratch;
use super::windows::{Window, Windows};
use crate::chain::seconds;
use crate::column::FloatColumn;

/// The value that `better` puts before all others, the first of equals; NaN only if all are.
///
/// Keeps a queue of positions whose values get worse: the first is the answer. Each sample enters and leaves it once,
/// however much the windows overlap.
pub(crate) fn extreme(
    windows: Windows<'_>,
    better: impl Fn(f64, f64) -> bool,
    scratch: &mut KernelScratch,
) -> FloatColumn {
    let queue = &mut scratch.indices;
    queue.clear();
    let all = windows.samples.values;
    let (mut head, mut seen) = (0, 0);
    windows.map(|window| {
        let end = window.first + window.values.len();
        for at in seen.max(window.first)..end {
            let value = all[at];
            if value.is_nan() {
                continue;
            }
            while queue.len() > head && queue.last().is_some_and(|last| better(value, all[*last])) {
                queue.pop();
            }
            queue.push(at);
        }
        seen = end;
        while queue.get(head).is_some_and(|at| *at < window.first) {
            head += 1;
        }
        Some(queue.get(head).map_or(f64::NAN, |at| all[*at]))
    })
}

/// When in the window the best value was, in seconds, the last of equals.
pub(crate) fn time_of(window: Window<'_>, not_worse: impl Fn(f64, f64) -> bool) -> Option<f64> {
    let mut best = *window.values.first()?;
    let mut time_ms = *window.timestamps_ms.first()?;
    for (value, timestamp_ms) in window.values.iter().zip(window.timestamps_ms) {
        if not_worse(*value, best) || best.is_nan() {
            (best, time_ms) = (*value, *timestamp_ms);
        }
    }
    Some(seconds(time_ms))
}
