//! Whether series can be labelled alike, once metric names are gone or at all.

use super::facts::{Facts, without_parens};
use crate::ast::{Aggregate, AggregateOp, Binary, BinaryOp, Expr, ExprKind, UnaryOp, VectorSelector};
use crate::binary::keeps_names;
use crate::histogram;
use crate::labelset::is_metadata;
use model::{METRIC_NAME, MatchOp};

/// What is known of the metric names in a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// There are none.
    Gone,
    /// All series have the same, and come straight from a select.
    Fixed,
    Any,
}

impl Facts {
    /// What is known of the metric names of `expr`, when all is known of what is in it.
    pub(super) fn judge_names(&self, expr: &Expr) -> Names {
        match &expr.kind {
            ExprKind::Vector(selector) => names_of_selector(selector),
            ExprKind::Matrix(matrix) => names_of_selector(&matrix.selector),
            ExprKind::Subquery(subquery) => self.get(&subquery.expr).names,
            ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) => self.get(inner).names,
            ExprKind::Aggregate(aggregate) => {
                let groups = !aggregate.without && !aggregate.grouping.iter().any(|name| is_metadata(name));
                if groups && !keeps_series(aggregate.op) && !names_values(aggregate) { Names::Gone } else { Names::Any }
            }
            ExprKind::Binary(binary) if is_filter(binary) => match binary.matching {
                None => self.get(self.vector_of(binary)).names,
                Some(_) => Names::Any,
            },
            ExprKind::Binary(binary) if is_set(binary.op) => Names::Any,
            ExprKind::Call(call) => match (call.name.as_str(), call.args.as_slice()) {
                ("last_over_time" | "first_over_time", [arg]) => self.get(arg).names,
                ("label_replace" | "label_join" | "info" | "histogram_quantiles", _) => Names::Any,
                // Types and units stay.
                (name, [arg]) if histogram::function(name).is_some() => match self.get(arg).names {
                    Names::Gone => Names::Gone,
                    _ => Names::Any,
                },
                (name, _) if name.starts_with("sort") => Names::Any,
                // Types and units that the selector fixes.
                ("absent" | "absent_over_time", _) => Names::Any,
                _ => Names::Gone,
            },
            ExprKind::Unary(UnaryOp::Minus, _) | ExprKind::Binary(_) => Names::Gone,
            ExprKind::Number(_) | ExprKind::String(_) => Names::Gone,
        }
    }

    /// Whether no two series of `expr` can be labelled alike, when all is known of what is in it.
    pub(super) fn judge_distinct(&self, expr: &Expr, delayed_names: bool) -> bool {
        let without_names = |inner: &Expr| {
            let fact = self.get(inner);
            fact.distinct && (delayed_names || fact.names != Names::Any)
        };
        match &expr.kind {
            ExprKind::Aggregate(aggregate) if keeps_series(aggregate.op) => self.get(&aggregate.expr).distinct,
            ExprKind::Vector(_) | ExprKind::Matrix(_) | ExprKind::Aggregate(_) => true,
            ExprKind::Subquery(subquery) => self.get(&subquery.expr).distinct,
            ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) => self.get(inner).distinct,
            ExprKind::Unary(UnaryOp::Minus, inner) => without_names(inner),
            ExprKind::Binary(binary) if binary.matching.is_some() => false,
            ExprKind::Binary(binary) if is_filter(binary) => self.get(self.vector_of(binary)).distinct,
            ExprKind::Binary(binary) => without_names(self.vector_of(binary)),
            ExprKind::Call(call) => match call.name.as_str() {
                "label_replace" | "label_join" | "info" => false,
                "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => false,
                // A function of windows refuses series that are alike.
                _ if call.args.iter().any(is_matrix) => true,
                _ => call.args.iter().find(|arg| !self.get(arg).is_scalar).is_none_or(without_names),
            },
            ExprKind::Number(_) | ExprKind::String(_) => true,
        }
    }

    /// The operand that is a vector, of an operator with a number on the other side.
    pub(super) fn vector_of<'a>(&self, binary: &'a Binary) -> &'a Expr {
        if self.get(&binary.lhs).is_scalar { &binary.rhs } else { &binary.lhs }
    }
}

/// Whether what passes is a series of an operand, with its name.
fn is_filter(binary: &Binary) -> bool {
    keeps_names(binary.op) && !binary.return_bool
}

/// Whether the operator takes or leaves whole samples.
pub(super) fn is_set(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
}

/// Whether the aggregation gives series of its operand, labels and all.
fn keeps_series(op: AggregateOp) -> bool {
    matches!(op, AggregateOp::TopK | AggregateOp::BottomK | AggregateOp::LimitK | AggregateOp::LimitRatio)
}

/// Whether it is `count_values`, and what it writes values to is part of a metric's name.
fn names_values(aggregate: &Aggregate) -> bool {
    aggregate.param.as_ref().map(without_parens).is_some_and(|param| match &param.kind {
        ExprKind::String(label) => is_metadata(label),
        _ => false,
    })
}

fn is_matrix(expr: &Expr) -> bool {
    matches!(without_parens(expr).kind, ExprKind::Matrix(_) | ExprKind::Subquery(_))
}

fn names_of_selector(selector: &VectorSelector) -> Names {
    let fixes = |matcher: &model::Matcher| {
        matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal && !matcher.value().is_empty()
    };
    if selector.matchers.iter().any(fixes) { Names::Fixed } else { Names::Any }
}
