use super::{Budget, OverBudget};

#[test]
fn what_is_reserved_counts_at_every_level_until_it_is_dropped() {
    let process = Budget::new("process", 100);
    let query = process.within("query", 60);
    let mut held = query.reserve(40).unwrap();
    held.grow(10).unwrap();
    assert_eq!((process.used_bytes(), query.used_bytes()), (50, 50));
    held.shrink_to(5);
    assert_eq!((process.used_bytes(), query.used_bytes()), (5, 5));
    drop(held);
    assert_eq!((process.used_bytes(), query.used_bytes()), (0, 0));
    assert_eq!((process.peak_bytes(), query.peak_bytes()), (50, 50));
}

#[test]
fn a_refusal_names_the_level_and_leaves_nothing_reserved() {
    let process = Budget::new("process", 100);
    let (one, two) = (process.within("query", 90), process.within("query", 90));
    let _held = one.reserve(80).unwrap();
    let refused = two.reserve(30).unwrap_err();
    assert_eq!(refused, OverBudget { level: "process", wanted_bytes: 110, limit_bytes: 100 });
    assert_eq!(two.used_bytes(), 0);
    let refused = one.reserve(11).unwrap_err();
    assert_eq!(refused, OverBudget { level: "query", wanted_bytes: 91, limit_bytes: 90 });
    assert_eq!((one.used_bytes(), process.used_bytes()), (80, 80));
}

#[test]
fn a_refused_growth_keeps_what_was_held() {
    let budget = Budget::new("query", 10);
    let mut held = budget.reserve(8).unwrap();
    assert!(held.grow(3).is_err());
    assert_eq!((held.bytes(), budget.used_bytes()), (8, 8));
}
