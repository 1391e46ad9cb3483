//! Functions and aggregations.

use super::build::{Buckets, Builder, Place, Tail, bare_selector, unknown_function};
use super::facts::{children, selector, without_parens};
use super::naming::Names;
use super::{Leaf, Reading, ScalarId, Shift, Source};
use crate::QueryError;
use crate::aggregate::{FoldKind, FoldPlan, QuantilePlan, RankedKind, RankedPlan};
use crate::ast::{
    Aggregate, AggregateOp, Boundary, Call, Expr, ExprKind, MatrixSelector, Span, TimeShift, VectorSelector,
};
use crate::binary::{LEFT, RIGHT};
use crate::chain::{Conflict, LabelJoin, LabelReplace, Op};
use crate::date::Date;
use crate::histogram::{self, Asked, AskedQuantile, HistogramPlan};
use crate::info::InfoPlan;
use crate::kernels::{Kernel, RangeCall};
use crate::labelset::NameSet;
use crate::maths;
use crate::number_column::Scalar;
use crate::series::SortPlan;
use crate::stage::StagePlan;
use model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};
use smallvec::SmallVec;
use std::sync::Arc;

/// What is left to plan: an operand, where it is, and what happens to its series.
type Rest<'a> = (&'a Expr, Place, Tail);

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
                let arg = first_arg(call)?;
                let labels = absent_labels(bare_selector(&call.args));
                let stage = self.stage(StagePlan::Absent { labels, grid: Arc::clone(&place.grid) }, 1, tail);
                Ok(Some((arg, place, Tail::to_stage(stage, 0))))
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

    fn range_call(
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
            let labels = match &window.kind {
                ExprKind::Matrix(matrix) => absent_labels(Some(&matrix.selector)),
                _ => Labels::empty(),
            };
            let stage = self.stage(StagePlan::Absent { labels, grid: Arc::clone(&place.grid) }, 1, tail);
            tail = Tail::to_stage(stage, 0);
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
                Ok(Some(self.subquery(&subquery.expr, inner_place, Op::Window { inner, call }, tail)))
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

    /// The functions of histograms that may be classic ones.
    fn histograms(
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

    /// `start_timestamp`: of what is computed nobody knows when it began, and of samples only if that is asked for.
    fn start_timestamp(&mut self, call: &'a Call, place: Place, mut tail: Tail) -> Result<(), QueryError> {
        let arg = first_arg(call)?;
        self.drop_names(&mut tail, arg, Conflict::AtStep);
        match bare_selector(&call.args) {
            Some(selector) if self.params.use_start_timestamps => {
                self.instant((selector, arg.span), Reading::Start, &place, tail)
            }
            _ => {
                tail.before(Op::Nothing);
                self.vector(arg, place, tail)
            }
        }
    }

    /// `info`: its second argument is no vector but says which info series are meant. They are looked at when the first
    /// selector of the first argument is.
    fn info(&mut self, call: &'a Call, place: Place, tail: Tail) -> Result<Rest<'a>, QueryError> {
        let base = first_arg(call)?;
        let matchers = call.args.get(1).and_then(selector).map_or(&[][..], |selector| &selector.matchers);
        let plan = InfoPlan::new(matchers, place.grid.steps());
        let wanted =
            VectorSelector { name: None, matchers: plan.matchers(), time: TimeShift::default(), boundary: None };
        let stage = self.stage(StagePlan::Info(plan), 2, tail);
        let shift = self.time_of(base)?;
        let (grid, lookback_ms) = (Arc::clone(&place.grid), self.params.lookback_ms);
        let leaf = Leaf::Instant { grid, shift, lookback_ms, reading: Reading::TimeOfFloat, counted: place.counted };
        self.add_use(&wanted, leaf, (shift, 0), &place, Tail::to_stage(stage, RIGHT))?;
        Ok((base, place, Tail::to_stage(stage, LEFT)))
    }

    /// How far the time at which the first selector in `expr` is looked at is from that of a step.
    fn time_of(&self, mut expr: &Expr) -> Result<Shift, QueryError> {
        let mut around = Vec::new();
        let selector = loop {
            expr = match &expr.kind {
                ExprKind::Vector(selector) => break Some(&selector.time),
                ExprKind::Matrix(matrix) => break Some(&matrix.selector.time),
                ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => inner,
                ExprKind::Binary(binary) if has_selector(&binary.lhs) => &binary.lhs,
                ExprKind::Binary(binary) => &binary.rhs,
                ExprKind::Aggregate(aggregate) => &aggregate.expr,
                ExprKind::Subquery(subquery) => {
                    around.push(&subquery.time);
                    &subquery.expr
                }
                ExprKind::Call(call) => match call.args.iter().find(|arg| has_selector(arg)) {
                    Some(arg) => arg,
                    None => break None,
                },
                ExprKind::Number(_) | ExprKind::String(_) => break None,
            }
        };
        let mut back_ms = 0;
        for time in selector.into_iter().chain(around.into_iter().rev()) {
            match self.times.shift(time)? {
                Shift::Back(ms) => back_ms += ms,
                Shift::Fixed(ms) => return Ok(Shift::Fixed(ms.saturating_sub(back_ms))),
            }
        }
        Ok(Shift::Back(back_ms))
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

/// Whether there is a selector in `expr`.
fn has_selector(expr: &Expr) -> bool {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        if matches!(expr.kind, ExprKind::Vector(_) | ExprKind::Matrix(_)) {
            return true;
        }
        open.extend(children(expr));
    }
    false
}

fn first_arg(call: &Call) -> Result<&Expr, QueryError> {
    call.args.first().ok_or_else(|| QueryError::Internal(format!("{} lacks an argument", call.name)))
}

fn string(arg: &Expr) -> Result<&[u8], QueryError> {
    match &without_parens(arg).kind {
        ExprKind::String(text) => Ok(text),
        _ => Err(QueryError::Internal("a string was expected".to_owned())),
    }
}

/// The labels of a series that is absent: those that its selector fixes. Of several matchers for one label the last one
/// decides whether it is there, and Prometheus' storage has moved those to the end that take series away.
fn absent_labels(selector: Option<&VectorSelector>) -> Labels {
    let mut labels = LabelsBuilder::default();
    let matchers = selector.map_or(&[][..], |selector| &selector.matchers);
    let takes_away = |matcher: &&Matcher| matcher.op().is_negative() && matcher.matches_empty();
    let mut seen: Vec<&[u8]> = Vec::new();
    let in_order = matchers.iter().filter(|matcher| !takes_away(matcher)).chain(matchers.iter().filter(takes_away));
    for matcher in in_order.filter(|matcher| matcher.name() != METRIC_NAME) {
        let name = matcher.name();
        if matcher.op() == MatchOp::Equal && !seen.contains(&name) {
            labels.set(name, matcher.value());
            seen.push(name);
        } else {
            labels.remove(name);
        }
    }
    labels.build().unwrap_or_else(|_| Labels::empty())
}

fn kernel(name: &str) -> Option<Kernel> {
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
