//! What holds of all histograms, those that nobody means among them.

use super::Working;
use crate::histogram::sum::Addition;
use crate::{FloatHistogram, HistogramLayout, HistogramMean, HistogramRef, Numbers, ResetHint, Span};
use proptest::collection::vec;
use proptest::prelude::*;

type Spans = Vec<(i32, Vec<u32>)>;

/// Spans as (offset, counts).
fn spans(offset: impl Strategy<Value = i32>) -> impl Strategy<Value = Spans> {
    vec((offset, vec(0..5_u32, 0..4)), 0..4)
}

fn build(schema: i32, threshold: f64, sides: [Spans; 2], bounds: Vec<f64>) -> FloatHistogram {
    let of = |side: &Spans| -> Vec<Span> {
        side.iter().map(|(offset, counts)| Span { offset: *offset, length: counts.len() as u32 }).collect()
    };
    let layout = HistogramLayout::new(schema, threshold, of(&sides[0]), of(&sides[1]), bounds).unwrap();
    let buckets = sides.iter().flatten().flat_map(|(_, counts)| counts);
    let count = buckets.clone().sum::<u32>() + 2;
    let cells: Vec<u64> = [count, 2].iter().chain(buckets).map(|count| f64::from(*count).to_bits()).collect();
    let (hint, numbers) = (ResetHint::Unknown, Numbers::Float);
    FloatHistogram::from_ref(HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum: 3.0 })
}

fn sensible() -> impl Strategy<Value = FloatHistogram> {
    let threshold = prop::sample::select(vec![0.0, 0.25, 0.3, 1.0, 3.0]);
    (-2..4, threshold, [spans(0..4), spans(0..4)]).prop_map(|(schema, threshold, mut sides)| {
        for side in &mut sides {
            side.retain(|(_, counts)| !counts.is_empty());
            if let Some((first, _)) = side.first_mut() {
                *first -= 4;
            }
        }
        build(schema, threshold, sides, Vec::new())
    })
}

fn hostile() -> impl Strategy<Value = FloatHistogram> {
    let edges = vec![i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX - 1, i32::MAX];
    let offset = prop_oneof![prop::sample::select(edges.clone()), any::<i32>(), -3..3];
    let schema = prop_oneof![Just(-53), -4..9, prop::sample::select(edges), 8..60];
    (schema, any::<f64>(), [spans(offset.clone()), spans(offset)], vec(any::<f64>(), 0..4))
        .prop_map(|(schema, threshold, sides, bounds)| build(schema, threshold, sides, bounds))
}

/// The counts that are not zero, with where they are, and all else.
fn content(histogram: &FloatHistogram) -> String {
    let mut compact = histogram.clone();
    compact.compact(0);
    crate::histogram::fixture::text(&compact)
}

fn observed(histogram: &FloatHistogram) -> f64 {
    let view = histogram.as_ref();
    view.cells[1..].iter().map(|cell| f64::from_bits(*cell)).sum()
}

proptest! {
    #[test]
    fn what_is_added_and_taken_away_is_gone(one in [spans(0..4), spans(0..4)], other in [spans(0..4), spans(0..4)]) {
        let [one, other] = [one, other].map(|sides| build(0, 0.0, sides, Vec::new()));
        let mut sum = one.clone();
        sum.add(other.as_ref()).unwrap();
        prop_assert_eq!(sum.count(), one.count() + other.count());
        prop_assert_eq!(observed(&sum), observed(&one) + observed(&other));
        sum.sub(other.as_ref()).unwrap();
        prop_assert_eq!(content(&sum), content(&one));
    }

    #[test]
    fn loops_over_cells_say_what_the_long_way_says(one in sensible(), other in sensible(), same in any::<bool>(), sign in prop::sample::select(vec![1.0, -1.0])) {
        let mut other = if same { one.clone() } else { other };
        other.scale(0.7);
        // A sum has the buckets of both.
        let mut short = one;
        if !same {
            short.add(other.as_ref()).unwrap();
        }
        let mut working = Working::new(short.as_ref(), 1.0);
        working.add(Working::new(other.as_ref(), sign), Addition::Plain);
        let mut long = short.clone();
        long.become_working(working).unwrap();
        if sign > 0.0 { short.add(other.as_ref()) } else { short.sub(other.as_ref()) }.unwrap();
        prop_assert_eq!(short.as_ref().cells, long.as_ref().cells);
        prop_assert_eq!(short.layout(), long.layout());
    }

    #[test]
    fn compact_is_compact_and_the_same(one in sensible(), max_empty in 0_usize..4) {
        let mut compact = one.clone();
        compact.compact(max_empty);
        let once = compact.clone();
        compact.compact(max_empty);
        prop_assert_eq!(compact.layout(), once.layout());
        prop_assert_eq!(observed(&one), observed(&once));
        prop_assert_eq!(content(&one), content(&once));
    }

    #[test]
    fn coarser_buckets_hold_as_much(one in sensible(), steps in 0..5) {
        let mut coarse = one.clone();
        coarse.reduce_to(one.schema() - steps).unwrap();
        prop_assert_eq!(observed(&one), observed(&coarse));
        prop_assert!(!coarse.as_ref().detect_reset(&one.as_ref()));
    }

    #[test]
    fn a_counter_that_grows_does_not_begin_anew(one in sensible(), other in sensible()) {
        let mut grown = one.clone();
        grown.add(other.as_ref()).unwrap();
        if grown.layout().zero_threshold() == one.layout().zero_threshold() {
            prop_assert!(!grown.as_ref().detect_reset(&one.as_ref()));
        }
    }

    #[test]
    fn nobody_makes_it_panic(one in hostile(), other in hostile(), bound in any::<f64>(), schema in any::<i32>()) {
        let (one_ref, other_ref) = (one.as_ref(), other.as_ref());
        let mut work = one.clone();
        let _mixed = (work.add(other_ref), work.sub(one_ref));
        let mut mean = HistogramMean::new(one.clone());
        let _mixed = mean.add(other_ref);
        mean.mean();
        one_ref.detect_reset(&other_ref);
        one_ref.is_same(&other_ref);
        prop_assert_eq!(one_ref.buckets().count(), one_ref.buckets().rev().count());
        let changes: [fn(&mut FloatHistogram, f64, i32); 5] = [
            |one, bound, _| one.trim_upper(bound),
            |one, bound, _| one.trim_lower(bound),
            |one, _, schema| _ = one.reduce_to(schema),
            |one, bound, _| one.divide(bound),
            |one, _, _| one.compact(7),
        ];
        for change in changes {
            let mut changed = one.clone();
            change(&mut changed, bound, schema);
            prop_assert_eq!(changed.as_ref().cells.len(), changed.layout().cells());
            changed.to_string();
            changed.test_expression().to_string();
        }
    }
}
