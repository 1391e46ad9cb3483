//! What one series has at the steps of a grid: floats, histograms, or some of each.

mod float;
mod histograms;
mod presence;
#[cfg(test)]
mod tests;

pub use float::FloatColumn;
pub(crate) use float::{ColumnBuilder, Slots};
pub use histograms::HistogramSteps;
pub use presence::Presence;

use model::{HistogramLayout, HistogramRef};
use std::borrow::Cow;
use std::sync::Arc;

/// What one series has at the steps of a grid: a float or a histogram. Both at one step are there only where series that
/// are labelled alike were put together, which Prometheus takes for no conflict.
///
/// Nearly every series has floats only. Its histograms are one word then, and what is done to floats is not slowed by them.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub floats: FloatColumn,
    /// Over as many steps as the floats.
    pub histograms: HistogramSteps,
}

impl Column {
    /// Over how many steps it goes.
    pub fn steps(&self) -> usize {
        self.floats.steps()
    }

    /// Whether there is nothing at any step.
    pub fn is_empty(&self) -> bool {
        self.floats.is_empty() && self.histograms.is_empty()
    }

    /// Where there is anything.
    pub fn present(&self) -> Cow<'_, Presence> {
        match self.histograms.present() {
            None => Cow::Borrowed(self.floats.present()),
            Some(histograms) => {
                let mut both = self.floats.present().clone();
                both.unite(histograms);
                Cow::Owned(both)
            }
        }
    }

    /// How many samples that is for the limit on them: a histogram counts by its size.
    pub(crate) fn samples(&self) -> usize {
        self.floats.points() + self.histograms.size_in_samples()
    }

    /// Bytes held, for the budget.
    pub fn size_bytes(&self) -> usize {
        self.floats.size_bytes() + self.histograms.heap_bytes()
    }

    /// Takes away what is outside `present`.
    pub(crate) fn restrict_to(&mut self, present: &Presence) {
        let floats = self.floats.present().and(present);
        self.floats.restrict_to(floats);
        self.histograms.retain(|step, _| present.get(step));
    }

    /// Whether both have a float at some step, or both a histogram.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let floats = self.floats.present().first_common(other.floats.present());
        let histograms = self.histograms.present().zip(other.histograms.present());
        floats.is_some() || histograms.is_some_and(|(own, other)| own.first_common(other).is_some())
    }

    /// Takes what `other` has, which this column does not meet.
    pub(crate) fn fill_from(&mut self, other: &Self) {
        self.floats.fill_from(&other.floats);
        self.histograms.fill_from(&other.histograms);
    }

    /// Turns all signs round.
    pub(crate) fn negate(&mut self) {
        self.floats.map(|value| -value);
        self.histograms.map(|histogram| histogram.scale(-1.0));
    }

    /// What is at the one step, at each of `steps` steps.
    pub(crate) fn repeated(&self, steps: usize) -> Self {
        Self { floats: self.floats.repeated(steps), histograms: self.histograms.repeated(steps) }
    }
}

impl From<FloatColumn> for Column {
    fn from(floats: FloatColumn) -> Self {
        Self { floats, histograms: HistogramSteps::default() }
    }
}

/// Fills a column step by step, steps rising.
#[derive(Debug)]
pub(crate) struct MixedBuilder {
    steps: usize,
    floats: ColumnBuilder,
    histograms: HistogramSteps,
}

impl MixedBuilder {
    /// A column of `steps` steps with nothing in it.
    pub(crate) fn new(steps: usize) -> Self {
        Self { steps, floats: ColumnBuilder::new(steps), histograms: HistogramSteps::default() }
    }

    /// Sets the float at `step`.
    pub(crate) fn float(&mut self, step: usize, value: f64) {
        self.floats.set(step, value);
    }

    /// Sets the histogram at `step`.
    pub(crate) fn histogram(&mut self, step: usize, histogram: HistogramRef<'_>) {
        self.histograms.push(self.steps, step, histogram);
    }

    /// Sets it there, and shares its layout.
    pub(crate) fn shared_histogram(&mut self, step: usize, shared: &Arc<HistogramLayout>, histogram: HistogramRef<'_>) {
        self.histograms.push_shared((self.steps, step), shared, histogram);
    }

    /// Sets there a gauge of that layout, with that sum and those counts.
    pub(crate) fn gauge_histogram(
        &mut self,
        step: usize,
        shared: &Arc<HistogramLayout>,
        sum: f64,
        counts: impl Iterator<Item = f64>,
    ) {
        self.histograms.push_gauge((self.steps, step), shared, sum, counts);
    }

    /// The column.
    pub(crate) fn build(self) -> Column {
        Column { floats: self.floats.build(), histograms: self.histograms.sealed() }
    }
}
