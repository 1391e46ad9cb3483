use super::{FUNCTIONS, LastArg, function};

#[test]
fn the_table_is_sorted() {
    assert!(FUNCTIONS.is_sorted_by(|left, right| left.name < right.name));
}

#[test]
fn every_function_is_found_by_its_name() {
    for listed in &FUNCTIONS {
        assert_eq!(function(listed.name), Some(listed));
    }
    assert_eq!(function("Rate"), None);
    assert_eq!(function(""), None);
}

#[test]
fn counts() {
    assert_eq!(FUNCTIONS.len(), 90);
    assert_eq!(FUNCTIONS.iter().filter(|function| function.experimental).count(), 17);
}

#[test]
fn an_argument_that_may_be_left_out_is_the_last_listed() {
    for function in &FUNCTIONS {
        assert!(function.last_arg == LastArg::Once || !function.args.is_empty(), "{}", function.name);
    }
}
