//! Functions of windows of samples: decoded columns in, a column over the grid out.
//!
//! A window is a slice between two indices that only move forward. What can be found in one pass over the series (where a
//! counter was reset) is found once and not per window. Sums are taken anew for each window, in order: any other way of
//! reaching them rounds differently.

mod extended;
mod extremes;
mod instant;
mod lanes;
mod mixed;
mod over_time;
mod quantile;
mod rate;
mod regression;
mod regular;
mod sums;
#[cfg(test)]
mod tests;
mod windows;

pub(crate) use extended::{extend, margin, smoothed};
pub(crate) use instant::{newest, newest_mixed, of_newest};
pub(crate) use mixed::{Speaker, smoothed_mixed};
pub(crate) use quantile::quantile;
pub(crate) use windows::{Histograms, Samples, Windows};

use crate::annotations::{Annotations, Level};
use crate::ast::{Boundary, Span};
use crate::chain::scalar;
use crate::column::{Column, FloatColumn};
use crate::plan::{ScalarId, Shift};
use crate::statistics::Counted;
use crate::{Grid, QueryError};
use model::ShortFloat;
use model::{LabelsRef, METRIC_NAME};
use smallvec::SmallVec;
use std::sync::Arc;

/// A function of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kernel {
    Rate,
    Increase,
    Delta,
    Irate,
    Idelta,
    Resets,
    Changes,
    Deriv,
    PredictLinear,
    DoubleExponentialSmoothing,
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Present,
    First,
    Last,
    Stddev,
    Stdvar,
    Quantile,
    Mad,
    TsOfFirst,
    TsOfLast,
    TsOfMin,
    TsOfMax,
}

impl Kernel {
    /// Whether it makes a difference to it when counters began.
    pub(crate) fn sees_starts(self) -> bool {
        matches!(self, Self::Rate | Self::Increase | Self::Irate | Self::Resets)
    }

    /// Whether it adds back what a counter had when it was reset.
    fn is_counter(self) -> bool {
        matches!(self, Self::Rate | Self::Increase)
    }
}

/// A call of a function of a window.
#[derive(Debug, Clone)]
pub(crate) struct RangeCall {
    pub(crate) kernel: Kernel,
    /// How what its windows see counts.
    pub(crate) counted: Counted,
    pub(crate) grid: Arc<Grid>,
    pub(crate) range_ms: i64,
    /// The range of which `range_ms` are the whole milliseconds.
    pub(crate) range_seconds: f64,
    pub(crate) shift: Shift,
    /// Whether the bounds of windows have values of their own, and how far from a bound those are looked for.
    pub(crate) boundary: Option<Boundary>,
    pub(crate) lookback_ms: i64,
    /// Whether it is to be seen when counters began.
    pub(crate) use_starts: bool,
    /// Whether counters are told by their label `__type__`.
    pub(crate) typed: bool,
    /// Numbers besides the window.
    pub(crate) params: SmallVec<[ScalarId; 2]>,
    /// The call, and the argument that notes blame.
    pub(crate) node: Span,
    pub(crate) blamed: Span,
}

/// Buffers that kernels use again for the next series.
#[derive(Debug, Default)]
pub(crate) struct KernelScratch {
    indices: Vec<usize>,
    values: Vec<f64>,
    histograms: mixed::WorkingHistograms,
}

impl RangeCall {
    /// Between which times its window at `time_ms` sees samples: the start outside, the end inside.
    pub(crate) fn bounds_ms(&self, time_ms: i64) -> (i64, i64) {
        let margin = margin(self.boundary, self.lookback_ms);
        let end_ms = self.shift.apply(time_ms);
        let start_ms = end_ms.saturating_sub(self.range_ms);
        (start_ms.saturating_sub(margin.before_ms), end_ms.saturating_add(margin.behind_ms))
    }

    /// Computes the column of one series; its samples are without stale markers.
    pub(crate) fn evaluate(
        &self,
        (floats, histograms): (Samples<'_>, Option<Histograms<'_>>),
        labels: LabelsRef<'_>,
        scalars: &[Option<Arc<FloatColumn>>],
        scratch: &mut KernelScratch,
        notes: &mut Annotations,
    ) -> Result<Column, QueryError> {
        let column = match histograms {
            Some(histograms) => self.of_mixed((floats, histograms), labels, scalars, scratch, notes)?,
            None => self.of_floats(self.windows(floats), labels, scalars, scratch, notes)?.into(),
        };
        if self.kernel.is_counter() && !column.floats.is_empty() {
            self.doubt_counter(labels, notes);
        }
        Ok(column)
    }

    fn windows<'a>(&'a self, samples: Samples<'a>) -> Windows<'a> {
        let starts_ms = if self.use_starts { samples.starts_ms } else { &[] };
        let samples = Samples { starts_ms, ..samples };
        let margin = extended::margin(self.boundary, self.lookback_ms);
        Windows { samples, grid: &self.grid, range_ms: self.range_ms, shift: self.shift, margin, except: None }
    }

    fn of_floats(
        &self,
        windows: Windows<'_>,
        labels: LabelsRef<'_>,
        scalars: &[Option<Arc<FloatColumn>>],
        scratch: &mut KernelScratch,
        notes: &mut Annotations,
    ) -> Result<FloatColumn, QueryError> {
        if let Some(boundary) = self.boundary {
            return self.extended(windows, boundary);
        }
        let param = |index: usize| {
            let id =
                self.params.get(index).ok_or_else(|| QueryError::Internal("a function lacks an argument".into()))?;
            scalar(scalars, *id)
        };
        Ok(match self.kernel {
            Kernel::Rate | Kernel::Increase | Kernel::Delta => {
                let rate::Extrapolated { column, overlaps } =
                    rate::extrapolated(windows, self.kernel, self.range_seconds, scratch);
                self.warn_of_overlaps(overlaps, labels.get(METRIC_NAME).unwrap_or_default(), notes);
                column
            }
            Kernel::Irate => rate::of_last_two(windows, true),
            Kernel::Idelta => rate::of_last_two(windows, false),
            Kernel::Resets => rate::count_pairs(windows, rate::is_reset, scratch),
            Kernel::Changes => rate::count_pairs(windows, rate::is_change, scratch),
            Kernel::Deriv => regression::slope(windows),
            Kernel::PredictLinear => regression::predict(windows, param(0)?),
            Kernel::DoubleExponentialSmoothing => regression::smooth(windows, param(0)?, param(1)?)?,
            Kernel::Sum => over_time::sum(windows, scratch),
            Kernel::Avg => over_time::average(windows, scratch),
            Kernel::Min => extremes::extreme(windows, |new, best| new < best, scratch),
            Kernel::Max => extremes::extreme(windows, |new, best| new > best, scratch),
            Kernel::Count => windows.map(|window| Some(window.values.len() as f64)),
            Kernel::Present => windows.map(|_| Some(1.0)),
            Kernel::First => windows.map(|window| window.values.first().copied()),
            Kernel::Last => windows.map(|window| window.values.last().copied()),
            Kernel::Stddev => over_time::variance(windows, f64::sqrt),
            Kernel::Stdvar => over_time::variance(windows, |variance| variance),
            Kernel::Quantile => self.quantile(windows, param(0)?, scratch, notes),
            Kernel::Mad => windows.map(|window| Some(quantile::deviation(window.values, &mut scratch.values))),
            Kernel::TsOfFirst => windows.map(|window| window.timestamps_ms.first().map(|t| crate::chain::seconds(*t))),
            Kernel::TsOfLast => windows.map(|window| window.timestamps_ms.last().map(|t| crate::chain::seconds(*t))),
            Kernel::TsOfMin => windows.map(|window| extremes::time_of(window, |new, best| new <= best)),
            Kernel::TsOfMax => windows.map(|window| extremes::time_of(window, |new, best| new >= best)),
        })
    }

    fn quantile(
        &self,
        windows: Windows<'_>,
        param: &FloatColumn,
        scratch: &mut KernelScratch,
        notes: &mut Annotations,
    ) -> FloatColumn {
        windows.map(|window| {
            let q = param.value(window.step);
            if let Some(text) = invalid_quantile(q) {
                notes.add(Level::Warning, text, self.node, self.blamed);
            }
            scratch.values.clear();
            scratch.values.extend_from_slice(window.values);
            Some(quantile(q, &mut scratch.values))
        })
    }

    /// Says in how many windows a counter began before the sample before was taken.
    fn warn_of_overlaps(&self, windows: u64, name: &[u8], notes: &mut Annotations) {
        if windows > 0 {
            let text = format!(
                "PromQL warning: sample has start time that overlaps with previous sample timestamp for metric {}",
                model::Quoted(name)
            );
            notes.add_occurrences(text, self.node, self.blamed, windows);
        }
    }

    /// Says that a metric does not look like a counter.
    fn doubt_counter(&self, labels: LabelsRef<'_>, notes: &mut Annotations) {
        let [name, kind] = [METRIC_NAME, b"__type__"].map(|label| labels.get(label).unwrap_or_default());
        let endings: [&[u8]; 4] = [b"_total", b"_sum", b"_count", b"_bucket"];
        let looks_like_one = match self.typed {
            true => [b"counter".as_slice(), b"histogram"].contains(&kind),
            false => endings.iter().any(|ending| name.ends_with(ending)),
        };
        if name.is_empty() || looks_like_one {
            return;
        }
        let (name, kind) = (model::Quoted(name), model::Quoted(kind));
        let why = match self.typed {
            true => format!("__type__ label is not set to \"counter\" or \"histogram\", got {kind}: {name}"),
            false => format!("name does not end in _total/_sum/_count/_bucket: {name}"),
        };
        let text = format!("PromQL info: metric might not be a counter, {why}");
        notes.add(Level::Info, text, self.node, self.blamed);
    }
}

/// The warning about a quantile that is none.
pub(crate) fn invalid_quantile(q: f64) -> Option<String> {
    let valid = (0.0..=1.0).contains(&q);
    let text = || format!("PromQL warning: quantile value should be between 0 and 1, got {}", ShortFloat(q));
    (!valid).then(text)
}

/// One step of Neumaier's summation, as Prometheus does it: the sum so far and what rounding took from it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kahan {
    pub(crate) sum: f64,
    pub(crate) lost: f64,
}

impl Kahan {
    /// Adds `value`. Once the sum is infinite nothing is lost any more.
    pub(crate) fn add(self, value: f64) -> Self {
        let sum = self.sum + value;
        let lost = if sum.is_infinite() {
            0.0
        } else if self.sum.abs() >= value.abs() {
            self.lost + ((self.sum - sum) + value)
        } else {
            self.lost + ((value - sum) + self.sum)
        };
        Self { sum, lost }
    }

    /// The sum with what was lost.
    pub(crate) fn total(self) -> f64 {
        self.sum + self.lost
    }
}

/// A mean that is taken from the sum as long as that is finite, and step by step from then on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    /// The sum, or once `stepwise` the mean.
    state: Kahan,
    count: f64,
    stepwise: bool,
}

impl Mean {
    /// Takes in `value`.
    pub(crate) fn add(self, value: f64) -> Self {
        let count = self.count + 1.0;
        if count == 1.0 {
            return Self { state: Kahan { sum: value, lost: 0.0 }, count, stepwise: false };
        }
        let mut state = self.state;
        if !self.stepwise {
            let sum = state.add(value);
            if !sum.sum.is_infinite() {
                return Self { state: sum, count, stepwise: false };
            }
            let before = count - 1.0;
            state = Kahan { sum: state.sum / before, lost: state.lost / before };
        }
        let weight = (count - 1.0) / count;
        let scaled = Kahan { sum: weight * state.sum, lost: weight * state.lost };
        Self { state: scaled.add(value / count), count, stepwise: true }
    }

    /// The mean of what was taken in.
    pub(crate) fn value(self) -> f64 {
        if self.stepwise { self.state.total() } else { Self::of(self.state, self.count) }
    }

    /// That of so many values with such a sum, which is finite.
    fn of(sum: Kahan, count: f64) -> f64 {
        sum.sum / count + sum.lost / count
    }
}
