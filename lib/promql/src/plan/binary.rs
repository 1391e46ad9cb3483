//! Operators between two expressions.

use super::build::{Builder, Rest, Tail};
use super::naming::is_set;
use super::place::{Buckets, Place};
use super::toggle::Toggled;
use crate::QueryError;
use crate::ast::{Binary, BinaryOp, Cardinality, Matching, Span};
use crate::binary::{JoinPlan, LEFT, RIGHT, ScalarOp, SetKind, SetPlan, keeps_names};
use crate::chain::{Conflict, Op};
use crate::labelset::NameSet;
use crate::stage::StagePlan;

impl<'a> Builder<'a> {
    /// Plans an operator; what it gives back is left to plan. What is planned before its left operand and is to be fetched after
    /// it goes to `late`.
    pub(super) fn binary(
        &mut self,
        (binary, node): (&'a Binary, Span),
        mut place: Place,
        mut tail: Tail,
        late: &mut Vec<(usize, usize)>,
    ) -> Result<Option<Rest<'a>>, QueryError> {
        place.func.clear();
        if matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower) {
            place.buckets = Buckets::Needed;
        }
        let Some(matching) = &binary.matching else {
            let scalar_left = self.facts.get(&binary.lhs).is_scalar;
            let (scalar, vector) = if scalar_left { (&binary.lhs, &binary.rhs) } else { (&binary.rhs, &binary.lhs) };
            let (scalar, level) = self.scalar(scalar, &place)?;
            place.level = level;
            if !keeps_names(binary.op) || binary.return_bool {
                self.drop_names(&mut tail, vector, Conflict::AtStep);
            }
            let (op, return_bool) = (binary.op, binary.return_bool);
            tail.before(Op::Scalar(ScalarOp { op, scalar, scalar_left, return_bool, node }));
            return Ok(Some((vector, place, tail)));
        };
        match self.toggled(binary, matching) {
            Some(Toggled::Empty) => {
                self.nothing(&place, tail);
                return Ok(None);
            }
            Some(Toggled::Left) => return Ok(Some((&binary.lhs, place, tail))),
            Some(Toggled::Right) => return Ok(Some((&binary.rhs, place, tail))),
            None => {}
        }
        let (plan, left_first) = self.pairing((binary, node), matching, &place);
        let stage = self.stage(plan, 2, tail);
        let start = self.uses.len();
        self.vector(&binary.rhs, place.clone(), Tail::to_stage(stage, RIGHT))?;
        if left_first {
            late.push((start, self.uses.len() - start));
        }
        Ok(Some((&binary.lhs, place, Tail::to_stage(stage, LEFT))))
    }

    /// How two vectors meet, and whether the left one is wanted first.
    fn pairing(&self, (binary, node): (&Binary, Span), matching: &Matching, place: &Place) -> (StagePlan, bool) {
        let names = &matching.labels;
        let by = if matching.on { NameSet::only(names) } else { NameSet::without(names) };
        if is_set(binary.op) {
            let kind = match binary.op {
                BinaryOp::And => SetKind::And,
                BinaryOp::Or => SetKind::Or,
                _ => SetKind::Unless,
            };
            return (StagePlan::Set(SetPlan { kind, matching: by }), kind == SetKind::Or);
        }
        let unique = matching.on && matching.card == Cardinality::OneToOne;
        let plan = JoinPlan {
            op: binary.op,
            return_bool: binary.return_bool,
            card: matching.card,
            matching: by,
            kept: if matching.on { NameSet::only(names) } else { NameSet::except(names) },
            include: matching.include.clone(),
            delayed_names: self.plan.delayed_names,
            check_labels: !(unique || self.plan.delayed_names && place.grid.is_instant()),
            steps: place.grid.steps(),
            node,
            // As in Prometheus, which swaps the sides but not their numbers.
            fill_many_side: matching.fill_left,
            fill_one_side: matching.fill_right,
        };
        (StagePlan::Join(plan), matching.card == Cardinality::OneToMany)
    }
}
