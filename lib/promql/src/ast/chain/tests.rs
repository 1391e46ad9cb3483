use crate::ast::{Binary, Expr, ExprKind};
use crate::{ParseOptions, parse};

fn binary(text: &str) -> Box<Binary> {
    match parse(text, &ParseOptions::default()).unwrap() {
        Expr { kind: ExprKind::Binary(binary), .. } => binary,
        other => panic!("{other}"),
    }
}

#[test]
fn a_chain_ends_at_its_first_operand() {
    let binary = binary("a + b * c - d");
    let (chain, first) = binary.chain();
    assert_eq!(chain.iter().map(|link| link.rhs.to_string()).collect::<Vec<_>>(), ["d", "b * c"]);
    assert_eq!(first.to_string(), "a");
}

#[test]
fn clones_are_equal_and_whole() {
    let binary = binary("a + on (x) b > bool c - d");
    assert_eq!(binary.clone(), binary);
    assert_eq!(binary.clone().to_string(), "a + on (x) b > bool c - d");
}

#[test]
fn every_part_of_a_link_counts() {
    let one = binary("a + b + c");
    for other in ["a - b + c", "d + b + c", "a + d + c", "a + b + d", "a + b", "a + b + c + d", "a  + b + c"] {
        assert_ne!(binary(other), one, "{other}");
    }
    assert_ne!(binary("a + on(x) b + c"), binary("a + on(y) b + c"));
    assert_ne!(binary("a == bool b + c"), binary("a ==  on() b + c"));
    assert_eq!(binary("a + b + c"), one);
}
