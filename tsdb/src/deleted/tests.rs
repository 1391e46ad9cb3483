use super::{Deleted, add, cover, holds, join, reach};
use proptest::prelude::*;

#[track_caller]
fn check(added: &[(i64, i64)], want: &[(i64, i64)]) {
    let ranges = added.iter().map(|&(min_ms, max_ms)| Deleted { min_ms, max_ms });
    let (mut one_by_one, mut at_once) = (Vec::new(), ranges.clone().collect::<Vec<_>>());
    ranges.for_each(|range| add(&mut one_by_one, range));
    join(&mut at_once);
    let pairs = |ranges: &[Deleted]| ranges.iter().map(|range| (range.min_ms, range.max_ms)).collect::<Vec<_>>();
    assert_eq!(pairs(&one_by_one), want);
    assert_eq!(pairs(&at_once), want);
}

#[test]
fn ranges_are_kept_in_order_and_joined() {
    check(&[(5, 9)], &[(5, 9)]);
    check(&[(5, 9), (-3, 2)], &[(-3, 2), (5, 9)]);
    check(&[(5, 9), (-3, 4)], &[(-3, 9)]);
    check(&[(5, 9), (10, 12)], &[(5, 12)]);
    check(&[(5, 9), (6, 7)], &[(5, 9)]);
    check(&[(1, 2), (5, 6), (9, 10), (4, 7)], &[(1, 2), (4, 7), (9, 10)]);
    check(&[(1, 2), (5, 6), (9, 10), (2, 9)], &[(1, 10)]);
}

/// Prometheus 3.14 fails with an end of MaxInt64 after another range.
#[test]
fn the_ends_of_time_are_times() {
    check(&[(3, i64::MAX), (i64::MIN, 1), (i64::MAX, i64::MAX)], &[(i64::MIN, 1), (3, i64::MAX)]);
    check(&[(1, 2), (5, i64::MAX), (7, 8)], &[(1, 2), (5, i64::MAX)]);
    check(&[(i64::MIN, i64::MAX), (0, 0)], &[(i64::MIN, i64::MAX)]);
    check(&[(0, 0), (i64::MIN, i64::MAX)], &[(i64::MIN, i64::MAX)]);
}

proptest! {
    #[test]
    fn what_is_added_one_by_one_is_what_is_joined_at_once(added in prop::collection::vec((-20_i64..20, 0_i64..9), 0..12)) {
        let ranges: Vec<_> = added.iter().map(|&(min_ms, length)| Deleted { min_ms, max_ms: min_ms + length }).collect();
        let (mut one_by_one, mut at_once) = (Vec::new(), ranges.clone());
        ranges.iter().for_each(|&range| add(&mut one_by_one, range));
        join(&mut at_once);
        prop_assert_eq!(&one_by_one, &at_once);
        prop_assert!(at_once.windows(2).all(|pair| pair[0].max_ms + 1 < pair[1].min_ms));
        let is_in = |time_ms: i64| ranges.iter().any(|range| range.contains(time_ms));
        for from_ms in -25..35 {
            prop_assert_eq!(holds(&at_once, from_ms), is_in(from_ms));
            for to_ms in from_ms..from_ms + 6 {
                prop_assert_eq!(cover(&at_once, from_ms, to_ms), (from_ms..=to_ms).all(is_in));
                prop_assert_eq!(reach(&at_once, from_ms, to_ms), (from_ms..=to_ms).any(is_in));
            }
        }
    }
}
