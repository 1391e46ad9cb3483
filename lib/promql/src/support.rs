//! What of the language the engine has. The parser knows all of it; an expression that needs more than the engine has
//! is refused here, by name, rather than answered with a wrong number.

use crate::ast::{Expr, ExprKind};
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
        ExprKind::Call(call) => {
            let supported = function(&call.name).is_some_and(|function| function.supported);
            (!supported).then(|| format!("function \"{}\"", call.name))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
