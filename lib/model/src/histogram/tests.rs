mod recorded;

use super::{HistogramColumn, HistogramLayout, HistogramRef, InvalidHistogram, Numbers, ResetHint, Span};
use std::sync::Arc;

fn layout(schema: i32, positive: &[(i32, u32)], negative: &[(i32, u32)], bounds: &[f64]) -> HistogramLayout {
    let spans = |spans: &[(i32, u32)]| spans.iter().map(|&(offset, length)| Span { offset, length }).collect();
    HistogramLayout::new(schema, 0.0, spans(positive), spans(negative), bounds.to_vec()).unwrap()
}

fn integer<'a>(layout: &'a HistogramLayout, cells: &'a [u64], sum: f64) -> HistogramRef<'a> {
    HistogramRef { layout, hint: ResetHint::Unknown, numbers: Numbers::Integer, cells, sum }
}

#[test]
fn rows_of_one_layout_are_a_matrix() {
    let (narrow, wide) = (layout(0, &[(0, 2)], &[], &[]), layout(0, &[(0, 2), (3, 1)], &[(-1, 1)], &[]));
    let rows = [
        integer(&narrow, &[3, 1, 2, 0], 1.0),
        integer(&narrow, &[5, 1, 2, 2], 2.0),
        integer(&wide, &[9, 1, 2, 2, 3, 1], 3.0),
        HistogramRef { numbers: Numbers::Float, ..integer(&wide, &[9, 1, 2, 2, 3, 1], 3.0) },
    ];
    let mut column = HistogramColumn::default();
    rows.iter().for_each(|row| column.push(*row));
    assert!(column.iter().eq(rows));
    let got: Vec<_> = column.matrices().map(|matrix| (matrix.rows, matrix.numbers, matrix.cells.to_vec())).collect();
    let wide_cells = vec![9, 1, 2, 2, 3, 1];
    assert_eq!(
        got,
        [
            (0..2, Numbers::Integer, vec![3, 1, 2, 0, 5, 1, 2, 2]),
            (2..3, Numbers::Integer, wide_cells.clone()),
            (3..4, Numbers::Float, wide_cells),
        ]
    );
    assert_eq!((column.get(2).unwrap().positive(), column.get(2).unwrap().negative()), (&[2, 2, 3][..], &[1][..]));
    column.truncate(1);
    column.push(rows[2]);
    assert!(column.iter().eq([rows[0], rows[2]]));
    assert_eq!(column.get(2), None);
}

#[test]
fn a_row_may_have_a_layout_of_rows_before() {
    let (narrow, wide) = (layout(0, &[(0, 1)], &[], &[]), layout(0, &[(0, 2)], &[], &[]));
    let mut column = HistogramColumn::default();
    column.push(integer(&narrow, &[1, 0, 1], 1.0));
    column.push(integer(&wide, &[3, 0, 1, 2], 2.0));
    let cells = column.push_row(0, Numbers::Integer, ResetHint::Unknown, 3.0);
    cells.copy_from_slice(&[2, 0, 2]);
    column.push(integer(&wide, &[4, 0, 2, 2], 4.0));
    assert_eq!(column.layouts().len(), 2);
    column.truncate(3);
    let kept =
        [integer(&narrow, &[1, 0, 1], 1.0), integer(&wide, &[3, 0, 1, 2], 2.0), integer(&narrow, &[2, 0, 2], 3.0)];
    assert!(column.iter().eq(kept));
    column.truncate(1);
    assert_eq!((column.len(), column.layouts().len()), (1, 1));
}

#[test]
fn a_layout_of_too_many_buckets_is_refused() {
    let spans = |length| vec![Span { offset: 0, length }; 2];
    assert!(HistogramLayout::new(0, 0.0, spans(1 << 15), Vec::new(), Vec::new()).is_ok());
    let refused = HistogramLayout::new(0, 0.0, spans(u32::MAX), spans(u32::MAX), Vec::new()).unwrap_err();
    assert_eq!(refused.buckets, 4 * u64::from(u32::MAX));
}

#[test]
fn what_prometheus_refuses_is_refused() {
    let floats = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let plain = layout(2, &[(-3, 2), (1, 1)], &[(0, 1)], &[]);
    let custom = layout(-53, &[(0, 3)], &[], &[1.0, 2.0]);
    let check = |layout: &HistogramLayout, numbers, cells: &[u64], sum, want: Option<InvalidHistogram>| {
        let got = HistogramRef { numbers, ..integer(layout, cells, sum) }.validate();
        assert_eq!(got.err(), want, "{layout:?} {cells:?}");
    };
    let (int, float) = (Numbers::Integer, Numbers::Float);
    check(&plain, int, &[10, 1, 2, 3, 0, 4], 1.0, None);
    check(&plain, int, &[11, 1, 2, 3, 0, 4], f64::NAN, None);
    check(&plain, int, &[11, 1, 2, 3, 0, 4], 1.0, Some(InvalidHistogram::CountMismatch { observed: 10, count: 11 }));
    let too_small = InvalidHistogram::CountTooSmall { observed: 10.0, count: 9.0 };
    check(&plain, int, &[9, 1, 2, 3, 0, 4], f64::NAN, Some(too_small));
    let negative = InvalidHistogram::NegativeCount { side: "positive", number: 2, count: -1.0 };
    check(&plain, int, &[5, 1, 2, u64::MAX, 0, 3], 1.0, Some(negative));
    check(&plain, float, &floats(&[0.5, 1.0, 2.0, 0.0, 0.0, 3.5]), 1.0, None);
    check(&plain, float, &floats(&[0.5, 1.0, 2.0, -1.0, 0.0, 3.5]), 1.0, Some(negative));
    let zero = InvalidHistogram::NegativeZeroCount(-1.0);
    check(&plain, float, &floats(&[0.5, -1.0, 2.0, 0.0, 0.0, 3.5]), 1.0, Some(zero));
    check(&plain, float, &floats(&[-0.5, 1.0, 2.0, 0.0, 0.0, 3.5]), 1.0, Some(InvalidHistogram::NegativeTotal(-0.5)));
    let offset = InvalidHistogram::SpanOffset { side: "negative", number: 2, offset: -1 };
    check(&layout(0, &[], &[(0, 1), (-1, 1)], &[]), int, &[2, 0, 1, 1], 1.0, Some(offset));
    check(&layout(9, &[], &[], &[]), int, &[0, 0], 1.0, Some(InvalidHistogram::Schema(9)));
    check(&layout(1, &[], &[], &[1.0]), int, &[0, 0], 1.0, Some(InvalidHistogram::BoundsWithoutCustomSchema(1)));
    check(&custom, int, &[6, 0, 1, 2, 3], 1.0, None);
    check(&custom, int, &[7, 1, 1, 2, 3], 1.0, Some(InvalidHistogram::CustomAndExponential("zero count")));
    let missing = InvalidHistogram::CustomBoundsMissing { bounds: 2 };
    check(&layout(-53, &[(0, 2), (1, 1)], &[], &[1.0, 2.0]), int, &[6, 0, 1, 2, 3], 1.0, Some(missing));
    check(&layout(-53, &[], &[], &[1.0, 1.0]), int, &[0, 0], 1.0, Some(InvalidHistogram::CustomBounds(1)));
    check(&layout(-53, &[], &[], &[f64::INFINITY]), int, &[0, 0], 1.0, Some(InvalidHistogram::CustomBounds(0)));
}

#[test]
fn a_cleared_column_takes_layouts_into_the_memory_it_has() {
    let (narrow, wide) = (layout(0, &[(0, 2)], &[], &[]), layout(0, &[(0, 2), (3, 1)], &[(-1, 1)], &[]));
    let custom = layout(-53, &[(0, 2)], &[], &[1.0, 2.0]);
    let mut column = HistogramColumn::default();
    for _ in 0..3 {
        let at = |layout: &HistogramLayout, column: &mut HistogramColumn| column.layout_of(layout.parts()).unwrap();
        let numbers = [at(&wide, &mut column), at(&wide, &mut column), at(&custom, &mut column)];
        assert_eq!(numbers, [0, 0, 1]);
        column.push(integer(&narrow, &[3, 1, 2, 0], 1.0));
        assert_eq!(**column.layout(0).unwrap(), narrow);
        column.clear();
    }
    // Whoever shares a layout keeps what he has.
    column.push(integer(&narrow, &[3, 1, 2, 0], 1.0));
    let shared = column.layout(0).unwrap().clone();
    column.clear();
    for _ in 0..4 {
        taken_and_cleared(&shared, &wide, &mut column);
    }
    assert_eq!(*shared, narrow);
    let many = Span { offset: 0, length: u32::MAX };
    assert!(column.layout_of(super::LayoutParts { positive: &[many, many], ..narrow.parts() }).is_err());
}

#[track_caller]
fn taken_and_cleared(shared: &std::sync::Arc<HistogramLayout>, other: &HistogramLayout, column: &mut HistogramColumn) {
    column.layout_of(other.parts()).unwrap();
    column.push(integer(other, &[9, 1, 2, 2, 3, 1], 1.0));
    assert!(!std::sync::Arc::ptr_eq(shared, column.layout(0).unwrap()));
    column.clear();
}

#[test]
fn a_layout_that_was_cleared_is_shared_with_what_has_its_equal() {
    let (one, other) = (layout(0, &[(0, 2)], &[], &[]), layout(0, &[(1, 2)], &[], &[]));
    let (mut column, mut answer) = (HistogramColumn::default(), HistogramColumn::default());
    for at in 0..3 {
        match at {
            0 => column.push(integer(&one, &[3, 1, 1, 1], 1.0)),
            1 => {
                let number = column.add_layout(Arc::new(one.clone()));
                column.push_cells(number, Numbers::Integer, (ResetHint::Gauge, 1.0), &[3, 1, 1, 1]);
            }
            _ => column.push_floats(integer(&one, &[3, 1, 1, 1], 1.0)),
        }
        answer.push_shared(column.layout(0).unwrap(), column.get(0).unwrap());
        assert!(Arc::ptr_eq(&answer.layouts()[0], column.layout(0).unwrap()), "{at}");
        column.clear();
    }
    assert_eq!(answer.layouts().len(), 1);
    answer.push_values(&Arc::new(other.clone()), (ResetHint::Gauge, 2.0), [3.0, 0.0, 1.0].into_iter());
    let last = answer.get(3).unwrap();
    assert_eq!((last.layout, last.cells), (&other, &[3.0, 0.0, 1.0, 0.0].map(f64::to_bits)[..]));
    column.push(integer(&other, &[1, 0, 1, 0], 1.0));
    assert_eq!(*column.layouts()[0], other);
}

#[test]
fn a_plain_layout_has_all_its_buckets_beyond_zero_and_no_span_too_many() {
    let check = |zero_threshold, positive: Spans<'_>, negative: Spans<'_>, want| {
        let spans = |spans: Spans<'_>| spans.iter().map(|&(offset, length)| Span { offset, length }).collect();
        let one = HistogramLayout::new(0, zero_threshold, spans(positive), spans(negative), Vec::new()).unwrap();
        assert_eq!(one.is_plain(), want, "{zero_threshold} {positive:?} {negative:?}");
        let mut copy = layout(-53, &[], &[], &[1.0]);
        assert!(!copy.is_plain());
        copy.become_copy(one.parts()).unwrap();
        assert_eq!(copy.is_plain(), want);
    };
    check(0.0, &[], &[], true);
    check(0.5, &[(0, 2), (1, 3)], &[(3, 1)], true);
    // Up to 1 is the bucket of index 0.
    check(1.0, &[(0, 2)], &[], false);
    check(1.0, &[(1, 2)], &[(0, 1)], false);
    check(0.0, &[(0, 2), (0, 1)], &[], false);
    check(0.0, &[(0, 0), (2, 1)], &[], false);
    check(0.0, &[], &[(0, 1), (2, 0)], false);
}

#[test]
fn a_layout_without_rows_goes_when_rows_are_dropped() {
    let narrow = layout(0, &[(0, 2)], &[], &[]);
    let mut column = HistogramColumn::default();
    column.push(integer(&narrow, &[3, 0, 1, 2], 1.0));
    let before = column.clone();
    assert_eq!(column.add_layout(std::sync::Arc::default()), 1);
    column.truncate(1);
    assert_eq!(column, before);
}

type Spans<'a> = &'a [(i32, u32)];

#[test]
fn reserved_schemas_are_reduced() {
    let check = |schema, fine: [Spans<'_>; 2], coarse: [Spans<'_>; 2]| {
        let reduction = layout(schema, fine[0], fine[1], &[]).reduction().unwrap();
        assert_eq!(*reduction.layout(), layout(8, coarse[0], coarse[1], &[]));
        reduction
    };
    check(9, [&[(1000, 2), (1, 1)], &[(5, 1)]], [&[(500, 3)], &[(3, 1)]]);
    check(52, [&[(-7, 3)], &[(i32::MAX, 1)]], [&[(0, 1)], &[(1, 1)]]);
    check(10, [&[(0, 0), (3, 1)], &[]], [&[(1, 1)], &[]]);
    let reduction = check(10, [&[(1000, 2), (1, 1)], &[(5, 1)]], [&[(250, 2)], &[(2, 1)]]);
    let fine = layout(10, &[(1000, 2), (1, 1)], &[(5, 1)], &[]);
    let mut cells = [0; 5];
    reduction.fold(integer(&fine, &[18, 1, 3, 4, 5, 6], 0.0), &mut cells);
    assert_eq!(cells, [18, 1, 3, 9, 6]);
    let floats = [9.0, 0.5, 1.5, 2.0, 2.5, 3.0].map(f64::to_bits);
    let mut cells = [0; 5];
    reduction.fold(HistogramRef { numbers: Numbers::Float, ..integer(&fine, &floats, 0.0) }, &mut cells);
    assert_eq!(cells, [9.0, 0.5, 1.5, 4.5, 3.0].map(f64::to_bits));
    assert_eq!([-53, -4, 8, 53].map(|schema| layout(schema, &[], &[], &[]).reduction()), [const { None }; 4]);
}
