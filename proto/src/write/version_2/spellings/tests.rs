//! What is remembered, and for how long.

use super::*;

fn series(number: u128) -> (Mixed, Fingerprint) {
    // Spread over the table as hashes are.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (Mixed([mixed, mixed.wrapping_mul(3)]), Fingerprint(number + 1000))
}

/// Asks for `numbers` and brings those that are not known; returns how many were.
fn ask(known: &mut Known, numbers: std::ops::Range<u128>, minute: u32) -> usize {
    let (mut next, mut hits) = (usize::MAX, 0);
    for (mixed, fingerprint) in numbers.map(series) {
        match known.get(mixed, &mut next, minute) {
            Some(found) => {
                assert_eq!(found, fingerprint);
                hits += 1;
            }
            None => known.insert(mixed, fingerprint, minute),
        }
    }
    assert!(known.entries.len() <= known.room && known.room <= known.max);
    assert_eq!((known.asked.len(), known.table.len()), (known.entries.len(), known.entries.len()));
    hits
}

#[test]
fn what_came_once_is_known() {
    let mut known = Known::new(1 << 20);
    assert_eq!(ask(&mut known, 0..10_000, 0), 0);
    assert_eq!(ask(&mut known, 0..10_000, 0), 10_000);
    assert_eq!(known.entries.len(), 10_000);
    // In another order, and with others between them.
    assert_eq!((0..10_000).rev().map(|one| ask(&mut known, one..one + 1, 0)).sum::<usize>(), 10_000);
    assert_eq!(ask(&mut known, 9_990..10_010, 0), 10);
}

#[test]
fn more_than_there_is_room_for_leave_those_that_came_first() {
    let mut known = Known::new(1000);
    for minute in 0..30 {
        let hits = ask(&mut known, 0..3000, minute);
        assert_eq!(hits, if minute == 0 { 0 } else { 1000 });
    }
}

#[test]
fn who_is_no_longer_asked_for_makes_room() {
    let mut known = Known::new(1000);
    ask(&mut known, 0..1000, 0);
    for minute in 1..=IDLE_MINUTES {
        assert_eq!(ask(&mut known, 1000..1100, minute), 0);
    }
    ask(&mut known, 0..100, IDLE_MINUTES);
    ask(&mut known, 1000..1100, IDLE_MINUTES + 1);
    assert_eq!(ask(&mut known, 1000..1100, IDLE_MINUTES + 1), 100);
    assert_eq!(ask(&mut known, 0..100, IDLE_MINUTES + 1), 100);
    assert_eq!(known.entries.len(), 200);
}

#[test]
fn memory_goes_back_with_the_series() {
    let mut known = Known::new(1 << 20);
    ask(&mut known, 0..100_000, 0);
    let before = known.entries.capacity();
    assert!(before < 400_000);
    // The clock was set back; what was asked for in the future is as old.
    ask(&mut known, 100_000..200_000, 0_u32.wrapping_sub(60));
    assert!(known.entries.len() <= 100_000 && known.entries.capacity() <= before);
}

/// Each part of a label counts: its name, its value, its place, and that there is one.
#[test]
fn other_labels_mix_to_something_else() {
    let fingerprinter = Fingerprinter::new(std::array::from_fn(|at| (at * 31) as u8));
    let keys = Keys::of(&fingerprinter);
    let mixed = |labels: &[([u64; 2], [u64; 2])]| {
        let mut mix = Mix::default();
        labels.iter().for_each(|(name, value)| mix.add(&keys, *name, *value));
        mix.finish().unwrap()
    };
    let (a, b, c) = ([1, 2], [3, 4], [1, 5]);
    let all = [
        mixed(&[]),
        mixed(&[(a, b)]),
        mixed(&[(b, a)]),
        mixed(&[(c, b)]),
        mixed(&[(a, c)]),
        mixed(&[(a, b), (a, c)]),
        mixed(&[(a, c), (a, b)]),
        mixed(&[(a, b), (a, b)]),
        mixed(&[([2, 1], b)]),
    ];
    for (place, one) in all.iter().enumerate() {
        assert!(all[place + 1..].iter().all(|other| other != one), "{place}");
    }
    assert_eq!(mixed(&[(a, b), (a, c)]), all[5]);
}
