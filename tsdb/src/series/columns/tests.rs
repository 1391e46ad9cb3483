use super::*;
use model::Labels;

fn labels(value: &str) -> Labels {
    Labels::from_pairs([("a", value)]).unwrap()
}

#[test]
fn series_come_back_with_their_own_samples() {
    let mut columns = SampleColumns::default();
    [(1, 1.0), (2, 2.0)].into_iter().for_each(|(at_ms, value)| columns.push(at_ms, value));
    let mut batch = ColumnSeriesBatch::default();
    batch.push(labels("1").as_ref(), &columns);
    batch.push(labels("2").as_ref(), &SampleColumns::default());
    batch.push_float(labels("3").as_ref(), 7, 8.0);
    let read = |index| {
        let mut read = SampleColumns::default();
        batch.append_to(index, &mut read);
        read.timestamps_ms.into_iter().zip(read.values).collect::<Vec<_>>()
    };
    assert_eq!(batch.len(), 3);
    assert_eq!([read(0), read(1), read(2), read(3)], [vec![(1, 1.0), (2, 2.0)], vec![], vec![(7, 8.0)], vec![]]);
    let found: Vec<_> = batch.iter().map(|(labels, range)| (labels.to_owned(), range)).collect();
    assert_eq!(found, [(labels("1"), 0..2), (labels("2"), 2..2), (labels("3"), 2..3)]);
    // Three label sets of four bytes, three samples of sixteen.
    assert_eq!(batch.size_bytes(), 3 * 4 + 3 * 16);
    batch.clear();
    assert!(batch.is_empty() && batch.get(0).is_none());
}
