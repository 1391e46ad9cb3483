use super::{Column, ColumnBuilder, FloatColumn, HistogramSteps, Presence};
use model::{HistogramLayout, HistogramRef, Numbers, ResetHint, Span};
use std::collections::BTreeSet;

/// Sizes around the borders of words.
const SIZES: [usize; 7] = [0, 1, 63, 64, 65, 128, 130];

fn set(steps: usize, keep: impl Fn(usize) -> bool) -> (Presence, BTreeSet<usize>) {
    let mut presence = Presence::none(steps);
    let model: BTreeSet<usize> = (0..steps).filter(|step| keep(*step)).collect();
    model.iter().for_each(|step| presence.set(*step));
    presence.seal();
    (presence, model)
}

#[track_caller]
fn check(presence: &Presence, model: &BTreeSet<usize>) {
    assert_eq!(presence.iter().collect::<BTreeSet<_>>(), *model);
    assert_eq!((presence.count(), presence.is_empty()), (model.len(), model.is_empty()));
    assert!((0..presence.steps() + 2).all(|step| presence.get(step) == model.contains(&step)));
    let run = model.first().zip(model.last()).map(|(first, last)| *first..last + 1);
    assert_eq!(presence.as_run(), run.filter(|run| run.len() == model.len()), "{model:?}");
}

#[test]
fn presence_is_a_set_of_steps() {
    let kinds: [fn(usize) -> bool; 6] = [
        |_| true,
        |_| false,
        |step| step.is_multiple_of(3),
        |step| step % 2 == 1,
        |step| step > 62,
        |step| (1..128).contains(&step),
    ];
    for steps in SIZES {
        for left in kinds {
            for right in kinds {
                let ((a, model_a), (b, model_b)) = (set(steps, left), set(steps, right));
                check(&a, &model_a);
                check(&a.and(&b), &(&model_a & &model_b));
                check(&a.minus(&b), &(&model_a - &model_b));
                let mut both = a.clone();
                both.unite(&b);
                check(&both, &(&model_a | &model_b));
                assert_eq!(a.first_common(&b), (&model_a & &model_b).first().copied());
            }
        }
    }
}

/// The same values in each of the shapes.
fn shapes(steps: usize) -> [FloatColumn; 4] {
    let mut sparse = ColumnBuilder::new(steps);
    let even = || (0..steps).filter(|step| step.is_multiple_of(2));
    even().for_each(|step| sparse.set(step, 2.0));
    let packed = FloatColumn::packed(steps, even().map(|step| (step, 2.0)));
    [FloatColumn::constant(2.0, steps), FloatColumn::full(vec![2.0; steps]), sparse.build(), packed]
}

#[test]
fn shapes_do_not_show() {
    for steps in SIZES {
        for other in shapes(steps) {
            for column in shapes(steps) {
                let mut sum = column.clone();
                sum.combine(&other, |a, b| a + 10.0 * b);
                assert!(
                    sum.iter().eq(column
                        .iter()
                        .map(|(step, _)| (step, if other.get(step).is_some() { 22.0 } else { sum.value(step) })))
                );
                let mut filtered = column.clone();
                filtered.filter(|step, value| step.is_multiple_of(3) && value == 2.0);
                assert!(filtered.iter().eq(column.iter().filter(|(step, _)| step.is_multiple_of(3))));
                let mut visited = Vec::new();
                column.for_each(|step, value| visited.push((step, value)));
                assert!(visited.into_iter().eq(column.iter()));
                let mut filled = column.clone();
                filled.fill_from(&other);
                let either = |step: &usize| column.get(*step).or(other.get(*step)).is_some();
                assert!(filled.iter().eq((0..steps).filter(either).map(|step| (step, 2.0))));
            }
        }
    }
}

#[test]
fn tags_tell_how_much_is_there() {
    let [constant, full, sparse, packed] = shapes(65);
    assert_eq!((constant.as_constant(), full.as_constant()), (Some(2.0), None));
    assert_eq!((packed.as_constant(), packed.as_run()), (None, None));
    assert_eq!((constant.as_run(), full.as_run(), sparse.as_run()), (None, Some((0, &[2.0; 65][..])), None));
    let points = [(7, 3.0), (8, 4.0)];
    let mut late = ColumnBuilder::new(65);
    points.into_iter().for_each(|(step, value)| late.set(step, value));
    for late in [late.build(), FloatColumn::packed(65, points)] {
        assert_eq!(late.as_run(), Some((7, &[3.0, 4.0][..])));
    }
    assert_eq!((constant.points(), full.points(), sparse.points(), packed.points()), (65, 65, 33, 33));
    assert!(packed.size_bytes() < sparse.size_bytes());
}

#[test]
fn a_nan_is_a_value() {
    let mut builder = ColumnBuilder::new(3);
    builder.set(1, f64::NAN);
    let column = builder.build();
    assert!(column.get(1).is_some_and(f64::is_nan));
    assert_eq!((column.get(0), column.get(2), column.points()), (None, None, 1));
}

#[test]
fn what_another_has_fills_the_gaps() {
    let [_, _, mut column, _] = shapes(6);
    column.fill_from(&FloatColumn::full([9.0; 6]));
    assert_eq!(column, FloatColumn::full([2.0, 9.0, 2.0, 9.0, 2.0, 9.0]));
}

#[test]
fn a_packed_column_that_loses_steps_keeps_the_values_of_others() {
    let mut column = FloatColumn::packed(200, (0..100).map(|at| (2 * at, at as f64)));
    column.filter(|step, value| step > 64 && value < 35.0);
    assert_eq!(column.iter().collect::<Vec<_>>(), [(66, 33.0), (68, 34.0)]);
    assert_eq!((column.get(66), column.get(67), column.get(68)), (Some(33.0), None, Some(34.0)));
    column.restrict_to(Presence::none(200));
    assert!(column.is_empty());
}

#[test]
fn a_constant_that_loses_steps_keeps_its_value_at_others() {
    let mut column = FloatColumn::constant(7.0, 66);
    column.filter(|step, _| step == 65);
    assert_eq!(column.iter().collect::<Vec<_>>(), [(65, 7.0)]);
    assert_eq!(column.as_constant(), None);
}

/// Histograms whose only count is their step, at the steps of `at`.
fn histograms(steps: usize, at: impl Fn(usize) -> bool) -> HistogramSteps {
    let mut column = HistogramSteps::default();
    for step in (0..steps).filter(|step| at(*step)) {
        // Layouts take turns.
        let length = 1 + (step / 3 % 2) as u32;
        let span = vec![Span { offset: 0, length }];
        let layout = HistogramLayout::new(0, 0.0, span, Vec::new(), Vec::new()).unwrap();
        let cells = [step as u64, 0, step as u64, 0];
        let (hint, numbers) = (ResetHint::Unknown, Numbers::Integer);
        column.push(steps, step, HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum: 1.0 });
    }
    column.sealed()
}

/// The steps, which have to be the counts as well.
#[track_caller]
fn steps_of(column: &HistogramSteps, steps: usize) -> Vec<usize> {
    let found: Vec<usize> = column.iter().map(|(step, _)| step).collect();
    for (step, histogram) in column.iter() {
        assert_eq!(f64::from_bits(histogram.count()), step as f64);
        assert_eq!(column.get(step), Some(histogram));
    }
    assert!((0..steps + 2).all(|step| column.get(step).is_some() == found.contains(&step)));
    assert_eq!(column.present().map_or(0, Presence::count), found.len());
    found
}

#[test]
fn histograms_are_found_by_their_steps() {
    let kinds: [fn(usize) -> bool; 4] = [|_| true, |_| false, |step| step.is_multiple_of(3), |step| step > 62];
    for steps in SIZES {
        for own in kinds {
            let column = histograms(steps, own);
            let model: Vec<usize> = (0..steps).filter(|step| own(*step)).collect();
            assert_eq!(steps_of(&column, steps), model);
            let mut kept = column.clone();
            kept.retain(|step, _| step % 2 == 1);
            assert_eq!(steps_of(&kept, steps), model.iter().copied().filter(|step| step % 2 == 1).collect::<Vec<_>>());
            let mut filled = column.clone();
            filled.fill_from(&histograms(steps, |step| !own(step) && step.is_multiple_of(5)));
            let both = |step: &usize| own(*step) || step.is_multiple_of(5);
            assert_eq!(steps_of(&filled, steps), (0..steps).filter(both).collect::<Vec<_>>());
        }
    }
}

#[test]
fn histograms_count_by_their_sizes() {
    let one_by_one = |column: &HistogramSteps| column.iter().map(|(_, row)| row.size_samples()).sum::<usize>();
    let columns = SIZES.map(|steps| histograms(steps, |step| step % 4 != 1));
    let repeated = histograms(1, |_| true).repeated(130);
    for column in columns.iter().chain([&repeated]) {
        assert_eq!(column.size_in_samples(), one_by_one(column));
    }
}

#[test]
fn a_histogram_is_repeated_once() {
    let one = histograms(1, |_| true);
    let mut column = one.repeated(130);
    assert!((0..130).all(|step| column.get(step) == one.get(0)));
    assert!(column.heap_bytes() < one.heap_bytes() + 64);
    column.retain(|step, _| step == 129);
    assert_eq!(column.iter().map(|(step, _)| step).collect::<Vec<_>>(), [129]);
    assert_eq!(column.get(129), one.get(0));
}

#[test]
fn floats_and_histograms_do_not_meet() {
    let [_, _, floats, _] = shapes(6);
    let only_floats = Column::from(floats.clone());
    let mut column = Column { floats, histograms: histograms(6, |step| step % 2 == 1) };
    assert!(column.present().is_all());
    let other = Column { floats: FloatColumn::constant(1.0, 6), histograms: HistogramSteps::default() };
    assert!(column.meets(&other) && other.meets(&column) && only_floats.meets(&other));
    assert!(
        !only_floats
            .meets(&Column { histograms: column.histograms.clone(), ..Column::from(ColumnBuilder::new(6).build()) })
    );
    column.restrict_to(&Presence::all(6).minus(&set(6, |step| step > 2).0));
    assert_eq!((column.floats.points(), steps_of(&column.histograms, 6)), (2, vec![1]));
}
