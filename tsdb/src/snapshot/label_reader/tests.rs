use super::LabelReader;
use crate::cursor::{Cursor, push_uvarint};
use crate::wal::read_labels;
use model::PackedBuilder;
use proptest::prelude::*;

type Set = Vec<(String, String)>;

fn record(labels: &Set) -> Vec<u8> {
    let mut out = vec![labels.len() as u8];
    for string in labels.iter().flat_map(|(name, value)| [name, value]) {
        push_uvarint(&mut out, string.len() as u64);
        out.extend_from_slice(string.as_bytes());
    }
    out.extend_from_slice(b"rest");
    out
}

/// Reads sets one after the other: each must be what it is when it is read alone, and like the one before where that is
/// said. Returns what was said, until there were no labels.
fn check(sets: &[Set]) -> Vec<u64> {
    let (mut reader, mut before, mut said) = (LabelReader::default(), Vec::<Vec<u8>>::new(), Vec::new());
    for set in sets {
        let record = record(set);
        let (mut cursor, mut alone, mut builder) =
            (Cursor::new(&record), Cursor::new(&record), PackedBuilder::default());
        let want = read_labels(&mut builder, &mut alone).unwrap();
        let found = reader.read(&mut cursor).unwrap();
        assert_eq!(found.map(|(labels, _)| labels), want, "{set:?}");
        let Some((labels, alike)) = found else { break };
        assert_eq!((cursor.rest(), alone.rest()), (&b"rest"[..], &b"rest"[..]));
        let mut start = 0;
        let text = |&end: &usize| labels.as_packed()[std::mem::replace(&mut start, end)..end].to_vec();
        let texts: Vec<_> = alike.ends.iter().map(text).collect();
        assert_eq!((texts.concat(), texts.len()), (labels.as_packed().to_vec(), labels.iter().count()));
        for (index, text) in texts.iter().enumerate() {
            assert!(!alike.is(index) || before.get(index) == Some(text), "{set:?}: {index}");
        }
        before = texts;
        said.push(alike.bits());
    }
    said
}

fn a_string() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[ab]{1,2}", 1 => "[ab]{0,1}", 1 => "x{125,130}", 1 => "x{253,257}"]
}

proptest! {
    #[test]
    fn labels_are_what_they_are_alone(
        mut sets in prop::collection::vec(prop::collection::vec((a_string(), a_string()), 0..5), 1..8),
        is_sorted in prop::bool::weighted(0.8),
    ) {
        if is_sorted {
            sets.iter_mut().for_each(|set| set.sort());
            sets.iter_mut().for_each(|set| set.dedup_by(|one, other| one.0 == other.0));
        }
        check(&sets);
    }
}

#[test]
fn what_neighbours_share_is_known() {
    let sets = [["a", "b", "c"], ["a", "x", "c"], ["a", "x", "c"], ["a", "xx", "c"], ["a", "", "c"]];
    let sets = sets.map(|values| ["one", "three", "two"].into_iter().zip(values));
    let sets = sets.map(|set| set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    assert_eq!(check(&sets), [0b000, 0b101, 0b111, 0b101, 0b00]);
    // More than there are bits for.
    let many = |value: &str| (0..100).map(|at| (format!("{at:03}"), value.to_owned())).collect();
    assert_eq!(check(&[many("one"), many("one"), many("two")]), [0, u64::MAX, 0]);
    // The names of what is alike were looked at, those beside it were not.
    let pair = |name: &str| (name.to_owned(), "v".to_owned());
    assert_eq!(check(&[vec![pair("b"), pair("c")], vec![pair("d"), pair("c")]]), [0, 0]);
    assert_eq!(check(&[vec![pair("b"), pair("c")], vec![pair("b"), pair("a")]]), [0, 0]);
    assert_eq!(check(&[vec![pair("b"), pair("c")], vec![pair("c"), pair("c")]]), [0]);
}
