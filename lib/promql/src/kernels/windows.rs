//! Windows over the samples of a series, one for each step of a grid.

use crate::Grid;
use crate::column::{ColumnBuilder, FloatColumn};
use crate::plan::Shift;

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
        let Samples { timestamps_ms, values } = self.samples;
        let (mut first, mut end) = (0, 0);
        for step in 0..self.grid.steps() {
            let time_ms = self.grid.time_ms(step);
            let end_ms = self.shift.apply(time_ms);
            let start_ms = end_ms.saturating_sub(self.range_ms);
            first = advance(timestamps_ms, first, start_ms);
            end = advance(timestamps_ms, end.max(first), end_ms);
            if first == end {
                if end == timestamps_ms.len() && !self.shift.is_fixed() {
                    break;
                }
                continue;
            }
            let (timestamps_ms, values) = (&timestamps_ms[first..end], &values[first..end]);
            if let Some(value) = f(Window { step, time_ms, start_ms, end_ms, first, timestamps_ms, values }) {
                out.set(step, value);
            }
        }
        out.build()
    }
}

/// How many steps forward are tried one by one.
const NEAR: usize = 8;

/// The first position from `from` on whose timestamp is greater than `bound_ms`; none before `from` is.
pub(crate) fn advance(timestamps_ms: &[i64], from: usize, bound_ms: i64) -> usize {
    let near = timestamps_ms.len().min(from + NEAR);
    for (at, timestamp_ms) in timestamps_ms[from..near].iter().enumerate() {
        if *timestamp_ms > bound_ms {
            return from + at;
        }
    }
    // Steps are wide, or samples are dense: in strides that double.
    let (mut low, mut stride) = (near, NEAR);
    while low + stride < timestamps_ms.len() && timestamps_ms[low + stride] <= bound_ms {
        low += stride;
        stride *= 2;
    }
    let high = timestamps_ms.len().min(low + stride);
    low + timestamps_ms[low..high].partition_point(|timestamp_ms| *timestamp_ms <= bound_ms)
}
