//! Chains of operators hang to the left: `a + b + c` is `(a + b) + c`. They may be thousands long, so nothing here
//! takes a stack frame a link.

use std::fmt::{self, Debug, Formatter};

use super::{Binary, Expr, ExprKind, Number, Span};

impl Binary {
    /// This and the operators down its left side, the outermost first, and the operand where they end.
    pub fn chain(&self) -> (Vec<&Binary>, &Expr) {
        let mut chain = vec![self];
        let mut first = &self.lhs;
        while let ExprKind::Binary(binary) = &first.kind {
            chain.push(binary);
            first = &binary.lhs;
        }
        (chain, first)
    }
}

/// The first operand, then operators with their right sides.
impl Debug for Binary {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let link = |binary: &Self| {
            let Self { op, rhs, matching, return_bool, .. } = binary;
            format!("{op:?} {{ return_bool: {return_bool}, matching: {matching:?}, rhs: {rhs:?} }}")
        };
        let (chain, first) = self.chain();
        write!(out, "Binary [{first:?}")?;
        chain.into_iter().rev().try_for_each(|binary| write!(out, ", {}", link(binary)))?;
        out.write_str("]")
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        let mut next = std::mem::replace(&mut self.lhs, Expr::nothing());
        while let ExprKind::Binary(mut binary) = next.kind {
            next = std::mem::replace(&mut binary.lhs, Expr::nothing());
        }
    }
}

impl Clone for Binary {
    fn clone(&self) -> Self {
        let (chain, first) = self.chain();
        let with_lhs = |binary: &Self, lhs| Self {
            op: binary.op,
            lhs,
            rhs: binary.rhs.clone(),
            matching: binary.matching.clone(),
            return_bool: binary.return_bool,
        };
        let mut lhs = first.clone();
        for (i, link) in chain.iter().enumerate().skip(1).rev() {
            let span = chain[i - 1].lhs.span;
            lhs = Expr { span, kind: ExprKind::Binary(Box::new(with_lhs(link, lhs))) };
        }
        with_lhs(self, lhs)
    }
}

impl PartialEq for Binary {
    fn eq(&self, other: &Self) -> bool {
        let ((left, left_first), (right, right_first)) = (self.chain(), other.chain());
        let same_link = |(left, right): (&&Self, &&Self)| {
            left.op == right.op
                && left.return_bool == right.return_bool
                && left.matching == right.matching
                && left.lhs.span == right.lhs.span
                && left.rhs == right.rhs
        };
        left.len() == right.len() && left_first == right_first && left.iter().zip(&right).all(same_link)
    }
}

impl Expr {
    /// What is left where an expression was taken out.
    pub(crate) fn nothing() -> Self {
        Self { span: Span::default(), kind: ExprKind::Number(Number { value: 0.0, is_duration: false }) }
    }
}

#[cfg(test)]
mod tests;
