//! An expression that gives at any time what it gives at one.

#[cfg(test)]
mod tests;

use crate::ast::{At, Expr, ExprKind, TimeShift};

/// Functions that give something else at another time whatever `@` says.
const UNSAFE: [&str; 15] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
    "year",
];

/// Puts `@ time` at every selector and subquery that has none; what is inside of a subquery stays. False if the expression
/// calls a function that does not care: it is of no use then.
pub(super) fn pin(expr: &mut Expr, time_ms: i64) -> bool {
    let pin_time = |time: &mut TimeShift| {
        if !matches!(time.at, Some(At::Timestamp(_))) {
            time.at = Some(At::Timestamp(time_ms));
        }
    };
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => true,
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => pin(inner, time_ms),
        // Chains of operators hang to the left, and are short in a test.
        ExprKind::Binary(binary) => {
            let lhs = pin(&mut binary.lhs, time_ms);
            pin(&mut binary.rhs, time_ms) && lhs
        }
        ExprKind::Call(call) => {
            let mut is_safe = true;
            for arg in &mut call.args {
                is_safe &= pin(arg, time_ms);
            }
            is_safe && !UNSAFE.contains(&call.name.as_str())
        }
        ExprKind::Aggregate(aggregate) => {
            let param = aggregate.param.as_mut().is_none_or(|param| pin(param, time_ms));
            pin(&mut aggregate.expr, time_ms) && param
        }
        ExprKind::Vector(selector) => {
            pin_time(&mut selector.time);
            true
        }
        ExprKind::Matrix(matrix) => {
            pin_time(&mut matrix.selector.time);
            true
        }
        ExprKind::Subquery(subquery) => {
            pin_time(&mut subquery.time);
            true
        }
    }
}
