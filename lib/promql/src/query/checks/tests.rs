use super::Check;
use crate::Budget;
use crate::chain::{CheckKind, Form, Noticed};
use crate::column::Presence;

/// Notices label sets in turn; whether each was accepted, and how many are remembered in the end.
fn notice(fixed_name: bool, sets: &[(u128, Form)]) -> (Vec<bool>, usize) {
    let mut check = Check::new(CheckKind { fixed_name });
    let mut held = Budget::unlimited().reserve(0).unwrap();
    let accepted = sets
        .iter()
        .map(|(hash, form)| {
            check.notice(&Noticed { check: 0, hash: *hash, form: *form, present: None }, &mut held).is_ok()
        })
        .collect();
    (accepted, check.seen.len())
}

#[test]
fn plain_series_of_one_name_need_no_memory() {
    let sets: Vec<(u128, Form)> = (0..1000).map(|hash| (hash, Form::Plain)).collect();
    assert_eq!(notice(true, &sets).1, 0);
    assert_eq!(notice(false, &sets).1, 1000);
}

#[test]
fn a_type_or_a_unit_makes_them_be_remembered() {
    use Form::{Bare, Plain, Special};
    assert_eq!(notice(true, &[(1, Special), (1, Plain)]), (vec![true, false], 1));
    assert_eq!(notice(true, &[(7, Bare), (1, Special), (7, Special)]), (vec![true, true, false], 2));
    assert_eq!(notice(false, &[(1, Plain), (1, Plain)]), (vec![true, false], 1));
}

#[test]
fn where_steps_matter_series_may_take_turns() {
    let mut check = Check::new(CheckKind { fixed_name: false });
    let mut held = Budget::unlimited().reserve(0).unwrap();
    let mut at = |step: usize| {
        let mut present = Presence::none(4);
        present.set(step);
        check.notice(&Noticed { check: 0, hash: 1, form: Form::Plain, present: Some(present) }, &mut held).is_ok()
    };
    assert_eq!([at(0), at(1), at(3), at(1)], [true, true, true, false]);
}
