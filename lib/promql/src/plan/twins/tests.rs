use super::Twins;
use crate::ast::{Expr, ExprKind, Span};
use crate::{ParseOptions, parse};

/// What stands at the places that a note about `first` in `text` is about, if the right sides of its operators are evaluated
/// as their left ones.
fn copies<'a>(text: &'a str, first: &str) -> Vec<&'a str> {
    let expr: Expr = parse(text, &ParseOptions::default()).unwrap();
    let mut twins = Twins::default();
    let mut open = vec![&expr];
    while let Some(expr) = open.pop() {
        if let ExprKind::Binary(binary) = &expr.kind {
            twins.add(&binary.lhs, &binary.rhs);
        }
        open.extend(expr.children().next());
    }
    let start = text.find(first).unwrap();
    let node = Span { start, end: start + first.len() };
    let copies = twins.copies(node, node);
    assert!(copies.iter().all(|(node, blamed)| node == blamed), "{copies:?}");
    assert_eq!(twins.times(node), copies.len() as u64);
    copies.into_iter().map(|(node, _)| &text[node.start..node.end]).collect()
}

#[test]
fn a_note_is_about_all_that_is_the_same() {
    assert_eq!(copies("sum(x) + sum( x )", "sum(x)"), ["sum(x)", "sum( x )"]);
    assert_eq!(copies("sum(x) + sum( x )", "x"), ["x", "x"]);
    // Parentheses are where they are on either side.
    assert_eq!(copies("abs(x) + (abs((x )))", "abs(x)"), ["abs(x)", "abs((x ))"]);
    assert_eq!(copies("abs((x)) + abs(x)", "(x)"), ["(x)", "x"]);
    assert_eq!(copies("abs((x)) + abs( (x ))", "(x)"), ["(x)", "(x )"]);
}

/// What is the same as a part of what is the same as another thing is there three times.
#[test]
fn twins_may_have_parts_with_twins() {
    assert_eq!(copies("(a / a ) * (a / a )", "a"), ["a", "a", "a", "a"]);
    assert_eq!(copies("x + x", "x + x"), ["x + x"]);
}

#[test]
fn what_is_blamed_elsewhere_stays() {
    let expr = parse("x + x", &ParseOptions::default()).unwrap();
    let ExprKind::Binary(binary) = &expr.kind else { panic!() };
    let mut twins = Twins::default();
    twins.add(&binary.lhs, &binary.rhs);
    let copies = twins.copies(binary.lhs.span, Span::default());
    assert_eq!(copies, [(binary.lhs.span, Span::default()), (binary.rhs.span, Span::default())]);
    assert_eq!(twins.roots(), [binary.rhs.span]);
}
