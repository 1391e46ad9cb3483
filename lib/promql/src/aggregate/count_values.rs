//! `count_values`: a series for each value.

use crate::QueryError;
use crate::chain::Row;
use crate::column::{FloatColumn, Presence};
use crate::labelset::{LabelScratch, LabelTable, NameSet};
use crate::stage::{Stage, StageContext};
use model::PlainFloat;

/// A running `count_values`.
#[derive(Debug)]
pub(crate) struct CountValues {
    label: Vec<u8>,
    group: NameSet,
    steps: usize,
    names: LabelTable,
    groups: Vec<(Presence, Vec<f64>)>,
    scratch: LabelScratch,
}

impl CountValues {
    /// Counts under the label `label`, which `group` keeps if it names what is kept.
    pub(crate) fn new(label: Vec<u8>, group: NameSet, steps: usize) -> Self {
        let (names, groups, scratch) = (LabelTable::default(), Vec::new(), LabelScratch::default());
        Self { label, group, steps, names, groups, scratch }
    }

    /// The group that `value` of a series belongs to.
    fn group_of(&mut self, row: &Row, value: f64, cx: &mut StageContext<'_>) -> Result<usize, QueryError> {
        self.scratch.start(row.labels.as_ref());
        self.scratch.set(&self.label, PlainFloat(value).to_string().as_bytes());
        let group = &self.group;
        self.scratch.retain(|name| group.keeps(name));
        let (id, is_new) = self.names.insert(self.scratch.labels());
        if is_new {
            cx.hold(self.steps * size_of::<f64>() + self.scratch.labels().as_packed().len())?;
            self.groups.push((Presence::none(self.steps), vec![0.0; self.steps]));
        }
        Ok(id)
    }
}

impl Stage for CountValues {
    fn push(&mut self, _input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let mut last: Option<(u64, usize)> = None;
        for (step, value) in row.column.floats_only()?.iter() {
            let id = match last {
                Some((bits, id)) if bits == value.to_bits() => id,
                _ => self.group_of(&row, value, cx)?,
            };
            last = Some((value.to_bits(), id));
            let (present, counts) = &mut self.groups[id];
            present.set(step);
            counts[step] += 1.0;
        }
        Ok(())
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        for (id, (mut present, counts)) in std::mem::take(&mut self.groups).into_iter().enumerate() {
            present.seal();
            cx.out.push(Row::new(self.names.get(id).clone(), false, FloatColumn::from_parts(counts, present)));
        }
        Ok(())
    }
}
