//! Queries that find series of one tenant only.

use model::Matcher;
use promql::ast::{Expr, ExprKind, VectorSelector};

/// Makes every selector of `expr` ask for what `matcher` accepts, whatever it said of that label before.
///
/// Recurses as deep as the parser lets expressions be.
pub(crate) fn confine(expr: &mut Expr, matcher: &Matcher) {
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => confine(inner, matcher),
        ExprKind::Binary(binary) => {
            confine(&mut binary.lhs, matcher);
            confine(&mut binary.rhs, matcher);
        }
        ExprKind::Call(call) => call.args.iter_mut().for_each(|arg| confine(arg, matcher)),
        ExprKind::Aggregate(aggregate) => {
            confine(&mut aggregate.expr, matcher);
            if let Some(param) = &mut aggregate.param {
                confine(param, matcher);
            }
        }
        ExprKind::Vector(selector) => confine_selector(selector, matcher),
        ExprKind::Matrix(matrix) => confine_selector(&mut matrix.selector, matcher),
        ExprKind::Subquery(subquery) => confine(&mut subquery.expr, matcher),
    }
}

fn confine_selector(selector: &mut VectorSelector, matcher: &Matcher) {
    replace(&mut selector.matchers, matcher);
}

/// Puts `matcher` in place of all on its label.
pub(crate) fn replace(matchers: &mut Vec<Matcher>, matcher: &Matcher) {
    matchers.retain(|other| other.name() != matcher.name());
    matchers.push(matcher.clone());
}

#[cfg(test)]
mod tests;
