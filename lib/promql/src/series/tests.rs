use super::Merge;
use crate::QueryError;
use crate::chain::Row;
use crate::column::ColumnBuilder;
use crate::fixture::labels;

fn row(names: &str, steps: &[usize]) -> Row {
    let mut column = ColumnBuilder::new(4);
    steps.iter().for_each(|step| column.set(*step, *step as f64));
    Row::new(labels(names), false, column.build())
}

#[test]
fn rows_that_take_turns_are_one() {
    let mut merge = Merge::default();
    for (names, steps) in [("a=1", [0, 2].as_slice()), ("a=2", &[0, 1]), ("a=1", &[1, 3])] {
        merge.add(row(names, steps)).unwrap();
    }
    let rows: Vec<(String, usize)> =
        merge.take().iter().map(|row| (format!("{:?}", row.labels), row.column.samples())).collect();
    assert_eq!(rows, [("{a=\"1\"}".to_owned(), 4), ("{a=\"2\"}".to_owned(), 2)]);
}

#[test]
fn rows_that_meet_are_refused() {
    let mut merge = Merge::default();
    merge.add(row("a=1", &[0, 2])).unwrap();
    let refused = merge.add(row("a=1", &[2])).unwrap_err();
    assert_eq!(refused, QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned()));
}
