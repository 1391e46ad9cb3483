//! Windows over the samples of a series, one for each step of a grid.

use crate::Grid;
use crate::column::{Column, ColumnBuilder, FloatColumn, MixedBuilder, Presence};
use crate::plan::Shift;
use model::{HistogramColumn, HistogramRef, SampleColumns};
use smallvec::SmallVec;
use std::ops::Range;

/// Floats of one series, timestamps rising.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Samples<'a> {
    pub(crate) timestamps_ms: &'a [i64],
    pub(crate) values: &'a [f64],
    /// When the counter behind each began, 0: not known; empty where nobody is to know.
    pub(crate) starts_ms: &'a [i64],
}

/// Histograms of one series, timestamps rising.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Histograms<'a> {
    pub(crate) timestamps_ms: &'a [i64],
    /// The row of each in the column.
    pub(crate) rows: &'a [usize],
    /// As those of floats.
    pub(crate) starts_ms: &'a [i64],
    pub(crate) column: &'a HistogramColumn,
}

/// One window over floats and histograms; there is something in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MixedWindow<'a> {
    pub(crate) step: usize,
    /// Where it starts and ends, margins aside.
    pub(crate) bounds_ms: (i64, i64),
    pub(crate) floats: Samples<'a>,
    pub(crate) histograms: Histograms<'a>,
    /// Where it starts among all histograms of the series.
    pub(crate) first_histogram: usize,
}

/// The windows of `range_ms` that end at the (shifted) steps of a grid: their start is outside, their end inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows<'a> {
    pub(crate) samples: Samples<'a>,
    pub(crate) grid: &'a Grid,
    pub(crate) range_ms: i64,
    pub(crate) shift: Shift,
    pub(crate) margin: Margin,
    /// Steps whose windows are passed over.
    pub(crate) except: Option<&'a Presence>,
}

/// How far before its start and behind its end a window looks as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Margin {
    pub(crate) before_ms: i64,
    pub(crate) behind_ms: i64,
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
    /// Empty where nobody is to know.
    pub(crate) starts_ms: &'a [i64],
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

    /// What `f` makes of the windows over these floats and over `histograms`, those that are not empty.
    pub(crate) fn map_mixed(
        self,
        histograms: Histograms<'a>,
        mut f: impl FnMut(MixedWindow<'a>, &mut MixedBuilder),
    ) -> Column {
        let mut out = MixedBuilder::new(self.grid.steps());
        let (mut floats, mut others) = ((0, 0), (0, 0));
        for (step, time_ms) in self.grid.times_ms().enumerate() {
            let end_ms = self.shift.apply(time_ms);
            let start_ms = end_ms.saturating_sub(self.range_ms);
            let slide = |(first, end): &mut (usize, usize), timestamps_ms| {
                *first = advance(timestamps_ms, *first, self.margin.first_ms(start_ms));
                *end = advance(timestamps_ms, (*end).max(*first), self.margin.last_ms(end_ms));
                *first..*end
            };
            let floats = self.samples.slice(slide(&mut floats, self.samples.timestamps_ms));
            let rows = slide(&mut others, histograms.timestamps_ms);
            let (first_histogram, histograms) = (rows.start, histograms.slice(rows));
            if !(floats.values.is_empty() && histograms.rows.is_empty()) {
                f(MixedWindow { step, bounds_ms: (start_ms, end_ms), floats, histograms, first_histogram }, &mut out);
            }
        }
        out.build()
    }

    /// Calls `f` with each window that is not empty.
    fn each(self, mut f: impl FnMut(Window<'a>)) {
        let Samples { timestamps_ms, values, starts_ms } = self.samples;
        let (mut first, mut end) = (0, 0);
        let mut time_ms = self.grid.start_ms();
        for step in 0..self.grid.steps() {
            let end_ms = self.shift.apply(time_ms);
            let start_ms = end_ms.saturating_sub(self.range_ms);
            first = advance(timestamps_ms, first, self.margin.first_ms(start_ms));
            end = advance(timestamps_ms, end.max(first), self.margin.last_ms(end_ms));
            if first < end && self.except.is_none_or(|steps| !steps.get(step)) {
                let (timestamps_ms, values) = (&timestamps_ms[first..end], &values[first..end]);
                let starts_ms = starts_ms.get(first..end).unwrap_or_default();
                f(Window { step, time_ms, start_ms, end_ms, first, timestamps_ms, values, starts_ms });
            } else if first == timestamps_ms.len() && !self.shift.is_fixed() {
                break;
            }
            time_ms = time_ms.saturating_add(self.grid.step_ms());
        }
    }
}

impl<'a> Window<'a> {
    /// The samples in it.
    pub(crate) fn samples(self) -> Samples<'a> {
        Samples { timestamps_ms: self.timestamps_ms, values: self.values, starts_ms: self.starts_ms }
    }
}

impl<'a> Samples<'a> {
    /// Some of them.
    pub(crate) fn slice(self, range: Range<usize>) -> Self {
        Self {
            timestamps_ms: &self.timestamps_ms[range.clone()],
            starts_ms: self.starts_ms.get(range.clone()).unwrap_or_default(),
            values: &self.values[range],
        }
    }
}

impl<'a> Histograms<'a> {
    /// Some of them.
    pub(crate) fn slice(self, range: Range<usize>) -> Self {
        Self {
            timestamps_ms: &self.timestamps_ms[range.clone()],
            starts_ms: self.starts_ms.get(range.clone()).unwrap_or_default(),
            rows: &self.rows[range],
            column: self.column,
        }
    }

    /// Number `at`.
    pub(crate) fn get(self, at: usize) -> Option<HistogramRef<'a>> {
        self.column.get(*self.rows.get(at)?)
    }

    /// All of them, in order.
    pub(crate) fn iter(self) -> impl DoubleEndedIterator<Item = HistogramRef<'a>> {
        self.rows.iter().filter_map(move |row| self.column.get(*row))
    }
}

/// All of them are taken for floats.
impl<'a> From<&'a SampleColumns> for Samples<'a> {
    fn from(columns: &'a SampleColumns) -> Self {
        Self { timestamps_ms: &columns.timestamps_ms, values: &columns.values, starts_ms: &columns.starts_ms }
    }
}

impl Margin {
    fn first_ms(self, start_ms: i64) -> i64 {
        start_ms.saturating_sub(self.before_ms)
    }

    fn last_ms(self, end_ms: i64) -> i64 {
        end_ms.saturating_add(self.behind_ms)
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
