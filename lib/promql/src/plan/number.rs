//! Numbers that are known before a query runs.

use super::facts::Facts;
use super::time::QueryTimes;
use crate::ast::{Binary, Expr, ExprKind, UnaryOp};
use crate::binary::{between_scalars, compare, is_comparison, is_trim};
use crate::chain::{go_max, go_min, seconds};

/// When a number is known that is computed from nothing but other such numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// It is the same at every step.
    Same(f64),
    /// It depends on the time of the step.
    OfTime,
}

/// How deep operators are looked into for what a switch says.
const DEEPEST_SINGLE: usize = 16;

impl Facts {
    /// Whether `expr` is such a number, when all is known of what is in it.
    pub(super) fn judge_number(&self, expr: &Expr, times: &QueryTimes) -> Option<Number> {
        let both = |a: &Expr, b: &Expr, f: &dyn Fn(f64, f64) -> f64| match (self.get(a).number?, self.get(b).number?) {
            (Number::Same(a), Number::Same(b)) => Some(Number::Same(f(a, b))),
            _ => Some(Number::OfTime),
        };
        match &expr.kind {
            ExprKind::Number(number) => Some(Number::Same(number.value)),
            ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) => self.get(inner).number,
            ExprKind::Unary(UnaryOp::Minus, inner) => match self.get(inner).number? {
                Number::Same(value) => Some(Number::Same(-value)),
                Number::OfTime => Some(Number::OfTime),
            },
            // Whoever plans it has to refuse it.
            ExprKind::Binary(binary) if is_trim(binary.op) => None,
            ExprKind::Binary(binary) => both(&binary.lhs, &binary.rhs, &|a, b| between_scalars(binary.op, a, b)),
            ExprKind::Call(call) => match (call.name.as_str(), call.args.as_slice()) {
                ("time", _) => Some(Number::OfTime),
                ("min_of", [a, b]) => both(a, b, &go_min),
                ("max_of", [a, b]) => both(a, b, &go_max),
                (name, _) => times.number(name).map(Number::Same),
            },
            _ => None,
        }
    }

    /// The number that `expr` is at a step at `time_ms`, if that is known. Goes down to the left in a loop: that is how deep
    /// trees are.
    pub(super) fn number_at(&self, expr: &Expr, time_ms: i64) -> Option<f64> {
        let mut expr = expr;
        let mut operators: Vec<Option<&Binary>> = Vec::new();
        let mut value = loop {
            match (self.get(expr).number?, &expr.kind) {
                (Number::Same(value), _) => break value,
                (_, ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner)) => expr = inner,
                (_, ExprKind::Unary(UnaryOp::Minus, inner)) => {
                    operators.push(None);
                    expr = inner;
                }
                (_, ExprKind::Binary(binary)) => {
                    operators.push(Some(binary));
                    expr = &binary.lhs;
                }
                (_, ExprKind::Call(call)) => match (call.name.as_str(), call.args.as_slice()) {
                    ("min_of", [a, b]) => break go_min(self.number_at(a, time_ms)?, self.number_at(b, time_ms)?),
                    ("max_of", [a, b]) => break go_max(self.number_at(a, time_ms)?, self.number_at(b, time_ms)?),
                    _ => break seconds(time_ms),
                },
                _ => return None,
            }
        };
        for operator in operators.into_iter().rev() {
            value = match operator {
                Some(binary) => between_scalars(binary.op, value, self.number_at(&binary.rhs, time_ms)?),
                None => -value,
            };
        }
        Some(value)
    }

    /// What a vector without labels holds that is made of a number and nothing else, at every step: its value, or nothing.
    pub(super) fn single(&self, expr: &Expr) -> Option<Option<f64>> {
        self.single_within(expr, DEEPEST_SINGLE)
    }

    fn single_within(&self, expr: &Expr, depth: usize) -> Option<Option<f64>> {
        let depth = depth.checked_sub(1)?;
        let same = |expr: &Expr| match self.get(expr).number? {
            Number::Same(value) => Some(value),
            Number::OfTime => None,
        };
        match &expr.kind {
            ExprKind::Paren(inner) => self.single_within(inner, depth),
            ExprKind::Call(call) if call.name == "vector" => Some(Some(same(call.args.first()?)?)),
            ExprKind::Binary(binary) if binary.matching.is_none() => {
                let vector = self.vector_of(binary);
                let scalar_left = std::ptr::eq(vector, &binary.rhs);
                let Some(value) = self.single_within(vector, depth)? else { return Some(None) };
                let (a, b) = match scalar_left {
                    true => (same(&binary.lhs)?, value),
                    false => (value, same(&binary.rhs)?),
                };
                Some(match binary.op {
                    op if is_trim(op) => return None,
                    op if is_comparison(op) && !binary.return_bool => compare(op, a, b).then_some(value),
                    op => Some(between_scalars(op, a, b)),
                })
            }
            _ => None,
        }
    }
}

impl QueryTimes {
    /// What a function gives that is a number of the query.
    pub(super) fn number(&self, function: &str) -> Option<f64> {
        Some(match function {
            "pi" => std::f64::consts::PI,
            "start" => seconds(self.start_ms),
            "end" => seconds(self.end_ms),
            "range" => self.seconds_of_range(),
            "step" if self.start_ms == self.end_ms => 0.0,
            "step" => self.seconds_of_step(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
