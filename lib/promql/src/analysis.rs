//! What each operator of a query did: for the people who ask why it is slow.
//!
//! Clocks are looked at per batch and per burst of rows, never per series. So the time of an operator that hands rows on as
//! soon as they come has in it what those rows did next, up to where they come to rest.

#[cfg(test)]
mod tests;

use crate::ast::Span;
use crate::plan::{Destination, Plan};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What one operator of a query did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The expression it belongs to. A selector stands for its select and all that happens to its series one by one, up to the
    /// next operator that sees more than one.
    pub node: Span,
    /// Time spent computing, on all threads together.
    pub time: Duration,
    /// Series that came in.
    pub series: u64,
    /// Samples that came in: of a selector those that were decoded, of all others those at the steps they are evaluated at.
    pub samples: u64,
    /// Bytes: of a selector those that the stores sent, of all others those held before its input was over.
    pub bytes: u64,
    /// It is the same as another expression, or a selector that asks for the same: all numbers are there, and here they are 0.
    pub is_shared: bool,
    /// Of a selector.
    pub selected: Option<Selected>,
}

/// What is said of a selector only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// From its opening to its last batch: what it waited for the stores is in it.
    pub open: Duration,
    /// Samples looked at, as Prometheus counts them; 0 where they are not counted.
    pub queryable: u64,
}

/// What was done for one batch, or for all of a select or stage.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Work {
    pub(crate) time: Duration,
    pub(crate) series: u64,
    pub(crate) samples: u64,
    pub(crate) bytes: u64,
    pub(crate) queryable: u64,
}

/// Writes down what operators do.
#[derive(Debug)]
pub(crate) struct Analyzer {
    /// By select: when it was opened, how long it was open, and what was done.
    selects: Vec<(OnceLock<Instant>, Duration, Work)>,
    /// By stage.
    stages: Vec<Work>,
}

impl Work {
    pub(crate) fn add(&mut self, other: Self) {
        self.time += other.time;
        self.series += other.series;
        self.samples += other.samples;
        self.bytes += other.bytes;
        self.queryable += other.queryable;
    }
}

impl Analyzer {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut selects = Vec::new();
        selects.resize_with(plan.selects.len(), Default::default);
        Self { selects, stages: vec![Work::default(); plan.stages.len()] }
    }

    /// Select `select` is opened, if it was not yet.
    pub(crate) fn open(&self, select: usize) {
        if let Some((opened, ..)) = self.selects.get(select) {
            opened.get_or_init(Instant::now);
        }
    }

    /// A batch of a select was evaluated.
    pub(crate) fn evaluated(&mut self, select: usize, work: Work) {
        if let Some((.., all)) = self.selects.get_mut(select) {
            all.add(work);
        }
    }

    /// The last batch of a select has come.
    pub(crate) fn closed(&mut self, select: usize) {
        if let Some((opened, open, _)) = self.selects.get_mut(select) {
            *open = opened.get().map(Instant::elapsed).unwrap_or_default();
        }
    }

    /// A row of so many samples came to a stage.
    pub(crate) fn arrived(&mut self, stage: usize, samples: usize) {
        self.stage(stage, Work { series: 1, samples: samples as u64, ..Work::default() });
    }

    /// Rows flowed to `to`, since `began`.
    pub(crate) fn flowed(&mut self, to: Destination, began: Instant) {
        if let Destination::Stage { stage, .. } = to {
            self.stage(stage, Work { time: began.elapsed(), ..Work::default() });
        }
    }

    /// A stage held so many bytes.
    pub(crate) fn held(&mut self, stage: usize, bytes: usize) {
        if let Some(work) = self.stages.get_mut(stage) {
            work.bytes = work.bytes.max(bytes as u64);
        }
    }

    fn stage(&mut self, stage: usize, work: Work) {
        if let Some(all) = self.stages.get_mut(stage) {
            all.add(work);
        }
    }

    /// All operators of `plan`, in no particular order.
    pub(crate) fn operators(&self, plan: &Plan) -> Vec<Operator> {
        let operator = |node, work: Work, selected| {
            let Work { time, series, samples, bytes, .. } = work;
            Operator { node, time, series, samples, bytes, is_shared: false, selected }
        };
        let mut operators = Vec::new();
        for ((_, open, work), uses) in self.selects.iter().zip(&plan.uses) {
            for (at, one) in uses.iter().enumerate() {
                let is_shared = at > 0;
                let (open, work) = if is_shared { Default::default() } else { (*open, *work) };
                let selected = Selected { open, queryable: work.queryable };
                operators.push(Operator { is_shared, ..operator(one.node, work, Some(selected)) });
            }
        }
        operators.extend(self.stages.iter().zip(&plan.stages).map(|(work, stage)| operator(stage.node, *work, None)));
        let shared = |twin: &Span| Operator { is_shared: true, ..operator(*twin, Work::default(), None) };
        operators.extend(plan.twins.roots().iter().map(shared));
        operators
    }
}
