//! A query from its tree to its answer: selects out, batches in.

mod checks;
mod flow;
mod limits;
mod params;
mod result;
#[cfg(test)]
mod tests;
mod timed;

pub use limits::{Cancel, QueryLimits};
pub(crate) use limits::{HeldSamples, SampleCount};
pub use params::{Passes, QueryParams};

use crate::analysis::Analyzer;
use crate::annotations::Annotations;
use crate::ast::Expr;
use crate::budget::{OverBudget, Reservation};
use crate::column::FloatColumn;
use crate::number_column::Gather;
use crate::plan::{Plan, UsedLabels, build};
use crate::stage::Stage;
use crate::statistics::Statistics;
use crate::{Evaluator, Output, Partial, SeriesBatch};
use checks::Check;
use flow::Flow;
use model::{Matcher, TimeRange};
use result::Answer;
use std::sync::Arc;

/// Series that are wanted from the stores.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    pub matchers: Vec<Matcher>,
    /// Both ends inside.
    pub range: TimeRange,
    /// How far apart the steps are that look at the series, 0 for an instant query. For the stores to know, as the next two.
    pub step_ms: i64,
    /// The width of the range selector; 0 for an instant selector, or if several share the select.
    pub range_ms: i64,
    /// The nearest function or aggregation around the selector; empty if there is none, or if several share the select.
    pub func: String,
    /// Of each series the newest sample in `range` is all that is looked at.
    pub newest_only: bool,
    /// The labels that are all that is looked at; `None`: all may be. An evaluator has to be told if series come with these
    /// alone, by [`SeriesBatch::has_used_labels_only`].
    pub labels: Option<UsedLabels>,
    /// So many selects, from the first on, have to be finished before the evaluator of this one can be had.
    pub after: usize,
}

/// A running query.
///
/// The driver opens [`Query::selects`] in their order and for each pushes batches, then finishes it. It may work on several at
/// once as far as [`Select::after`] allows; that costs memory where both sides of an operator come together. To use more
/// threads it asks for the select's evaluator, evaluates batches wherever it likes, and accepts what comes out in the order of
/// the batches: the answer is then the same to the last bit as with one thread.
#[derive(Debug)]
pub struct Query {
    plan: Arc<Plan>,
    params: QueryParams,
    cancel: Cancel,
    samples: SampleCount,
    stages: Vec<Running>,
    checks: Vec<Check>,
    gathers: Vec<Gather>,
    gathered: Vec<Option<Arc<FloatColumn>>>,
    scalars: Vec<Option<Arc<FloatColumn>>>,
    answer: Answer,
    /// By select.
    finished: Vec<bool>,
    /// By source.
    flowed: Vec<bool>,
    notes: Annotations,
    statistics: Option<Statistics>,
    analyzer: Option<Box<Analyzer>>,
    held: Reservation,
}

/// A stage, and what it holds.
#[derive(Debug)]
struct Running {
    stage: Box<dyn Stage>,
    open_inputs: usize,
    held: Reservation,
    /// Samples that came in, and are counted until the stage is finished.
    samples: usize,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QueryError {
    /// It cannot be run as it is: the client's to fix, and known before it runs.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be evaluated on the data there is.
    #[error("{0}")]
    Execution(String),
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    #[error("query processing would need too much memory: {0}")]
    OverBudget(#[from] OverBudget),
    #[error("query was canceled in expression evaluation")]
    Cancelled,
    #[error("query timed out in expression evaluation")]
    TimedOut,
    /// Series could not be read.
    #[error("expanding series: {0}")]
    Storage(String),
    #[error("{0}")]
    Internal(String),
}

impl Query {
    /// Plans `expr`, which the parser has checked.
    ///
    /// # Errors
    /// What can be known to fail before any series is seen.
    pub fn prepare(expr: &Expr, params: QueryParams) -> Result<Self, QueryError> {
        let plan = Arc::new(build(expr, &params)?);
        let held = params.limits.memory.reserve(0)?;
        let mut stages = Vec::with_capacity(plan.stages.len());
        for node in &plan.stages {
            let held = params.limits.memory.reserve(0)?;
            stages.push(Running { stage: node.plan.start(), open_inputs: node.inputs, held, samples: 0 });
        }
        let mut query = Self {
            cancel: Cancel::default(),
            samples: SampleCount::new(params.limits.max_samples),
            stages,
            checks: plan.checks.iter().map(|kind| Check::new(*kind)).collect(),
            gathers: plan.gathered.iter().map(|grid| Gather::new(grid.steps())).collect(),
            gathered: vec![None; plan.gathered.len()],
            scalars: vec![None; plan.scalars.len()],
            answer: Answer::new(&plan),
            finished: vec![false; plan.selects.len()],
            flowed: vec![false; plan.sources.len()],
            notes: plan.notes.clone(),
            statistics: plan.counts.map(Statistics::new),
            analyzer: plan.analyzes.then(|| Box::new(Analyzer::new(&plan))),
            held,
            plan,
            params,
        };
        query.settle()?;
        Ok(query)
    }

    /// What is wanted from the stores, in the order in which it is wanted.
    pub fn selects(&self) -> &[Select] {
        &self.plan.selects
    }

    /// Stops this query.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// What evaluates batches of select `select`.
    ///
    /// # Errors
    /// [`QueryError::Internal`] if there is no such select, or one before [`Select::after`] is not finished.
    pub fn evaluator(&self, select: usize) -> Result<Evaluator, QueryError> {
        let after = self.plan.selects.get(select).map(|select| select.after);
        let after = after.ok_or_else(|| QueryError::Internal(format!("there is no select {select}")))?;
        if self.finished[..after].contains(&false) {
            return Err(QueryError::Internal(format!("select {select} needs the first {after} to be finished")));
        }
        if let Some(analyzer) = &self.analyzer {
            analyzer.open(select);
        }
        let shared = (self.cancel.clone(), self.params.limits.clone(), self.samples.clone());
        Ok(Evaluator::new(Arc::clone(&self.plan), select, self.scalars.clone(), shared))
    }

    /// Takes what an evaluator made of the next batch of its select.
    ///
    /// # Errors
    /// The query cannot be answered; it is of no more use then.
    pub fn accept(&mut self, partial: Partial) -> Result<(), QueryError> {
        self.cancel.check()?;
        let Partial { select, uses, notes, held, samples, statistics, work } = partial;
        if let (Some(own), Some(statistics)) = (&mut self.statistics, &statistics) {
            own.add(statistics);
        }
        if let Some(analyzer) = &mut self.analyzer {
            analyzer.evaluated(select, work);
        }
        samples.hand_over();
        self.notes.extend(notes);
        let plan = Arc::clone(&self.plan);
        for (one, contribution) in plan.uses[select].iter().zip(uses) {
            for (to, rows) in one.ends.iter().zip(contribution.rows) {
                self.timed(*to, |query| rows.into_iter().try_for_each(|row| query.flow(Flow::Arriving(*to, row))))?;
            }
            self.answer.add_samples(contribution.samples, &mut self.held)?;
        }
        drop(held);
        Ok(())
    }

    /// Evaluates the next batch of a select here and now.
    ///
    /// # Errors
    /// As [`Query::evaluator`], [`Evaluator::evaluate`] and [`Query::accept`].
    pub fn push(&mut self, select: usize, batch: &dyn SeriesBatch) -> Result<(), QueryError> {
        let partial = self.evaluator(select)?.evaluate(batch)?;
        self.accept(partial)
    }

    /// The last batch of select `select` was accepted. To be called once for each select.
    ///
    /// # Errors
    /// As [`Query::accept`].
    pub fn finish(&mut self, select: usize) -> Result<(), QueryError> {
        self.cancel.check()?;
        let finished = self.finished.get_mut(select);
        let finished = finished.ok_or_else(|| QueryError::Internal(format!("there is no select {select}")))?;
        if std::mem::replace(finished, true) {
            return Err(QueryError::Internal(format!("select {select} was finished twice")));
        }
        if let Some(analyzer) = &mut self.analyzer {
            analyzer.closed(select);
        }
        let plan = Arc::clone(&self.plan);
        for end in plan.uses[select].iter().flat_map(|one| &one.ends) {
            self.end(*end)?;
        }
        self.settle()
    }

    /// What was looked at so far; `None` if it is not counted.
    pub fn statistics(&self) -> Option<Statistics> {
        let peak = self.samples.peak() as u64;
        self.statistics.clone().map(|statistics| Statistics { peak, ..statistics })
    }

    /// The answer.
    ///
    /// # Errors
    /// What cannot be known before all series were seen; [`QueryError::Internal`] if a select is not finished.
    pub fn into_output(self) -> Result<Output, QueryError> {
        if self.finished.contains(&false) {
            return Err(QueryError::Internal("a select is not finished".to_owned()));
        }
        let value = self.answer.into_value(&self.plan, &self.params, &self.scalars)?;
        Ok(Output { value, annotations: self.notes.settled(&self.plan.twins) })
    }
}
