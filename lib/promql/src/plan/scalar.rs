//! Numbers per step.

use super::build::{Builder, Tail, unknown_function};
use super::number::Number;
use super::place::Place;
use super::{Destination, ScalarId};
use crate::QueryError;
use crate::ast::{Binary, Expr, ExprKind, UnaryOp};
use crate::binary::is_trim;
use crate::number_column::Scalar;
use std::sync::Arc;

/// An operator whose left side is planned first.
#[derive(Debug)]
enum Pending<'a> {
    Repeat(usize),
    Negate,
    Binary(&'a Binary),
}

impl<'a> Builder<'a> {
    /// Plans a number per step, and says from which level on it can be used.
    pub(super) fn scalar(&mut self, expr: &'a Expr, place: &Place) -> Result<(ScalarId, usize), QueryError> {
        match self.classes.repeated(expr) {
            Some(class) => self.common_scalar((expr, class), place),
            None => self.scalar_itself(expr, place),
        }
    }

    /// The same, without looking whether `expr` itself is wanted elsewhere too.
    pub(super) fn scalar_itself(&mut self, root: &'a Expr, place: &Place) -> Result<(ScalarId, usize), QueryError> {
        // Down the left side of operators first: that is how deep trees are.
        let mut operators = Vec::new();
        let (mut expr, mut place) = (root, place.clone());
        let mut innermost = loop {
            if let Some(value) = self.number(expr, &place) {
                let scalar = Scalar::Constant { value, grid: Arc::clone(&place.grid) };
                break (self.add_scalar(scalar), place.level);
            }
            if !std::ptr::eq(expr, root) && self.classes.repeated(expr).is_some() {
                break self.scalar(expr, &place)?;
            }
            if !place.apart && self.facts.get(expr).apart {
                operators.push((Pending::Repeat(place.grid.steps()), place.clone()));
                place.set_apart();
            }
            match &expr.kind {
                ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) => expr = inner,
                ExprKind::Unary(UnaryOp::Minus, inner) => {
                    operators.push((Pending::Negate, place.clone()));
                    expr = inner;
                }
                ExprKind::Binary(binary) => {
                    operators.push((Pending::Binary(binary), place.clone()));
                    expr = &binary.lhs;
                }
                _ => break self.simple_scalar(expr, &place)?,
            }
        };
        while let Some((pending, place)) = operators.pop() {
            let (of, level) = innermost;
            let (scalar, level) = match pending {
                Pending::Repeat(steps) => (Scalar::Repeat { of, steps }, level),
                Pending::Negate => (Scalar::Negate(of), level),
                Pending::Binary(binary) if is_trim(binary.op) => {
                    let text = format!("operator \"{}\" not allowed for Scalar operations", binary.op);
                    return Err(QueryError::Execution(text));
                }
                Pending::Binary(binary) => {
                    let (rhs, right_level) = self.scalar(&binary.rhs, &place)?;
                    (Scalar::Binary { op: binary.op, lhs: of, rhs }, level.max(right_level))
                }
            };
            innermost = (self.add_scalar(scalar), level);
        }
        Ok(innermost)
    }

    /// The number that `expr` is at all steps of `place`, if that is known.
    fn number(&self, expr: &Expr, place: &Place) -> Option<f64> {
        match self.facts.get(expr).number.filter(|_| self.params.passes.constants)? {
            Number::Same(value) => Some(value),
            Number::OfTime if place.grid.steps() == 1 => self.facts.number_at(expr, place.grid.start_ms()),
            Number::OfTime => None,
        }
    }

    /// Plans a number that is no operator.
    fn simple_scalar(&mut self, expr: &'a Expr, place: &Place) -> Result<(ScalarId, usize), QueryError> {
        let grid = Arc::clone(&place.grid);
        let scalar = match &expr.kind {
            ExprKind::Number(number) => Scalar::Constant { value: number.value, grid },
            ExprKind::Call(call) => match (call.name.as_str(), call.args.as_slice()) {
                ("time", _) => Scalar::Time(grid),
                ("scalar", [arg]) => return self.gather(arg, place),
                ("min_of" | "max_of", [a, b]) => {
                    let (a, level) = self.scalar(a, place)?;
                    let (b, other_level) = self.scalar(b, place)?;
                    let scalar = if call.name == "min_of" { Scalar::Least(a, b) } else { Scalar::Greatest(a, b) };
                    return Ok((self.add_scalar(scalar), level.max(other_level)));
                }
                (name, _) => {
                    let value = self.times.number(name).ok_or_else(|| unknown_function(name))?;
                    Scalar::Constant { value, grid }
                }
            },
            _ => return Err(QueryError::Internal("a number was expected".to_owned())),
        };
        Ok((self.add_scalar(scalar), place.level))
    }

    /// `scalar(…)`
    fn gather(&mut self, arg: &'a Expr, place: &Place) -> Result<(ScalarId, usize), QueryError> {
        let gathered = self.plan.gathered.len();
        self.plan.gathered.push(Arc::clone(&place.grid));
        let inner = Place { func: "scalar".to_owned(), ..place.clone() };
        let plan = |builder: &mut Self| builder.vector(arg, inner, Tail::to(Destination::Gather(gathered)));
        let ((), above) = self.above(plan)?;
        let level = above.max(place.level);
        Ok((self.add_scalar(Scalar::Gathered(gathered)), level))
    }

    pub(super) fn add_scalar(&mut self, scalar: Scalar) -> ScalarId {
        self.plan.scalars.push(scalar);
        ScalarId(self.plan.scalars.len() - 1)
    }
}
