//! Where the series of the answer come to rest.

use super::{QueryError, QueryParams};
use crate::budget::Reservation;
use crate::chain::{Row, scalar};
use crate::column::FloatColumn;
use crate::evaluator::size_of_samples;
use crate::labelset::LabelScratch;
use crate::output::{Series, Value};
use crate::plan::{Plan, ResultPlan};
use crate::series::Merge;
use model::{Labels, SampleColumns};
use std::sync::Arc;

/// The series of the answer so far.
#[derive(Debug)]
pub(super) struct Answer {
    result: ResultPlan,
    rows: Vec<Row>,
    samples: Vec<(Labels, SampleColumns)>,
}

impl Answer {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { result: plan.result.clone(), rows: Vec::new(), samples: Vec::new() }
    }

    pub(super) fn add(&mut self, row: Row, held: &mut Reservation) -> Result<(), QueryError> {
        held.grow(row.size_bytes())?;
        self.rows.push(row);
        Ok(())
    }

    pub(super) fn add_samples(
        &mut self,
        samples: Vec<(Labels, SampleColumns)>,
        held: &mut Reservation,
    ) -> Result<(), QueryError> {
        held.grow(samples.iter().map(size_of_samples).sum())?;
        self.samples.extend(samples);
        Ok(())
    }

    /// # Errors
    /// Series that are alike once names are gone.
    pub(super) fn into_value(
        self,
        plan: &Plan,
        params: &QueryParams,
        scalars: &[Option<Arc<FloatColumn>>],
    ) -> Result<Value, QueryError> {
        let (time_ms, is_instant) = (params.start_ms, params.step_ms == 0);
        Ok(match self.result.clone() {
            ResultPlan::String(value) => Value::String { time_ms, value },
            ResultPlan::Scalar(id) => {
                let column = scalar(scalars, id)?;
                match column.get(0) {
                    Some(value) if is_instant => Value::Scalar { time_ms, value },
                    _ => {
                        let grid = Arc::new(crate::Grid::range(params.start_ms, params.end_ms, params.step_ms));
                        let labels = Labels::empty();
                        let series = Series { labels, column: column.clone().into() };
                        Value::Matrix { grid, series: if series.column.is_empty() { Vec::new() } else { vec![series] } }
                    }
                }
            }
            ResultPlan::Samples => {
                let mut series = self.samples;
                series.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Samples { series }
            }
            ResultPlan::Series { grid, as_vector, distinct } => {
                let mut series = self.into_series(plan.delayed_names, distinct)?;
                if as_vector {
                    return Ok(Value::Vector { time_ms, series });
                }
                if !series.is_sorted_by(|a, b| a.labels <= b.labels) {
                    series.sort_by(|a, b| a.labels.cmp(&b.labels));
                }
                Value::Matrix { grid, series }
            }
        })
    }

    fn into_series(self, delayed_names: bool, distinct: bool) -> Result<Vec<Series>, QueryError> {
        let mut rows = self.rows;
        if delayed_names {
            // Before names go: series of both sides of `or` may be alike, and whether the name of one goes is decided by which
            // came first in time.
            rows.sort_by_key(|row| row.column.present().iter().next());
            let mut merge = Merge::default();
            for row in rows {
                merge.add(row)?;
            }
            rows = merge.take();
        }
        let mut scratch = LabelScratch::default();
        for row in rows.iter_mut().filter(|row| delayed_names && row.drop_name) {
            scratch.start(row.labels.as_ref());
            if scratch.drop_metadata() {
                row.labels = scratch.labels().to_owned();
            }
        }
        if delayed_names || !distinct {
            let mut merge = Merge::default();
            for row in rows {
                merge.add(row)?;
            }
            rows = merge.take();
        }
        Ok(rows.into_iter().map(|row| Series { labels: row.labels, column: row.column }).collect())
    }
}
