//! Numbers per step that are not series: what has type scalar.

use crate::Grid;
use crate::QueryError;
use crate::ast::BinaryOp;
use crate::binary::between_scalars;
use crate::chain::{Row, go_max, go_min, scalar, seconds};
use crate::column::FloatColumn;
use crate::plan::ScalarId;
use std::sync::Arc;

/// How a number per step comes about.
#[derive(Debug, Clone)]
pub(crate) enum Scalar {
    Constant {
        value: f64,
        grid: Arc<Grid>,
    },
    /// `time()`
    Time(Arc<Grid>),
    /// `scalar(…)`, by its number among those that are gathered from series.
    Gathered(usize),
    Negate(ScalarId),
    Binary {
        op: BinaryOp,
        lhs: ScalarId,
        rhs: ScalarId,
    },
    /// `min_of(…)`, `max_of(…)`
    Least(ScalarId, ScalarId),
    Greatest(ScalarId, ScalarId),
    /// What was computed once holds at each of so many steps.
    Repeat {
        of: ScalarId,
        steps: usize,
    },
}

/// Gathers `scalar(…)`: the value where one series has one, NaN elsewhere.
#[derive(Debug)]
pub(crate) struct Gather {
    values: Vec<f64>,
    counts: Vec<u8>,
}

impl Scalar {
    /// The numbers, if all that they are computed from is there.
    pub(crate) fn compute(
        &self,
        computed: &[Option<Arc<FloatColumn>>],
        gathered: &[Option<Arc<FloatColumn>>],
    ) -> Result<Option<Arc<FloatColumn>>, QueryError> {
        let known = |id: &ScalarId| computed.get(id.0).is_some_and(Option::is_some);
        let column = match self {
            Self::Constant { value, grid } => FloatColumn::constant(*value, grid.steps()),
            Self::Time(grid) => FloatColumn::full(grid.times_ms().map(seconds)),
            Self::Gathered(at) => return Ok(gathered.get(*at).cloned().flatten()),
            Self::Negate(of) if known(of) => {
                let mut column = scalar(computed, *of)?.clone();
                column.map(|value| -value);
                column
            }
            Self::Repeat { of, steps } if known(of) => scalar(computed, *of)?.repeated(*steps),
            Self::Binary { op, lhs, rhs } if known(lhs) && known(rhs) => {
                pairwise(scalar(computed, *lhs)?, scalar(computed, *rhs)?, |a, b| between_scalars(*op, a, b))
            }
            Self::Least(a, b) if known(a) && known(b) => pairwise(scalar(computed, *a)?, scalar(computed, *b)?, go_min),
            Self::Greatest(a, b) if known(a) && known(b) => {
                pairwise(scalar(computed, *a)?, scalar(computed, *b)?, go_max)
            }
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(column)))
    }
}

fn pairwise(a: &FloatColumn, b: &FloatColumn, f: impl Fn(f64, f64) -> f64) -> FloatColumn {
    let mut column = a.clone();
    column.combine(b, f);
    column
}

impl Gather {
    pub(crate) fn new(steps: usize) -> Self {
        Self { values: vec![f64::NAN; steps], counts: vec![0; steps] }
    }

    pub(crate) fn push(&mut self, row: &Row) {
        row.column.floats.for_each(|step, value| {
            let first = self.counts[step] == 0;
            self.counts[step] = self.counts[step].saturating_add(1);
            self.values[step] = if first { value } else { f64::NAN };
        });
    }

    pub(crate) fn finish(&mut self) -> FloatColumn {
        FloatColumn::full(std::mem::take(&mut self.values))
    }
}
