use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// Series as a shard makes them: `targets` of `lines` series each that share all pairs but one; the numbers in `reused` are
/// given to the last. Lists are settled after every `share` series.
#[derive(Debug, Clone, Copy)]
struct Story {
    targets: u32,
    lines: u32,
    share: usize,
    reused: u32,
}

fn check(story: Story) {
    let mut postings = Postings::default();
    let mut want: BTreeMap<PairId, BTreeSet<u32>> = BTreeMap::new();
    let first = story.reused;
    let fresh = (0..story.targets * story.lines).map(|at| (first + at, at / story.lines));
    let reused = (0..first).rev().map(|number| (number, story.targets - 1));
    for (at, (number, target)) in fresh.chain(reused).enumerate() {
        // One that all have, one of the target, one of its own; every fifth series lacks the second.
        let pairs = [0, 1_000_000 + target, 2_000_000 + number];
        let pairs = if number % 5 == 0 { &[pairs[0], pairs[2]][..] } else { &pairs[..] };
        postings.add(pairs, number);
        pairs.iter().for_each(|&pair| assert!(want.entry(pair).or_default().insert(number)));
        if at % story.share == 0 {
            postings.settle();
        }
    }
    postings.settle();
    for (&pair, numbers) in &want {
        let list = postings.get(pair).unwrap_or_else(|| panic!("pair {pair} of {story:?}"));
        let mut got = Vec::new();
        list.for_each(|number| got.push(number));
        assert!(got.iter().eq(numbers), "pair {pair} of {story:?}");
        assert_eq!(list.len(), numbers.len());
    }
    assert!(postings.get(1).is_none());
}

#[test]
fn lists_have_what_was_added_however_it_is_settled() {
    for share in [1, 2, 7, 1000] {
        for (targets, lines, reused) in [(1, 1, 0), (3, 2, 1), (4, 60, 5), (20, 500, 0), (20, 500, 300)] {
            check(Story { targets, lines, share, reused });
        }
    }
}
