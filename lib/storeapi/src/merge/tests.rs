use super::MergedCursor;
use crate::table::{Row, TableCursor, read_all, row};
use tsdb::SeriesCursor;

fn merged(sources: &[&[Row]]) -> Box<dyn SeriesCursor> {
    let cursors = sources.iter().map(|rows| Box::new(TableCursor::new(rows)) as Box<dyn SeriesCursor>);
    Box::new(MergedCursor::new(cursors.collect()))
}

#[track_caller]
fn check(sources: &[&[Row]], want: &[Row]) {
    for max_series in [1, 2, 1000] {
        assert_eq!(read_all(merged(sources), max_series), want, "in batches of {max_series}");
    }
}

#[test]
fn series_come_sorted_and_once() {
    check(&[], &[]);
    check(&[&[row(&[("a", "1")], &[(0, 9, "x")])]], &[row(&[("a", "1")], &[(0, 9, "x")])]);
    check(
        &[&[row(&[("a", "2")], &[(0, 9, "x")])], &[row(&[("a", "1")], &[(0, 9, "y")])], &[]],
        &[row(&[("a", "1")], &[(0, 9, "y")]), row(&[("a", "2")], &[(0, 9, "x")])],
    );
}

#[test]
fn equal_labels_join_their_chunks_by_time() {
    check(
        &[
            &[row(&[("a", "1")], &[(20, 29, "late")])],
            &[row(&[("a", "1")], &[(0, 9, "early"), (15, 25, "over")]), row(&[("b", "1")], &[(0, 1, "z")])],
        ],
        &[
            row(&[("a", "1")], &[(0, 9, "early"), (15, 25, "over"), (20, 29, "late")]),
            row(&[("b", "1")], &[(0, 1, "z")]),
        ],
    );
}

#[test]
fn a_chunk_held_twice_is_kept_once() {
    let twin = [row(&[("a", "1")], &[(0, 9, "x"), (10, 19, "y")])];
    check(&[&twin, &twin], &twin);
    let (unsorted, sorted) = ([(10, 19, "y"), (0, 9, "x"), (10, 19, "y")], [(0, 9, "x"), (10, 19, "y")]);
    check(&[&[row(&[("a", "1")], &unsorted)]], &[row(&[("a", "1")], &sorted)]);
    // Equal range, other bytes: both stay, their samples are joined later.
    check(
        &[&[row(&[("a", "1")], &[(0, 9, "x")])], &[row(&[("a", "1")], &[(0, 9, "X")])]],
        &[row(&[("a", "1")], &[(0, 9, "x"), (0, 9, "X")])],
    );
}

#[test]
fn many_sources_of_many_batches() {
    let rows: Vec<Row> = (0..700).map(|i| row(&[("i", &format!("{i:04}"))], &[(i, i, "c")])).collect();
    let part = |source: usize| -> Vec<Row> {
        rows.iter().enumerate().filter(|(i, _)| i % 3 == source || i % 7 == 0).map(|(_, row)| row.clone()).collect()
    };
    check(&[&part(0), &part(1), &part(2)], &rows);
}

#[test]
fn a_fault_is_told_and_ends_the_walk() {
    let broken = TableCursor::new(&[row(&[("a", "1")], &[])]).failing_after(1);
    let mut cursor = MergedCursor::new(vec![Box::new(broken), Box::new(TableCursor::new(&[row(&[("z", "1")], &[])]))]);
    let mut batch = tsdb::ChunkSeriesBatch::default();
    assert!(cursor.next_batch(10, false, &mut batch).is_err());
    cursor.next_batch(10, false, &mut batch).unwrap();
    assert!(batch.is_empty());
}
