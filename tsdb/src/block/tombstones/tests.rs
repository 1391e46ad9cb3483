use super::{Deleted, EMPTY_FILE, Tombstones};
use crate::cursor::{Corruption, Fault, push_uvarint, push_varint};
use proptest::prelude::*;

fn file(stones: &[(u64, i64, i64)]) -> Vec<u8> {
    let mut body = Vec::new();
    for &(series, min_ms, max_ms) in stones {
        push_uvarint(&mut body, series);
        push_varint(&mut body, min_ms);
        push_varint(&mut body, max_ms);
    }
    let sum = crc32c::crc32c(&body).to_be_bytes();
    [&EMPTY_FILE[..5], &body, &sum].concat()
}

#[track_caller]
fn check(stones: &[(u64, i64, i64)], series: u32, want: &[(i64, i64)]) {
    let read = Tombstones::decode(&file(stones)).unwrap();
    let ranges: Vec<_> = read.of_series(series).iter().map(|range| (range.min_ms, range.max_ms)).collect();
    assert_eq!(ranges, want);
}

#[test]
fn ranges_are_sorted_and_joined() {
    assert_eq!(file(&[]), EMPTY_FILE);
    assert!(Tombstones::decode(&EMPTY_FILE).unwrap().is_empty());
    check(&[(1, 5, 9), (2, 0, 0)], 1, &[(5, 9)]);
    check(&[(1, 5, 9), (1, -3, 2)], 1, &[(-3, 2), (5, 9)]);
    check(&[(1, 5, 9), (1, -3, 4)], 1, &[(-3, 9)]);
    check(&[(1, 5, 9), (1, 6, 7), (1, 8, 11)], 1, &[(5, 11)]);
    check(&[(1, 3, i64::MAX), (1, i64::MIN, 1), (1, i64::MAX, i64::MAX)], 1, &[(i64::MIN, 1), (3, i64::MAX)]);
    check(&[(1, 5, 9)], 3, &[]);
}

#[test]
fn what_is_added_is_written_and_read() {
    let mut tombstones = Tombstones::default();
    assert_eq!((tombstones.encode(), tombstones.ranges()), (EMPTY_FILE.to_vec(), 0));
    for (id, min_ms, max_ms) in [(300, -4, 1 << 50), (7, 5, 9), (7, i64::MIN, 1), (7, 12, i64::MAX), (7, 10, 10)] {
        tombstones.add(id, Deleted { min_ms, max_ms });
    }
    let stones = [(7, i64::MIN, 1), (7, 5, 10), (7, 12, i64::MAX), (300, -4, 1 << 50)];
    assert_eq!((tombstones.encode(), tombstones.ranges()), (file(&stones), 4));
    assert_eq!(Tombstones::decode(&tombstones.encode()).unwrap(), tombstones);
}

#[test]
fn files_that_are_none_are_refused() {
    let refused = |bytes: &[u8]| Tombstones::decode(bytes).unwrap_err();
    let at = |offset, fault| Corruption { offset, fault };
    assert_eq!(refused(&[]), at(0, Fault::Truncated { want: 4, left: 0 }));
    assert_eq!(refused(&EMPTY_FILE[..7]), at(5, Fault::Truncated { want: 4, left: 2 }));
    assert_eq!(refused(&file(&[(1, 2, 1)])), at(5, Fault::Malformed("a deleted range runs backwards")));
    assert!(matches!(refused(&file(&[(1, 2, 3)])[..10]).fault, Fault::Checksum { .. }));
    let sound = file(&[(1, 2, 3), (300, -4, 1 << 50)]);
    for bit in 0..sound.len() * 8 {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Tombstones::decode(&bytes).is_err(), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn a_time_is_deleted_if_any_stone_covers_it(stones in prop::collection::vec((0_u64..3, -20_i64..20, 0_i64..9), 0..12), series in 0_u32..3) {
        let stones: Vec<_> = stones.into_iter().map(|(series, min_ms, length)| (series, min_ms, min_ms + length)).collect();
        let read = Tombstones::decode(&file(&stones)).unwrap();
        let ranges = read.of_series(series);
        prop_assert!(ranges.windows(2).all(|pair| pair[0].max_ms + 1 < pair[1].min_ms));
        for time_ms in -25..35 {
            let stone = |&(of, min_ms, max_ms): &(u64, i64, i64)| of == u64::from(series) && (min_ms..=max_ms).contains(&time_ms);
            prop_assert_eq!(ranges.iter().any(|range: &Deleted| range.contains(time_ms)), stones.iter().any(stone));
        }
    }
}
