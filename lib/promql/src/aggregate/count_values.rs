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

    /// The group that a value of a series, as text, belongs to.
    fn group_of(&mut self, row: &Row, value: &str, cx: &mut StageContext<'_>) -> Result<usize, QueryError> {
        self.scratch.start(row.labels.as_ref());
        self.scratch.set(&self.label, value.as_bytes());
        let group = &self.group;
        self.scratch.keep(group);
        let (id, is_new) = self.names.insert(self.scratch.labels());
        if is_new {
            cx.hold(self.steps * size_of::<f64>() + self.scratch.labels().as_packed().len())?;
            self.groups.push((Presence::none(self.steps), vec![0.0; self.steps]));
        }
        Ok(id)
    }
}

impl CountValues {
    fn count(&mut self, group: usize, step: usize) {
        let (present, counts) = &mut self.groups[group];
        present.set(step);
        counts[step] += 1.0;
    }
}

impl Stage for CountValues {
    fn push(&mut self, _input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let mut last: Option<(u64, usize)> = None;
        for (step, histogram) in row.column.histograms.iter() {
            let id = self.group_of(&row, &histogram.to_string(), cx)?;
            self.count(id, step);
        }
        for (step, value) in row.column.floats.iter() {
            let id = match last {
                Some((bits, id)) if bits == value.to_bits() => id,
                _ => self.group_of(&row, &PlainFloat(value).to_string(), cx)?,
            };
            last = Some((value.to_bits(), id));
            self.count(id, step);
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
