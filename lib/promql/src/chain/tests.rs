use super::{Conflict, Form, Op, OpContext, OpScratch, Passing, go_int, go_max, go_min};
use crate::annotations::Annotations;
use crate::ast::{BinaryOp, Span};
use crate::binary::ScalarOp;
use crate::column::FloatColumn;
use crate::fixture::labels;
use crate::plan::ScalarId;
use std::sync::Arc;

/// A series through a chain; the number with id 0 is 5.
fn pass(names: &str, value: f64, ops: &[Op], delayed_names: bool) -> (bool, Passing, String) {
    let (mut notes, mut scratch) = (Annotations::default(), OpScratch::default());
    scratch.labels.start(labels(names).as_ref());
    let scalars = [Some(Arc::new(FloatColumn::constant(5.0, 2)))];
    let mut passing = Passing::new(FloatColumn::constant(value, 2), false);
    let mut cx = OpContext {
        scalars: &scalars,
        delayed_names,
        used_labels_only: false,
        notes: &mut notes,
        statistics: None,
        scratch: &mut scratch,
    };
    let left = passing.apply(ops, &mut cx).unwrap();
    let labels = format!("{:?}", scratch.labels.labels());
    (left, passing, labels)
}

fn less_than_five() -> Op {
    Op::Scalar(ScalarOp {
        op: BinaryOp::Lss,
        scalar: ScalarId(0),
        scalar_left: false,
        return_bool: false,
        node: Span::default(),
    })
}

#[test]
fn names_go_now_or_at_the_end() {
    let (_, passing, labels) = pass("__name__=x a=1", 1.0, &[Op::DropMetadata], false);
    assert_eq!((labels.as_str(), passing.drop_name), ("{a=\"1\"}", false));
    let (_, passing, labels) = pass("__name__=x a=1", 1.0, &[Op::DropMetadata], true);
    assert_eq!((labels.as_str(), passing.drop_name), ("{__name__=\"x\", a=\"1\"}", true));
}

/// A series that a later filter takes away may still not be labelled like another.
#[test]
fn what_is_filtered_away_was_noticed() {
    let ops = [Op::DropMetadata, Op::Check { check: 0, conflict: Conflict::Anywhere }, less_than_five()];
    let (left, passing, _) = pass("__name__=x a=1", 9.0, &ops, false);
    assert_eq!((left, passing.aside.checks().len()), (false, 1));
    // And one that was gone before was not.
    let ops = [less_than_five(), Op::DropMetadata, Op::Check { check: 0, conflict: Conflict::Anywhere }];
    let (left, passing, _) = pass("__name__=x a=1", 9.0, &ops, false);
    assert_eq!((left, passing.aside.checks().len()), (false, 0));
}

#[test]
fn forms_tell_which_series_could_be_alike_without_a_name() {
    for (names, form) in [
        ("__name__=x", Form::Bare),
        ("__name__=x a=1", Form::Plain),
        ("__name__=x __type__=counter a=1", Form::Special),
        ("A=1 __name__=x", Form::Special),
        ("__name__=x __zone__=1", Form::Plain),
    ] {
        assert_eq!(Form::of(labels(names).as_ref()), form, "{names}");
    }
}

#[test]
fn least_and_greatest_are_go_s() {
    assert_eq!(go_min(0.0, -0.0).to_bits(), (-0.0f64).to_bits());
    assert_eq!(go_max(-0.0, 0.0).to_bits(), 0.0f64.to_bits());
    assert!(go_min(f64::NAN, 1.0).is_nan() && go_max(1.0, f64::NAN).is_nan());
    assert_eq!(go_min(f64::NAN, f64::NEG_INFINITY), f64::NEG_INFINITY);
    assert_eq!(go_max(f64::INFINITY, f64::NAN), f64::INFINITY);
}

#[test]
fn what_is_no_integer_is_the_smallest() {
    for value in [f64::NAN, f64::INFINITY, 1e19, -1e19, 9_223_372_036_854_775_808.0] {
        assert_eq!(go_int(value), i64::MIN, "{value}");
    }
    assert_eq!((go_int(-1.9), go_int(1.9), go_int(-9_223_372_036_854_775_808.0)), (-1, 1, i64::MIN));
}
