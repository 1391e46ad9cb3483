//! Of what type an expression is.

use super::{Expr, ExprKind, ValueType};
use crate::functions::function;

impl Expr {
    /// The type of the expression's value. Operands are not looked at beyond what that needs: whether they fit was
    /// checked when the text was parsed.
    pub fn value_type(&self) -> ValueType {
        let mut expr = self;
        let mut in_binary = false;
        loop {
            let found = match &expr.kind {
                ExprKind::Number(_) => ValueType::Scalar,
                ExprKind::String(_) => ValueType::String,
                ExprKind::Aggregate(_) | ExprKind::Vector(_) => ValueType::Vector,
                ExprKind::Matrix(_) | ExprKind::Subquery(_) => ValueType::Matrix,
                ExprKind::Call(call) => function(&call.name).map_or(ValueType::Vector, |function| function.returns),
                ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => {
                    expr = inner;
                    continue;
                }
                ExprKind::Binary(binary) if binary.rhs.value_type() == ValueType::Scalar => {
                    in_binary = true;
                    expr = &binary.lhs;
                    continue;
                }
                ExprKind::Binary(_) => ValueType::Vector,
            };
            // An operator gives a scalar from two scalars, and a vector from anything else.
            return if in_binary && found != ValueType::Scalar { ValueType::Vector } else { found };
        }
    }
}
