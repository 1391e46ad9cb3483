use super::{Entry, RefTable};
use crate::head::selection::Located;
use model::SeriesRef;

#[test]
fn close_and_stray_references_are_found() {
    let mut table = RefTable::default();
    assert_eq!(table.get(SeriesRef(1)), None);
    let place = |number| Located { shard: 1, number };
    let references: Vec<u64> = (50_000..60_000).chain([3, 1 << 39, 49_999, 59_999 * 7]).chain(60_000..90_000).collect();
    for (number, &reference) in (0..).zip(&references) {
        table.insert(SeriesRef(reference), Entry::without_chunks(place(number)));
    }
    for (number, &reference) in (0..).zip(&references) {
        assert_eq!(table.get(SeriesRef(reference)), Some(place(number)), "{reference}");
    }
    for reference in [0, 2, 4, 49_998, 90_000, (1 << 39) + 1, u64::MAX] {
        assert_eq!(table.get(SeriesRef(reference)), None, "{reference}");
    }
    assert!(table.close.len() < 4 * 40_000 + (1 << 15), "one stray reference must not cost an array up to it");
    table.insert(SeriesRef(50_000), Entry::without_chunks(place(77)));
    assert_eq!(table.get(SeriesRef(50_000)), Some(place(77)));
}
