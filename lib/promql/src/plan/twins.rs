//! Expressions of a query that are not evaluated because another is that is the same.

use super::facts::without_parens;
use crate::ast::{Expr, ExprKind, Span, UnaryOp};
use hashbrown::HashMap;

/// Which expressions are evaluated for which others. A **twin** is one that is not evaluated itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Twins {
    /// By the place of an expression: the places of those that are the same, with the number of the twin each is part of, rising.
    places: HashMap<Span, Vec<(usize, Span)>>,
    /// By twin.
    roots: Vec<Span>,
}

impl Twins {
    /// `twin` is what `first` is.
    pub(super) fn add(&mut self, first: &Expr, twin: &Expr) {
        let number = self.roots.len();
        self.roots.push(as_told(twin).span);
        let mut open = vec![(first, twin)];
        while let Some((first, mut twin)) = open.pop() {
            if !matches!(first.kind, ExprKind::Paren(_)) {
                twin = without_parens(twin);
            }
            self.places.entry(first.span).or_default().push((number, twin.span));
            match (&first.kind, &twin.kind) {
                (ExprKind::Paren(first), ExprKind::Paren(twin)) => open.push((first, twin)),
                (ExprKind::Paren(first), _) => open.push((first, twin)),
                _ => open.extend(first.children().zip(twin.children())),
            }
        }
    }

    /// Where twins stand, as operators are told of.
    pub(crate) fn roots(&self) -> &[Span] {
        &self.roots
    }

    /// How many expressions are evaluated by evaluating the one at `place`.
    pub(super) fn times(&self, place: Span) -> u64 {
        if self.roots.is_empty() { 1 } else { self.copies(place, place).len() as u64 }
    }

    /// All places that a note is about which was made at `node` about `blamed`, these two first.
    pub(crate) fn copies(&self, node: Span, blamed: Span) -> Vec<(Span, Span)> {
        let mut copies = vec![(node, blamed)];
        let mut next = 0;
        while let Some((node, blamed)) = copies.get(next).copied() {
            next += 1;
            for (twin, place) in self.at(node) {
                let others = self.at(blamed);
                let found = others.binary_search_by_key(twin, |(twin, _)| *twin);
                // What is blamed nowhere is blamed nowhere there as well.
                copies.push((*place, found.map_or(blamed, |at| others[at].1)));
            }
        }
        copies
    }

    fn at(&self, place: Span) -> &[(usize, Span)] {
        self.places.get(&place).map_or(&[], Vec::as_slice)
    }
}

/// What operators are told of in place of an expression: no parentheses, and no sign that changes nothing.
fn as_told(mut expr: &Expr) -> &Expr {
    while let ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) = &expr.kind {
        expr = inner;
    }
    expr
}

#[cfg(test)]
mod tests;
