//! Windows over the samples of a series, one for each step of a grid.

use crate::Grid;
use crate::column::{ColumnBuilder, FloatColumn};
use crate::plan::Shift;
use smallvec::SmallVec;

/// Samples of one series, timestamps rising.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Samples<'a> {
    pub(crate) timestamps_ms: &'a [i64],
    pub(crate) values: &'a [f64],
}

/// The windows of `range_ms` that end at the (shifted) steps of a grid: their start is outside, their end inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows<'a> {
    pub(crate) samples: Samples<'a>,
    pub(crate) grid: &'a Grid,
    pub(crate) range_ms: i64,
    pub(crate) shift: Shift,
}

/// One window that is not empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) step: usize,
    /// When the step is, whatever the window is shifted by.
    pub(crate) time_ms: i64,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    /// Where the window starts among all samples of the series.
    pub(crate) first: usize,
    pub(crate) timestamps_ms: &'a [i64],
    pub(crate) values: &'a [f64],
}

impl<'a> Windows<'a> {
    /// The column of what `f` makes of each window that is not empty.
    pub(crate) fn map(self, mut f: impl FnMut(Window<'a>) -> Option<f64>) -> FloatColumn {
        let mut out = ColumnBuilder::new(self.grid.steps());
        let mut slots = out.slots();
        self.each(|window| {
            if let Some(value) = f(window) {
                slots.set(window.step, value);
            }
        });
        out.build()
    }

    /// The column of what `done` makes of a state into which `add` has put each sample of a window, in order, given by its
    /// position in the series. A few windows go side by side, since each addition has to wait for the one before it.
    pub(crate) fn fold<S: Copy>(
        self,
        start: impl Fn(Window<'a>) -> S,
        add: impl Fn(S, usize) -> S,
        done: impl Fn(S, Window<'a>) -> Option<f64>,
    ) -> FloatColumn {
        const LANES: usize = 4;
        let mut out = ColumnBuilder::new(self.grid.steps());
        let mut slots = out.slots();
        let mut waiting: SmallVec<[Window<'a>; LANES]> = SmallVec::new();
        let mut finish = |window: Window<'a>, state: S, from: usize| {
            let rest = window.first + from..window.first + window.values.len();
            if let Some(value) = done(rest.fold(state, &add), window) {
                slots.set(window.step, value);
            }
        };
        self.each(|window| {
            waiting.push(window);
            let Ok(lanes) = <[Window<'a>; LANES]>::try_from(waiting.as_slice()) else { return };
            waiting.clear();
            let common = lanes.iter().map(|lane| lane.values.len()).fold(usize::MAX, usize::min);
            let mut states = lanes.map(&start);
            for at in 0..common {
                for (state, lane) in states.iter_mut().zip(&lanes) {
                    *state = add(*state, lane.first + at);
                }
            }
            for (state, lane) in states.into_iter().zip(lanes) {
                finish(lane, state, common);
            }
        });
        for window in waiting {
            finish(window, start(window), 0);
        }
        out.build()
    }

    /// Calls `f` with each window that is not empty.
    fn each(self, mut f: impl FnMut(Window<'a>)) {
        let Samples { timestamps_ms, values } = self.samples;
        let (mut first, mut end) = (0, 0);
        let mut time_ms = self.grid.start_ms();
        for step in 0..self.grid.steps() {
            let end_ms = self.shift.apply(time_ms);
            let start_ms = end_ms.saturating_sub(self.range_ms);
            first = advance(timestamps_ms, first, start_ms);
            end = advance(timestamps_ms, end.max(first), end_ms);
            if first < end {
                let (timestamps_ms, values) = (&timestamps_ms[first..end], &values[first..end]);
                f(Window { step, time_ms, start_ms, end_ms, first, timestamps_ms, values });
            } else if first == timestamps_ms.len() && !self.shift.is_fixed() {
                break;
            }
            time_ms = time_ms.saturating_add(self.grid.step_ms());
        }
    }
}

/// How many steps forward are tried one by one.
const NEAR: usize = 8;

/// The first position from `from` on whose timestamp is greater than `bound_ms`; none before `from` is.
#[inline]
pub(crate) fn advance(timestamps_ms: &[i64], from: usize, bound_ms: i64) -> usize {
    let near = timestamps_ms.len().min(from + NEAR);
    for (at, timestamp_ms) in timestamps_ms[from..near].iter().enumerate() {
        if *timestamp_ms > bound_ms {
            return from + at;
        }
    }
    if near == timestamps_ms.len() { near } else { stride(timestamps_ms, near, bound_ms) }
}

/// The same where steps are wide, or samples dense: in strides that double.
#[cold]
fn stride(timestamps_ms: &[i64], from: usize, bound_ms: i64) -> usize {
    let (mut low, mut stride) = (from, NEAR);
    while low + stride < timestamps_ms.len() && timestamps_ms[low + stride] <= bound_ms {
        low += stride;
        stride *= 2;
    }
    let high = timestamps_ms.len().min(low + stride);
    low + timestamps_ms[low..high].partition_point(|timestamp_ms| *timestamp_ms <= bound_ms)
}
