use super::{Indexed, Side};
use crate::Span;

#[track_caller]
fn check(spans: &[(i32, u32)], cells: usize, want: &[i32]) {
    let spans: Vec<_> = spans.iter().map(|&(offset, length)| Span { offset, length }).collect();
    let cells: Vec<usize> = (0..cells).collect();
    let forward: Vec<_> = Indexed::new(&spans, &cells).collect();
    let (indices, numbers): (Vec<i32>, Vec<usize>) = forward.iter().copied().unzip();
    assert_eq!((&*indices, numbers), (want, (0..want.len()).collect()));
    let mut backward: Vec<_> = Indexed::new(&spans, &cells).rev().collect();
    backward.reverse();
    assert_eq!(backward, forward, "backwards");
    let mut both = Indexed::new(&spans, &cells);
    let ends = (both.next(), both.next_back());
    let last = if forward.len() > 1 { forward.last() } else { None };
    assert_eq!((ends, both.count()), ((forward.first().copied(), last.copied()), forward.len().saturating_sub(2)));
}

#[test]
fn indices_follow_from_spans() {
    check(&[], 0, &[]);
    check(&[(-3, 2), (0, 1), (4, 1)], 4, &[-3, -2, -1, 4]);
    check(&[(2, 0), (1, 1), (1, 0), (1, 2), (3, 0)], 3, &[3, 6, 7]);
    check(&[(5, 2), (-4, 1)], 3, &[5, 6, 3]);
    check(&[(i32::MAX, 2), (i32::MAX, 1)], 3, &[i32::MAX, i32::MIN, 0]);
}

#[test]
fn a_side_put_together_has_the_spans_that_were_meant() {
    let mut side = Side::default();
    for (index, joins) in [(-2, false), (-1, true), (0, false), (5, false), (6, true)] {
        side.push(index, index, joins);
    }
    let spans = [(-2, 2), (0, 1), (4, 2)].map(|(offset, length)| Span { offset, length });
    assert_eq!((&*side.spans, &*side.cells), (&spans[..], &[-2, -1, 0, 5, 6][..]));
    assert!(side.indexed().eq([-2, -1, 0, 5, 6].map(|index| (index, index))));
}
