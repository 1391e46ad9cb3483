//! `info`: which info series it asks for, and when.

use super::build::{Builder, Rest, Tail};
use super::call::first_arg;
use super::facts::selector;
use super::place::Place;
use super::{Leaf, Reading, Shift};
use crate::QueryError;
use crate::ast::{Call, Expr, ExprKind, TimeShift, VectorSelector};
use crate::binary::{LEFT, RIGHT};
use crate::info::InfoPlan;
use crate::stage::StagePlan;
use std::sync::Arc;

impl<'a> Builder<'a> {
    /// `info`: its second argument is no vector but says which info series are meant. They are looked at when the first
    /// selector of the first argument is.
    pub(super) fn info(&mut self, call: &'a Call, place: Place, tail: Tail) -> Result<Rest<'a>, QueryError> {
        let base = first_arg(call)?;
        let matchers = call.args.get(1).and_then(selector).map_or(&[][..], |selector| &selector.matchers);
        let plan = InfoPlan::new(matchers, place.grid.steps());
        let wanted =
            VectorSelector { name: None, matchers: plan.matchers(), time: TimeShift::default(), boundary: None };
        let stage = self.stage(StagePlan::Info(plan), 2, tail);
        let shift = self.time_of(base)?;
        let (grid, lookback_ms) = (Arc::clone(&place.grid), self.params.lookback_ms);
        let leaf = Leaf::Instant { grid, shift, lookback_ms, reading: Reading::TimeOfFloat, counted: place.counted };
        self.add_use(&wanted, leaf, (shift, 0), &place, Tail::to_stage(stage, RIGHT))?;
        Ok((base, place, Tail::to_stage(stage, LEFT)))
    }

    /// How far the time at which the first selector in `expr` is looked at is from that of a step.
    fn time_of(&self, mut expr: &Expr) -> Result<Shift, QueryError> {
        let mut around = Vec::new();
        let selector = loop {
            expr = match &expr.kind {
                ExprKind::Vector(selector) => break Some(&selector.time),
                ExprKind::Matrix(matrix) => break Some(&matrix.selector.time),
                ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => inner,
                ExprKind::Binary(binary) if has_selector(&binary.lhs) => &binary.lhs,
                ExprKind::Binary(binary) => &binary.rhs,
                ExprKind::Aggregate(aggregate) => &aggregate.expr,
                ExprKind::Subquery(subquery) => {
                    around.push(&subquery.time);
                    &subquery.expr
                }
                ExprKind::Call(call) => match call.args.iter().find(|arg| has_selector(arg)) {
                    Some(arg) => arg,
                    None => break None,
                },
                ExprKind::Number(_) | ExprKind::String(_) => break None,
            }
        };
        let mut back_ms = 0;
        for time in selector.into_iter().chain(around.into_iter().rev()) {
            match self.times.shift(time)? {
                Shift::Back(ms) => back_ms += ms,
                Shift::Fixed(ms) => return Ok(Shift::Fixed(ms.saturating_sub(back_ms))),
            }
        }
        Ok(Shift::Back(back_ms))
    }
}

/// Whether there is a selector in `expr`.
fn has_selector(expr: &Expr) -> bool {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        if matches!(expr.kind, ExprKind::Vector(_) | ExprKind::Matrix(_)) {
            return true;
        }
        open.extend(expr.children());
    }
    false
}
