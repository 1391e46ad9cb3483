//! The selectors of a query.

use super::{Expr, ExprKind, VectorSelector};

impl Expr {
    /// What an expression is made of, from left to right.
    pub(crate) fn children(&self) -> impl DoubleEndedIterator<Item = &Self> {
        let (one, other, many): (Option<&Self>, Option<&Self>, &[Self]) = match &self.kind {
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Vector(_) | ExprKind::Matrix(_) => (None, None, &[]),
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => (Some(inner), None, &[]),
            ExprKind::Subquery(subquery) => (Some(&subquery.expr), None, &[]),
            ExprKind::Binary(binary) => (Some(&binary.lhs), Some(&binary.rhs), &[]),
            ExprKind::Aggregate(aggregate) => (aggregate.param.as_ref(), Some(&aggregate.expr), &[]),
            ExprKind::Call(call) => (None, None, &call.args),
        };
        one.into_iter().chain(other).chain(many)
    }

    /// All selectors in it, from left to right.
    pub fn selectors(&self) -> Vec<&VectorSelector> {
        let (mut found, mut open) = (Vec::new(), vec![self]);
        while let Some(expr) = open.pop() {
            match &expr.kind {
                ExprKind::Vector(selector) => found.push(selector),
                ExprKind::Matrix(matrix) => found.push(&matrix.selector),
                _ => open.extend(expr.children().rev()),
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
