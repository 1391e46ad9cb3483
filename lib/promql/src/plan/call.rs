//! Function calls: what is planned for each, or which other file does.

use super::build::{Builder, Rest, Tail, bare_selector, unknown_function};
use super::facts::without_parens;
use super::naming::Names;
use super::place::Place;
use super::range_call::kernel;
use super::{Reading, Source};
use crate::QueryError;
use crate::ast::{Call, Expr, ExprKind};
use crate::chain::{Conflict, LabelJoin, LabelReplace, Op};
use crate::date::Date;
use crate::histogram;
use crate::maths;
use crate::number_column::Scalar;
use crate::series::SortPlan;
use crate::stage::StagePlan;
use std::sync::Arc;

impl<'a> Builder<'a> {
    /// Plans a call; what it gives back is left to plan.
    pub(super) fn call(
        &mut self,
        expr: &'a Expr,
        call: &'a Call,
        mut place: Place,
        mut tail: Tail,
    ) -> Result<Option<Rest<'a>>, QueryError> {
        place.func.clone_from(&call.name);
        if let Some(kernel) = kernel(&call.name) {
            return self.range_call(expr, call, kernel, place, tail);
        }
        if let Some(function) = maths::function(&call.name) {
            let arg = first_arg(call)?;
            self.drop_names(&mut tail, arg, Conflict::AtStep);
            tail.before(Op::Map(function));
            return Ok(Some((arg, place, tail)));
        }
        if let Some(function) = histogram::function(&call.name) {
            let arg = first_arg(call)?;
            if matches!(call.name.as_str(), "histogram_count" | "histogram_sum" | "histogram_avg") {
                place.buckets = place.buckets.spared();
            }
            self.drop_name_only(&mut tail, arg);
            tail.before(Op::MapHistogram(function));
            return Ok(Some((arg, place, tail)));
        }
        if let Some(part) = date_part(&call.name) {
            return self.date(call, part, place, tail);
        }
        match call.name.as_str() {
            "vector" => self.source(first_arg(call)?, &place, tail).map(|()| None),
            "absent" => {
                let tail = self.absent(bare_selector(&call.args), false, &place, tail);
                Ok(Some((first_arg(call)?, place, tail)))
            }
            "timestamp" => {
                let arg = first_arg(call)?;
                self.drop_names(&mut tail, arg, Conflict::AtStep);
                if let Some(selector) = bare_selector(&call.args) {
                    self.instant((selector, arg.span), Reading::Time, &place, tail)?;
                    return Ok(None);
                }
                tail.before(Op::StepTime(Arc::clone(&place.grid)));
                Ok(Some((arg, place, tail)))
            }
            "start_timestamp" => self.start_timestamp(call, place, tail).map(|()| None),
            "info" => self.info(call, place, tail).map(Some),
            "round" | "clamp" | "clamp_min" | "clamp_max" => self.clamp(call, place, tail).map(Some),
            "label_replace" | "label_join" => self.relabel(call, place, tail).map(Some),
            "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc" => {
                self.sort(expr, call, place, tail).map(Some)
            }
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                self.histograms(expr, call, place, tail).map(Some)
            }
            _ => Err(unknown_function(&call.name)),
        }
    }

    /// One series without labels.
    fn source(&mut self, arg: &'a Expr, place: &Place, tail: Tail) -> Result<(), QueryError> {
        let (scalar, level) = self.scalar(arg, place)?;
        self.plan.sources.push(Source { scalar, level, after: 0, chain: tail.chain() });
        Ok(())
    }

    fn date(
        &mut self,
        call: &'a Call,
        part: fn(Date) -> i64,
        place: Place,
        mut tail: Tail,
    ) -> Result<Option<Rest<'a>>, QueryError> {
        if let Some(arg) = call.args.first() {
            self.drop_names(&mut tail, arg, Conflict::AtStep);
            tail.before(Op::Date(part));
            return Ok(Some((arg, place, tail)));
        }
        tail.before(Op::Date(part));
        let scalar = self.add_scalar(Scalar::Time(Arc::clone(&place.grid)));
        self.plan.sources.push(Source { scalar, level: place.level, after: 0, chain: tail.chain() });
        Ok(None)
    }

    /// `round` and `clamp`, with numbers besides the vector.
    fn clamp(&mut self, call: &'a Call, mut place: Place, mut tail: Tail) -> Result<Rest<'a>, QueryError> {
        let vector = first_arg(call)?;
        let mut numbers = Vec::new();
        let mut level = place.level;
        for arg in call.args.iter().skip(1) {
            let (number, needs) = self.scalar(arg, &place)?;
            numbers.push(number);
            level = level.max(needs);
        }
        place.level = level;
        let op = match (call.name.as_str(), numbers.as_slice()) {
            ("round", to) => Op::Round(to.first().copied()),
            ("clamp", [min, max]) => Op::Clamp { min: Some(*min), max: Some(*max) },
            ("clamp_min", [min]) => Op::Clamp { min: Some(*min), max: None },
            ("clamp_max", [max]) => Op::Clamp { min: None, max: Some(*max) },
            _ => return Err(QueryError::Internal(format!("{} lacks an argument", call.name))),
        };
        self.drop_names(&mut tail, vector, Conflict::AtStep);
        tail.before(op);
        Ok((vector, place, tail))
    }

    fn relabel(&mut self, call: &'a Call, place: Place, mut tail: Tail) -> Result<Rest<'a>, QueryError> {
        let strings: Vec<&[u8]> = call.args.iter().skip(1).map(string).collect::<Result<_, _>>()?;
        let op = match (call.name.as_str(), strings.as_slice()) {
            ("label_replace", [to, template, from, pattern]) => {
                Op::LabelReplace(Arc::new(LabelReplace::new(to, template, from, pattern)?))
            }
            ("label_join", [to, separator, from @ ..]) => {
                let from = from.iter().map(|name| name.to_vec()).collect();
                Op::LabelJoin(Arc::new(LabelJoin::new(to, separator, from)?))
            }
            _ => return Err(QueryError::Internal(format!("{} lacks an argument", call.name))),
        };
        let check = self.check(false, Conflict::OfKind);
        tail.before(check);
        tail.before(op);
        Ok((first_arg(call)?, place, tail))
    }

    fn sort(&mut self, expr: &Expr, call: &'a Call, place: Place, mut tail: Tail) -> Result<Rest<'a>, QueryError> {
        let descending = call.name.ends_with("_desc");
        let plan = if call.name.starts_with("sort_by_label") {
            let names =
                call.args.iter().skip(1).map(|arg| string(arg).map(<[u8]>::to_vec)).collect::<Result<_, _>>()?;
            SortPlan::Labels { names, descending }
        } else {
            SortPlan::Value { descending }
        };
        let by_value = matches!(plan, SortPlan::Value { .. });
        if place.grid.is_instant() {
            let stage = self.stage(StagePlan::Sort(plan), 1, tail);
            tail = Tail::to_stage(stage, 0);
        } else {
            self.plan.warn_of_sort(expr.span);
        }
        if by_value {
            tail.before(Op::FloatsOnly);
        }
        Ok((first_arg(call)?, place, tail))
    }

    /// `start_timestamp`: of what is computed nobody knows when it began, and of samples only if that is asked for.
    fn start_timestamp(&mut self, call: &'a Call, place: Place, mut tail: Tail) -> Result<(), QueryError> {
        let arg = first_arg(call)?;
        self.drop_names(&mut tail, arg, Conflict::AtStep);
        let starts = self.params.use_start_timestamps;
        let selector = bare_selector(&call.args);
        if selector.is_none() || !starts {
            tail.before(Op::Nothing);
        }
        match selector {
            Some(selector) => {
                // Samples are looked at either way, and count as their times do.
                let reading = if starts { Reading::Start } else { Reading::Time };
                self.instant((selector, arg.span), reading, &place, tail)
            }
            None => self.vector(arg, place, tail),
        }
    }

    /// Takes names away from the series of `operand`, but neither types nor units.
    fn drop_name_only(&mut self, tail: &mut Tail, operand: &Expr) {
        let names = self.facts.get(operand).names;
        // Series of one name are told apart by what stays.
        if !self.plan.delayed_names && names == Names::Any {
            let check = self.check(false, Conflict::AtStep);
            tail.before(check);
        }
        if self.plan.delayed_names || names != Names::Gone {
            tail.before(Op::DropName);
        }
    }
}

pub(super) fn first_arg(call: &Call) -> Result<&Expr, QueryError> {
    call.args.first().ok_or_else(|| QueryError::Internal(format!("{} lacks an argument", call.name)))
}

pub(super) fn string(arg: &Expr) -> Result<&[u8], QueryError> {
    match &without_parens(arg).kind {
        ExprKind::String(text) => Ok(text),
        _ => Err(QueryError::Internal("a string was expected".to_owned())),
    }
}

fn date_part(name: &str) -> Option<fn(Date) -> i64> {
    Some(match name {
        "minute" => |date| date.minute,
        "hour" => |date| date.hour,
        "day_of_week" => Date::weekday,
        "day_of_month" => |date| date.day,
        "day_of_year" => Date::day_of_year,
        "days_in_month" => Date::days_in_month,
        "month" => |date| date.month,
        "year" => |date| date.year,
        _ => return None,
    })
}
