//! Operators that look at series as wholes: whether there are any, in which order, and which are alike.

#[cfg(test)]
mod tests;

use crate::QueryError;
use crate::aggregate::sort_as_go;
use crate::chain::Row;
use crate::column::{FloatColumn, Presence};
use crate::labelset::LabelTable;
use crate::stage::{Stage, StageContext};
use model::Labels;
use std::cmp::Ordering;

/// `absent`: 1 where no series has a value.
#[derive(Debug)]
pub(crate) struct Absent {
    labels: Labels,
    drops_names: bool,
    present: Presence,
}

/// What `sort` and its like sort by.
#[derive(Debug, Clone)]
pub(crate) enum SortPlan {
    Value {
        descending: bool,
    },
    /// By the values of these labels, numbers in them as numbers, and then by all labels.
    Labels {
        names: Vec<Vec<u8>>,
        descending: bool,
    },
}

/// A running sort of an instant vector.
#[derive(Debug)]
pub(crate) struct Sort {
    plan: SortPlan,
    rows: Vec<Row>,
}

/// Joins rows that are labelled alike.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    names: LabelTable,
    rows: Vec<Row>,
}

/// What is said of a label set that is there twice where it may be there only once.
pub(crate) const SAME_LABELS: &str = "vector cannot contain metrics with the same labelset";

/// The error that says it.
pub(crate) fn same_labels() -> QueryError {
    QueryError::Execution(SAME_LABELS.to_owned())
}

impl Absent {
    pub(crate) fn new(labels: Labels, drops_names: bool, steps: usize) -> Self {
        Self { labels, drops_names, present: Presence::none(steps) }
    }
}

impl Stage for Absent {
    fn push(&mut self, _input: usize, row: Row, _cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        self.present.unite(&row.column.present());
        Ok(())
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let steps = self.present.steps();
        let mut column = FloatColumn::constant(1.0, steps);
        column.restrict_to(Presence::all(steps).minus(&self.present));
        cx.out.push(Row::new(self.labels.clone(), self.drops_names, column));
        Ok(())
    }
}

impl Sort {
    pub(crate) fn new(plan: SortPlan) -> Self {
        Self { plan, rows: Vec::new() }
    }
}

impl Stage for Sort {
    fn push(&mut self, _input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        cx.hold(row.size_bytes())?;
        self.rows.push(row);
        Ok(())
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let mut rows = std::mem::take(&mut self.rows);
        let value = |row: &Row| row.column.floats.value(0);
        match &self.plan {
            // NaN comes last either way: the order in which it is first is turned round.
            SortPlan::Value { descending: false } => {
                let less = |a: &Row, b: &Row| value(a).is_nan() || value(a) > value(b);
                sort_as_go(&mut rows, |a, b| less(b, a));
            }
            SortPlan::Value { descending: true } => {
                let less = |a: &Row, b: &Row| value(a).is_nan() || value(a) < value(b);
                sort_as_go(&mut rows, |a, b| less(b, a));
            }
            SortPlan::Labels { names, descending } => {
                rows.sort_by(|a, b| {
                    let order = by_labels(&a.labels, &b.labels, names);
                    if *descending { order.reverse() } else { order }
                });
            }
        }
        cx.out.append(&mut rows);
        Ok(())
    }
}

fn by_labels(a: &Labels, b: &Labels, names: &[Vec<u8>]) -> Ordering {
    let value = |labels: &Labels, name: &[u8]| labels.get(name).unwrap_or_default().to_vec();
    let first = names.iter().map(|name| (value(a, name), value(b, name))).find(|(a, b)| a != b);
    match first {
        // The order of "natural" sorting is none: it is what the one is that is not less than the other.
        Some((a, b)) if crate::natural::less(&a, &b) => Ordering::Less,
        Some(_) => Ordering::Greater,
        None => a.cmp(b),
    }
}

impl Merge {
    /// Joins `row` to the one labelled alike, if there is one.
    pub(crate) fn add(&mut self, row: Row) -> Result<(), QueryError> {
        let (id, is_new) = self.names.insert(row.labels.as_ref());
        if is_new {
            self.rows.push(row);
            return Ok(());
        }
        let known = &mut self.rows[id];
        if known.column.meets(&row.column) {
            return Err(same_labels());
        }
        known.column.fill_from(&row.column);
        Ok(())
    }

    /// All rows, in the order in which their labels first came.
    pub(crate) fn take(&mut self) -> Vec<Row> {
        self.names = LabelTable::default();
        std::mem::take(&mut self.rows)
    }
}

impl Stage for Merge {
    fn push(&mut self, _input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        cx.hold(row.size_bytes())?;
        self.add(row)
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        cx.out.append(&mut self.take());
        Ok(())
    }
}
