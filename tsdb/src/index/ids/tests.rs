use super::{IdList, Union, gallop};
use crate::cursor::{Corruption, Fault};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn content(ids: &[u32]) -> Vec<u8> {
    let mut bytes = (ids.len() as u32).to_be_bytes().to_vec();
    ids.iter().for_each(|id| bytes.extend(id.to_be_bytes()));
    bytes
}

#[track_caller]
fn check_refused(content: &[u8], offset: u64, fault: Fault) {
    assert_eq!(IdList::decode(content).map(|list| list.len()).unwrap_err(), Corruption { offset, fault });
}

#[test]
fn lists_that_are_none_are_refused() {
    check_refused(&[0, 0], 0, Fault::Truncated { want: 4, left: 2 });
    let differ = Fault::Malformed("count of postings and size of the list differ");
    check_refused(&content(&[1, 2])[..11], 4, differ);
    check_refused(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1], 4, differ);
    check_refused(&[content(&[1, 2]), vec![0; 4]].concat(), 4, differ);
    let unsorted = Fault::Malformed("postings are not sorted");
    check_refused(&content(&[1, 3, 3]), 12, unsorted);
    check_refused(&content(&[2, 1]), 8, unsorted);
}

fn some_ids() -> impl Strategy<Value = BTreeSet<u32>> {
    prop_oneof![prop::collection::btree_set(0_u32..60, 0..30), prop::collection::btree_set(0_u32..4000, 0..1500)]
}

proptest! {
    #[test]
    fn galloping_ends_where_walking_ends(items in prop::collection::vec(0_u32..50, 0..80), start in 0_usize..80, bound in 0_u32..50) {
        let mut items = items;
        items.sort_unstable();
        let walked = (start..items.len()).find(|&at| items[at] >= bound).unwrap_or(items.len().max(start));
        prop_assert_eq!(gallop(&items, start, |&item| item < bound), walked);
    }

    #[test]
    fn unions_hold_and_leave_out_what_sets_do(sets in prop::collection::vec(some_ids(), 0..4), asked in some_ids()) {
        let contents: Vec<_> = sets.iter().map(|set| content(&set.iter().copied().collect::<Vec<_>>())).collect();
        let lists: Vec<_> = contents.iter().map(|content| IdList::decode(content).unwrap()).collect();
        let want: BTreeSet<u32> = sets.iter().flatten().copied().collect();
        let asked: Vec<u32> = asked.into_iter().collect();

        let union = Union::of(&lists);
        prop_assert_eq!(union.len(), want.len());
        for keep in [true, false] {
            let mut left = asked.clone();
            union.retain(&mut left, keep);
            prop_assert_eq!(left, asked.iter().copied().filter(|id| want.contains(id) == keep).collect::<Vec<_>>());
        }
        prop_assert_eq!(union.into_ids(), want.iter().copied().collect::<Vec<_>>());
        for (list, set) in lists.iter().zip(&sets) {
            prop_assert_eq!(list.intersects(&asked), asked.iter().any(|id| set.contains(id)));
        }
    }
}
