//! What is known of each expression of a query before it is planned.

use super::naming::Names;
use super::number::Number;
use super::time::QueryTimes;
use crate::QueryParams;
use crate::ast::{Expr, ExprKind, ValueType};
use crate::functions::function;
use hashbrown::HashMap;

/// What is known of each expression of a tree, worked out from the leaves up, without recursion: a tree may be as deep to
/// the left as it has operators.
#[derive(Debug)]
pub(super) struct Facts(HashMap<*const Expr, Fact>);

/// What is known of one expression.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact {
    pub(super) is_scalar: bool,
    /// It has the same value at every step.
    pub(super) same: bool,
    /// It is evaluated apart then: not worth it for a literal, and range vectors are windows anyway.
    pub(super) apart: bool,
    /// What is known of metric names, if they are taken away where functions say so.
    pub(super) names: Names,
    /// No two of its series are labelled alike, not even at different steps.
    pub(super) distinct: bool,
    /// It is computed from nothing but numbers that are known.
    pub(super) number: Option<Number>,
}

/// Functions whose value depends on the step even if their arguments do not.
const STEP_DEPENDENT: [&str; 11] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "time",
    "timestamp",
];

impl Facts {
    pub(super) fn of(root: &Expr, times: &QueryTimes, params: &QueryParams) -> Self {
        let mut known = Self(HashMap::new());
        for expr in innermost_first(root) {
            let (same, apart) = known.invariant(expr);
            let passes = params.passes;
            let fact = Fact {
                is_scalar: known.judge_scalar(expr),
                same: same && passes.step_invariants,
                apart: apart && passes.step_invariants,
                names: known.judge_names(expr),
                distinct: passes.distinct_series && known.judge_distinct(expr, params.delayed_names),
                number: known.judge_number(expr, times),
            };
            known.0.insert(std::ptr::from_ref(expr), fact);
        }
        known
    }

    /// What is known of `expr`, which is part of the tree.
    pub(super) fn get(&self, expr: &Expr) -> Fact {
        let (same, names, number) = (false, Names::Any, None);
        let unknown = Fact { is_scalar: false, same, apart: false, names, distinct: false, number };
        self.0.get(&std::ptr::from_ref(expr)).copied().unwrap_or(unknown)
    }

    fn judge_scalar(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Number(_) => true,
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => self.get(inner).is_scalar,
            ExprKind::Binary(binary) => self.get(&binary.lhs).is_scalar && self.get(&binary.rhs).is_scalar,
            ExprKind::Call(call) => function(&call.name).is_some_and(|function| function.returns == ValueType::Scalar),
            _ => false,
        }
    }

    /// Whether it has the same value at every step, and whether it is evaluated apart.
    fn invariant(&self, expr: &Expr) -> (bool, bool) {
        let both = |same| (same, same);
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) => (true, false),
            ExprKind::Vector(selector) => both(selector.time.at.is_some()),
            ExprKind::Matrix(matrix) => (matrix.selector.time.at.is_some(), false),
            ExprKind::Subquery(subquery) => (subquery.time.at.is_some(), false),
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => {
                let fact = self.get(inner);
                (fact.same, fact.apart)
            }
            // The parameter does not count, as in Prometheus.
            ExprKind::Aggregate(aggregate) => {
                let fact = self.get(&aggregate.expr);
                (fact.same, fact.apart)
            }
            ExprKind::Binary(binary) => both(self.get(&binary.lhs).same && self.get(&binary.rhs).same),
            ExprKind::Call(call) => {
                let args_same = call.args.iter().all(|arg| self.get(arg).same);
                match call.name.as_str() {
                    // These are numbers of the query: written out before all else.
                    "start" | "end" | "range" | "step" => (true, false),
                    "timestamp" => both(args_same && call.args.iter().all(|arg| selector(arg).is_some())),
                    name => both(args_same && !STEP_DEPENDENT.contains(&name)),
                }
            }
        }
    }
}

/// `root` and all it is made of, each behind what it is made of itself.
pub(super) fn innermost_first(root: &Expr) -> impl Iterator<Item = &Expr> {
    let mut order = vec![root];
    let mut next = 0;
    while let Some(expr) = order.get(next).copied() {
        order.extend(expr.children());
        next += 1;
    }
    order.into_iter().rev()
}

/// The instant selector that `expr` is, parentheses aside.
pub(super) fn selector(expr: &Expr) -> Option<&crate::ast::VectorSelector> {
    match &without_parens(expr).kind {
        ExprKind::Vector(selector) => Some(selector),
        _ => None,
    }
}

/// What stands in the parentheses, if there are any.
pub(super) fn without_parens(mut expr: &Expr) -> &Expr {
    while let ExprKind::Paren(inner) = &expr.kind {
        expr = inner;
    }
    expr
}
