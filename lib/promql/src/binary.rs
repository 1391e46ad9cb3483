//! Operators between two values.

mod join;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use join::{Join, JoinPlan, note, show};
pub(crate) use set::{LEFT, RIGHT, SetKind, SetOp, SetPlan};

use crate::ast::BinaryOp;
use crate::column::FloatColumn;
use crate::maths;
use crate::plan::ScalarId;

/// An operator between a series and a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScalarOp {
    pub(crate) op: BinaryOp,
    pub(crate) scalar: ScalarId,
    /// The number is the left operand.
    pub(crate) scalar_left: bool,
    pub(crate) return_bool: bool,
}

impl ScalarOp {
    /// Replaces the values of `column` by what the operator gives.
    pub(crate) fn apply(&self, column: &mut FloatColumn, scalar: &FloatColumn) {
        let (op, left) = (self.op, self.scalar_left);
        if is_comparison(op) {
            let test =
                |value: f64, scalar: f64| if left { compare(op, scalar, value) } else { compare(op, value, scalar) };
            if self.return_bool {
                column.combine(scalar, |value, scalar| f64::from(u8::from(test(value, scalar))));
            } else {
                // What is kept is the series' value, on whichever side it stands.
                column.filter(|step, value| test(value, scalar.value(step)));
            }
        } else if left {
            compute(op, column, scalar, |value, scalar| (scalar, value));
        } else {
            compute(op, column, scalar, |value, scalar| (value, scalar));
        }
    }
}

/// Applies an arithmetic operator; `sides` gives left and right operand of a column's value and the other's.
pub(crate) fn compute(
    op: BinaryOp,
    column: &mut FloatColumn,
    other: &FloatColumn,
    sides: impl Fn(f64, f64) -> (f64, f64),
) {
    // Each operator has a loop of its own.
    macro_rules! each {
        ($f:expr) => {
            column.combine(other, |own, other| {
                let (left, right) = sides(own, other);
                $f(left, right)
            })
        };
    }
    match op {
        BinaryOp::Add => each!(|a: f64, b: f64| a + b),
        BinaryOp::Sub => each!(|a: f64, b: f64| a - b),
        BinaryOp::Mul => each!(|a: f64, b: f64| a * b),
        BinaryOp::Div => each!(|a: f64, b: f64| a / b),
        _ => each!(|a: f64, b: f64| arithmetic(op, a, b)),
    }
}

/// An operator between two numbers; comparisons give 1 or 0.
pub(crate) fn between_scalars(op: BinaryOp, a: f64, b: f64) -> f64 {
    if is_comparison(op) { f64::from(u8::from(compare(op, a, b))) } else { arithmetic(op, a, b) }
}

/// Whether the operator compares.
pub(crate) fn is_comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Eql, Gte, Gtr, Lss, Lte, Neq};
    matches!(op, Eql | Neq | Lte | Lss | Gte | Gtr)
}

/// A comparison; no other operator is one.
pub(crate) fn compare(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Eql => a == b,
        BinaryOp::Neq => a != b,
        BinaryOp::Lte => a <= b,
        BinaryOp::Lss => a < b,
        BinaryOp::Gte => a >= b,
        BinaryOp::Gtr => a > b,
        _ => false,
    }
}

/// An arithmetic operator; what is none of numbers is NaN.
fn arithmetic(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => maths::pow(a, b),
        BinaryOp::Atan2 => maths::atan2(a, b),
        _ => f64::NAN,
    }
}
