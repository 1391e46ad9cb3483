//! A query from its tree to its answer: selects out, batches in.

mod checks;
mod limits;
mod result;
#[cfg(test)]
mod tests;
mod timed;

pub use limits::{Cancel, QueryLimits};
pub(crate) use limits::{HeldSamples, SampleCount};

use crate::analysis::Analyzer;
use crate::annotations::Annotations;
use crate::ast::Expr;
use crate::budget::{OverBudget, Reservation};
use crate::chain::{OpContext, OpScratch, Passing, Row};
use crate::column::FloatColumn;
use crate::number_column::Gather;
use crate::plan::{Chain, Destination, Plan, UsedLabels, build};
use crate::stage::{Stage, StageContext};
use crate::statistics::Statistics;
use crate::{Evaluator, Output, Partial, SeriesBatch};
use checks::Check;
use model::{Matcher, TimeRange};
use result::Answer;
use std::sync::Arc;

/// When, and within which limits, an expression is evaluated.
#[derive(Debug, Clone)]
pub struct QueryParams {
    /// The first step, in milliseconds.
    pub start_ms: i64,
    /// The last moment at which a step may be, in milliseconds.
    pub end_ms: i64,
    /// How far apart steps are, in milliseconds; 0 makes it an instant query, whose start and end are the same.
    pub step_ms: i64,
    /// How old a sample may be for an instant selector to find it: one that is just so old is not found.
    pub lookback_ms: i64,
    /// The step of a subquery that does not name its own.
    pub subquery_step_ms: i64,
    /// Whether metric names are taken away at the very end instead of by each function (a feature flag of Prometheus).
    pub delayed_names: bool,
    /// Whether functions of counters look at when those began (a feature flag of Prometheus).
    pub use_start_timestamps: bool,
    /// Whether it is the label `__type__` that tells what a counter is, and not the name (a feature flag of Prometheus).
    pub type_and_unit_labels: bool,
    /// Whether only selectors share a select that ask for the same in every respect, time and function among it: for stores
    /// whose samples depend on how they are asked for, as of replicas and of downsampled data.
    pub strict_sharing: bool,
    /// What the planner may spare.
    pub passes: Passes,
    /// Whether samples that are looked at are counted, for [`Query::statistics`].
    pub count_samples: bool,
    /// Whether it is written down what operators do, for [`Query::operators`].
    pub analyze: bool,
    pub limits: QueryLimits,
}

/// What the planner may spare. The answer is the same to the bit with any of them, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passes {
    /// Selectors with the same matchers are read from the stores once.
    pub shared_selects: bool,
    /// Selectors that mean the same have the same matchers.
    pub matchers: bool,
    /// Selectors are read with others that have all their series.
    pub wider_selects: bool,
    /// Numbers that are computed from numbers alone are computed before the query runs.
    pub constants: bool,
    /// Set operators with a side that is empty, or there for everybody, are the other side or nothing.
    pub toggles: bool,
    /// What is wanted at several places of the query is evaluated once.
    pub common_expressions: bool,
    /// What has the same value at every step is evaluated at one.
    pub step_invariants: bool,
    /// Series that cannot be labelled alike are not searched for those that are.
    pub distinct_series: bool,
    /// Labels that no operator looks at are not asked for.
    pub used_labels: bool,
}

impl Default for Passes {
    fn default() -> Self {
        Self {
            shared_selects: true,
            matchers: true,
            wider_selects: true,
            constants: true,
            toggles: true,
            common_expressions: true,
            step_invariants: true,
            distinct_series: true,
            used_labels: true,
        }
    }
}

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
    scratch: OpScratch,
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

/// A row that has come out of something, and where it goes.
#[derive(Debug)]
enum Flow {
    /// It is still before the operators of a stage's output.
    FromStage(usize, Row),
    /// It has passed a chain.
    Arriving(Destination, Row),
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

impl QueryParams {
    /// An instant query at `time_ms`, with Prometheus' defaults.
    pub fn instant(time_ms: i64) -> Self {
        Self::range(time_ms, time_ms, 0)
    }

    /// A range query, with Prometheus' defaults.
    pub fn range(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        Self {
            start_ms,
            end_ms,
            step_ms,
            lookback_ms: 300_000,
            subquery_step_ms: 60_000,
            delayed_names: false,
            use_start_timestamps: false,
            type_and_unit_labels: false,
            strict_sharing: false,
            count_samples: false,
            analyze: false,
            passes: Passes::default(),
            limits: QueryLimits::default(),
        }
    }
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
            scratch: OpScratch::default(),
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

// === flow: rows go from chain to stage to chain until they come to rest ===

impl Query {
    /// Computes the numbers that can be, and lets flow what waited for them.
    fn settle(&mut self) -> Result<(), QueryError> {
        let plan = Arc::clone(&self.plan);
        loop {
            for (id, scalar) in plan.scalars.iter().enumerate() {
                if self.scalars[id].is_none() {
                    self.scalars[id] = scalar.compute(&self.scalars, &self.gathered)?;
                    self.held.grow(self.scalars[id].as_ref().map_or(0, |column| column.size_bytes()))?;
                }
            }
            let done = self.finished.iter().take_while(|finished| **finished).count();
            let waiting = plan.sources.iter().enumerate().find(|(id, source)| {
                !self.flowed[*id] && source.after <= done && self.scalars[source.scalar.0].is_some()
            });
            let Some((id, source)) = waiting else { return Ok(()) };
            self.flowed[id] = true;
            if let Some(column) = self.scalars[source.scalar.0].clone() {
                let row = Row::new(model::Labels::empty(), false, FloatColumn::clone(&column));
                self.samples.add(row.column.samples())?;
                if let Some(row) = self.pass(&source.chain, row)? {
                    self.flow(Flow::Arriving(source.chain.to, row))?;
                }
            }
            self.end(source.chain.to)?;
        }
    }

    /// Carries a row as far as it goes. A loop, since a query may have thousands of stages in a row.
    fn flow(&mut self, start: Flow) -> Result<(), QueryError> {
        let plan = Arc::clone(&self.plan);
        // Most often one row is all, and nothing waits.
        let (mut next, mut open) = (Some(start), Vec::new());
        while let Some(flow) = next.take().or_else(|| open.pop()) {
            match flow {
                Flow::FromStage(stage, row) => {
                    let chain = &plan.stages[stage].out;
                    self.samples.add(row.column.samples())?;
                    if let Some(row) = self.pass(chain, row)? {
                        open.push(Flow::Arriving(chain.to, row));
                    }
                }
                Flow::Arriving(to, mut row) => {
                    for noticed in row.aside.take_checks() {
                        self.checks[noticed.check].notice(&noticed, &mut self.held)?;
                    }
                    if row.column.is_empty() {
                        continue;
                    }
                    match to {
                        Destination::Result => self.answer.add(row, &mut self.held)?,
                        Destination::Gather(at) => {
                            self.samples.remove(row.column.samples());
                            self.gathers[at].push(&row);
                        }
                        Destination::Stage { stage, input } => {
                            self.stages[stage].samples += row.column.samples();
                            if let Some(analyzer) = &mut self.analyzer {
                                analyzer.arrived(stage, row.column.samples());
                            }
                            let out = self.at_stage(stage, |running, cx| running.push(input, row, cx))?;
                            open.extend(out.into_iter().rev().map(|row| Flow::FromStage(stage, row)));
                        }
                        Destination::Fan(fan) => open.extend(self.branch(fan, row)?.into_iter().rev()),
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes a row through all chains of a fan.
    fn branch(&mut self, fan: usize, row: Row) -> Result<Vec<Flow>, QueryError> {
        let plan = Arc::clone(&self.plan);
        let chains = plan.fans.get(fan).map_or(&[][..], |fan| &fan.chains);
        self.samples.add(row.column.samples().saturating_mul(chains.len().saturating_sub(1)))?;
        let mut arriving = Vec::with_capacity(chains.len());
        let mut rows = std::iter::repeat_n(row, chains.len());
        for chain in chains {
            let passed = rows.next().map(|row| self.pass(chain, row)).transpose()?;
            arriving.extend(passed.flatten().map(|row| Flow::Arriving(chain.to, row)));
        }
        Ok(arriving)
    }

    /// Applies the operators of a chain; what is left of the row, if only label sets to be checked.
    fn pass(&mut self, chain: &Chain, row: Row) -> Result<Option<Row>, QueryError> {
        let before = row.column.samples();
        if chain.ops.is_empty() {
            return Ok((before > 0).then_some(row));
        }
        let Row { labels, drop_name, column, .. } = row;
        let mut passing = Passing::new(column, drop_name);
        self.scratch.labels.start(labels.as_ref());
        let mut cx = OpContext {
            scalars: &self.scalars,
            delayed_names: self.plan.delayed_names,
            used_labels_only: false,
            notes: &mut self.notes,
            statistics: self.statistics.as_mut(),
            scratch: &mut self.scratch,
        };
        let left = passing.apply(&chain.ops, &mut cx)?;
        let after = if left { passing.column.samples() } else { 0 };
        self.samples.remove(before.saturating_sub(after));
        self.samples.add(after.saturating_sub(before))?;
        let changed = self.scratch.labels.labels();
        let labels = if changed == labels.as_ref() { labels } else { changed.to_owned() };
        Ok((left || !passing.aside.checks().is_empty()).then(|| passing.into_row(labels)))
    }

    /// Nothing more comes to `to`: what it kept flows on, and so forth.
    fn end(&mut self, to: Destination) -> Result<(), QueryError> {
        let plan = Arc::clone(&self.plan);
        let mut open = vec![to];
        while let Some(to) = open.pop() {
            match to {
                Destination::Result => {}
                Destination::Fan(fan) => {
                    let chains = plan.fans.get(fan).into_iter().flat_map(|fan| &fan.chains);
                    open.extend(chains.rev().map(|chain| chain.to));
                }
                Destination::Gather(at) => self.gathered[at] = Some(Arc::new(self.gathers[at].finish())),
                Destination::Stage { stage, input } => {
                    if let Some(analyzer) = &mut self.analyzer {
                        analyzer.held(stage, self.stages[stage].held.bytes());
                    }
                    let finish = |query: &mut Self| query.at_stage(stage, |running, cx| running.finish(input, cx));
                    let out = self.timed(to, finish)?;
                    self.timed(plan.stages[stage].out.to, |query| {
                        out.into_iter().try_for_each(|row| query.flow(Flow::FromStage(stage, row)))
                    })?;
                    let running = &mut self.stages[stage];
                    running.open_inputs = running.open_inputs.saturating_sub(1);
                    if running.open_inputs == 0 {
                        running.held.shrink_to(0);
                        self.samples.remove(std::mem::take(&mut running.samples));
                        open.push(plan.stages[stage].out.to);
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets a stage work, and gives what it puts out.
    fn at_stage(
        &mut self,
        stage: usize,
        work: impl FnOnce(&mut dyn Stage, &mut StageContext<'_>) -> Result<(), QueryError>,
    ) -> Result<Vec<Row>, QueryError> {
        let mut out = Vec::new();
        let running = &mut self.stages[stage];
        let mut cx =
            StageContext { out: &mut out, notes: &mut self.notes, scalars: &self.scalars, held: &mut running.held };
        work(running.stage.as_mut(), &mut cx)?;
        Ok(out)
    }
}
