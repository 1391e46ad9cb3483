//! `and`, `or`, `unless`.

use crate::QueryError;
use crate::chain::Row;
use crate::column::Presence;
use crate::labelset::{LabelTable, NameSet};
use crate::stage::{Stage, StageContext};
use model::LabelsRef;

/// Which operator it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetKind {
    And,
    Or,
    Unless,
}

/// A set operator.
#[derive(Debug, Clone)]
pub(crate) struct SetPlan {
    pub(crate) kind: SetKind,
    /// The labels by which series match.
    pub(crate) matching: NameSet,
}

/// A running set operator. One side decides and only leaves behind where its keys have values (the right one; for `or` the
/// left one, which also passes through); the other side is let through or not. What of it comes before the first side is
/// over has to wait.
#[derive(Debug)]
pub(crate) struct SetOp {
    plan: SetPlan,
    keys: LabelTable,
    present: Vec<Presence>,
    decided: bool,
    waiting: Vec<Row>,
    packed: Vec<u8>,
}

pub(crate) const LEFT: usize = 0;
pub(crate) const RIGHT: usize = 1;

impl SetPlan {
    /// The input that is only looked at, or passes unchanged.
    pub(crate) fn deciding_side(&self) -> usize {
        if self.kind == SetKind::Or { LEFT } else { RIGHT }
    }
}

impl SetOp {
    pub(crate) fn new(plan: SetPlan) -> Self {
        let (keys, present, waiting) = (LabelTable::default(), Vec::new(), Vec::new());
        Self { plan, keys, present, decided: false, waiting, packed: Vec::new() }
    }

    fn write_key(&mut self, labels: LabelsRef<'_>) {
        self.packed.clear();
        self.plan.matching.write(labels, &mut self.packed);
    }

    fn decide(&mut self, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        self.write_key(row.labels.as_ref());
        let (id, is_new) = self.keys.insert(LabelsRef::from_packed_unchecked(&self.packed));
        if is_new {
            cx.hold(self.packed.len() + size_of::<Presence>() + row.column.steps() / 8)?;
            self.present.push(row.column.present().into_owned());
        } else {
            self.present[id].unite(&row.column.present());
        }
        if self.plan.kind == SetKind::Or {
            cx.out.push(row);
        }
        Ok(())
    }

    fn let_through(&mut self, mut row: Row, cx: &mut StageContext<'_>) {
        self.write_key(row.labels.as_ref());
        let key = self.keys.find(LabelsRef::from_packed_unchecked(&self.packed));
        let own = row.column.present().into_owned();
        match (self.plan.kind, key.map(|id| &self.present[id])) {
            (SetKind::And, Some(other)) => {
                let present = own.and(other);
                row.column.restrict_to(&present);
            }
            (SetKind::And, None) => return,
            (_, Some(other)) => {
                let present = own.minus(other);
                row.column.restrict_to(&present);
            }
            (_, None) => {}
        }
        cx.out.push(row);
    }
}

impl Stage for SetOp {
    fn push(&mut self, input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        if input == self.plan.deciding_side() {
            return self.decide(row, cx);
        }
        if self.decided {
            self.let_through(row, cx);
        } else {
            cx.hold(row.size_bytes())?;
            self.waiting.push(row);
        }
        Ok(())
    }

    fn finish(&mut self, input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        if input == self.plan.deciding_side() {
            self.decided = true;
            for row in std::mem::take(&mut self.waiting) {
                self.let_through(row, cx);
            }
        }
        Ok(())
    }
}
