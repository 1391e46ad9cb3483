use super::*;

fn sample(timestamp_ms: i64) -> Sample {
    Sample { timestamp_ms, value: timestamp_ms as f64 * 0.5, starts: timestamp_ms % 3 == 0 }
}

/// Gathers `times` for each of `lines` lines, round by round, in a shard of so many, and checks that each sample comes out
/// once, with its line, those of a line in the order they went in.
#[track_caller]
fn check(shards: usize, lines: u32, times: &[i64]) {
    let mut gathered = Gathered::default();
    gathered.reach(lines, shards);
    assert!(gathered.reaches(lines) && gathered.blocks() * shards <= MAX_BLOCKS);
    let mut found = vec![Vec::new(); lines as usize];
    let mut take = |gathered: &mut Gathered, block| {
        gathered.empty(block, |number, samples| found[number as usize].extend_from_slice(samples));
        gathered.empty(block, |number, _| panic!("line {number} comes again"));
    };
    let items: Vec<_> = (0..lines).map(|number| Item { number, at: number }).collect();
    for &timestamp_ms in times {
        let mut rest = &items[..];
        while let Some(first) = rest.first() {
            let block = gathered.block_of(first.number);
            // Every fifth is not to be taken.
            let taken = gathered.push(block, rest, |item| (item.number % 5 != 4).then(|| sample(timestamp_ms)));
            rest = &rest[taken..];
            if taken == 0 {
                take(&mut gathered, block);
                let again = gathered.push(block, &rest[..1], |_| Some(sample(timestamp_ms)));
                assert_eq!(again, 1, "{timestamp_ms}");
                rest = &rest[1..];
            }
        }
    }
    (0..gathered.blocks()).for_each(|block| take(&mut gathered, block));
    let want: Vec<_> = times.iter().map(|&timestamp_ms| sample(timestamp_ms)).collect();
    for (number, samples) in found.iter().enumerate() {
        assert_eq!(samples, if number % 5 == 4 { &[][..] } else { &want }, "line {number}");
    }
}

#[test]
fn what_waits_comes_out_once_and_in_order() {
    check(1, 1, &(0..5000).collect::<Vec<_>>());
    check(4, 1, &[]);
    check(4, 1000, &(0..50).rev().collect::<Vec<_>>());
    // Blocks of more lines than usual.
    check(1024, 1030, &[1, 2, 3, 4, 3]);
    check(1024, 70_000, &[7]);
}

#[test]
fn times_far_from_each_other_wait_too() {
    check(2, 3, &[0, i64::MIN, i64::MAX, -1, 1 << 31, 1 << 32, 0, 0, -1 << 31, i64::MAX - 1]);
}

#[test]
fn more_lines_ask_for_other_blocks() {
    let mut gathered = Gathered::default();
    assert!(!gathered.reaches(1) && gathered.keeps_blocks(1, 4));
    gathered.reach(1 << 10, 4);
    assert!(gathered.reaches(1 << 10) && !gathered.reaches((1 << 10) + 1));
    assert!(gathered.keeps_blocks(1 << 16, 4) && !gathered.keeps_blocks((1 << 16) + 1, 4));
    assert_eq!((gathered.block_of(127), gathered.block_of(128)), (0, 1));
    gathered.reach(1 << 17, 4);
    assert_eq!((gathered.block_of(255), gathered.block_of(256), gathered.blocks()), (0, 1, 512));
}
