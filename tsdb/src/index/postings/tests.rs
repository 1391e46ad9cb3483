use super::{Places, PostingsTable};
use crate::cursor::{Corruption, Fault, push_uvarint};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The content of a table with those rows, as they come; the list of row n stands at 100 n.
fn content(rows: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = (rows.len() as u32).to_be_bytes().to_vec();
    for (index, (name, value)) in rows.iter().enumerate() {
        bytes.push(2);
        for string in [name, value] {
            push_uvarint(&mut bytes, string.len() as u64);
            bytes.extend_from_slice(string.as_bytes());
        }
        push_uvarint(&mut bytes, index as u64 * 100);
    }
    bytes
}

/// The table of `content` in all the ways in which it can be kept.
fn tables(content: &[u8]) -> Vec<PostingsTable> {
    let each = PostingsTable::scan_each(content, 1).unwrap();
    let stored = |places: &Places| {
        let mut words = Vec::new();
        places.encode(&mut words);
        Places::Stored(words.into())
    };
    let stored = PostingsTable::stored(content, stored(each.places()), &stored(&each.first_places())).unwrap();
    vec![PostingsTable::scan(content).unwrap(), PostingsTable::scan_each(content, 3).unwrap(), each, stored]
}

#[track_caller]
fn check_refused(content: &[u8], offset: u64, fault: Fault) {
    assert_eq!(PostingsTable::scan(content).unwrap_err(), Corruption { offset, fault });
}

#[test]
fn tables_that_are_none_are_refused() {
    let unsorted = Fault::Malformed("postings offsets are not sorted");
    check_refused(&content(&[("a", "b"), ("a", "a")]), 10, unsorted);
    check_refused(&content(&[("a", "b"), ("a", "b")]), 10, unsorted);
    check_refused(&content(&[("b", "a"), ("a", "b")]), 10, unsorted);
    let mut bytes = content(&[("a", "b")]);
    bytes[4] = 3;
    check_refused(&bytes, 4, Fault::Malformed("a row of the postings table has not two strings"));
    bytes[4] = 2;
    bytes[3] = 2;
    check_refused(&bytes, 10, Fault::Truncated { want: 1, left: 0 });
    bytes[3] = 0;
    check_refused(&bytes, 4, Fault::Malformed("bytes after the last row"));
    bytes[3] = 1;
    bytes[7] = 5;
    check_refused(&bytes, 8, Fault::Truncated { want: 5, left: 2 });
}

#[test]
fn places_that_are_none_are_refused() {
    let content = content(&[("a", "a"), ("a", "b"), ("b", "a")]);
    let refused = |places: &[u32], first_rows: &[u32]| {
        let [places, first_rows] = [places, first_rows].map(|numbers| Places::Kept(numbers.to_vec()));
        PostingsTable::stored(&content, places, &first_rows).is_err()
    };
    assert!(!refused(&[4, 10, 16], &[0, 2]));
    for first_rows in [&[0, 3][..], &[2, 0], &[0, 0], &[4]] {
        assert!(refused(&[4, 10, 16], first_rows), "{first_rows:?}");
    }
    for first_place in [5, 1000] {
        assert!(refused(&[first_place, 10, 16], &[0, 2]), "{first_place}");
    }
}

proptest! {
    #[test]
    fn rows_are_found_from_any_value_on(
        labels in prop::collection::btree_set(("[ab]", "[a-c]{0,5}"), 0..200),
        name in "[abc]",
        from in "[a-c]{0,5}",
    ) {
        let labels: BTreeSet<(String, String)> = labels;
        let rows: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let content = content(&rows);
        let names: BTreeSet<_> = rows.iter().map(|(name, _)| name.as_bytes()).collect();
        for table in tables(&content) {
            prop_assert_eq!(table.names().collect::<Vec<_>>(), names.iter().copied().collect::<Vec<_>>());
            let number = |list: u64| rows[list as usize / 100];
            let found = table.rows(&content, name.as_bytes(), from.as_bytes()).map(|row| number(row.list));
            let want = rows.iter().copied().filter(|row| row.0 == name && row.1 >= from.as_str());
            prop_assert_eq!(found.collect::<Vec<_>>(), want.collect::<Vec<_>>());
            let row = table.row(&content, name.as_bytes(), from.as_bytes()).map(|row| number(row.list));
            prop_assert_eq!(row, rows.iter().copied().find(|row| *row == (name.as_str(), from.as_str())));
        }
    }

    #[test]
    fn places_of_another_table_never_panic(
        rows in prop::collection::vec(any::<u32>(), 0..8),
        first_rows in prop::collection::vec(any::<u32>(), 0..8),
        small in any::<bool>(),
    ) {
        let content = content(&[("a", "a"), ("a", "b"), ("b", "a")]);
        let near = |number: u32| if small { number % 12 } else { number };
        let [rows, first_rows] = [rows, first_rows].map(|numbers| Places::Kept(numbers.into_iter().map(near).collect()));
        if let Ok(table) = PostingsTable::stored(&content, rows, &first_rows) {
            for (name, value) in [("a", "a"), ("a", "c"), ("b", "")] {
                let _ = table.rows(&content, name.as_bytes(), value.as_bytes()).count();
            }
        }
    }

    #[test]
    fn hostile_tables_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = PostingsTable::scan(&bytes);
    }
}
