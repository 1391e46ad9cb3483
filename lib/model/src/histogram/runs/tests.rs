use super::walk;
use crate::Span;

/// The runs of the second spans in the first behind `hidden` buckets, or that one has no place.
#[track_caller]
fn check(spans: &[(i32, u32)], others: &[(i32, u32)], hidden: usize, want: Option<&[(usize, usize, usize)]>) {
    let of =
        |spans: &[(i32, u32)]| -> Vec<Span> { spans.iter().map(|&(offset, length)| Span { offset, length }).collect() };
    let mut runs = Vec::new();
    let has_all = walk(&of(spans), &of(others), hidden, |to, from, len| runs.push((to, from, len)));
    assert_eq!(has_all.then_some(&*runs), want);
}

#[test]
fn buckets_find_their_cells() {
    check(&[(-2, 3)], &[(-2, 3)], 0, Some(&[(0, 0, 3)]));
    check(&[(-2, 3), (0, 2)], &[(-1, 3)], 0, Some(&[(1, 0, 2), (3, 2, 1)]));
    check(&[(-2, 1), (3, 4)], &[(3, 1), (1, 1)], 0, Some(&[(2, 0, 1), (4, 1, 1)]));
    check(&[(0, 1)], &[(-3, 1), (2, 1)], 1, Some(&[(0, 1, 1)]));
    check(&[(0, 1)], &[], 0, Some(&[]));
    check(&[], &[(4, 2)], 2, Some(&[]));
}

#[test]
fn a_bucket_that_is_missing_is_seen() {
    check(&[], &[(4, 2)], 1, None);
    check(&[(0, 3)], &[(-1, 1)], 0, None);
    check(&[(0, 3)], &[(2, 2)], 0, None);
    check(&[(0, 1), (1, 1)], &[(1, 1)], 0, None);
}
