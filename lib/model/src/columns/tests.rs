use super::SampleColumns;
use crate::{HistogramLayout, HistogramRef, Numbers, ResetHint, STALE_NAN, Span};

#[test]
fn columns_grow_together_and_keep_their_memory() {
    let mut columns = SampleColumns::default();
    assert!(columns.is_empty());
    columns.push(-1, 0.5);
    columns.push(i64::MAX, STALE_NAN);
    assert_eq!((columns.len(), columns.is_empty()), (2, false));
    assert_eq!(columns.timestamps_ms, [-1, i64::MAX]);
    assert_eq!(columns.values[1].to_bits(), STALE_NAN.to_bits());
    let memory = (columns.timestamps_ms.as_ptr(), columns.values.as_ptr());
    columns.clear();
    assert_eq!((columns.len(), columns.is_empty()), (0, true));
    columns.push(1, 1.0);
    assert_eq!((columns.timestamps_ms.as_ptr(), columns.values.as_ptr()), memory);
}

#[test]
fn floats_histograms_and_starts_stay_together() {
    let layout = HistogramLayout::new(0, 0.0, vec![Span { offset: 0, length: 1 }], Vec::new(), Vec::new()).unwrap();
    let histogram =
        |cells, sum| HistogramRef { layout: &layout, hint: ResetHint::Unknown, numbers: Numbers::Integer, cells, sum };
    let (one, other) = (histogram(&[1, 0, 1], 2.0), histogram(&[2, 0, 2], STALE_NAN));
    let mut columns = SampleColumns::default();
    columns.push(1, 0.5);
    columns.push_histogram(2, one);
    columns.set_start(-7);
    columns.push(3, 0.25);
    columns.push_histogram(4, other);
    assert_eq!(columns.starts_ms, [0, -7, 0, 0]);
    let found: Vec<_> = (0..5).map(|at| columns.histogram(at)).collect();
    assert_eq!(found, [None, Some(one), None, Some(other), None]);
    assert!(crate::is_stale(columns.values[3]));
    let mut copy = SampleColumns::default();
    (1..4).for_each(|at| copy.push_from(&columns, at));
    assert_eq!((copy.histogram_at.as_slice(), copy.starts_ms.as_slice()), (&[0, 2][..], &[-7, 0, 0][..]));
    columns.truncate(3);
    assert_eq!((columns.len(), columns.histograms.len(), columns.start_ms(1)), (3, 1, -7));
    columns.clear();
    assert_eq!(columns, SampleColumns::default());
    assert!(!columns.has_histograms());
}
