//! Functions of windows, over selectors and subqueries.

use super::build::{Builder, Rest, Tail};
use super::facts::without_parens;
use super::place::Place;
use super::{Leaf, ScalarId};
use crate::QueryError;
use crate::ast::{Boundary, Call, Expr, ExprKind, MatrixSelector, Span};
use crate::chain::{Conflict, Op};
use crate::kernels::{Kernel, RangeCall};
use crate::stage::StagePlan;
use smallvec::SmallVec;
use std::sync::Arc;

impl<'a> Builder<'a> {
    pub(super) fn range_call(
        &mut self,
        expr: &'a Expr,
        call: &'a Call,
        kernel: Kernel,
        mut place: Place,
        mut tail: Tail,
    ) -> Result<Option<Rest<'a>>, QueryError> {
        let name = call.name.as_str();
        let is_window = |arg: &Expr| matches!(arg.kind, ExprKind::Matrix(_) | ExprKind::Subquery(_));
        let args: Vec<&'a Expr> = call.args.iter().map(without_parens).collect();
        let mut params: SmallVec<[ScalarId; 2]> = SmallVec::new();
        let mut level = place.level;
        for arg in args.iter().filter(|arg| !is_window(arg)) {
            let (param, needs) = self.scalar(arg, &place)?;
            params.push(param);
            level = level.max(needs);
        }
        place.level = level;
        let window = args.iter().find(|arg| is_window(arg)).copied();
        let window = window.ok_or_else(|| QueryError::Internal("a range vector was expected".to_owned()))?;
        if call.name == "absent_over_time" {
            let selector = match &window.kind {
                ExprKind::Matrix(matrix) => Some(&matrix.selector),
                _ => None,
            };
            tail = self.absent(selector, true, &place, tail);
        } else if !matches!(kernel, Kernel::First | Kernel::Last) {
            self.drop_names(&mut tail, window, Conflict::Anywhere);
        }
        // Of a subquery Prometheus has forgotten the place by then.
        let blamed = args.first().map_or(expr.span, |arg| match arg.kind {
            ExprKind::Subquery(_) => Span::default(),
            _ => arg.span,
        });
        let call = |(range_ms, range_seconds), shift, boundary| RangeCall {
            kernel,
            counted: place.counted,
            grid: Arc::clone(&place.grid),
            range_ms,
            range_seconds,
            shift,
            boundary,
            lookback_ms: self.params.lookback_ms,
            use_starts: self.params.use_start_timestamps && kernel.sees_starts(),
            typed: self.params.type_and_unit_labels,
            params: params.clone(),
            node: expr.span,
            blamed,
        };
        self.node = window.span;
        match &window.kind {
            ExprKind::Matrix(MatrixSelector { selector, range, .. }) => {
                check_boundary(name, selector.boundary)?;
                let (shift, range_ms) = (self.times.shift(&selector.time)?, self.times.range_ms(range)?);
                let seconds = self.times.range_seconds(range)?;
                let leaf = Leaf::Range(call((range_ms, seconds), shift, selector.boundary));
                self.add_use(selector, leaf, (shift, range_ms), &place, tail)?;
                Ok(None)
            }
            ExprKind::Subquery(subquery) => {
                let (inner_place, shift, range_ms) = self.inside(subquery, &place)?;
                let range = (range_ms, self.times.range_seconds(&subquery.range)?);
                let (call, inner) = (Arc::new(call(range, shift, None)), Arc::clone(&inner_place.grid));
                Ok(Some(self.subquery(&subquery.expr, inner_place, Op::Window { inner, call, times: 1 }, tail)))
            }
            _ => Err(QueryError::Internal("a range vector was expected".to_owned())),
        }
    }

    /// The series within a subquery are looked at through windows.
    fn subquery(&mut self, inner: &'a Expr, mut place: Place, window: Op, mut tail: Tail) -> Rest<'a> {
        tail.before(window);
        let facts = self.facts.get(inner);
        if !facts.distinct {
            let stage = self.stage(StagePlan::Merge, 1, tail);
            tail = Tail::to_stage(stage, 0);
        }
        // Whatever does not depend on the step is evaluated once here, worth it or not.
        if facts.same && !facts.apart {
            tail.before(Op::Repeat(place.grid.steps()));
            place.set_apart();
        }
        (inner, place, tail)
    }
}

pub(super) fn kernel(name: &str) -> Option<Kernel> {
    Some(match name {
        "rate" => Kernel::Rate,
        "increase" => Kernel::Increase,
        "delta" => Kernel::Delta,
        "irate" => Kernel::Irate,
        "idelta" => Kernel::Idelta,
        "resets" => Kernel::Resets,
        "changes" => Kernel::Changes,
        "deriv" => Kernel::Deriv,
        "predict_linear" => Kernel::PredictLinear,
        "double_exponential_smoothing" => Kernel::DoubleExponentialSmoothing,
        "sum_over_time" => Kernel::Sum,
        "avg_over_time" => Kernel::Avg,
        "min_over_time" => Kernel::Min,
        "max_over_time" => Kernel::Max,
        "count_over_time" => Kernel::Count,
        "present_over_time" | "absent_over_time" => Kernel::Present,
        "first_over_time" => Kernel::First,
        "last_over_time" => Kernel::Last,
        "stddev_over_time" => Kernel::Stddev,
        "stdvar_over_time" => Kernel::Stdvar,
        "quantile_over_time" => Kernel::Quantile,
        "mad_over_time" => Kernel::Mad,
        "ts_of_first_over_time" => Kernel::TsOfFirst,
        "ts_of_last_over_time" => Kernel::TsOfLast,
        "ts_of_min_over_time" => Kernel::TsOfMin,
        "ts_of_max_over_time" => Kernel::TsOfMax,
        _ => return None,
    })
}

/// Which extended ranges a function takes.
fn check_boundary(name: &str, boundary: Option<Boundary>) -> Result<(), QueryError> {
    let (modifier, functions): (_, &[&str]) = match boundary {
        None => return Ok(()),
        Some(Boundary::Anchored) => ("anchored", &["changes", "delta", "increase", "rate", "resets"]),
        Some(Boundary::Smoothed) => ("smoothed", &["delta", "increase", "rate"]),
    };
    if functions.contains(&name) {
        return Ok(());
    }
    let all = functions.join(", ");
    Err(QueryError::Execution(format!("{modifier} modifier can only be used with: {all} - not with {name}")))
}
