use super::PostingsTable;
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
        let table = PostingsTable::scan(&content).unwrap();
        let names: BTreeSet<_> = rows.iter().map(|(name, _)| name.as_bytes()).collect();
        prop_assert_eq!(table.names().collect::<Vec<_>>(), names.into_iter().collect::<Vec<_>>());

        let number = |list: u64| rows[list as usize / 100];
        let found: Vec<_> = table.rows(&content, name.as_bytes(), from.as_bytes()).map(|row| number(row.list)).collect();
        let want: Vec<_> = rows.iter().copied().filter(|row| row.0 == name && row.1 >= from.as_str()).collect();
        prop_assert_eq!(found, want);
        let row = table.row(&content, name.as_bytes(), from.as_bytes()).map(|row| number(row.list));
        prop_assert_eq!(row, rows.iter().copied().find(|row| *row == (name.as_str(), from.as_str())));
    }

    #[test]
    fn hostile_tables_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = PostingsTable::scan(&bytes);
    }
}
