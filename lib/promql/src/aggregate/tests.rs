use super::fold::add_all;
use super::{Ranked, RankedKind, RankedPlan, heap, sort_as_go};
use crate::annotations::Annotations;
use crate::ast::Span;
use crate::chain::Row;
use crate::column::FloatColumn;
use crate::fixture::labels;
use crate::kernels::Kahan;
use crate::labelset::NameSet;
use crate::plan::ScalarId;
use crate::stage::{Stage, StageContext};
use crate::{Budget, Grid};
use proptest::prelude::*;
use std::sync::Arc;

/// Offers `count` series with rising values to `topk(2, …)`; what was reserved after each.
fn reserved_by_topk(count: usize) -> Vec<usize> {
    let span = Span::default();
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
