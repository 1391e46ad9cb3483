//! Rows go from chain to stage to chain until they come to rest.

use super::{Query, QueryError};
use crate::chain::{OpContext, OpScratch, Passing, Row};
use crate::column::FloatColumn;
use crate::evaluator::with_op_scratch;
use crate::plan::{Chain, Destination};
use crate::stage::{Stage, StageContext};
use std::sync::Arc;

/// A row that has come out of something, and where it goes.
#[derive(Debug)]
pub(super) enum Flow {
    /// It is still before the operators of a stage's output.
    FromStage(usize, Row),
    /// It has passed a chain.
    Arriving(Destination, Row),
}

impl Query {
    /// Computes the numbers that can be, and lets flow what waited for them.
    pub(super) fn settle(&mut self) -> Result<(), QueryError> {
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
    pub(super) fn flow(&mut self, start: Flow) -> Result<(), QueryError> {
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
        if chain.ops.is_empty() {
            return Ok((row.column.samples() > 0).then_some(row));
        }
        with_op_scratch(|scratch| self.pass_with(scratch, chain, row))
    }

    fn pass_with(&mut self, scratch: &mut OpScratch, chain: &Chain, row: Row) -> Result<Option<Row>, QueryError> {
        let before = row.column.samples();
        let Row { labels, drop_name, column, .. } = row;
        let mut passing = Passing::new(column, drop_name);
        scratch.labels.start(labels.as_ref());
        let mut cx = OpContext {
            scalars: &self.scalars,
            delayed_names: self.plan.delayed_names,
            used_labels_only: false,
            notes: &mut self.notes,
            statistics: self.statistics.as_mut(),
            scratch,
        };
        let left = passing.apply(&chain.ops, &mut cx)?;
        let after = if left { passing.column.samples() } else { 0 };
        self.samples.remove(before.saturating_sub(after));
        self.samples.add(after.saturating_sub(before))?;
        let changed = scratch.labels.labels();
        let labels = if changed == labels.as_ref() { labels } else { changed.to_owned() };
        Ok((left || !passing.aside.checks().is_empty()).then(|| passing.into_row(labels)))
    }

    /// Nothing more comes to `to`: what it kept flows on, and so forth.
    pub(super) fn end(&mut self, to: Destination) -> Result<(), QueryError> {
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
