//! `sum` and `avg` of the histograms of a group.

use crate::QueryError;
use crate::annotations::{Annotations, HistogramStep, Remark};
use crate::ast::Span;
use crate::column::{FloatColumn, HistogramSteps, Presence};
use crate::stage::StageContext;
use model::{FloatHistogram, HistogramLayout, HistogramMean, HistogramRef, KahanColumn, KahanHistogram, ResetHint};
use std::sync::Arc;

/// The sums or means of histograms, step by step.
#[derive(Debug)]
pub(crate) struct HistogramFold {
    /// The sums of all steps while no series has other buckets than the first, or none at some step: no step has a total then.
    sums: Option<KahanColumn>,
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
        Self { sums: None, steps: vec![Step::default(); steps], is_mean }
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
        if self.push_full(histograms, floats, cx)? {
            return Ok(());
        }
        if let Some(sums) = self.sums.take() {
            cx.hold(self.steps.len() * size_of::<Total>())?;
            self.set_totals(sums);
        }
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
            step.see(histogram.hint);
        }
        Ok(())
    }

    /// Takes in histograms of all steps together. False: they are to be taken one by one.
    fn push_full(
        &mut self,
        histograms: &HistogramSteps,
        floats: &Presence,
        cx: &mut StageContext<'_>,
    ) -> Result<bool, QueryError> {
        let Some(rows) = histograms.as_full() else { return Ok(false) };
        let is_first = || floats.is_empty() && !self.steps.iter().any(|step| step.has_histogram);
        if let Some(sums) = &mut self.sums {
            if !sums.add(rows) {
                return Ok(false);
            }
        } else {
            let sums = if self.is_mean || !is_first() { None } else { KahanColumn::new(rows) };
            let Some(sums) = sums else { return Ok(false) };
            cx.hold(sums.size_bytes())?;
            self.sums = Some(sums);
        }
        for (step, histogram) in self.steps.iter_mut().zip(rows.iter()) {
            step.has_histogram = true;
            step.see(histogram.hint);
        }
        Ok(true)
    }

    /// Goes on with a total for each step.
    fn set_totals(&mut self, sums: KahanColumn) {
        for (step, sum) in self.steps.iter_mut().zip(sums.into_rows()) {
            step.total = Some(Box::new(Total::Sum(sum)));
        }
    }

    /// Where floats make a difference still.
    pub(crate) fn open(&self) -> Presence {
        self.steps_where(|step| !step.incompatible)
    }

    /// The results, and what is left of those of `floats`.
    pub(crate) fn finish(
        mut self,
        floats: &mut FloatColumn,
        (node, blamed): (Span, Span),
        notes: &mut Annotations,
    ) -> HistogramSteps {
        if let Some(sums) = self.sums.take() {
            if floats.is_empty() {
                if self.steps.iter().any(Step::has_collision) {
                    notes.remark(Remark::CollidingResets(HistogramStep::Aggregation), node, blamed);
                }
                return HistogramSteps::from_full(sums.total());
            }
            self.set_totals(sums);
        }
        let steps = self.steps.len();
        let only_floats = self.steps_where(|step| !step.has_histogram);
        let mut found = HistogramSteps::default();
        for (at, step) in self.steps.into_iter().enumerate().filter(|(_, step)| step.has_histogram) {
            if floats.get(at).is_some() {
                notes.remark(Remark::MixedGroup, node, blamed);
                continue;
            }
            let has_collision = step.has_collision();
            let Some(total) = step.total.filter(|_| !step.incompatible) else { continue };
            if has_collision {
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

impl Step {
    fn see(&mut self, hint: ResetHint) {
        self.reset_seen |= hint == ResetHint::Reset;
        self.not_reset_seen |= hint == ResetHint::NotReset;
    }

    /// Whether one histogram says that its counter began anew, and another one that its did not.
    fn has_collision(&self) -> bool {
        self.reset_seen && self.not_reset_seen
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
