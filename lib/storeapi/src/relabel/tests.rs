use super::RelabeledCursor;
use crate::table::{Row, TableCursor, labels, read_all, row};
use model::Labels;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[track_caller]
fn check(set: &[(&str, &str)], remove: &[&str], given: &[Row], want: &[Row]) {
    let remove: Vec<Vec<u8>> = remove.iter().map(|name| name.as_bytes().to_vec()).collect();
    for max_series in [1, 3, 1000] {
        let cursor = RelabeledCursor::wrap(Box::new(TableCursor::new(given)), &labels(set), &remove);
        assert_eq!(read_all(cursor, max_series), want, "in batches of {max_series}");
    }
}

fn bare(pairs: &[(&str, &str)]) -> Row {
    row(pairs, &[])
}

#[test]
fn an_added_label_can_change_the_order() {
    check(
        &[("replica", "x")],
        &[],
        &[bare(&[("a", "1")]), bare(&[("a", "1"), ("b", "2")]), bare(&[("a", "2")])],
        &[
            bare(&[("a", "1"), ("b", "2"), ("replica", "x")]),
            bare(&[("a", "1"), ("replica", "x")]),
            bare(&[("a", "2"), ("replica", "x")]),
        ],
    );
}

#[test]
fn a_set_label_wins_over_the_series_own() {
    check(
        &[("replica", "x")],
        &[],
        &[row(&[("a", "1"), ("replica", "mine")], &[(0, 9, "c")])],
        &[row(&[("a", "1"), ("replica", "x")], &[(0, 9, "c")])],
    );
}

#[test]
fn series_that_become_equal_are_joined() {
    check(
        &[],
        &["replica"],
        &[
            row(&[("a", "1"), ("replica", "r1")], &[(0, 9, "c"), (10, 19, "d")]),
            row(&[("a", "1"), ("replica", "r2")], &[(0, 9, "c"), (12, 21, "e")]),
            row(&[("b", "1"), ("replica", "r1")], &[(0, 9, "f")]),
        ],
        &[row(&[("a", "1")], &[(0, 9, "c"), (10, 19, "d"), (12, 21, "e")]), row(&[("b", "1")], &[(0, 9, "f")])],
    );
}

#[test]
fn a_removed_label_that_sorts_first_resorts_everything() {
    check(
        &[],
        &["A"],
        &[bare(&[("A", "1"), ("b", "9")]), bare(&[("A", "2"), ("b", "1")]), bare(&[("b", "5")])],
        &[bare(&[("b", "1")]), bare(&[("b", "5")]), bare(&[("b", "9")])],
    );
}

proptest! {
    /// Whatever is set and removed: the walk answers what sorting everything would.
    #[test]
    fn equals_sorting_everything(
        given in prop::collection::btree_set(prop::collection::btree_map("[a-d]", "[12]", 0..4), 0..24),
        set in prop::collection::btree_map("[a-d]", "[12]", 0..2),
        remove in prop::collection::vec("[a-d]", 0..2),
    ) {
        let pairs = |map: &BTreeMap<String, String>| -> Labels {
            Labels::from_pairs(map.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap()
        };
        let mut rows: Vec<Row> = given.iter().map(|map| (pairs(map), Vec::new())).collect();
        rows.sort();
        let mut want = BTreeSet::new();
        for map in &given {
            let mut map = map.clone();
            map.retain(|name, _| !remove.contains(name));
            map.extend(set.clone());
            want.insert(pairs(&map));
        }
        let remove: Vec<Vec<u8>> = remove.into_iter().map(String::into_bytes).collect();
        let cursor = RelabeledCursor::wrap(Box::new(TableCursor::new(&rows)), &pairs(&set), &remove);
        let got: Vec<Labels> = read_all(cursor, 3).into_iter().map(|(labels, _)| labels).collect();
        prop_assert_eq!(got, want.into_iter().collect::<Vec<_>>());
    }
}
