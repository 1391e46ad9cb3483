use super::overlap_split;
use proptest::prelude::*;

#[track_caller]
fn check(ranges: &[(i64, i64)], want: &[u32]) {
    let (mut ends, mut replicas) = (vec![1, 2], vec![3]);
    let count = overlap_split(ranges.iter().copied(), &mut ends, &mut replicas);
    assert_eq!(replicas, want);
    assert_eq!(count, want.iter().max().map_or(0, |most| *most as usize + 1));
}

#[test]
fn the_first_replica_that_is_free_takes_the_range() {
    check(&[], &[]);
    check(&[(5, 7)], &[0]);
    check(&[(5, 7), (8, 9)], &[0, 0]);
    check(&[(5, 7), (7, 9)], &[0, 1]);
    check(&[(0, 9), (0, 4), (5, 9), (10, 11), (10, 11)], &[0, 1, 1, 0, 1]);
    check(&[(i64::MIN, i64::MAX), (0, 0), (i64::MAX, i64::MAX)], &[0, 1, 1]);
}

proptest! {
    #[test]
    fn no_two_ranges_of_a_replica_overlap(mut ranges in prop::collection::vec((0_i64..40, 0_i64..9), 0..40)) {
        ranges.sort_unstable();
        let ranges: Vec<_> = ranges.iter().map(|(min_ms, size)| (*min_ms, min_ms + size)).collect();
        let (mut ends, mut replicas) = (Vec::new(), Vec::new());
        let count = overlap_split(ranges.iter().copied(), &mut ends, &mut replicas);
        for replica in 0..count as u32 {
            let own: Vec<_> = ranges.iter().zip(&replicas).filter(|(_, of)| **of == replica).map(|(range, _)| range).collect();
            prop_assert!(!own.is_empty());
            prop_assert!(own.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }
}
