//! Windows over the samples of a series, one for each step of a grid.

use super::regular::{Alike, Pieces, Stretch, Ticks};
use crate::Grid;
use crate::column::{Column, ColumnBuilder, FloatColumn, MixedBuilder, Presence, Slots};
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

/// The times at which windows end that are equally far apart, none of them saturated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    first_ms: i64,
    pub(super) step_ms: i64,
    pub(super) steps: usize,
}

/// Where the windows of steps, one after the other, begin and end among the samples.
#[derive(Debug, Default)]
struct Bounds {
    first: usize,
    end: usize,
    /// By how many samples the last one ended further than the one before.
    stride: usize,
    /// Those of the next step, where they are reckoned.
    ticks: Option<(Ticks, Ticks)>,
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
    pub(crate) fn fold_at<S: Copy>(
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

    /// As [`Self::map`], but rows of windows that are alike go to `alike`, if no step is passed over and nobody is to know
    /// when counters began.
    pub(super) fn map_rows(
        self,
        mut alike: impl FnMut(Alike, &mut Slots<'_>),
        mut other: impl FnMut(Window<'a>) -> Option<f64>,
    ) -> FloatColumn {
        let mut out = ColumnBuilder::new(self.grid.steps());
        let mut slots = out.slots();
        let mut bounds = Bounds::default();
        let can_be_alike = self.except.is_none() && self.samples.starts_ms.is_empty();
        for (steps, stretch) in self.pieces() {
            match stretch.as_ref().filter(|_| can_be_alike).and_then(Stretch::rows) {
                Some(rows) => rows.for_each(|row| alike(row, &mut slots)),
                None => self.each_of(steps, stretch, &mut bounds, |window| {
                    if let Some(value) = other(window) {
                        slots.set(window.step, value);
                    }
                }),
            }
        }
        out.build()
    }

    /// Calls `f` with each window that is not empty.
    pub(super) fn each(self, mut f: impl FnMut(Window<'a>)) {
        let mut bounds = Bounds::default();
        for (steps, stretch) in self.pieces() {
            self.each_of(steps, stretch, &mut bounds, &mut f);
        }
    }

    /// Where the window of a step starts and ends.
    pub(super) fn bounds_ms(self, step: usize) -> (i64, i64) {
        let end_ms = self.shift.apply(self.grid.time_ms(step));
        (end_ms.saturating_sub(self.range_ms), end_ms)
    }

    /// The steps, in pieces of which it is known or not that bounds lie among samples that are equally far apart.
    fn pieces(self) -> impl Iterator<Item = (Range<usize>, Option<Stretch>)> {
        let Margin { before_ms, behind_ms } = self.margin;
        let ends = Ends::new(self.grid, self.shift, behind_ms);
        let range_ms = self.range_ms.checked_add(before_ms).and_then(|range_ms| range_ms.checked_add(behind_ms));
        Pieces::new(self.samples.timestamps_ms, self.grid.steps(), ends, move |_| range_ms)
    }

    /// Calls `f` with each window of the next steps that is not empty; their bounds are reckoned if they lie within `stretch`.
    #[inline]
    fn each_of(
        self,
        steps: Range<usize>,
        stretch: Option<Stretch>,
        bounds: &mut Bounds,
        mut f: impl FnMut(Window<'a>),
    ) {
        let Samples { timestamps_ms, values, starts_ms } = self.samples;
        bounds.ticks = stretch.map(|stretch| (stretch.first, stretch.end));
        let mut time_ms = self.grid.time_ms(steps.start);
        for step in steps {
            let end_ms = self.shift.apply(time_ms);
            let start_ms = end_ms.saturating_sub(self.range_ms);
            let (first, end) = bounds.next(timestamps_ms, self.margin.first_ms(start_ms), self.margin.last_ms(end_ms));
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

impl Bounds {
    /// Those of the next step: the first sample behind `first_ms`, and the first behind `last_ms`.
    #[inline]
    fn next(&mut self, timestamps_ms: &[i64], first_ms: i64, last_ms: i64) -> (usize, usize) {
        match &mut self.ticks {
            Some((first, end)) => (self.first, self.end) = (first.next(), end.next()),
            None => {
                self.first = advance_by(self.stride, timestamps_ms, self.first, first_ms);
                let from = self.end.max(self.first);
                self.end = advance_by(self.stride, timestamps_ms, from, last_ms);
                self.stride = self.end - from;
            }
        }
        (self.first, self.end)
    }
}

impl Ends {
    /// The ends of the windows at the steps of a grid, `behind_ms` later; `None`: they are not equally far apart.
    pub(super) fn new(grid: &Grid, shift: Shift, behind_ms: i64) -> Option<Self> {
        let Shift::Back(offset_ms) = shift else { return None };
        let (step_ms, steps) = (grid.step_ms(), grid.steps());
        let ends = Self { first_ms: grid.start_ms().checked_sub(offset_ms)?.checked_add(behind_ms)?, step_ms, steps };
        // No time on the way to a bound is saturated either.
        let span_ms = step_ms.checked_mul(i64::try_from(steps).ok()?)?;
        grid.start_ms().checked_add(span_ms)?.checked_sub(offset_ms)?.checked_add(behind_ms)?;
        Some(ends)
    }

    /// That of `step`, which is one of the grid.
    pub(super) fn at(self, step: usize) -> i64 {
        self.first_ms + self.step_ms * step as i64
    }

    /// The first step that ends at `time_ms` or later.
    pub(super) fn first_from(self, time_ms: i64) -> Option<usize> {
        let until_ms = time_ms.checked_sub(self.first_ms)?;
        if until_ms <= 0 { Some(0) } else { usize::try_from((until_ms - 1) / self.step_ms + 1).ok() }
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

/// As [`advance`], where it is likely to be by `stride`: it mostly is what it was the last time.
#[inline]
pub(super) fn advance_by(stride: usize, timestamps_ms: &[i64], from: usize, bound_ms: i64) -> usize {
    let likely = from + stride;
    match timestamps_ms.get(likely.wrapping_sub(1)..=likely) {
        Some([before_ms, behind_ms]) if *before_ms <= bound_ms && *behind_ms > bound_ms => likely,
        _ => advance(timestamps_ms, from, bound_ms),
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
