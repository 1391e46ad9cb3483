use crate::{Labels, LabelsRef};

fn set(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

fn check(below: &[(&str, &str)], over: &[(&str, &str)], without: &[&str], expected: &[(&str, &str)]) {
    let mut packed = b"old".to_vec();
    let gone = |name: &[u8]| without.iter().any(|without| without.as_bytes() == name);
    set(below).as_ref().overlay(set(over).as_ref(), gone, &mut packed);
    assert_eq!(LabelsRef::from_packed(&packed).unwrap(), set(expected).as_ref());
}

#[test]
fn labels_fall_into_their_places() {
    check(
        &[("b", "1"), ("d", "2")],
        &[("a", "x"), ("c", "y"), ("e", "z")],
        &[],
        &[("a", "x"), ("b", "1"), ("c", "y"), ("d", "2"), ("e", "z")],
    );
}

#[test]
fn namesakes_are_replaced() {
    check(&[("a", "1"), ("b", "2"), ("c", "3")], &[("b", "new")], &[], &[("a", "1"), ("b", "new"), ("c", "3")]);
}

#[test]
fn names_are_left_out_but_not_those_laid_over() {
    check(&[("a", "1"), ("b", "2")], &[("b", "new")], &["a", "b"], &[("b", "new")]);
    check(&[("a", "1")], &[], &["a"], &[]);
}
