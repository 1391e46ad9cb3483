//! Operators between two values.

mod join;
mod mixed;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use join::{Join, JoinPlan, note, show};
pub(crate) use set::{LEFT, RIGHT, SetKind, SetOp, SetPlan};

use crate::annotations::Annotations;
use crate::ast::{BinaryOp, Span};
use crate::column::{Column, FloatColumn, MixedBuilder};
use crate::maths;
use crate::plan::ScalarId;
use mixed::{Operand, Outcome};
use model::FloatHistogram;

/// An operator between a series and a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScalarOp {
    pub(crate) op: BinaryOp,
    pub(crate) scalar: ScalarId,
    /// The number is the left operand.
    pub(crate) scalar_left: bool,
    pub(crate) return_bool: bool,
    /// Where the operation stands.
    pub(crate) node: Span,
}

impl ScalarOp {
    /// Replaces what is in `column` by what the operator gives.
    pub(crate) fn apply(&self, column: &mut Column, scalar: &FloatColumn, notes: &mut Annotations) {
        if column.histograms.is_empty() && !is_trim(self.op) {
            self.apply_to_floats(&mut column.floats, scalar);
        } else {
            *column = self.apply_to_mixed(column, scalar, notes);
        }
    }

    fn apply_to_floats(&self, column: &mut FloatColumn, scalar: &FloatColumn) {
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

impl ScalarOp {
    fn apply_to_mixed(&self, column: &Column, scalar: &FloatColumn, notes: &mut Annotations) -> Column {
        let mut out = MixedBuilder::new(column.steps());
        let mut scratch = FloatHistogram::default();
        for step in column.present().iter() {
            let Some(own) = column.operand(step) else { continue };
            let number = Operand::Float(scalar.value(step));
            let (left, right) = if self.scalar_left { (number, own) } else { (own, number) };
            let (outcome, remark) = mixed::apply(self.op, left, right, &mut scratch);
            if let Some(remark) = remark {
                notes.remark(remark, self.node, self.node);
            }
            match outcome {
                Outcome::Float(value) => out.float(step, value),
                Outcome::Histogram => out.histogram(step, scratch.as_ref()),
                Outcome::Compared(stays) if self.return_bool => out.float(step, f64::from(u8::from(stays))),
                // What is kept is the series' sample, on whichever side it stands.
                Outcome::Compared(true) => match own {
                    Operand::Float(value) => out.float(step, value),
                    Operand::Histogram(histogram) => out.histogram(step, histogram),
                },
                Outcome::Compared(false) | Outcome::Nothing => {}
            }
        }
        out.build()
    }
}

impl Column {
    /// What it has at `step`, as an operand.
    fn operand(&self, step: usize) -> Option<Operand<'_>> {
        let float = self.floats.get(step).map(Operand::Float);
        float.or_else(|| self.histograms.get(step).map(Operand::Histogram))
    }
}

/// Whether results are what the name of an operand says.
pub(crate) fn keeps_names(op: BinaryOp) -> bool {
    is_comparison(op) || is_trim(op)
}

/// Whether the operator is one of those that cut histograms.
pub(crate) fn is_trim(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
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
