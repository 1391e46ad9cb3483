use super::{Places, Symbols};
use crate::cursor::{Corruption, Fault, push_uvarint};
use proptest::prelude::*;

fn content(symbols: &[&str]) -> Vec<u8> {
    let mut bytes = (symbols.len() as u32).to_be_bytes().to_vec();
    for symbol in symbols {
        push_uvarint(&mut bytes, symbol.len() as u64);
        bytes.extend_from_slice(symbol.as_bytes());
    }
    bytes
}

#[track_caller]
fn check_refused(content: &[u8], offset: u64, fault: Fault) {
    assert_eq!(Symbols::scan(content).unwrap_err(), Corruption { offset, fault });
}

#[test]
fn tables_that_are_none_are_refused() {
    check_refused(&content(&["", "b", "a"]), 7, Fault::Malformed("symbols are not sorted"));
    check_refused(&content(&["a", "a"]), 6, Fault::Malformed("symbols are not sorted"));
    check_refused(
        &[0xff, 0xff, 0xff, 0xff, 0],
        0,
        Fault::TooLarge { what: "count of symbols", got: 0xffff_ffff, limit: 1 },
    );
    check_refused(&[0, 0, 0, 1, 5, b'a'], 5, Fault::Truncated { want: 5, left: 1 });
    check_refused(&[0, 0, 0, 1, 1, b'a', 0], 6, Fault::Malformed("bytes after the last symbol"));
}

proptest! {
    #[test]
    fn every_symbol_has_its_number(symbols in prop::collection::btree_set("[a-c]{0,4}", 0..100)) {
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        let content = content(&symbols);
        let each = Symbols::scan_each(&content, 1).unwrap();
        let mut words = Vec::new();
        each.places().encode(&mut words);
        let stored = Symbols::stored(Places::Stored(words.into()));
        for table in [Symbols::scan(&content).unwrap(), each, stored] {
            for (number, symbol) in symbols.iter().enumerate() {
                prop_assert_eq!(table.get(&content, number as u32), Some(symbol.as_bytes()));
            }
            prop_assert_eq!(table.len() as usize, symbols.len());
            prop_assert_eq!(table.get(&content, symbols.len() as u32), None);
            prop_assert_eq!(table.get(&content, u32::MAX), None);
        }
    }

    #[test]
    fn places_of_another_table_never_panic(places in prop::collection::vec(any::<u32>(), 0..8), number in 0_u32..9) {
        let table = Symbols::stored(Places::Kept(places));
        let _ = table.get(&content(&["a", "b"]), number);
    }
}
