//! `sum` and `avg` of the histograms of a group.

use crate::QueryError;
use crate::annotations::{Annotations, HistogramStep, Remark};
use crate::ast::Span;
use crate::column::{FloatColumn, HistogramSteps, Presence};
use crate::stage::StageContext;
use model::{FloatHistogram, HistogramLayout, HistogramMean, HistogramRef, KahanHistogram, ResetHint};
use std::sync::Arc;

/// The sums or means of histograms, step by step.
#[derive(Debug)]
pub(crate) struct HistogramFold {
    steps: Vec<Step>,
    is_mean: bool,
}

#[derive(Debug, Clone, Default)]
struct Step {
    total: Option<Box<Total>>,
    has_histogram: bool,
    /// Exponential and custom buckets came together: whatever comes after makes no difference.
    incompatible: bool,
    reset_seen: bool,
    not_reset_seen: bool,
}

#[derive(Debug, Clone)]
enum Total {
    Sum(KahanHistogram),
    Mean(HistogramMean),
}

impl HistogramFold {
    pub(crate) fn new(steps: usize, is_mean: bool) -> Self {
        Self { steps: vec![Step::default(); steps], is_mean }
    }

    /// Bytes that it takes before histograms come.
    pub(crate) fn size_bytes(&self) -> usize {
        self.steps.len() * size_of::<Step>()
    }

    /// Takes in histograms of the metric called `name`, in a group that has floats already at the steps of `floats`.
    pub(crate) fn push(
        &mut self,
        histograms: &HistogramSteps,
        floats: &Presence,
        (name, node, blamed): (&[u8], Span, Span),
        cx: &mut StageContext<'_>,
    ) -> Result<(), QueryError> {
        for (at, layout, histogram) in histograms.iter_shared() {
            let is_mean = self.is_mean;
            let Some(step) = self.steps.get_mut(at).filter(|step| !step.incompatible) else { continue };
            step.has_histogram = true;
            match &mut step.total {
                // With floats before it nothing comes of it.
                None if floats.get(at) => continue,
                None => {
                    let total = Total::new(layout, histogram, is_mean);
                    cx.hold(size_of::<Total>() + 2 * size_of_val(histogram.cells))?;
                    step.total = Some(Box::new(total));
                }
                Some(total) => match total.add(histogram) {
                    Ok(true) => {
                        cx.notes.remark(Remark::ReconciledBounds(HistogramStep::Aggregation), node, blamed);
                    }
                    Ok(false) => {}
                    Err(()) => {
                        cx.notes.remark(Remark::MixedSchemas(name), node, blamed);
                        step.incompatible = true;
                    }
                },
            }
            step.reset_seen |= histogram.hint == ResetHint::Reset;
            step.not_reset_seen |= histogram.hint == ResetHint::NotReset;
        }
        Ok(())
    }

    /// Where floats make a difference still.
    pub(crate) fn open(&self) -> Presence {
        self.steps_where(|step| !step.incompatible)
    }

    /// The results, and what is left of those of `floats`.
    pub(crate) fn finish(
        self,
        floats: &mut FloatColumn,
        (node, blamed): (Span, Span),
        notes: &mut Annotations,
    ) -> HistogramSteps {
        let steps = self.steps.len();
        let only_floats = self.steps_where(|step| !step.has_histogram);
        let mut found = HistogramSteps::default();
        for (at, step) in self.steps.into_iter().enumerate().filter(|(_, step)| step.has_histogram) {
            if floats.get(at).is_some() {
                notes.remark(Remark::MixedGroup, node, blamed);
                continue;
            }
            let Some(total) = step.total.filter(|_| !step.incompatible) else { continue };
            if step.reset_seen && step.not_reset_seen {
                notes.remark(Remark::CollidingResets(HistogramStep::Aggregation), node, blamed);
            }
            found.push(steps, at, total.value().as_ref());
        }
        floats.restrict_to(floats.present().and(&only_floats));
        found.sealed()
    }

    fn steps_where(&self, is_one: impl Fn(&Step) -> bool) -> Presence {
        let mut found = Presence::none(self.steps.len());
        let those = self.steps.iter().enumerate().filter(|(_, step)| is_one(step));
        those.for_each(|(at, _)| found.set(at));
        found.seal();
        found
    }
}

impl Total {
    fn new(layout: &Arc<HistogramLayout>, first: HistogramRef<'_>, is_mean: bool) -> Self {
        let first = FloatHistogram::from_shared(layout, first);
        if is_mean { Self::Mean(HistogramMean::new(first)) } else { Self::Sum(KahanHistogram::new(first)) }
    }

    /// Adds a histogram; answers whether custom bounds had to be reconciled.
    fn add(&mut self, histogram: HistogramRef<'_>) -> Result<bool, ()> {
        let added = match self {
            Self::Sum(sum) => sum.add(histogram),
            Self::Mean(mean) => mean.add(histogram),
        };
        added.map(|added| added.bounds_reconciled).map_err(|_| ())
    }

    fn value(self) -> FloatHistogram {
        let mut value = match self {
            Self::Sum(sum) => sum.total(),
            Self::Mean(mean) => mean.mean(),
        };
        value.compact(0);
        value
    }
}
