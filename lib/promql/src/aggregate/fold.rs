//! Aggregations that keep a few numbers per group and step, however many series there are.

use super::histograms::HistogramFold;
use crate::annotations::Remark;
use crate::ast::Span;
use crate::chain::Row;
use crate::column::{Column, FloatColumn, Presence};
use crate::kernels::{Kahan, Mean};
use crate::labelset::LabelTable;
use crate::stage::{Stage, StageContext};
use crate::{Grid, QueryError};
use std::sync::Arc;

/// Which aggregation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoldKind {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
}

/// Such an aggregation.
#[derive(Debug, Clone)]
pub(crate) struct FoldPlan {
    pub(crate) kind: FoldKind,
    pub(crate) grid: Arc<Grid>,
    pub(crate) node: Span,
    pub(crate) blamed: Span,
}

/// A running aggregation. Rows come labelled by their group.
#[derive(Debug)]
pub(crate) struct Fold {
    plan: FoldPlan,
    steps: usize,
    names: LabelTable,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    drop_name: bool,
    present: Presence,
    state: State,
    histograms: Option<HistogramFold>,
}

/// One entry per step; what no value went into is never read.
#[derive(Debug)]
enum State {
    Sum {
        sum: Vec<f64>,
        lost: Vec<f64>,
    },
    Mean(Vec<Mean>),
    /// NaN until a value comes, and replaced by any other.
    Extreme(Vec<f64>),
    Count(Vec<f64>),
    Group,
    Spread(Vec<Spread>),
}

/// Welford's running variance.
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Fold {
    pub(crate) fn new(plan: FoldPlan) -> Self {
        let steps = plan.grid.steps();
        Self { plan, steps, names: LabelTable::default(), groups: Vec::new() }
    }

    fn start_group(&self) -> Group {
        let steps = self.steps;
        let state = match self.plan.kind {
            FoldKind::Sum => State::Sum { sum: vec![0.0; steps], lost: vec![0.0; steps] },
            FoldKind::Avg => State::Mean(vec![Mean::default(); steps]),
            FoldKind::Min | FoldKind::Max => State::Extreme(vec![f64::NAN; steps]),
            FoldKind::Count => State::Count(vec![0.0; steps]),
            FoldKind::Group => State::Group,
            FoldKind::Stddev | FoldKind::Stdvar => State::Spread(vec![Spread::default(); steps]),
        };
        Group { drop_name: false, present: Presence::none(steps), state, histograms: None }
    }
}

impl Stage for Fold {
    fn push(&mut self, _input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let (id, is_new) = self.names.insert(row.labels.as_ref());
        if is_new {
            cx.hold(self.plan.kind.group_bytes(self.steps) + row.labels.as_ref().as_packed().len())?;
            self.groups.push(self.start_group());
        }
        self.groups[id].push(&self.plan, &row, cx)
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        for (id, group) in std::mem::take(&mut self.groups).into_iter().enumerate() {
            let values = group.state.values(self.plan.kind, self.steps);
            let mut column = Column::from(FloatColumn::from_parts(values, group.present));
            if let Some(histograms) = group.histograms {
                let places = (self.plan.node, self.plan.blamed);
                column.histograms = histograms.finish(&mut column.floats, places, cx.notes);
            }
            cx.out.push(Row::new(self.names.get(id).clone(), group.drop_name, column));
        }
        Ok(())
    }
}

impl Group {
    fn push(&mut self, plan: &FoldPlan, row: &Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        self.drop_name |= row.drop_name;
        let Column { floats, histograms } = &row.column;
        let kind = plan.kind;
        if histograms.is_empty() && self.histograms.is_none() {
            self.present.unite(floats.present());
            self.state.add(kind, floats);
            return Ok(());
        }
        match kind {
            FoldKind::Sum | FoldKind::Avg => self.push_mixed(plan, row, cx)?,
            FoldKind::Count | FoldKind::Group => {
                // What is counted makes no difference.
                let mut all = FloatColumn::constant(1.0, floats.steps());
                all.restrict_to(row.column.present().into_owned());
                self.present.unite(all.present());
                self.state.add(kind, &all);
            }
            FoldKind::Min | FoldKind::Max | FoldKind::Stddev | FoldKind::Stdvar => {
                cx.notes.remark(Remark::IgnoredInGroup(kind.name()), plan.node, plan.blamed);
                self.present.unite(floats.present());
                self.state.add(kind, floats);
            }
        }
        Ok(())
    }

    /// Adds a row that has histograms, or one of a group that has.
    fn push_mixed(&mut self, plan: &FoldPlan, row: &Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        if self.histograms.is_none() {
            let fold = HistogramFold::new(row.column.steps(), plan.kind == FoldKind::Avg);
            cx.hold(fold.size_bytes())?;
            self.histograms = Some(fold);
        }
        let Some(fold) = &mut self.histograms else { return Ok(()) };
        let name = row.aside.metric().unwrap_or_default();
        fold.push(&row.column.histograms, &self.present, (name, plan.node, plan.blamed), cx)?;
        self.present.unite(&row.column.floats.present().and(&fold.open()));
        self.state.add(plan.kind, &row.column.floats);
        Ok(())
    }
}

impl FoldKind {
    /// As the query has it.
    fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
        }
    }

    /// Bytes that a group takes.
    fn group_bytes(self, steps: usize) -> usize {
        let a_step = match self {
            Self::Sum => 2 * size_of::<f64>(),
            Self::Avg => size_of::<Mean>(),
            Self::Min | Self::Max | Self::Count => size_of::<f64>(),
            Self::Group => 0,
            Self::Stddev | Self::Stdvar => size_of::<Spread>(),
        };
        size_of::<Group>() + steps.saturating_mul(a_step) + steps / 8
    }
}

impl State {
    /// Takes in a column.
    fn add(&mut self, kind: FoldKind, column: &FloatColumn) {
        match self {
            Self::Sum { sum, lost } => match column.as_run() {
                Some((first, values)) => add_all(&mut sum[first..], &mut lost[first..], values),
                None => column.for_each(|step, value| {
                    let next = Kahan { sum: sum[step], lost: lost[step] }.add(value);
                    (sum[step], lost[step]) = (next.sum, next.lost);
                }),
            },
            Self::Mean(means) => column.for_each(|step, value| means[step] = means[step].add(value)),
            Self::Extreme(best) if kind == FoldKind::Max => column.for_each(|step, value| {
                if best[step] < value || best[step].is_nan() {
                    best[step] = value;
                }
            }),
            Self::Extreme(best) => column.for_each(|step, value| {
                if best[step] > value || best[step].is_nan() {
                    best[step] = value;
                }
            }),
            Self::Count(counts) => column.for_each(|step, _| counts[step] += 1.0),
            Self::Group => {}
            Self::Spread(spreads) => column.for_each(|step, value| spreads[step].add(value)),
        }
    }

    /// The result at each step.
    fn values(self, kind: FoldKind, steps: usize) -> Vec<f64> {
        match self {
            Self::Sum { mut sum, lost } => {
                for (sum, lost) in sum.iter_mut().zip(&lost) {
                    *sum += lost;
                }
                sum
            }
            Self::Mean(means) => means.into_iter().map(Mean::value).collect(),
            Self::Extreme(values) | Self::Count(values) => values,
            Self::Group => vec![1.0; steps],
            Self::Spread(spreads) => {
                let root = kind == FoldKind::Stddev;
                let variance = |spread: Spread| spread.squares / spread.count;
                spreads.into_iter().map(variance).map(|v| if root { v.sqrt() } else { v }).collect()
            }
        }
    }
}

/// Adds a value to each sum: [`Kahan::add`] without a branch, so that some steps are added at once.
pub(super) fn add_all(sums: &mut [f64], lost: &mut [f64], values: &[f64]) {
    for ((sum, lost), value) in sums.iter_mut().zip(lost).zip(values) {
        let next = *sum + value;
        let (greater, other) = if sum.abs() >= value.abs() { (*sum, *value) } else { (*value, *sum) };
        let all_lost = *lost + ((greater - next) + other);
        *lost = if next.is_infinite() { 0.0 } else { all_lost };
        *sum = next;
    }
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let before = value - self.mean;
        self.mean += before / self.count;
        self.squares += before * (value - self.mean);
    }
}
