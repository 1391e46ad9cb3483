//! Aggregations.

use super::build::{Builder, Rest, Tail};
use super::call::string;
use super::facts::without_parens;
use super::place::Place;
use crate::QueryError;
use crate::aggregate::{FoldKind, FoldPlan, QuantilePlan, RankedKind, RankedPlan};
use crate::ast::{Aggregate, AggregateOp, Expr};
use crate::chain::Op;
use crate::labelset::NameSet;
use crate::stage::StagePlan;
use std::sync::Arc;

impl<'a> Builder<'a> {
    pub(super) fn aggregate(
        &mut self,
        expr: &'a Expr,
        aggregate: &'a Aggregate,
        mut place: Place,
        tail: Tail,
    ) -> Result<Rest<'a>, QueryError> {
        place.func = aggregate.op.to_string();
        let names = &aggregate.grouping;
        let group = if aggregate.without { NameSet::without(names) } else { NameSet::only(names) };
        let operand = without_parens(&aggregate.expr);
        let param = aggregate.param.as_ref().map(without_parens);
        let grid = Arc::clone(&place.grid);
        let (node, blamed) = (expr.span, operand.span);
        let fold = |kind| StagePlan::Fold(FoldPlan { kind, grid: Arc::clone(&grid), node, blamed });
        let (plan, by_group) = match aggregate.op {
            AggregateOp::Sum => (fold(FoldKind::Sum), true),
            AggregateOp::Avg => (fold(FoldKind::Avg), true),
            AggregateOp::Count => (fold(FoldKind::Count), true),
            AggregateOp::Min => (fold(FoldKind::Min), true),
            AggregateOp::Max => (fold(FoldKind::Max), true),
            AggregateOp::Group => (fold(FoldKind::Group), true),
            AggregateOp::Stddev => (fold(FoldKind::Stddev), true),
            AggregateOp::Stdvar => (fold(FoldKind::Stdvar), true),
            AggregateOp::CountValues => (count_values(aggregate, param, group.clone(), grid)?, false),
            op => {
                let param =
                    param.ok_or_else(|| QueryError::Internal("an aggregation lacks its parameter".to_owned()))?;
                let (number, level) = self.scalar(param, &place)?;
                place.level = level;
                match ranked(op) {
                    None => {
                        let blamed_param = param.span;
                        let plan = QuantilePlan { param: number, grid, node, blamed_param, blamed };
                        (StagePlan::Quantile(plan), true)
                    }
                    Some(kind) => {
                        let (group, blamed) = (group.clone(), param.span);
                        let plan = RankedPlan { kind, param: number, group, grid, node, blamed };
                        (StagePlan::Ranked(plan), false)
                    }
                }
            }
        };
        let stage = self.stage(plan, 1, tail);
        let mut tail = Tail::to_stage(stage, 0);
        if by_group {
            tail.before(Op::Group(Arc::new(group)));
        }
        Ok((operand, place, tail))
    }
}

fn count_values(
    aggregate: &Aggregate,
    param: Option<&Expr>,
    group: NameSet,
    grid: Arc<crate::Grid>,
) -> Result<StagePlan, QueryError> {
    let label = param.map_or(Ok(b"".as_slice()), string)?;
    if label.is_empty() || str::from_utf8(label).is_err() {
        let text = param.map(ToString::to_string).unwrap_or_default();
        return Err(QueryError::Execution(format!("invalid label name {text}")));
    }
    let group = if aggregate.without { group } else { group.also(label) };
    Ok(StagePlan::CountValues { label: label.to_vec(), group, grid })
}

fn ranked(op: AggregateOp) -> Option<RankedKind> {
    match op {
        AggregateOp::TopK => Some(RankedKind::Top),
        AggregateOp::BottomK => Some(RankedKind::Bottom),
        AggregateOp::LimitK => Some(RankedKind::Limit),
        AggregateOp::LimitRatio => Some(RankedKind::Ratio),
        _ => None,
    }
}
