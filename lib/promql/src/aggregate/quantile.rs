//! `quantile`: all values of a group are kept until the last series has come.

use crate::annotations::{Level, Remark};
use crate::ast::Span;
use crate::chain::{Row, go_max, go_min, scalar};
use crate::column::{ColumnBuilder, FloatColumn};
use crate::kernels::{invalid_quantile, quantile};
use crate::labelset::LabelTable;
use crate::plan::ScalarId;
use crate::stage::{Stage, StageContext};
use crate::{Grid, QueryError};
use std::sync::Arc;

/// A `quantile`, and the places of the call, the parameter and the operand.
#[derive(Debug, Clone)]
pub(crate) struct QuantilePlan {
    pub(crate) param: ScalarId,
    pub(crate) grid: Arc<Grid>,
    pub(crate) node: Span,
    pub(crate) blamed_param: Span,
    pub(crate) blamed: Span,
}

/// A running `quantile`. Rows come labelled by their group.
#[derive(Debug)]
pub(crate) struct QuantileOf {
    plan: QuantilePlan,
    steps: usize,
    names: LabelTable,
    groups: Vec<Group>,
}

#[derive(Debug, Default)]
struct Group {
    drop_name: bool,
    columns: Vec<FloatColumn>,
}

impl QuantileOf {
    pub(crate) fn new(plan: QuantilePlan) -> Self {
        let steps = plan.grid.steps();
        Self { plan, steps, names: LabelTable::default(), groups: Vec::new() }
    }

    fn warn(&self, param: &FloatColumn, cx: &mut StageContext<'_>) {
        let all = (0..self.steps).map(|step| param.value(step));
        let Some((least, greatest)) = all.map(|q| (q, q)).reduce(|a, b| (go_min(a.0, b.0), go_max(a.1, b.1))) else {
            return;
        };
        // A NaN is the least and the greatest.
        let wrong = [(greatest, greatest > 1.0 || greatest.is_nan()), (least, least < 0.0)];
        for (q, _) in wrong.into_iter().filter(|(_, is_wrong)| *is_wrong) {
            if let Some(text) = invalid_quantile(q) {
                cx.notes.add(Level::Warning, text, self.plan.node, self.plan.blamed_param);
            }
        }
    }
}

impl Stage for QuantileOf {
    fn push(&mut self, _input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        if !row.column.histograms.is_empty() {
            cx.notes.remark(Remark::IgnoredInGroup("quantile"), self.plan.node, self.plan.blamed);
        }
        cx.hold(row.size_bytes())?;
        let (id, is_new) = self.names.insert(row.labels.as_ref());
        if is_new {
            self.groups.push(Group::default());
        }
        let group = &mut self.groups[id];
        group.drop_name |= row.drop_name;
        group.columns.push(row.column.floats);
        Ok(())
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let param = scalar(cx.scalars, self.plan.param)?;
        self.warn(param, cx);
        let mut values = Vec::new();
        for (id, group) in std::mem::take(&mut self.groups).into_iter().enumerate() {
            let mut column = ColumnBuilder::new(self.steps);
            for step in 0..self.steps {
                values.clear();
                values.extend(group.columns.iter().filter_map(|column| column.get(step)));
                if !values.is_empty() {
                    column.set(step, quantile(param.value(step), &mut values));
                }
            }
            cx.out.push(Row::new(self.names.get(id).clone(), group.drop_name, column.build()));
        }
        Ok(())
    }
}
