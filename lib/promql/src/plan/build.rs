//! From the tree of a query to its plan.

use super::facts::{Facts, selector, without_parens};
use super::naming::{Names, is_set};
use super::select::{PlannedUse, share};
use super::time::{QueryTimes, Shift, subquery_grid};
use super::{Chain, Destination, Leaf, Plan, Reading, ResultPlan, ScalarId, StageNode, Use};
use crate::annotations::Annotations;
use crate::ast::{
    Binary, BinaryOp, Boundary, Cardinality, Expr, ExprKind, Matching, Span, Subquery, UnaryOp, VectorSelector,
};
use crate::binary::{JoinPlan, LEFT, RIGHT, ScalarOp, SetKind, SetPlan, keeps_names};
use crate::chain::{CheckKind, Conflict, Op};
use crate::kernels::margin;
use crate::labelset::NameSet;
use crate::number_column::Scalar;
use crate::stage::StagePlan;
use crate::statistics::Counted;
use crate::{Grid, QueryError, QueryParams};
use model::TimeRange;
use std::sync::Arc;

/// Plans a query.
///
/// # Errors
/// What cannot be evaluated: [`QueryError::Invalid`] where Prometheus refuses it before it runs.
pub(crate) fn build(expr: &Expr, params: &QueryParams) -> Result<Plan, QueryError> {
    let facts = Facts::of(expr, params);
    let times = QueryTimes { start_ms: params.start_ms, end_ms: params.end_ms, step_ms: params.step_ms };
    let plan = Plan {
        selects: Vec::new(),
        uses: Vec::new(),
        sources: Vec::new(),
        stages: Vec::new(),
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
    let mut builder = Builder { facts, times, params, plan, uses: Vec::new(), node: expr.span };
    builder.plan.result = builder.root(expr)?;
    share(builder.uses, params, &mut builder.plan);
    Ok(builder.plan)
}

/// A plan in the making.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub(super) facts: Facts,
    pub(super) times: QueryTimes,
    pub(super) params: &'a QueryParams,
    pub(super) plan: Plan,
    pub(super) uses: Vec<PlannedUse>,
    /// The expression that is being planned.
    pub(super) node: Span,
}

/// Where in the tree something is planned.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) grid: Arc<Grid>,
    /// Within something that is evaluated once for all steps.
    pub(super) apart: bool,
    /// Selects here must be on this level at least.
    pub(super) level: usize,
    /// The nearest function or aggregation around, for the stores to know.
    pub(super) func: String,
    /// How what is looked at here counts.
    pub(super) counted: Counted,
    /// What the stores are told of the steps.
    pub(super) step_ms: i64,
    pub(super) buckets: Buckets,
}

/// Whether the buckets of native histograms are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Buckets {
    /// They may be: nobody around said otherwise.
    Kept,
    /// Within a function that looks at counts and sums only.
    Spared,
    /// Within something that needs them, whatever else is there.
    Needed,
}

impl Buckets {
    /// Within a function that looks at counts and sums only.
    pub(super) fn spared(self) -> Self {
        if self == Self::Needed { self } else { Self::Spared }
    }
}

impl Place {
    /// What comes now is evaluated once, for the first step.
    pub(super) fn set_apart(&mut self) {
        self.apart = true;
        self.counted = self.counted.once(self.grid.steps());
        self.grid = Arc::new(self.grid.first());
    }
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
        let grid = if is_instant { Grid::instant(start_ms) } else { Grid::range(start_ms, end_ms, step_ms) };
        let (grid, counted) = (self.bounded(grid)?, Counted::Steps);
        self.plan.counts = self.params.count_samples.then(|| grid.steps());
        let place =
            Place { grid, apart: false, level: 0, func: String::new(), counted, step_ms, buckets: Buckets::Kept };
        if self.facts.get(expr).is_scalar {
            return Ok(ResultPlan::Scalar(self.scalar(expr, &place)?.0));
        }
        let core = without_parens(expr);
        let refuse = |what: &str| {
            let text = format!("invalid expression type \"{what}\" for range query, must be Scalar or instant Vector");
            Err(QueryError::Invalid(text))
        };
        match &core.kind {
            ExprKind::String(_) if !is_instant => refuse("string"),
            ExprKind::Matrix(_) | ExprKind::Subquery(_) if !is_instant => refuse("range vector"),
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

    /// Plans an instant vector. Goes down to the left in a loop: that is how deep trees are.
    pub(super) fn vector(&mut self, expr: &'a Expr, place: Place, tail: Tail) -> Result<(), QueryError> {
        // What was planned before its left operand, and is to be fetched after it: where it starts, and how much it is.
        let mut late: Vec<(usize, usize)> = Vec::new();
        let around = self.node;
        let mut next = Some((expr, place, tail));
        while let Some((expr, mut place, mut tail)) = next {
            self.node = expr.span;
            if !place.apart && self.facts.get(expr).apart {
                tail.before(Op::Repeat(place.grid.steps()));
                place.set_apart();
            }
            next = match &expr.kind {
                ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) => Some((inner, place, tail)),
                ExprKind::Unary(UnaryOp::Minus, inner) => {
                    self.drop_names(&mut tail, inner, Conflict::OfKind);
                    tail.before(Op::Negate);
                    Some((inner, place, tail))
                }
                ExprKind::Binary(binary) => Some(self.binary((binary, expr.span), place, tail, &mut late)?),
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
        }
        self.node = around;
        while let Some((start, count)) = late.pop() {
            if let Some(uses) = self.uses.get_mut(start..) {
                uses.rotate_left(count);
            }
        }
        Ok(())
    }

    fn binary(
        &mut self,
        (binary, node): (&'a Binary, Span),
        mut place: Place,
        mut tail: Tail,
        late: &mut Vec<(usize, usize)>,
    ) -> Result<Rest<'a>, QueryError> {
        place.func.clear();
        if matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
            place.buckets = Buckets::Needed;
        }
        let Some(matching) = &binary.matching else {
            let scalar_left = self.facts.get(&binary.lhs).is_scalar;
            let (scalar, vector) = if scalar_left { (&binary.lhs, &binary.rhs) } else { (&binary.rhs, &binary.lhs) };
            let (scalar, level) = self.scalar(scalar, &place)?;
            place.level = level;
            if !keeps_names(binary.op) || binary.return_bool {
                self.drop_names(&mut tail, vector, Conflict::AtStep);
            }
            let (op, return_bool) = (binary.op, binary.return_bool);
            tail.before(Op::Scalar(ScalarOp { op, scalar, scalar_left, return_bool, node }));
            return Ok((vector, place, tail));
        };
        let (plan, left_first) = self.pairing((binary, node), matching, &place);
        let stage = self.stage(plan, 2, tail);
        let start = self.uses.len();
        self.vector(&binary.rhs, place.clone(), Tail::to_stage(stage, RIGHT))?;
        if left_first {
            late.push((start, self.uses.len() - start));
        }
        Ok((&binary.lhs, place, Tail::to_stage(stage, LEFT)))
    }

    /// How two vectors meet, and whether the left one is wanted first.
    fn pairing(&self, (binary, node): (&Binary, Span), matching: &Matching, place: &Place) -> (StagePlan, bool) {
        let names = &matching.labels;
        let by = if matching.on { NameSet::only(names) } else { NameSet::without(names) };
        if is_set(binary.op) {
            let kind = match binary.op {
                BinaryOp::And => SetKind::And,
                BinaryOp::Or => SetKind::Or,
                _ => SetKind::Unless,
            };
            return (StagePlan::Set(SetPlan { kind, matching: by }), kind == SetKind::Or);
        }
        let unique = matching.on && matching.card == Cardinality::OneToOne;
        let plan = JoinPlan {
            op: binary.op,
            return_bool: binary.return_bool,
            card: matching.card,
            matching: by,
            kept: if matching.on { NameSet::only(names) } else { NameSet::except(names) },
            include: matching.include.clone(),
            delayed_names: self.plan.delayed_names,
            check_labels: !(unique || self.plan.delayed_names && place.grid.is_instant()),
            steps: place.grid.steps(),
            node,
            // As in Prometheus, which swaps the sides but not their numbers.
            fill_many_side: matching.fill_left,
            fill_one_side: matching.fill_right,
        };
        (StagePlan::Join(plan), matching.card == Cardinality::OneToMany)
    }

    /// Plans a number per step, and says from which level on it can be used.
    pub(super) fn scalar(&mut self, expr: &'a Expr, place: &Place) -> Result<(ScalarId, usize), QueryError> {
        // Down the left side of operators first: that is how deep trees are.
        let mut operators = Vec::new();
        let (mut expr, mut place) = (expr, place.clone());
        let mut innermost = loop {
            if !place.apart && self.facts.get(expr).apart {
                operators.push((Pending::Repeat(place.grid.steps()), place.clone()));
                place.set_apart();
            }
            match &expr.kind {
                ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) => expr = inner,
                ExprKind::Unary(UnaryOp::Minus, inner) => {
                    operators.push((Pending::Negate, place.clone()));
                    expr = inner;
                }
                ExprKind::Binary(binary) => {
                    operators.push((Pending::Binary(binary), place.clone()));
                    expr = &binary.lhs;
                }
                _ => break self.simple_scalar(expr, &place)?,
            }
        };
        while let Some((pending, place)) = operators.pop() {
            let (of, level) = innermost;
            let (scalar, level) = match pending {
                Pending::Repeat(steps) => (Scalar::Repeat { of, steps }, level),
                Pending::Negate => (Scalar::Negate(of), level),
                Pending::Binary(binary) => {
                    let (rhs, right_level) = self.scalar(&binary.rhs, &place)?;
                    (Scalar::Binary { op: binary.op, lhs: of, rhs }, level.max(right_level))
                }
            };
            innermost = (self.add_scalar(scalar), level);
        }
        Ok(innermost)
    }

    /// Plans a number that is no operator.
    fn simple_scalar(&mut self, expr: &'a Expr, place: &Place) -> Result<(ScalarId, usize), QueryError> {
        let grid = Arc::clone(&place.grid);
        let QueryTimes { start_ms, end_ms, step_ms } = self.times;
        let scalar = match &expr.kind {
            ExprKind::Number(number) => Scalar::Constant { value: number.value, grid },
            ExprKind::Call(call) => match (call.name.as_str(), call.args.as_slice()) {
                ("time", _) => Scalar::Time(grid),
                ("pi", _) => Scalar::Constant { value: std::f64::consts::PI, grid },
                ("start", _) => Scalar::Constant { value: crate::chain::seconds(start_ms), grid },
                ("end", _) => Scalar::Constant { value: crate::chain::seconds(end_ms), grid },
                ("range", _) => Scalar::Constant { value: crate::chain::seconds(end_ms - start_ms), grid },
                ("step", _) => {
                    let step_ms = if start_ms == end_ms { 0 } else { step_ms };
                    Scalar::Constant { value: crate::chain::seconds(step_ms), grid }
                }
                ("scalar", [arg]) => return self.gather(arg, place),
                ("min_of" | "max_of", [a, b]) => {
                    let (a, level) = self.scalar(a, place)?;
                    let (b, other_level) = self.scalar(b, place)?;
                    let scalar = if call.name == "min_of" { Scalar::Least(a, b) } else { Scalar::Greatest(a, b) };
                    return Ok((self.add_scalar(scalar), level.max(other_level)));
                }
                _ => return Err(unknown_function(&call.name)),
            },
            _ => return Err(QueryError::Internal("a number was expected".to_owned())),
        };
        Ok((self.add_scalar(scalar), place.level))
    }

    /// `scalar(…)`
    fn gather(&mut self, arg: &'a Expr, place: &Place) -> Result<(ScalarId, usize), QueryError> {
        let gathered = self.plan.gathered.len();
        self.plan.gathered.push(Arc::clone(&place.grid));
        let start = self.uses.len();
        let inner = Place { func: "scalar".to_owned(), ..place.clone() };
        self.vector(arg, inner, Tail::to(Destination::Gather(gathered)))?;
        let level = self.uses[start..].iter().map(|planned| planned.level + 1).max().unwrap_or(0).max(place.level);
        Ok((self.add_scalar(Scalar::Gathered(gathered)), level))
    }

    pub(super) fn add_scalar(&mut self, scalar: Scalar) -> ScalarId {
        self.plan.scalars.push(scalar);
        ScalarId(self.plan.scalars.len() - 1)
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
        let margin = margin(selector.boundary, self.params.lookback_ms);
        let back_ms = if range_ms == 0 { self.params.lookback_ms } else { range_ms.saturating_add(margin.before_ms) };
        let max_ms = shift.apply(place.grid.last_ms()).saturating_add(margin.behind_ms);
        // The start of a window is outside.
        let min_ms = shift.apply(place.grid.start_ms()).saturating_sub(back_ms).saturating_add(1);
        let range = TimeRange::new(min_ms.min(max_ms), max_ms).unwrap_or(TimeRange::ALL);
        self.uses.push(PlannedUse {
            level: place.level,
            matchers: selector.matchers.clone(),
            range,
            step_ms: place.step_ms,
            range_ms,
            func: place.func.clone(),
            planned: Use {
                node: self.node,
                leaf,
                without_buckets: place.buckets == Buckets::Spared,
                chain: tail.chain(),
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

/// An operator whose left side is planned first.
#[derive(Debug)]
enum Pending<'a> {
    Repeat(usize),
    Negate,
    Binary(&'a Binary),
}

/// A function that the table has and the plan has not.
pub(super) fn unknown_function(name: &str) -> QueryError {
    QueryError::Internal(format!("nobody knows what {name} does"))
}

/// The selector that `timestamp` was called with, if it was one.
pub(super) fn bare_selector(args: &[Expr]) -> Option<&VectorSelector> {
    args.first().and_then(selector)
}
