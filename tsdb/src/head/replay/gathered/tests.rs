use super::*;

fn float(number: u32, timestamp_ms: i64) -> Float {
    let sample = Sample { timestamp_ms, value: timestamp_ms as f64 * 0.5 };
    Float { sample, number, starts: timestamp_ms % 3 == 0 }
}

/// Whether there is room for a sample.
fn takes(gathered: &mut Gathered, number: u32, timestamp_ms: i64) -> bool {
    gathered.push(&[float(number, timestamp_ms)]) == 1
}

/// Gathers `times` for each of `lines` lines, round by round, in a shard of so many, and checks that each sample comes out
/// once, with its line, those of a line in the order they went in.
#[track_caller]
fn check(shards: usize, lines: u32, times: &[i64]) {
    let mut gathered = Gathered::default();
    gathered.reach(lines, shards);
    assert!(gathered.lines() >= lines && gathered.keeps_room(lines, shards));
    let mut found = vec![Vec::new(); lines as usize];
    let mut take = |gathered: &mut Gathered, number: u32| {
        let taken = gathered.take(number);
        for (at, sample) in taken.samples().iter().enumerate() {
            assert_eq!(sample.value, sample.timestamp_ms as f64 * 0.5);
            found[number as usize].push((sample.timestamp_ms, taken.starts(at, 1) == 1));
        }
        assert_eq!(taken.starts(0, taken.samples().len()), u64::from(taken.starts.count_ones()));
        let len = taken.samples().len();
        assert!(gathered.take(number).samples().is_empty());
        len
    };
    for &timestamp_ms in times {
        for number in 0..lines {
            if !takes(&mut gathered, number, timestamp_ms) {
                assert_eq!(take(&mut gathered, number), room(lines, shards), "as many as there is room for");
                assert!(takes(&mut gathered, number, timestamp_ms));
            }
        }
    }
    (0..lines).for_each(|number| {
        take(&mut gathered, number);
    });
    let want: Vec<_> = times.iter().map(|&timestamp_ms| (timestamp_ms, timestamp_ms % 3 == 0)).collect();
    found.iter().enumerate().for_each(|(number, samples)| assert_eq!(samples, &want, "line {number}"));
}

#[test]
fn what_waits_comes_out_once_and_in_order() {
    check(1, 1, &(0..5000).collect::<Vec<_>>());
    check(4, 1, &[]);
    check(4, 1000, &(0..50).rev().collect::<Vec<_>>());
    // Less room for each line.
    check(1024, 1030, &[1, 2, 3, 4, 3]);
    check(1024, 70_000, &[7, 9]);
}

#[test]
fn times_far_from_each_other_wait_too() {
    check(2, 3, &[0, i64::MIN, i64::MAX, -1, 1 << 31, 1 << 32, 0, 0, -1 << 31, i64::MAX - 1]);
}

#[test]
fn more_lines_have_less_room_each() {
    let mut gathered = Gathered::default();
    assert!(gathered.lines() == 0 && gathered.keeps_room(1, 4));
    assert!(!takes(&mut gathered, 0, 1), "there is no line");
    gathered.reach(1 << 10, 4);
    assert_eq!((gathered.lines(), gathered.room), (1 << 10, 16));
    assert!(gathered.keeps_room(1 << 15, 4) && !gathered.keeps_room((1 << 15) + 1, 4));
    gathered.reach(1 << 17, 4);
    assert_eq!((gathered.lines(), gathered.room), (1 << 17, 4));
    assert!(takes(&mut gathered, (1 << 17) - 1, 1) && !takes(&mut gathered, 1 << 17, 1));
    assert_eq!([1, 1 << 17, 1 << 18, 1 << 20, 1 << 21, u32::MAX].map(|lines| room(lines, 1)), [16, 16, 8, 2, 1, 1]);
}
