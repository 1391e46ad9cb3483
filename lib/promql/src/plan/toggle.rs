//! Set operators one side of which is known to be empty, or to be there at every step: switches of dashboards.

use super::Source;
use super::build::{Builder, Tail};
use super::facts::innermost_first;
use super::place::Place;
use crate::ast::{AggregateOp, Binary, BinaryOp, Expr, ExprKind, Matching, UnaryOp};
use crate::chain::Op;
use crate::number_column::Scalar;
use std::sync::Arc;

/// What is left of a set operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Toggled {
    /// Nothing.
    Empty,
    Left,
    Right,
}

impl<'a> Builder<'a> {
    /// What is left of a set operator, if that is known and nothing is said or refused in what is left out.
    pub(super) fn toggled(&self, binary: &Binary, matching: &Matching) -> Option<Toggled> {
        if !self.params.passes.toggles {
            return None;
        }
        let [left, right] = [&binary.lhs, &binary.rhs].map(|side| self.facts.single(side).map(|value| value.is_some()));
        // Whatever labels the series of the other side have, they match.
        let all_match = matching.on && matching.labels.is_empty();
        let toggled = match (binary.op, left, right) {
            (BinaryOp::And | BinaryOp::Unless, Some(false), _) | (BinaryOp::And, _, Some(false)) => Toggled::Empty,
            (BinaryOp::Or, Some(false), _) => Toggled::Right,
            (BinaryOp::Or | BinaryOp::Unless, _, Some(false)) => Toggled::Left,
            (BinaryOp::And, _, Some(true)) if all_match => Toggled::Left,
            (BinaryOp::Or, Some(true), _) if all_match => Toggled::Left,
            (BinaryOp::Unless, _, Some(true)) if all_match => Toggled::Empty,
            _ => return None,
        };
        let left_out = match toggled {
            Toggled::Empty => [Some(&binary.lhs), Some(&binary.rhs)],
            Toggled::Left => [Some(&binary.rhs), None],
            Toggled::Right => [Some(&binary.lhs), None],
        };
        left_out.into_iter().flatten().all(|side| self.says_nothing(side)).then_some(toggled)
    }

    /// Whether nobody could tell that `expr` was not evaluated.
    fn says_nothing(&self, expr: &Expr) -> bool {
        self.facts.single(expr).is_some()
            || innermost_first(expr).all(|expr| match &expr.kind {
                ExprKind::Vector(selector) => {
                    // That it was read is told where samples are counted.
                    selector.boundary.is_none()
                        && !self.params.count_samples
                        && self.times.shift(&selector.time).is_ok()
                }
                ExprKind::Paren(_) | ExprKind::Unary(UnaryOp::Plus, _) => true,
                ExprKind::Binary(binary) => super::naming::is_set(binary.op),
                ExprKind::Aggregate(aggregate) => matches!(aggregate.op, AggregateOp::Count | AggregateOp::Group),
                _ => false,
            })
    }

    /// Plans that there is nothing.
    pub(super) fn nothing(&mut self, place: &Place, mut tail: Tail) {
        let scalar = self.add_scalar(Scalar::Constant { value: 0.0, grid: Arc::clone(&place.grid) });
        tail.before(Op::Nothing);
        self.plan.sources.push(Source { scalar, level: place.level, after: 0, chain: tail.chain() });
    }
}

#[cfg(test)]
mod tests;
