//! Operators that see more than one series: rows in, rows out.

use crate::aggregate::{CountValues, Fold, FoldPlan, QuantileOf, QuantilePlan, Ranked, RankedPlan};
use crate::annotations::Annotations;
use crate::binary::{Join, JoinPlan, SetOp, SetPlan};
use crate::budget::Reservation;
use crate::chain::Row;
use crate::column::FloatColumn;
use crate::histogram::{HistogramPlan, Histograms};
use crate::info::{Info, InfoPlan};
use crate::labelset::NameSet;
use crate::series::{Absent, Merge, Sort, SortPlan};
use crate::{Grid, QueryError};
use model::Labels;
use std::sync::Arc;

/// An operator that sees more than one series.
#[derive(Debug)]
pub(crate) enum StagePlan {
    /// The labels of the rows are those of their groups.
    Fold(FoldPlan),
    Quantile(QuantilePlan),
    CountValues {
        label: Vec<u8>,
        group: NameSet,
        grid: Arc<Grid>,
    },
    Ranked(RankedPlan),
    Join(JoinPlan),
    Set(SetPlan),
    Histograms(HistogramPlan),
    Info(InfoPlan),
    Absent {
        labels: Labels,
        drops_names: bool,
        grid: Arc<Grid>,
    },
    Sort(SortPlan),
    /// Makes one row of those that are labelled alike, none of which may have values at the same step.
    Merge,
}

/// A running operator.
pub(crate) trait Stage: Send + std::fmt::Debug {
    /// Takes a row of input number `input`. What is known of the output by then goes to the context.
    fn push(&mut self, input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError>;

    /// Input number `input` is over. Called once for each.
    fn finish(&mut self, input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError>;
}

/// What a stage writes to and reads from.
#[derive(Debug)]
pub(crate) struct StageContext<'a> {
    pub(crate) out: &'a mut Vec<Row>,
    pub(crate) notes: &'a mut Annotations,
    pub(crate) scalars: &'a [Option<Arc<FloatColumn>>],
    pub(crate) held: &'a mut Reservation,
}

impl StagePlan {
    /// Whether series of that input pass by what is kept of another one, and wait for it.
    pub(crate) fn lets_pass(&self, input: usize) -> bool {
        match self {
            Self::Join(plan) => input != plan.one_side(),
            Self::Set(plan) => input != plan.deciding_side(),
            _ => false,
        }
    }

    /// Starts the operator.
    pub(crate) fn start(&self) -> Box<dyn Stage> {
        match self {
            Self::Fold(plan) => Box::new(Fold::new(plan.clone())),
            Self::Quantile(plan) => Box::new(QuantileOf::new(plan.clone())),
            Self::CountValues { label, group, grid } => {
                Box::new(CountValues::new(label.clone(), group.clone(), grid.steps()))
            }
            Self::Ranked(plan) => Box::new(Ranked::new(plan.clone())),
            Self::Join(plan) => Box::new(Join::new(plan.clone())),
            Self::Set(plan) => Box::new(SetOp::new(plan.clone())),
            Self::Histograms(plan) => Box::new(Histograms::new(plan.clone())),
            Self::Info(plan) => Box::new(Info::new(plan.clone())),
            Self::Absent { labels, drops_names, grid } => {
                Box::new(Absent::new(labels.clone(), *drops_names, grid.steps()))
            }
            Self::Sort(plan) => Box::new(Sort::new(plan.clone())),
            Self::Merge => Box::new(Merge::default()),
        }
    }
}

impl StageContext<'_> {
    /// Reserves bytes until the stage is finished.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), QueryError> {
        Ok(self.held.grow(bytes)?)
    }

    /// Gives back some of them.
    pub(crate) fn release(&mut self, bytes: usize) {
        let left = self.held.bytes().saturating_sub(bytes);
        self.held.shrink_to(left);
    }
}
