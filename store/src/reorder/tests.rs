use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tsdb::segment::ChunkRef;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn labels(pairs: Pairs<'_>) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

fn chunk(number: u64) -> ChunkMeta {
    ChunkMeta { min_ms: 0, max_ms: 1, place: ChunkRef(number) }
}

/// What comes out, with the numbers of the chunks; and the most that was held back.
fn reordered(series: &[Labels], external: &Labels, without: &[Vec<u8>]) -> (Vec<(Labels, Vec<u64>)>, usize) {
    let has_name = |name: &[u8]| series.iter().any(|labels| labels.get(name).is_some());
    let mut reorder = Reorder::new(Relabel::new(external, without, has_name));
    let (mut out, mut most) = (SeriesRows::default(), 0);
    for (number, labels) in series.iter().enumerate() {
        reorder.push(labels.as_ref(), &[chunk(number as u64)], |_| true, &mut out);
        most = most.max(reorder.held_back.len());
    }
    reorder.finish(&mut out);
    assert_eq!(reorder.held_back(), (0, 0));
    let numbers = |chunks: &[ChunkMeta]| chunks.iter().map(|chunk| chunk.place.0).collect();
    (out.iter().map(|(labels, chunks)| (labels.to_owned(), numbers(chunks))).collect(), most)
}

/// The same the plain way: all labels changed, then sorted.
fn expected(series: &[Labels], external: &Labels, without: &[Vec<u8>]) -> Vec<(Labels, Vec<u64>)> {
    let mut sorted: BTreeMap<Labels, Vec<u64>> = BTreeMap::new();
    for (number, labels) in series.iter().enumerate() {
        let mut edited = labels.edit();
        external.iter().for_each(|label| edited.set(label.name, label.value));
        edited.retain(|name| !without.iter().any(|gone| gone == name));
        sorted.entry(edited.build().unwrap()).or_default().push(number as u64);
    }
    sorted.into_iter().collect()
}

#[track_caller]
fn check(series: &[Pairs<'_>], external: Pairs<'_>, without: &[&str], most_held_back: usize) {
    let mut series: Vec<Labels> = series.iter().map(|pairs| labels(pairs)).collect();
    series.sort();
    let (external, without) =
        (labels(external), without.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>());
    let (got, most) = reordered(&series, &external, &without);
    assert_eq!(got, expected(&series, &external, &without));
    assert_eq!(most, most_held_back);
}

#[test]
fn ordinary_series_pass_one_by_one() {
    let series: [Pairs<'_>; 3] =
        [&[("__name__", "up"), ("job", "x")], &[("__name__", "up"), ("job", "y")], &[("__name__", "up"), ("z", "y")]];
    check(&series, &[("replica", "r"), ("tenant", "t")], &[], 1);
    check(&series, &[("replica", "r"), ("tenant", "t")], &["replica"], 1);
    check(&series, &[], &["other"], 1);
}

#[test]
fn a_series_that_another_continues_is_held_back_with_it() {
    check(&[&[("a", "1")], &[("a", "1"), ("b", "2")], &[("c", "3")]], &[("aa", "x")], &[], 2);
    check(&[&[("a", "1")], &[("a", "1"), ("b", "2")], &[("c", "3")]], &[("z", "x")], &[], 2);
}

#[test]
fn names_that_series_have_themselves_sort_all() {
    let series: [Pairs<'_>; 4] =
        [&[("a", "1"), ("r", "1")], &[("a", "1"), ("r", "2")], &[("a", "2")], &[("a", "3"), ("r", "1"), ("s", "1")]];
    check(&series, &[], &["r"], 4);
    check(&series, &[("a", "9")], &[], 4);
    check(&series, &[("a", "9")], &["a"], 4);
}

#[test]
fn the_unwanted_are_left_out() {
    let mut reorder = Reorder::new(Relabel::new(&labels(&[("x", "1")]), &[], |_| false));
    let mut out = SeriesRows::default();
    for value in ["1", "2", "3"] {
        let wanted = |sent: LabelsRef<'_>| sent.get(b"x") == Some(b"1") && sent.get(b"a") != Some(b"2");
        reorder.push(labels(&[("a", value)]).as_ref(), &[], wanted, &mut out);
    }
    reorder.finish(&mut out);
    let values: Vec<_> = out.iter().map(|(labels, _)| labels.get(b"a").unwrap().to_vec()).collect();
    assert_eq!(values, [b"1", b"3"]);
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let label = ("[abc]{1,2}", "[0-9\u{ff}]{1,2}");
    prop::collection::btree_map(label.0, label.1, 1..5).prop_map(|pairs| Labels::from_pairs(pairs).unwrap())
}

proptest! {
    #[test]
    fn any_series_come_out_as_if_all_were_sorted(
        series in prop::collection::btree_set(any_labels(), 0..40),
        external in any_labels(),
        without in prop::collection::vec("[abc]{1,2}", 0..3),
    ) {
        let series: Vec<Labels> = series.into_iter().collect();
        let without: Vec<Vec<u8>> = without.into_iter().map(String::into_bytes).collect();
        prop_assert_eq!(reordered(&series, &external, &without).0, expected(&series, &external, &without));
    }
}
