use super::LoserTree;
use model::{Labels, LabelsRef};
use proptest::prelude::*;

/// Merges by the tree: each item with the source it came from.
fn merge(sources: &[Vec<Vec<u8>>]) -> Vec<(Vec<u8>, usize)> {
    let mut at = vec![1; sources.len()];
    let labels = |item: &Vec<u8>| Labels::from_pairs([("item", item.clone())]).unwrap();
    let key = |item: &Vec<u8>| labels(item).as_ref().as_packed().to_vec();
    let mut tree = LoserTree::new(sources.iter().map(|items| items.first().map(key)).collect());
    let mut merged = Vec::new();
    while let Some((source, packed)) = tree.winner() {
        let winner = LabelsRef::from_packed_unchecked(packed);
        merged.push((winner.get(b"item").unwrap_or_default().to_vec(), source));
        let next = sources[source].get(at[source]).map(labels);
        at[source] += 1;
        tree.advance(next.as_ref().map(Labels::as_ref));
    }
    merged
}

#[track_caller]
fn check(sources: &[&[&str]]) {
    let owned: Vec<Vec<Vec<u8>>> =
        sources.iter().map(|items| items.iter().map(|item| item.as_bytes().to_vec()).collect()).collect();
    check_owned(&owned);
}

#[track_caller]
fn check_owned(sources: &[Vec<Vec<u8>>]) {
    let mut want: Vec<(Vec<u8>, usize)> = sources
        .iter()
        .enumerate()
        .flat_map(|(source, items)| items.iter().map(move |item| (item.clone(), source)))
        .collect();
    want.sort();
    assert_eq!(merge(sources), want);
}

#[test]
fn merges_any_number_of_sources() {
    check(&[]);
    check(&[&[]]);
    check(&[&["a", "b"]]);
    check(&[&["b"], &["a", "c"]]);
    check(&[&[], &["a"], &[]]);
    check(&[&["a", "a"], &["a"], &["a", "b"]]);
    check(&[&["e"], &["d"], &["c"], &["b"], &["a"]]);
}

proptest! {
    #[test]
    fn equals_sorting(mut sources in prop::collection::vec(prop::collection::vec("[ab]{0,3}", 0..8), 0..9)) {
        let sources: Vec<Vec<Vec<u8>>> = sources
            .iter_mut()
            .map(|items| { items.sort(); items.iter().map(|item| item.clone().into_bytes()).collect() })
            .collect();
        check_owned(&sources);
    }
}
