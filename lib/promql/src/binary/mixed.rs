//! Operators between samples one of which, at least, is a histogram.

use super::{arithmetic, compare, is_comparison};
use crate::annotations::{HistogramStep, Remark};
use crate::ast::BinaryOp;
use model::{Added, FloatHistogram, HistogramRef, IncompatibleBuckets, ResetHint};

/// An operand at one step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operand<'a> {
    Float(f64),
    Histogram(HistogramRef<'a>),
}

/// What an operator gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    Float(f64),
    /// It stands in the scratch.
    Histogram,
    /// A comparison: whether the left operand stays.
    Compared(bool),
    /// It cannot be applied; as if the operands had not met.
    Nothing,
}

/// Applies `op`. A histogram that is computed is left in `scratch`.
pub(crate) fn apply(
    op: BinaryOp,
    left: Operand<'_>,
    right: Operand<'_>,
    scratch: &mut FloatHistogram,
) -> (Outcome, Option<Remark<'static>>) {
    use BinaryOp::{Add, Div, Eql, Mul, Neq, Sub, TrimLower, TrimUpper};
    use Operand::{Float, Histogram};
    let outcome = match (op, left, right) {
        (TrimUpper | TrimLower, Float(_), Float(_)) => return incompatible(op, left, right),
        (_, Float(left), Float(right)) if is_comparison(op) => Outcome::Compared(compare(op, left, right)),
        (_, Float(left), Float(right)) => Outcome::Float(arithmetic(op, left, right)),
        (Mul, Float(factor), Histogram(histogram)) | (Mul, Histogram(histogram), Float(factor)) => {
            scratch.assign(histogram);
            scratch.scale(factor);
            scratch.compact(0);
            Outcome::Histogram
        }
        (Div, Histogram(histogram), Float(divisor)) => {
            scratch.assign(histogram);
            scratch.divide(divisor);
            scratch.compact(0);
            Outcome::Histogram
        }
        (TrimUpper | TrimLower, Histogram(histogram), Float(bound)) => {
            scratch.assign(histogram);
            match op {
                TrimUpper => scratch.trim_upper(bound),
                _ => scratch.trim_lower(bound),
            }
            Outcome::Histogram
        }
        (Add, Histogram(left), Histogram(right)) => {
            scratch.assign(left);
            return summed(op, scratch.add(right), HistogramStep::Addition, scratch);
        }
        (Sub, Histogram(left), Histogram(right)) => {
            scratch.assign(left);
            let added = scratch.sub(right);
            scratch.set_hint(ResetHint::Gauge);
            return summed(op, added, HistogramStep::Subtraction, scratch);
        }
        (Eql | Neq, Histogram(left), Histogram(right)) => Outcome::Compared(left.is_same(&right) == (op == Eql)),
        _ => return incompatible(op, left, right),
    };
    (outcome, None)
}

/// What became of a sum or a difference.
fn summed(
    op: BinaryOp,
    added: Result<Added, IncompatibleBuckets>,
    step: HistogramStep,
    sum: &mut FloatHistogram,
) -> (Outcome, Option<Remark<'static>>) {
    match added {
        Err(_) => (Outcome::Nothing, Some(Remark::IncompatibleBuckets(op.text()))),
        Ok(Added { reset_collision: true, .. }) => (Outcome::Nothing, Some(Remark::CollidingResets(step))),
        Ok(Added { bounds_reconciled, .. }) => {
            sum.compact(0);
            (Outcome::Histogram, bounds_reconciled.then_some(Remark::ReconciledBounds(step)))
        }
    }
}

fn incompatible(op: BinaryOp, left: Operand<'_>, right: Operand<'_>) -> (Outcome, Option<Remark<'static>>) {
    let kind = |operand| match operand {
        Operand::Float(_) => "float",
        Operand::Histogram(_) => "histogram",
    };
    (Outcome::Nothing, Some(Remark::IncompatibleTypes(kind(left), op.text(), kind(right))))
}
