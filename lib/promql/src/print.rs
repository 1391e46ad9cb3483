//! Expressions as text: what Prometheus' `String()` gives. Parsing the text gives the same expression again, but for a
//! number written as a duration with milliseconds, which may print as one millisecond less.

use std::fmt::{self, Display, Formatter};

use model::{METRIC_NAME, MatchOp, Matcher, PlainFloat, ShortFloat};

use crate::ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Boundary, Call, Cardinality, Duration, DurationExpr,
    DurationExprKind, Expr, ExprKind, Matching, MatrixSelector, Number, Subquery, TimeShift, UnaryOp, ValueType,
    VectorSelector,
};

mod float;
mod pretty;
mod quote;

pub use pretty::Pretty;

pub(crate) use float::DurationText;
pub(crate) use quote::{quote, quote_char, unicode_name};

impl Display for Expr {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(number) => number.fmt(out),
            ExprKind::String(value) => out.write_str(&quote(value)),
            ExprKind::Paren(inner) => write!(out, "({inner})"),
            ExprKind::Unary(op, inner) => write!(out, "{op}{inner}"),
            ExprKind::Binary(binary) => binary.fmt(out),
            ExprKind::Call(call) => call.fmt(out),
            ExprKind::Aggregate(aggregate) => aggregate.fmt(out),
            ExprKind::Vector(selector) => selector.fmt(out),
            ExprKind::Matrix(selector) => selector.fmt(out),
            ExprKind::Subquery(subquery) => subquery.fmt(out),
        }
    }
}

impl Display for Number {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.is_duration {
            let sign = if self.value < 0.0 { "-" } else { "" };
            // Cut to nanoseconds, then to milliseconds, as in Prometheus: `1s1ms` prints as `1s`, for 1.001 is a little less.
            let ms = (self.value.abs() * 1e9) as i64 / 1_000_000;
            return write!(out, "{sign}{}", DurationText(ms));
        }
        PlainFloat(self.value).fmt(out)
    }
}

impl Display for Binary {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let (chain, first) = self.chain();
        first.fmt(out)?;
        for binary in chain.into_iter().rev() {
            write!(out, " {}", binary.op)?;
            if binary.return_bool {
                out.write_str(" bool")?;
            }
            if let Some(matching) = &binary.matching {
                matching.fmt(out)?;
            }
            write!(out, " {}", binary.rhs)?;
        }
        Ok(())
    }
}

/// With a space in front; nothing where everything is matched one to one on all labels.
impl Display for Matching {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let group = match self.card {
            Cardinality::ManyToOne => Some("group_left"),
            Cardinality::OneToMany => Some("group_right"),
            Cardinality::OneToOne | Cardinality::ManyToMany => None,
        };
        if self.on || !self.labels.is_empty() || group.is_some() {
            out.write_str(if self.on { " on" } else { " ignoring" })?;
            write_labels(out, &self.labels)?;
        }
        if let Some(group) = group {
            write!(out, " {group}")?;
            write_labels(out, &self.include)?;
        }
        match (self.fill_left, self.fill_right) {
            (Some(left), Some(right)) if left == right => write!(out, " fill ({})", ShortFloat(left)),
            (left, right) => {
                if let Some(left) = left {
                    write!(out, " fill_left ({})", ShortFloat(left))?;
                }
                if let Some(right) = right {
                    write!(out, " fill_right ({})", ShortFloat(right))?;
                }
                Ok(())
            }
        }
    }
}

impl Display for Call {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}(", self.name)?;
        for (i, arg) in self.args.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(out, "{comma}{arg}")?;
        }
        out.write_str(")")
    }
}

impl Display for Aggregate {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write_aggregate_op(out, self)?;
        out.write_str("(")?;
        if let Some(param) = &self.param {
            write!(out, "{param}, ")?;
        }
        write!(out, "{})", self.expr)
    }
}

impl Display for VectorSelector {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write_series(out, self)?;
        write_at(out, self.time.at)?;
        write_boundary(out, self.boundary)?;
        write_offset(out, self.time.offset.as_ref())
    }
}

impl Display for MatrixSelector {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write_series(out, &self.selector)?;
        write!(out, "[{}]", self.range)?;
        write_boundary(out, self.selector.boundary)?;
        self.selector.time.fmt(out)
    }
}

impl Display for Subquery {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.expr.fmt(out)?;
        write_subquery_suffix(out, self)
    }
}

/// With a space in front of each.
impl Display for TimeShift {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write_at(out, self.at)?;
        write_offset(out, self.offset.as_ref())
    }
}

impl Display for Duration {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nanos(nanos) => DurationText(Self::millis_of(*nanos)).fmt(out),
            Self::Expr(expr) => expr.fmt(out),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DurationExprKind::Number(number) => number.fmt(out),
            DurationExprKind::Step => out.write_str("step()"),
            DurationExprKind::Range => out.write_str("range()"),
            DurationExprKind::Unary(UnaryOp::Plus, inner) => inner.fmt(out),
            DurationExprKind::Unary(UnaryOp::Minus, inner) => write!(out, "-{inner}"),
            DurationExprKind::Binary(op, lhs, rhs) => write!(out, "{lhs} {op} {rhs}"),
            DurationExprKind::MinOf(left, right) => write!(out, "min_of({left}, {right})"),
            DurationExprKind::MaxOf(left, right) => write!(out, "max_of({left}, {right})"),
            DurationExprKind::Paren(inner) => write!(out, "({inner})"),
        }
    }
}

impl Display for UnaryOp {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Plus => "+",
            Self::Minus => "-",
        })
    }
}

impl Display for BinaryOp {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

impl BinaryOp {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Unless => "unless",
            Self::Eql => "==",
            Self::Neq => "!=",
            Self::Lte => "<=",
            Self::Lss => "<",
            Self::Gte => ">=",
            Self::Gtr => ">",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Atan2 => "atan2",
            Self::Pow => "^",
        }
    }
}

impl Display for AggregateOp {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Min => "min",
            Self::Max => "max",
            Self::Group => "group",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::TopK => "topk",
            Self::BottomK => "bottomk",
            Self::CountValues => "count_values",
            Self::Quantile => "quantile",
            Self::LimitK => "limitk",
            Self::LimitRatio => "limit_ratio",
        })
    }
}

/// As the documentation of the language calls it.
impl Display for ValueType {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::String => "string",
        })
    }
}

// === parts ===

/// The operator and how it groups, with a space behind if it does.
fn write_aggregate_op(out: &mut Formatter<'_>, aggregate: &Aggregate) -> fmt::Result {
    aggregate.op.fmt(out)?;
    if aggregate.without || !aggregate.grouping.is_empty() {
        out.write_str(if aggregate.without { " without" } else { " by" })?;
        write_labels(out, &aggregate.grouping)?;
        out.write_str(" ")?;
    }
    Ok(())
}

/// `[range:step] offset … @ …`
fn write_subquery_suffix(out: &mut Formatter<'_>, subquery: &Subquery) -> fmt::Result {
    write!(out, "[{}:", subquery.range)?;
    if let Some(step) = &subquery.step {
        step.fmt(out)?;
    }
    write!(out, "]{}", subquery.time)
}

/// Name and matchers, these in order of their text.
fn write_series(out: &mut Formatter<'_>, selector: &VectorSelector) -> fmt::Result {
    let name = selector.name.as_deref().unwrap_or_default();
    let is_name = |matcher: &&Matcher| {
        matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal && matcher.value() == name && !name.is_empty()
    };
    out.write_str(&String::from_utf8_lossy(name))?;
    let mut matchers: Vec<String> =
        selector.matchers.iter().filter(|matcher| !is_name(matcher)).map(Matcher::to_string).collect();
    if matchers.is_empty() {
        return Ok(());
    }
    matchers.sort_unstable();
    write!(out, "{{{}}}", matchers.join(","))
}

fn write_at(out: &mut Formatter<'_>, at: Option<At>) -> fmt::Result {
    match at {
        None => Ok(()),
        Some(At::Timestamp(ms)) => write!(out, " @ {:.3}", ms as f64 / 1000.0),
        Some(At::Start) => out.write_str(" @ start()"),
        Some(At::End) => out.write_str(" @ end()"),
    }
}

fn write_boundary(out: &mut Formatter<'_>, boundary: Option<Boundary>) -> fmt::Result {
    out.write_str(match boundary {
        None => "",
        Some(Boundary::Anchored) => " anchored",
        Some(Boundary::Smoothed) => " smoothed",
    })
}

fn write_offset(out: &mut Formatter<'_>, offset: Option<&Duration>) -> fmt::Result {
    match offset {
        None => Ok(()),
        Some(Duration::Nanos(nanos)) if *nanos < 0 => {
            write!(out, " offset -{}", DurationText(Duration::millis_of(nanos.saturating_neg())))
        }
        Some(offset) => write!(out, " offset {offset}"),
    }
}

/// ` (a, b)`
fn write_labels(out: &mut Formatter<'_>, labels: &[Vec<u8>]) -> fmt::Result {
    out.write_str(" (")?;
    for (i, label) in labels.iter().enumerate() {
        if i > 0 {
            out.write_str(", ")?;
        }
        write_label(out, label)?;
    }
    out.write_str(")")
}

/// A label's name, in quotes unless it is an identifier.
fn write_label(out: &mut Formatter<'_>, label: &[u8]) -> fmt::Result {
    let is_identifier = label.iter().all(|byte| *byte == b'_' || byte.is_ascii_alphanumeric())
        && label.first().is_some_and(|byte| !byte.is_ascii_digit());
    match std::str::from_utf8(label) {
        Ok(text) if is_identifier => out.write_str(text),
        _ => out.write_str(&quote(label)),
    }
}

#[cfg(test)]
mod tests;
