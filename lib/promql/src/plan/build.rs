//! From the tree of a query to its plan.

use super::classes::Classes;
use super::facts::{Facts, selector, without_parens};
use super::fan::{Common, CommonKey, CommonScalar, finish_fans};
use super::matchers::normal;
use super::naming::Names;
use super::place::{Buckets, Place};
use super::select::{PlannedUse, share};
use super::time::{QueryTimes, Shift, subquery_grid};
use super::{Chain, Destination, Leaf, Plan, Reading, ResultPlan, StageNode, Twins, Use};
use crate::annotations::Annotations;
use crate::ast::{Boundary, Expr, ExprKind, Span, Subquery, UnaryOp, VectorSelector};
use crate::chain::{CheckKind, Conflict, Op};
use crate::kernels::margin;
use crate::stage::StagePlan;
use crate::statistics::Counted;
use crate::{Grid, QueryError, QueryParams};
use hashbrown::HashMap;
use model::TimeRange;
use std::sync::Arc;

/// Plans a query.
///
/// # Errors
/// What cannot be evaluated: [`QueryError::Invalid`] where Prometheus refuses it before it runs.
pub(crate) fn build(expr: &Expr, params: &QueryParams) -> Result<Plan, QueryError> {
    let times = QueryTimes { start_ms: params.start_ms, end_ms: params.end_ms, step_ms: params.step_ms };
    let facts = Facts::of(expr, &times, params);
    let plan = Plan {
        selects: Vec::new(),
        uses: Vec::new(),
        sources: Vec::new(),
        stages: Vec::new(),
        fans: Vec::new(),
        twins: Twins::default(),
        scalars: Vec::new(),
        gathered: Vec::new(),
        checks: Vec::new(),
        result: ResultPlan::Samples,
        notes: Annotations::default(),
        delayed_names: params.delayed_names,
        lookback_ms: params.lookback_ms,
        counts: None,
        analyzes: params.analyze,
    };
    let classes = Classes::of(expr, &times, params);
    let (uses, commons, common_scalars) = (Vec::new(), HashMap::new(), HashMap::new());
    let mut builder =
        Builder { facts, classes, times, params, plan, uses, commons, common_scalars, above: 0, node: expr.span };
    builder.plan.result = builder.root(expr)?;
    finish_fans(&mut builder.plan, &mut builder.uses);
    share(builder.uses, params, &mut builder.plan);
    Ok(builder.plan)
}

/// A plan in the making.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub(super) facts: Facts,
    pub(super) classes: Classes,
    pub(super) times: QueryTimes,
    pub(super) params: &'a QueryParams,
    pub(super) plan: Plan,
    pub(super) uses: Vec<PlannedUse>,
    /// What was planned that is wanted at several places.
    pub(super) commons: HashMap<CommonKey, Common<'a>>,
    pub(super) common_scalars: HashMap<CommonKey, CommonScalar<'a>>,
    /// The level above all selects that were needed so far for what is being planned.
    pub(super) above: usize,
    /// The expression that is being planned.
    pub(super) node: Span,
}

/// What happens to the series of an expression: operators, the last one first, and where they go then.
#[derive(Debug)]
pub(super) struct Tail {
    ops: Vec<Op>,
    to: Destination,
}

impl Tail {
    pub(super) fn to(to: Destination) -> Self {
        Self { ops: Vec::new(), to }
    }

    pub(super) fn to_stage(stage: usize, input: usize) -> Self {
        Self::to(Destination::Stage { stage, input })
    }

    /// Puts `op` before all others.
    pub(super) fn before(&mut self, op: Op) {
        self.ops.push(op);
    }

    pub(super) fn chain(mut self) -> Chain {
        self.ops.reverse();
        Chain { ops: self.ops, to: self.to }
    }
}

/// What is left to plan: an operand, where it is, and what happens to its series.
pub(super) type Rest<'a> = (&'a Expr, Place, Tail);

impl<'a> Builder<'a> {
    fn root(&mut self, expr: &'a Expr) -> Result<ResultPlan, QueryError> {
        let QueryTimes { start_ms, end_ms, step_ms } = self.times;
        let is_instant = step_ms == 0;
        let core = without_parens(expr);
        if !is_instant {
            check_type(core)?;
        }
        self.times.check(expr)?;
        let grid = if is_instant { Grid::instant(start_ms) } else { Grid::range(start_ms, end_ms, step_ms) };
        let (grid, counted) = (self.bounded(grid)?, Counted::Steps);
        self.plan.counts = self.params.count_samples.then(|| grid.steps());
        let place =
            Place { grid, apart: false, level: 0, func: String::new(), counted, step_ms, buckets: Buckets::Kept };
        if self.facts.get(expr).is_scalar {
            return Ok(ResultPlan::Scalar(self.scalar(expr, &place)?.0));
        }
        match &core.kind {
            ExprKind::String(text) => Ok(ResultPlan::String(text.clone())),
            ExprKind::Matrix(matrix) => {
                self.node = core.span;
                let shift = self.times.shift(&matrix.selector.time)?;
                let range_ms = self.times.range_ms(&matrix.range)?;
                let end_ms = shift.apply(start_ms);
                let boundary = matrix.selector.boundary;
                let leaf = Leaf::Samples { start_ms: end_ms.saturating_sub(range_ms), end_ms, boundary };
                self.add_use(&matrix.selector, leaf, (shift, range_ms), &place, Tail::to(Destination::Result))?;
                Ok(ResultPlan::Samples)
            }
            ExprKind::Subquery(subquery) => {
                let place = Place { counted: Counted::Root { times: 1 }, ..self.inside(subquery, &place)?.0 };
                let grid = Arc::clone(&place.grid);
                let distinct = self.facts.get(&subquery.expr).distinct;
                self.vector(&subquery.expr, place, Tail::to(Destination::Result))?;
                Ok(ResultPlan::Series { grid, as_vector: false, distinct })
            }
            _ => {
                let grid = Arc::clone(&place.grid);
                let distinct = self.facts.get(expr).distinct;
                self.vector(expr, place, Tail::to(Destination::Result))?;
                Ok(ResultPlan::Series { grid, as_vector: is_instant, distinct })
            }
        }
    }

    /// Plans an instant vector.
    pub(super) fn vector(&mut self, expr: &'a Expr, mut place: Place, mut tail: Tail) -> Result<(), QueryError> {
        if let Some(class) = self.classes.repeated(expr) {
            self.go_apart(expr, &mut place, &mut tail);
            return self.common((expr, class), place, tail);
        }
        self.vector_itself(expr, place, tail)
    }

    /// The same, without looking whether `expr` itself is wanted elsewhere too. Goes down to the left in a loop: that is how
    /// deep trees are.
    pub(super) fn vector_itself(&mut self, expr: &'a Expr, place: Place, tail: Tail) -> Result<(), QueryError> {
        // What was planned before its left operand, and is to be fetched after it: where it starts, and how much it is.
        let mut late: Vec<(usize, usize)> = Vec::new();
        let around = self.node;
        let mut next = Some((expr, place, tail));
        while let Some((expr, mut place, mut tail)) = next {
            self.node = expr.span;
            // What has no steps Prometheus does not look at: nothing is wrong with it, and nothing is said of it.
            if place.grid.steps() == 0 {
                self.nothing(&place, tail);
                break;
            }
            self.go_apart(expr, &mut place, &mut tail);
            next = match &expr.kind {
                ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) => Some((inner, place, tail)),
                ExprKind::Unary(UnaryOp::Minus, inner) => {
                    self.drop_names(&mut tail, inner, Conflict::OfKind);
                    tail.before(Op::Negate);
                    Some((inner, place, tail))
                }
                ExprKind::Binary(binary) => self.binary((binary, expr.span), place, tail, &mut late)?,
                ExprKind::Aggregate(aggregate) => Some(self.aggregate(expr, aggregate, place, tail)?),
                ExprKind::Call(call) => self.call(expr, call, place, tail)?,
                ExprKind::Vector(selector) => {
                    self.instant((selector, expr.span), Reading::Sample, &place, tail)?;
                    None
                }
                ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Matrix(_) | ExprKind::Subquery(_) => {
                    return Err(QueryError::Internal("an instant vector was expected".to_owned()));
                }
            };
            if let Some((expr, ..)) = next
                && self.classes.repeated(expr).is_some()
                && let Some((expr, place, tail)) = next.take()
            {
                self.vector(expr, place, tail)?;
            }
        }
        self.node = around;
        while let Some((start, count)) = late.pop() {
            if let Some(uses) = self.uses.get_mut(start..) {
                uses.rotate_left(count);
            }
        }
        Ok(())
    }

    /// Evaluates `expr` once, if it is not within something that is, and it is worth it.
    fn go_apart(&self, expr: &Expr, place: &mut Place, tail: &mut Tail) {
        if !place.apart && self.facts.get(expr).apart {
            tail.before(Op::Repeat(place.grid.steps()));
            place.set_apart();
        }
    }

    /// Plans something, and says which level is above all selects in it.
    pub(super) fn above<T>(
        &mut self,
        plan: impl FnOnce(&mut Self) -> Result<T, QueryError>,
    ) -> Result<(T, usize), QueryError> {
        let around = std::mem::take(&mut self.above);
        let planned = plan(self)?;
        let above = std::mem::replace(&mut self.above, around);
        self.above = self.above.max(above);
        Ok((planned, above))
    }

    /// Starts a stage whose output goes to `tail`.
    pub(super) fn stage(&mut self, plan: StagePlan, inputs: usize, tail: Tail) -> usize {
        self.plan.stages.push(StageNode { node: self.node, plan, inputs, out: tail.chain() });
        self.plan.stages.len() - 1
    }

    /// A check that label sets differ.
    pub(super) fn check(&mut self, fixed_name: bool, conflict: Conflict) -> Op {
        self.plan.checks.push(CheckKind { fixed_name });
        Op::Check { check: self.plan.checks.len() - 1, conflict }
    }

    /// Takes names away from the series of `operand`, before what is in `tail`.
    pub(super) fn drop_names(&mut self, tail: &mut Tail, operand: &Expr, conflict: Conflict) {
        let names = self.facts.get(operand).names;
        if self.plan.delayed_names {
            tail.before(Op::DropMetadata);
        } else if names != Names::Gone {
            let check = self.check(names == Names::Fixed, conflict);
            tail.before(check);
            tail.before(Op::DropMetadata);
        }
    }

    /// Plans an instant selector, or the times of its samples.
    pub(super) fn instant(
        &mut self,
        (selector, span): (&VectorSelector, Span),
        reading: Reading,
        place: &Place,
        tail: Tail,
    ) -> Result<(), QueryError> {
        self.node = span;
        let shift = self.times.shift(&selector.time)?;
        let lookback_ms = self.params.lookback_ms;
        let grid = Arc::clone(&place.grid);
        let leaf = match selector.boundary {
            Some(Boundary::Smoothed) if reading == Reading::Sample => Leaf::Smoothed { grid, shift, lookback_ms, span },
            _ => Leaf::Instant { grid, shift, lookback_ms, reading, counted: place.counted },
        };
        self.add_use(selector, leaf, (shift, 0), place, tail)
    }

    /// Adds a selector. `range_ms` is 0 for an instant one.
    pub(super) fn add_use(
        &mut self,
        selector: &VectorSelector,
        leaf: Leaf,
        (shift, range_ms): (Shift, i64),
        place: &Place,
        tail: Tail,
    ) -> Result<(), QueryError> {
        // What takes the newest sample as it is looks at none behind it.
        let boundary = selector.boundary.filter(|_| !matches!(leaf, Leaf::Instant { .. }));
        let margin = margin(boundary, self.params.lookback_ms);
        let back_ms = if range_ms == 0 { self.params.lookback_ms } else { range_ms.saturating_add(margin.before_ms) };
        let max_ms = shift.apply(place.grid.last_ms()).saturating_add(margin.behind_ms);
        // The start of a window is outside.
        let min_ms = shift.apply(place.grid.start_ms()).saturating_sub(back_ms).saturating_add(1);
        let range = TimeRange::new(min_ms.min(max_ms), max_ms).unwrap_or(TimeRange::ALL);
        self.above = self.above.max(place.level + 1);
        self.uses.push(PlannedUse {
            level: place.level,
            matchers: if self.params.passes.matchers { normal(&selector.matchers) } else { selector.matchers.clone() },
            range,
            step_ms: place.step_ms,
            range_ms,
            func: place.func.clone(),
            planned: Use {
                node: self.node,
                leaf,
                without_buckets: place.buckets == Buckets::Spared,
                filter: Vec::new(),
                times: 1,
                chain: tail.chain(),
                ends: Vec::new(),
            },
        });
        Ok(())
    }

    /// Refuses a grid of which not even one column could be held.
    fn bounded(&self, grid: Grid) -> Result<Arc<Grid>, QueryError> {
        if grid.steps() > self.params.limits.max_samples {
            return Err(QueryError::TooManySamples);
        }
        Ok(Arc::new(grid))
    }

    /// Where the expression in a subquery is planned, and the window that looks at it.
    pub(super) fn inside(&self, subquery: &Subquery, place: &Place) -> Result<(Place, Shift, i64), QueryError> {
        let shift = self.times.shift(&subquery.time)?;
        let range_ms = self.times.range_ms(&subquery.range)?;
        let step_ms = match &subquery.step {
            Some(step) => self.times.range_ms(step)?,
            None => self.params.subquery_step_ms,
        };
        if step_ms <= 0 {
            return Err(QueryError::Invalid("a subquery needs a step of at least a millisecond".to_owned()));
        }
        let grid = self.bounded(subquery_grid(&place.grid, shift, range_ms, step_ms))?;
        let counted = Counted::Within;
        Ok((Place { grid, apart: false, counted, step_ms, buckets: Buckets::Needed, ..place.clone() }, shift, range_ms))
    }
}

/// Refuses what is neither number nor instant vector, of which a range query is made.
fn check_type(expr: &Expr) -> Result<(), QueryError> {
    let what = match &expr.kind {
        ExprKind::String(_) => "string",
        ExprKind::Matrix(_) | ExprKind::Subquery(_) => "range vector",
        _ => return Ok(()),
    };
    let text = format!("invalid expression type \"{what}\" for range query, must be Scalar or instant Vector");
    Err(QueryError::Invalid(text))
}

/// A function that the table has and the plan has not.
pub(super) fn unknown_function(name: &str) -> QueryError {
    QueryError::Internal(format!("nobody knows what {name} does"))
}

/// The selector that `timestamp` was called with, if it was one.
pub(super) fn bare_selector(args: &[Expr]) -> Option<&VectorSelector> {
    args.first().and_then(selector)
}
