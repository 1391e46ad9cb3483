use super::write_sort_key;
use model::Labels;
use std::cmp::Ordering;

fn key(pairs: &[(&str, &str)]) -> (Labels, Vec<u8>) {
    let labels = Labels::from_pairs(pairs.iter().copied()).unwrap();
    let mut key = Vec::new();
    write_sort_key(labels.as_ref(), &mut key);
    (labels, key)
}

#[track_caller]
fn check(left: &[(&str, &str)], want: Ordering, right: &[(&str, &str)]) {
    let ((left, left_key), (right, right_key)) = (key(left), key(right));
    assert_eq!(left_key.cmp(&right_key), want, "{left:?} against {right:?}");
    assert_eq!(left.cmp(&right), want, "labels themselves: {left:?} against {right:?}");
}

#[test]
fn keys_sort_as_labels_do() {
    use Ordering::{Equal, Less};
    check(&[], Equal, &[]);
    check(&[], Less, &[("a", "1")]);
    check(&[("a", "1")], Less, &[("a", "1"), ("b", "1")]);
    check(&[("a", "1"), ("b", "1")], Less, &[("a", "2")]);
    check(&[("a", "ab")], Less, &[("a", "abc")]);
    check(&[("a", "x")], Less, &[("ab", "x")]);
    // A name that ends goes before one that continues with any byte, NUL among them.
    check(&[("a", "x")], Less, &[("a\0", "x")]);
    check(&[("a", "x\0")], Less, &[("a", "x\0\0")]);
    check(&[("a", "x\0")], Less, &[("a", "x\u{1}")]);
    check(&[("a", "x")], Less, &[("a", "x\0y"), ("b", "1")]);
}

#[test]
fn keys_agree_with_label_order_on_all_pairs() {
    let strings = ["", "\0", "\0\0", "a", "a\0", "a\0b", "ab", "b", "\u{7f}", "ÿ"];
    let mut sets = Vec::new();
    for value in strings {
        for second in strings {
            sets.push(key(&[("n", value), ("o", second)]));
            sets.push(key(&[("n", value), ("n\0", second)]));
        }
    }
    for (left, left_key) in &sets {
        for (right, right_key) in &sets {
            assert_eq!(left.cmp(right), left_key.cmp(right_key), "{left:?} against {right:?}");
        }
    }
}
