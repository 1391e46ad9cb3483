//! What of the language the engine has. The parser knows all of it; an expression that needs more than the engine has
//! is refused here, by name, rather than answered with a wrong number.

use crate::ast::{AggregateOp, Binary, BinaryOp, Expr, ExprKind};
use crate::error::{Fault, ParseError, ParseErrorKind};
use crate::functions::function;

/// Refuses what the engine cannot evaluate: the first such thing in reading order, more or less.
///
/// # Errors
/// [`ParseErrorKind::Unsupported`].
pub(crate) fn check(text: &str, expr: &Expr) -> Result<(), Fault> {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        if let Some(what) = missing(expr) {
            return Err(ParseError::new(ParseErrorKind::Unsupported, text, expr.span, what));
        }
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Vector(_) | ExprKind::Matrix(_) => {}
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => open.push(inner),
            ExprKind::Binary(binary) => open.extend([&binary.rhs, &binary.lhs]),
            ExprKind::Call(call) => open.extend(call.args.iter().rev()),
            ExprKind::Aggregate(aggregate) => {
                open.push(&aggregate.expr);
                open.extend(&aggregate.param);
            }
            ExprKind::Subquery(subquery) => open.push(&subquery.expr),
        }
    }
    Ok(())
}

/// What of this one node the engine has not.
fn missing(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Paren(_) | ExprKind::Unary(..) => None,
        ExprKind::Binary(binary) => missing_of_binary(binary),
        ExprKind::Call(call) => {
            let supported = function(&call.name).is_some_and(|function| function.supported);
            (!supported).then(|| format!("function \"{}\"", call.name))
        }
        ExprKind::Aggregate(aggregate) => {
            (!aggregate.op.is_supported()).then(|| format!("aggregation \"{}\"", aggregate.op))
        }
        ExprKind::Vector(_) | ExprKind::Matrix(_) | ExprKind::Subquery(_) => None,
    }
}

fn missing_of_binary(binary: &Binary) -> Option<String> {
    (!binary.op.is_supported()).then(|| format!("operator \"{}\"", binary.op))
}

impl AggregateOp {
    /// Whether the engine has it: it has all.
    pub fn is_supported(self) -> bool {
        match self {
            Self::Sum | Self::Avg | Self::Count | Self::Min | Self::Max | Self::Group | Self::Stddev | Self::Stdvar => {
                true
            }
            Self::TopK | Self::BottomK | Self::LimitK | Self::LimitRatio | Self::CountValues | Self::Quantile => true,
        }
    }
}

impl BinaryOp {
    /// Whether the engine has it.
    pub fn is_supported(self) -> bool {
        match self {
            Self::Eql | Self::Neq | Self::Lte | Self::Lss | Self::Gte | Self::Gtr => true,
            Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Mod | Self::Pow | Self::Atan2 => true,
            Self::Or | Self::And | Self::Unless => true,
            // Of histograms.
            Self::TrimUpper | Self::TrimLower => false,
        }
    }
}

#[cfg(test)]
mod tests;
