use super::{
    CellState, Decision, HistogramState, OpenHistograms, Pushed, layout_of, max_append_bytes, max_layout_bytes, spread,
};
use crate::bitstream::WordSink;
use crate::chunk::{decode, reset_hint};
use model::{HistogramLayout, HistogramRef, Numbers, ResetHint, STALE_NAN, SampleColumns, Span};
use proptest::prelude::*;

type Spans<'a> = &'a [(i32, u32)];

fn layout(positive: Spans<'_>, negative: Spans<'_>) -> HistogramLayout {
    let spans = |spans: Spans<'_>| spans.iter().map(|&(offset, length)| Span { offset, length }).collect();
    HistogramLayout::new(1, 0.5, spans(positive), spans(negative), Vec::new()).unwrap()
}

/// Buckets one after the other, the first in the zero bucket; the count is their sum.
fn cells(buckets: &[u64], numbers: Numbers) -> Vec<u64> {
    let count = buckets.iter().sum::<u64>();
    let cells = std::iter::once(count).chain(buckets.iter().copied());
    cells.map(|cell| if numbers == Numbers::Float { (cell as f64).to_bits() } else { cell }).collect()
}

fn histogram<'a>(layout: &'a HistogramLayout, hint: ResetHint, numbers: Numbers, cells: &'a [u64]) -> HistogramRef<'a> {
    HistogramRef { layout, hint, numbers, cells, sum: 1.5 }
}

/// What is decided of the second histogram after the first.
#[track_caller]
fn check(
    (before, buckets): (&HistogramLayout, &[u64]),
    (after, more): (&HistogramLayout, &[u64]),
    hints: [ResetHint; 2],
    want: [Decision; 2],
) {
    for (numbers, want) in [Numbers::Integer, Numbers::Float].into_iter().zip(want) {
        let (first, second) = (cells(buckets, numbers), cells(more, numbers));
        let first = histogram(before, hints[0], numbers, &first);
        let mut states = vec![CellState::default(); before.cells()];
        let header = super::header_of_first(first);
        let state = HistogramState::begin(header, 1, first, &mut states, &mut Vec::new());
        let got = state.decide(before, &states, histogram(after, hints[1], numbers, &second));
        assert_eq!(got, want, "{numbers:?}");
    }
}

const UNKNOWN: [ResetHint; 2] = [ResetHint::Unknown; 2];
const GAUGES: [ResetHint; 2] = [ResetHint::Gauge; 2];

#[test]
fn buckets_may_come_and_empty_ones_may_go() {
    let both = |decision: Decision| [decision.clone(), decision];
    let (two, apart) = (layout(&[(0, 2)], &[]), layout(&[(0, 1), (3, 1)], &[]));
    let (four, union) = (layout(&[(-1, 4)], &[(2, 1)]), layout(&[(0, 2), (2, 1)], &[]));
    check((&two, &[1, 2, 3]), (&two, &[1, 2, 3]), UNKNOWN, both(Decision::Append));
    check((&two, &[1, 2, 3]), (&two, &[1, 3, 2]), UNKNOWN, both(Decision::Cut(ResetHint::Reset)));
    check((&two, &[1, 2, 3]), (&two, &[0, 3, 4]), UNKNOWN, both(Decision::Cut(ResetHint::Reset)));
    check((&two, &[1, 2, 3]), (&four, &[1, 0, 2, 3, 0, 0]), UNKNOWN, both(Decision::Recode(four.clone())));
    check((&four, &[1, 0, 2, 3, 0, 0]), (&two, &[1, 2, 3]), UNKNOWN, both(Decision::Widen));
    check((&four, &[1, 1, 2, 3, 0, 0]), (&two, &[2, 2, 3]), UNKNOWN, both(Decision::Cut(ResetHint::Reset)));
    check((&two, &[1, 2, 0]), (&apart, &[1, 2, 3]), UNKNOWN, both(Decision::Recode(union.clone())));
    check((&two, &[1, 2, 3]), (&apart, &[1, 2, 3]), UNKNOWN, both(Decision::Cut(ResetHint::Reset)));
    check((&two, &[1, 2, 3]), (&apart, &[1, 0, 3]), GAUGES, both(Decision::Recode(union)));
    check((&two, &[1, 2, 3]), (&two, &[0, 0, 0]), GAUGES, both(Decision::Append));
}

#[test]
fn another_scale_or_kind_begins_a_new_chunk() {
    let both = |header| [Decision::Cut(header), Decision::Cut(header)];
    let two = layout(&[(0, 2)], &[]);
    let scaled = HistogramLayout::new(2, 0.5, two.positive().to_vec(), Vec::new(), Vec::new()).unwrap();
    let wide_zero = HistogramLayout::new(1, 0.25, two.positive().to_vec(), Vec::new(), Vec::new()).unwrap();
    let bounds =
        |bounds: &[f64]| HistogramLayout::new(-53, 0.0, two.positive().to_vec(), Vec::new(), bounds.to_vec()).unwrap();
    let (counts, more): (&[u64], &[u64]) = (&[0, 2, 3], &[0, 3, 4]);
    check((&two, counts), (&scaled, more), UNKNOWN, both(ResetHint::Unknown));
    check((&two, counts), (&wide_zero, more), UNKNOWN, both(ResetHint::Unknown));
    check((&two, more), (&scaled, counts), UNKNOWN, both(ResetHint::Reset));
    check((&bounds(&[1.0]), counts), (&bounds(&[2.0]), more), UNKNOWN, both(ResetHint::Reset));
    check((&bounds(&[1.0]), counts), (&bounds(&[2.0]), more), GAUGES, both(ResetHint::Gauge));
    check((&two, counts), (&two, more), [ResetHint::Unknown, ResetHint::Gauge], both(ResetHint::Gauge));
    check((&two, counts), (&two, more), [ResetHint::Unknown, ResetHint::Reset], both(ResetHint::Reset));
    // The first is what Prometheus says.
    let gauge_before = [Decision::Cut(ResetHint::NotReset), Decision::Cut(ResetHint::Unknown)];
    check((&two, counts), (&two, more), [ResetHint::Gauge, ResetHint::Unknown], gauge_before);
}

#[test]
fn only_stale_ones_follow_a_stale_one() {
    let two = layout(&[(0, 2)], &[]);
    let counts = cells(&[0, 2, 3], Numbers::Integer);
    let plain = histogram(&two, ResetHint::Unknown, Numbers::Integer, &counts);
    let stale = HistogramRef { sum: STALE_NAN, ..plain };
    let mut open = OpenHistograms::begin(ResetHint::Reset, 1, plain);
    assert_eq!(open.push(2, stale), Ok(Pushed::Appended));
    assert_eq!(open.push(3, stale), Ok(Pushed::Appended));
    assert_eq!(open.push(4, plain), Err(ResetHint::Unknown));
    let data = open.finish();
    assert_eq!(reset_hint(open.state().encoding(), &data), Some(ResetHint::Reset));
    let mut columns = SampleColumns::default();
    decode(open.state().encoding(), &data, &mut columns).unwrap();
    let hints: Vec<_> = columns.histograms.iter().map(|found| (found.hint, *found.layout == two)).collect();
    assert_eq!(hints, [(ResetHint::Unknown, true), (ResetHint::Unknown, false), (ResetHint::Unknown, false)]);
    assert_eq!(layout_of(stale), &HistogramLayout::default());
    let begun = OpenHistograms::begin(ResetHint::Unknown, 1, stale);
    assert_eq!((begun.layout(), begun.size_bytes()), (&HistogramLayout::default(), begun.finish().len()));
}

#[test]
fn a_chunk_that_is_not_full_says_what_the_next_one_begins_with() {
    let two = layout(&[(0, 2)], &[]);
    let (counts, fewer) = (cells(&[0, 2, 3], Numbers::Integer), cells(&[0, 2, 2], Numbers::Integer));
    let of = |hint, cells| histogram(&two, hint, Numbers::Integer, cells);
    let mut states = vec![CellState::default(); two.cells()];
    let first = of(ResetHint::Unknown, &counts);
    let state = HistogramState::begin(ResetHint::Unknown, 1, first, &mut states, &mut Vec::new());
    let next = |hint, cells| state.header_of_next(&two, &states, of(hint, cells));
    assert_eq!(next(ResetHint::Unknown, &counts), ResetHint::NotReset);
    assert_eq!(next(ResetHint::NotReset, &fewer), ResetHint::Reset);
    assert_eq!(next(ResetHint::Reset, &counts), ResetHint::Reset);
    assert_eq!(next(ResetHint::Gauge, &fewer), ResetHint::Gauge);
}

#[test]
fn a_histogram_is_spread_onto_more_buckets() {
    let (narrow, wide) = (layout(&[(0, 0), (1, 1), (2, 1)], &[(0, 1)]), layout(&[(-1, 7)], &[(-3, 1), (2, 2)]));
    let counts = cells(&[9, 1, 2, 3], Numbers::Integer);
    let mut spread_cells = vec![7; wide.cells()];
    spread(histogram(&narrow, ResetHint::Unknown, Numbers::Integer, &counts), &wide, &mut spread_cells);
    assert_eq!(spread_cells, [15, 9, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0]);
}

/// A sink that counts what one append hands it.
#[derive(Default)]
struct Counted(usize);

impl WordSink for Counted {
    fn push_word(&mut self, word: [u8; 8]) {
        self.0 += word.len();
    }
}

proptest! {
    #[test]
    fn no_append_hands_out_more_than_was_promised(
        is_float in any::<bool>(),
        spans in prop::collection::vec((any::<i32>(), 0_u32..40), 0..5),
        rows in prop::collection::vec((any::<i64>(), any::<u64>(), prop::collection::vec(any::<u64>(), 250)), 1..6),
        bounds in prop::collection::vec(any::<f64>(), 0..20),
    ) {
        let spans = spans.iter().map(|&(offset, length)| Span { offset, length }).collect();
        let layout = HistogramLayout::new(-53, 0.3, spans, Vec::new(), bounds).unwrap();
        let numbers = if is_float { Numbers::Float } else { Numbers::Integer };
        let mut states = vec![CellState::default(); layout.cells()];
        let mut state: Option<HistogramState> = None;
        for (time_ms, sum, cells) in &rows {
            let found = HistogramRef {
                sum: f64::from_bits(*sum), ..histogram(&layout, ResetHint::Unknown, numbers, cells)
            };
            prop_assume!(!found.is_stale());
            let mut sink = Counted::default();
            match &mut state {
                Some(state) => state.append(*time_ms, found, layout.positive_buckets(), &mut states, &mut sink),
                None => {
                    state = Some(HistogramState::begin(ResetHint::Unknown, *time_ms, found, &mut states, &mut sink));
                    prop_assert!(sink.0 <= max_layout_bytes(&layout) + max_append_bytes(layout.cells()));
                    continue;
                }
            }
            prop_assert!(sink.0 <= max_append_bytes(layout.cells()), "{} bytes of {}", sink.0, layout.cells());
        }
    }
}
