//! Functions of windows over series that have histograms.
//!
//! What a function makes of the floats of such a series is left to the kernels of floats; here is what it makes of histograms,
//! and of windows that have some of each.

mod alike;
mod extended;
mod pairs;
mod rate;
#[cfg(test)]
mod tests;
mod total;

pub(crate) use extended::smoothed_mixed;

use super::regression::check_factors;
use super::windows::{Histograms, MixedWindow, Samples, Windows};
use super::{Kernel, KernelScratch, RangeCall};
use crate::QueryError;
use crate::annotations::{Annotations, Remark};
use crate::ast::Span;
use crate::chain::{scalar, seconds};
use crate::column::{Column, FloatColumn, MixedBuilder, Presence};
use alike::Alike;
use model::{FloatHistogram, HistogramMean, HistogramRef, KahanHistogram, LabelsRef, METRIC_NAME};
use std::sync::Arc;

/// Histograms to calculate with, used again for the next window.
#[derive(Debug, Default)]
pub(super) struct WorkingHistograms {
    result: FloatHistogram,
    sum: KahanHistogram,
    mean: HistogramMean,
    /// Before which histograms of the series a counter began anew.
    resets: Vec<bool>,
    alike: Alike,
}

/// Who says something, and of what.
pub(crate) struct Speaker<'a> {
    /// The name of the metric.
    pub(crate) name: &'a [u8],
    pub(crate) node: Span,
    pub(crate) blamed: Span,
    pub(crate) notes: &'a mut Annotations,
}

/// A sample of either kind.
#[derive(Debug, Clone, Copy)]
struct Point<'a> {
    time_ms: i64,
    /// When its counter began, 0: nobody knows, or nobody is to know.
    start_ms: i64,
    value: Value<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Float(f64),
    Histogram(HistogramRef<'a>),
}

impl<'a> Speaker<'a> {
    pub(crate) fn new(labels: LabelsRef<'a>, (node, blamed): (Span, Span), notes: &'a mut Annotations) -> Self {
        Self { name: labels.get(METRIC_NAME).unwrap_or_default(), node, blamed, notes }
    }

    fn say(&mut self, remark: Remark<'_>) {
        self.notes.remark(remark, self.node, self.blamed);
    }
}

impl RangeCall {
    /// Computes the column of one series some of whose samples are histograms.
    pub(super) fn of_mixed(
        &self,
        (floats, mut histograms): (Samples<'_>, Histograms<'_>),
        labels: LabelsRef<'_>,
        scalars: &[Option<Arc<FloatColumn>>],
        scratch: &mut KernelScratch,
        notes: &mut Annotations,
    ) -> Result<Column, QueryError> {
        if !self.use_starts {
            histograms.starts_ms = &[];
        }
        let windows = self.windows(floats);
        let speaker = Speaker::new(labels, (self.node, self.blamed), notes);
        match self.kernel {
            Kernel::Count | Kernel::Present | Kernel::First | Kernel::Last | Kernel::TsOfFirst | Kernel::TsOfLast => {
                Ok(windows.map_mixed(histograms, |window, out| window.outline(self.kernel, out)))
            }
            Kernel::Resets => Ok(self.count_pairs(windows, histograms, pairs::is_reset).into()),
            Kernel::Changes => Ok(self.count_pairs(windows, histograms, pairs::is_change).into()),
            Kernel::Irate | Kernel::Idelta => Ok(self.of_last_two(windows, histograms, speaker)),
            Kernel::Rate | Kernel::Increase | Kernel::Delta | Kernel::Sum | Kernel::Avg => {
                let (mut column, mixed) = self.of_histograms(windows, histograms, scratch, speaker);
                let windows = Windows { except: Some(&mixed), ..windows };
                column.floats = self.of_floats(windows, labels, scalars, scratch, notes)?;
                Ok(column)
            }
            _ => {
                self.pass_over(windows, histograms, scalars, speaker)?;
                Ok(self.of_floats(windows, labels, scalars, scratch, notes)?.into())
            }
        }
    }

    /// What comes of windows of histograms alone, and in which windows there are any.
    fn of_histograms(
        &self,
        windows: Windows<'_>,
        histograms: Histograms<'_>,
        scratch: &mut KernelScratch,
        mut speaker: Speaker<'_>,
    ) -> (Column, Presence) {
        let working = &mut scratch.histograms;
        working.resets.clear();
        working.alike.clear();
        if self.kernel.is_counter() && self.boundary.is_none() {
            histograms.find_resets(&mut working.resets);
            // Where it is known when counters began, there is more to look at.
            if histograms.starts_ms.is_empty() {
                working.alike.find(histograms, &working.resets);
            }
        }
        let mut seen = Presence::none(self.grid.steps());
        let column = windows.map_mixed(histograms, |window, out| {
            if window.histograms.rows.is_empty() {
                return;
            }
            seen.set(window.step);
            if !window.floats.values.is_empty() {
                speaker.say(Remark::MixedRange(speaker.name));
                return;
            }
            if self.of_alike(window, working, out) {
                return;
            }
            let speaker = &mut speaker;
            let done = match (self.kernel, self.boundary) {
                (Kernel::Sum, _) => total::sum(window.histograms, working, speaker),
                (Kernel::Avg, _) => total::average(window.histograms, working, speaker),
                (_, None) => self.extrapolated(window, working, speaker),
                (_, Some(boundary)) => self.between_bounds(window, boundary, working, speaker),
            };
            if done.is_some() {
                out.histogram(window.step, working.result.as_ref());
            }
        });
        (column, seen)
    }

    /// Says that histograms beside floats do not count.
    fn pass_over(
        &self,
        windows: Windows<'_>,
        histograms: Histograms<'_>,
        scalars: &[Option<Arc<FloatColumn>>],
        mut speaker: Speaker<'_>,
    ) -> Result<(), QueryError> {
        let factors = match (self.kernel, self.params.as_slice()) {
            (Kernel::DoubleExponentialSmoothing, [smoothing, trend]) => {
                Some((scalar(scalars, *smoothing)?, scalar(scalars, *trend)?))
            }
            _ => None,
        };
        let mut outcome = Ok(());
        windows.map_mixed(histograms, |window, _| {
            // These are looked at before it is seen that there are no floats.
            if let (Some((smoothing, trend)), Ok(())) = (factors, &outcome) {
                outcome = check_factors(smoothing.value(window.step), trend.value(window.step));
            }
            if !(window.floats.values.is_empty() || window.histograms.rows.is_empty()) {
                speaker.say(Remark::IgnoredInRange(speaker.name));
            }
        });
        outcome
    }
}

impl MixedWindow<'_> {
    /// What `kernel` says of it, for which floats and histograms are samples alike.
    fn outline(self, kernel: Kernel, out: &mut MixedBuilder) {
        let (floats, histograms) = (self.floats.timestamps_ms, self.histograms.timestamps_ms);
        let float = match kernel {
            Kernel::First => return self.first(out),
            Kernel::Last => return self.last(out),
            Kernel::Count => Some((floats.len() + histograms.len()) as f64),
            Kernel::TsOfFirst => floats.first().into_iter().chain(histograms.first()).min().map(|ms| seconds(*ms)),
            Kernel::TsOfLast => floats.last().into_iter().chain(histograms.last()).max().map(|ms| seconds(*ms)),
            _ => Some(1.0),
        };
        float.into_iter().for_each(|float| out.float(self.step, float));
    }

    fn first(self, out: &mut MixedBuilder) {
        let float = self.floats.timestamps_ms.first();
        match (self.histograms.timestamps_ms.first(), self.histograms.get(0)) {
            (Some(time_ms), Some(histogram)) if float.is_none_or(|float| time_ms < float) => {
                out.histogram(self.step, histogram);
            }
            _ => self.floats.values.first().into_iter().for_each(|value| out.float(self.step, *value)),
        }
    }

    fn last(self, out: &mut MixedBuilder) {
        let float = self.floats.timestamps_ms.last();
        match (self.histograms.timestamps_ms.last(), self.histograms.iter().next_back()) {
            (Some(time_ms), Some(histogram)) if float.is_none_or(|float| time_ms > float) => {
                out.histogram(self.step, histogram);
            }
            _ => self.floats.values.last().into_iter().for_each(|value| out.float(self.step, *value)),
        }
    }
}
