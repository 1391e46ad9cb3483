use super::fold::add_all;
use super::{CountValues, Fold, FoldKind, FoldPlan, Ranked, RankedKind, RankedPlan, heap, sort_as_go};
use crate::annotations::Annotations;
use crate::ast;
use crate::chain::Row;
use crate::column::{Column, FloatColumn, MixedBuilder};
use crate::fixture::labels;
use crate::kernels::Kahan;
use crate::labelset::NameSet;
use crate::plan::ScalarId;
use crate::stage::{Stage, StageContext};
use crate::{Budget, Grid};
use model::{
    FloatHistogram, HistogramLayout, HistogramRef, KahanHistogram, Labels, Numbers, PlainFloat, ResetHint, Span,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Offers `count` series with rising values to `topk(2, …)`; what was reserved after each.
fn reserved_by_topk(count: usize) -> Vec<usize> {
    let span = ast::Span::default();
    let (group, grid) = (NameSet::only(&[]), Arc::new(Grid::range(0, 10, 1)));
    let plan = RankedPlan { kind: RankedKind::Top, param: ScalarId(0), group, grid, node: span, blamed: span };
    let mut stage = Ranked::new(plan);
    let scalars = [Some(Arc::new(FloatColumn::constant(2.0, 11)))];
    let (mut out, mut notes) = (Vec::new(), Annotations::default());
    let mut held = Budget::unlimited().reserve(0).unwrap();
    let mut reserved = Vec::new();
    for n in 0..count {
        let mut cx = StageContext { out: &mut out, notes: &mut notes, scalars: &scalars, held: &mut held };
        let row = Row::new(labels(&format!("n={n:06}")), false, FloatColumn::constant(n as f64, 11));
        stage.push(0, row, &mut cx).unwrap();
        reserved.push(held.bytes());
    }
    reserved
}

/// Each series drives an older one out, which is forgotten.
#[test]
fn series_that_fell_out_are_forgotten() {
    let reserved = reserved_by_topk(1000);
    assert!(reserved[0] < reserved[1], "{reserved:?}");
    assert_eq!(reserved[1..].iter().min(), reserved[1..].iter().max());
}

/// What `count_values by (a) ("v", …)` makes of rows over so many steps, and what was reserved before it put it out and behind.
fn counted(rows: Vec<(Labels, FloatColumn)>, steps: usize) -> (Vec<(Labels, FloatColumn)>, [usize; 2]) {
    let mut stage = CountValues::new(b"v".to_vec(), NameSet::only(&[b"a".to_vec()]).also(b"v"), steps);
    let (mut out, mut notes) = (Vec::new(), Annotations::default());
    let mut held = Budget::unlimited().reserve(0).unwrap();
    let mut cx = StageContext { out: &mut out, notes: &mut notes, scalars: &[], held: &mut held };
    rows.into_iter().for_each(|(labels, column)| stage.push(0, Row::new(labels, false, column), &mut cx).unwrap());
    let before = cx.held.bytes();
    stage.finish(0, &mut cx).unwrap();
    let reserved = [before, cx.held.bytes()];
    (out.into_iter().map(|row| (row.labels, row.column.floats)).collect(), reserved)
}

/// Values that are met once each take much less than a number per step.
#[test]
fn values_take_as_much_as_they_are_met() {
    const STEPS: usize = 1000;
    let (out, reserved) = counted(vec![(labels("a=1"), FloatColumn::full((0..STEPS).map(|n| n as f64)))], STEPS);
    assert_eq!(out.len(), STEPS);
    let out_bytes: usize = out.iter().map(|(_, column)| column.size_bytes()).sum();
    assert!(out_bytes < STEPS * 400, "{out_bytes}");
    assert!((STEPS * 50..STEPS * 300).contains(&reserved[0]), "{reserved:?}");
    assert!(reserved[1] >= out_bytes && reserved[1] < STEPS * 1000, "{reserved:?}");
}

/// One value takes no more than a number per step, however often it is met.
#[test]
fn a_value_takes_no_more_than_a_number_per_step() {
    const STEPS: usize = 1000;
    let rows = |count| (0..count).map(|n| (labels(&format!("b={n}")), FloatColumn::constant(7.0, STEPS))).collect();
    let [few, many] = [2, 50].map(|count| counted(rows(count), STEPS));
    assert_eq!(few.1[0], many.1[0]);
    assert!((STEPS * 8..STEPS * 9).contains(&many.1[0]), "{:?}", many.1);
    assert!(many.0 == [(labels("v=7"), FloatColumn::constant(50.0, STEPS))]);
}

#[test]
fn the_heap_has_the_least_first() {
    let less = |a: &u32, b: &u32| a < b;
    let mut items = Vec::new();
    for item in [5, 3, 8, 1, 9, 2] {
        heap::push(&mut items, item, less);
        assert_eq!(items.first(), items.iter().min());
    }
    items[0] = 7;
    heap::fix_first(&mut items, less);
    assert_eq!(items.first(), Some(&2));
}

#[test]
fn few_equal_items_keep_their_order() {
    let mut items: Vec<(u32, u32)> = (0..12).map(|n| (n % 3, n)).collect();
    sort_as_go(&mut items, |a, b| a.0 < b.0);
    let mut want = items.clone();
    want.sort();
    assert_eq!(items, want);
    let mut many: Vec<u32> = (0..100).map(|n| n * 37 % 100).collect();
    sort_as_go(&mut many, |a, b| a < b);
    assert!(many.is_sorted());
}

proptest! {
    #[test]
    fn values_are_counted_by_their_text(
        rows in prop::collection::vec(
            (0..3_u8, prop::collection::vec(
                prop_oneof![
                    2 => Just(None),
                    5 => prop::sample::select(vec![0.0, -0.0, 1.0, 2.5, f64::NAN, -f64::NAN, f64::INFINITY]).prop_map(Some),
                    1 => any::<f64>().prop_map(Some),
                ],
                7,
            )),
            0..20,
        )
    ) {
        let mut want: BTreeMap<(String, String), BTreeMap<usize, f64>> = BTreeMap::new();
        let mut columns = Vec::new();
        for (a, values) in rows {
            let points = values.iter().enumerate().filter_map(|(step, value)| Some((step, (*value)?)));
            for (step, value) in points.clone() {
                *want.entry((a.to_string(), PlainFloat(value).to_string())).or_default().entry(step).or_default() += 1.0;
            }
            columns.push((labels(&format!("a={a} b=x")), FloatColumn::packed(7, points)));
        }
        let label = |labels: &Labels, name: &[u8]| String::from_utf8(labels.get(name).unwrap().to_vec()).unwrap();
        let (out, _) = counted(columns, 7);
        prop_assert_eq!(out.len(), want.len());
        let got = out.iter().map(|(labels, column)| ((label(labels, b"a"), label(labels, b"v")), column.iter().collect()));
        prop_assert_eq!(got.collect::<BTreeMap<_, BTreeMap<_, _>>>(), want);
    }

    #[test]
    fn columns_are_added_as_numbers_are(
        columns in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![4 => -1e3..1e3_f64, 1 => any::<f64>(), 1 => Just(f64::MAX), 1 => Just(-f64::MAX), 1 => Just(-0.0)],
                5,
            ),
            1..9,
        )
    ) {
        let (mut sums, mut lost, mut want) = ([0.0; 5], [0.0; 5], [Kahan::default(); 5]);
        for column in &columns {
            add_all(&mut sums, &mut lost, column);
            want.iter_mut().zip(column).for_each(|(sum, value)| *sum = sum.add(*value));
        }
        let bits = |value: f64| if value.is_nan() { 0 } else { value.to_bits() };
        prop_assert_eq!(sums.map(bits), want.map(|sum| bits(sum.sum)));
        prop_assert_eq!(lost.map(bits), want.map(|sum| bits(sum.lost)));
    }
}

/// Of columns that begin late, end early or have gaps each value is added at its own step.
#[test]
fn a_sum_is_of_what_there_is_at_each_step() {
    const STEPS: usize = 4;
    let grid = Arc::new(Grid::range(0, STEPS as i64 - 1, 1));
    let plan = FoldPlan { kind: FoldKind::Sum, grid, node: ast::Span::default(), blamed: ast::Span::default() };
    let mut stage = Fold::new(plan);
    let (mut out, mut notes) = (Vec::new(), Annotations::default());
    let mut held = Budget::unlimited().reserve(0).unwrap();
    let mut cx = StageContext { out: &mut out, notes: &mut notes, scalars: &[], held: &mut held };
    let columns: [&[(usize, f64)]; 3] = [&[(1, 1.0), (2, 2.0)], &[(2, 10.0), (3, 20.0)], &[(1, 100.0), (3, 200.0)]];
    for column in columns {
        let column = FloatColumn::packed(STEPS, column.iter().copied());
        stage.push(0, Row::new(labels("a=1"), false, column), &mut cx).unwrap();
    }
    stage.finish(0, &mut cx).unwrap();
    let sums: Vec<(usize, f64)> = out.pop().unwrap().column.floats.iter().collect();
    assert_eq!(sums, [(1, 101.0), (2, 12.0), (3, 220.0)]);
}

/// A histogram at a step: whether it lacks a bucket, its counts, its hint.
type Cell = Option<(bool, [f64; 3], ResetHint)>;

fn layouts() -> [Arc<HistogramLayout>; 2] {
    [2, 1].map(|length| {
        let layout = HistogramLayout::new(0, 0.0, vec![Span { offset: 1, length }], Vec::new(), Vec::new());
        Arc::new(layout.unwrap())
    })
}

/// What `sum` makes of series of histograms, what it says, and what was reserved.
fn sum_of(series: &[Vec<Cell>], steps: usize) -> (Column, usize, usize) {
    let layouts = layouts();
    let grid = Arc::new(Grid::range(0, steps as i64 - 1, 1));
    let plan = FoldPlan { kind: FoldKind::Sum, grid, node: ast::Span::default(), blamed: ast::Span::default() };
    let mut stage = Fold::new(plan);
    let (mut out, mut notes) = (Vec::new(), Annotations::default());
    let mut held = Budget::unlimited().reserve(0).unwrap();
    let mut cx = StageContext { out: &mut out, notes: &mut notes, scalars: &[], held: &mut held };
    for cells in series {
        let mut row = MixedBuilder::new(steps);
        for (step, cell) in cells.iter().enumerate() {
            if let Some((is_narrow, counts, hint)) = cell {
                let layout = &layouts[usize::from(*is_narrow)];
                let cells = [counts[0], 0.0, counts[1], counts[2]].map(f64::to_bits);
                let cells = &cells[..layout.cells()];
                let histogram = HistogramRef { layout, hint: *hint, numbers: Numbers::Float, cells, sum: counts[0] };
                row.shared_histogram(step, layout, histogram);
            }
        }
        stage.push(0, Row::new(labels("a=1"), false, row.build()), &mut cx).unwrap();
    }
    stage.finish(0, &mut cx).unwrap();
    let reserved = cx.held.bytes();
    let (warnings, infos) = notes.render("", 0);
    (out.pop().unwrap().column, warnings.len() + infos.len(), reserved)
}

/// The same, one histogram after the other.
fn sum_by_one(series: &[Vec<Cell>], step: usize) -> Option<FloatHistogram> {
    let mut sum: Option<KahanHistogram> = None;
    for (is_narrow, counts, hint) in series.iter().filter_map(|cells| cells[step]) {
        let layout = &layouts()[usize::from(is_narrow)];
        let cells = [counts[0], 0.0, counts[1], counts[2]].map(f64::to_bits);
        let cells = &cells[..layout.cells()];
        let histogram = HistogramRef { layout, hint, numbers: Numbers::Float, cells, sum: counts[0] };
        match &mut sum {
            Some(sum) => {
                sum.add(histogram).unwrap();
            }
            None => sum = Some(KahanHistogram::new(FloatHistogram::from_ref(histogram))),
        }
    }
    sum.map(|sum| {
        let mut sum = sum.total();
        sum.compact(0);
        sum
    })
}

/// A step of most series has a histogram, and most of these have all buckets.
fn cell() -> impl Strategy<Value = Cell> {
    let number = || prop_oneof![Just(0.0), Just(-0.0), Just(0.1), Just(1e17), Just(-1e17), -5.0..5.0];
    let hint = prop::sample::select(vec![ResetHint::Gauge, ResetHint::Reset, ResetHint::NotReset, ResetHint::Unknown]);
    let one = (prop::bool::weighted(0.1), [number(), number(), number()], hint).prop_map(Some);
    prop_oneof![1 => Just(None), 40 => one]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn histograms_of_all_steps_are_added_as_one_by_one(
        series in prop::collection::vec(prop::collection::vec(cell(), 4), 1..7),
    ) {
        let (sum, _, _) = sum_of(&series, 4);
        for step in 0..4 {
            let wanted = sum_by_one(&series, step);
            let got = sum.histograms.get(step);
            prop_assert_eq!(got.is_some(), wanted.is_some());
            if let (Some(got), Some(wanted)) = (got, wanted) {
                prop_assert!(got == wanted.as_ref(), "{:?} is not {:?}", got, wanted);
            }
        }
    }
}

#[test]
fn colliding_resets_are_said_of_all_steps_alike() {
    let of = |hint| vec![Some((false, [3.0, 1.0, 2.0], hint)); 3];
    let said = |hints: &[ResetHint]| sum_of(&hints.iter().map(|hint| of(*hint)).collect::<Vec<_>>(), 3).1;
    assert_eq!(said(&[ResetHint::Reset, ResetHint::Unknown, ResetHint::Gauge]), 0);
    assert_eq!(said(&[ResetHint::Reset, ResetHint::Gauge, ResetHint::NotReset]), 1);
}

#[test]
fn sums_of_histograms_are_paid_for() {
    let full = vec![Some((false, [3.0, 1.0, 2.0], ResetHint::Gauge)); 100];
    let mut holed = full.clone();
    holed[7] = None;
    let reserved = |series: &[Vec<Cell>]| sum_of(series, 100).2;
    // Each cell, each sum, and what they lost.
    assert!(reserved(std::slice::from_ref(&full)) > 100 * 2 * 8 * 5);
    assert_eq!(reserved(&[full.clone(), full.clone()]), reserved(std::slice::from_ref(&full)));
    assert!(reserved(&[full.clone(), holed]) > reserved(&[full]));
}
