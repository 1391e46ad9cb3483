//! The functions of histograms that may be classic ones.

use super::build::{Builder, Rest, Tail};
use super::call::string;
use super::facts::without_parens;
use super::naming::Names;
use super::place::{Buckets, Place};
use crate::QueryError;
use crate::ast::{Call, Expr};
use crate::chain::{Conflict, Op};
use crate::histogram::{Asked, AskedQuantile, HistogramPlan};
use crate::stage::StagePlan;
use std::sync::Arc;

impl<'a> Builder<'a> {
    /// Plans such a call; what it gives back is left to plan.
    pub(super) fn histograms(
        &mut self,
        expr: &Expr,
        call: &'a Call,
        mut place: Place,
        mut tail: Tail,
    ) -> Result<Rest<'a>, QueryError> {
        let lacks = || QueryError::Internal(format!("{} lacks an argument", call.name));
        let (numbers, vector, label) = match (call.name.as_str(), call.args.as_slice()) {
            ("histogram_quantiles", [vector, label, quantiles @ ..]) => {
                (quantiles, vector, Some(string(label)?.to_vec()))
            }
            (_, [numbers @ .., vector]) => (numbers, vector, None),
            _ => return Err(lacks()),
        };
        place.buckets = Buckets::Needed;
        let mut asked = Vec::new();
        let mut level = place.level;
        for number in numbers.iter().map(without_parens) {
            let (quantile, needs) = self.scalar(number, &place)?;
            asked.push(AskedQuantile { quantile, blamed: number.span });
            level = level.max(needs);
        }
        place.level = level;
        let vector = without_parens(vector);
        // The series of a histogram are put together before names go: there is no order among them then.
        match label {
            // Names have gone by then. Whatever the label overwrites may have told series apart.
            Some(_) if !(self.plan.delayed_names && place.grid.is_instant()) => {
                let check = self.check(false, Conflict::AtStep);
                tail.before(check);
            }
            Some(_) => {}
            None => self.drop_names_of_groups(&mut tail, vector),
        }
        // 3.14 blames the first argument, whatever that is.
        let asked = match (call.name.as_str(), asked.as_slice()) {
            ("histogram_fraction", [lower, upper]) => Asked::Fraction { lower: lower.quantile, upper: upper.quantile },
            ("histogram_fraction", _) => return Err(lacks()),
            _ => Asked::Quantiles { quantiles: asked, label },
        };
        let plan = StagePlan::Histograms(HistogramPlan {
            asked,
            grid: Arc::clone(&place.grid),
            delayed_names: self.plan.delayed_names,
            node: expr.span,
            blamed: vector.span,
        });
        let stage = self.stage(plan, 1, tail);
        Ok((vector, place, Tail::to_stage(stage, 0)))
    }

    fn drop_names_of_groups(&mut self, tail: &mut Tail, operand: &Expr) {
        if self.plan.delayed_names {
            return;
        }
        if self.facts.get(operand).names != Names::Gone {
            let check = self.check(false, Conflict::AtStep);
            tail.before(check);
        }
        tail.before(Op::DropMetadata);
    }
}
