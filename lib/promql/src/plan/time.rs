//! Times of a plan: offsets, `@`, durations, the grids of subqueries.

use crate::ast::{At, BinaryOp, Duration, DurationExpr, DurationExprKind, Expr, ExprKind, Span, TimeShift, UnaryOp};
use crate::binary::between_scalars;
use crate::chain::{go_max, go_min};
use crate::{Grid, QueryError};

/// How a selector's time differs from the step it is evaluated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shift {
    /// So many milliseconds back.
    Back(i64),
    /// A moment that does not depend on the step, in milliseconds.
    Fixed(i64),
}

impl Shift {
    /// The time that is looked at for the step at `time_ms`.
    pub(crate) fn apply(self, time_ms: i64) -> i64 {
        match self {
            Self::Back(offset_ms) => time_ms.saturating_sub(offset_ms),
            Self::Fixed(at_ms) => at_ms,
        }
    }

    /// Whether every step looks at the same time.
    pub(crate) fn is_fixed(self) -> bool {
        matches!(self, Self::Fixed(_))
    }
}

/// The times of the whole query, which `@` and durations refer to wherever they stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueryTimes {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// 0 for an instant query.
    pub(super) step_ms: i64,
}

impl QueryTimes {
    /// Works out all durations of `root`, from the outside in. The first that cannot be had is the fault that Prometheus
    /// names, whatever else may be wrong.
    pub(super) fn check(&self, root: &Expr) -> Result<(), QueryError> {
        let mut open = vec![root];
        while let Some(expr) = open.pop() {
            match &expr.kind {
                ExprKind::Vector(selector) => drop(self.shift(&selector.time)?),
                ExprKind::Matrix(matrix) => {
                    self.range_ms(&matrix.range)?;
                    self.shift(&matrix.selector.time)?;
                }
                ExprKind::Subquery(subquery) => {
                    self.shift(&subquery.time)?;
                    subquery.step.as_ref().map(|step| self.range_ms(step)).transpose()?;
                    self.range_ms(&subquery.range)?;
                }
                _ => {}
            }
            open.extend(expr.children().rev());
        }
        Ok(())
    }

    /// What `offset` and `@` make of a selector.
    pub(super) fn shift(&self, time: &TimeShift) -> Result<Shift, QueryError> {
        let offset_ms = time.offset.as_ref().map_or(Ok(0), |offset| self.offset_ms(offset))?;
        let at_ms = match time.at {
            None => return Ok(Shift::Back(offset_ms)),
            Some(At::Timestamp(at_ms)) => at_ms,
            Some(At::Start) => self.start_ms,
            Some(At::End) => self.end_ms,
        };
        Ok(Shift::Fixed(at_ms.saturating_sub(offset_ms)))
    }

    fn offset_ms(&self, offset: &Duration) -> Result<i64, QueryError> {
        self.duration_ms(offset, true)
    }

    /// A range or a step.
    pub(super) fn range_ms(&self, range: &Duration) -> Result<i64, QueryError> {
        self.duration_ms(range, false)
    }

    /// The seconds of a range.
    pub(super) fn range_seconds(&self, range: &Duration) -> Result<f64, QueryError> {
        let nanos = match range {
            Duration::Nanos(nanos) => *nanos,
            Duration::Expr(_) => self.range_ms(range)?.saturating_mul(MILLISECOND),
        };
        Ok(go_seconds(nanos))
    }

    fn duration_ms(&self, duration: &Duration, may_be_negative: bool) -> Result<i64, QueryError> {
        let expr = match duration {
            Duration::Nanos(nanos) => return Ok(Duration::millis_of(*nanos)),
            Duration::Expr(expr) => expr,
        };
        let seconds = self.seconds(expr)?;
        // The longest duration that Go has.
        const LONGEST: f64 = 9_223_372_036.854_776;
        if !seconds.is_finite() {
            return Err(refuse(expr.span, "duration is NaN or infinite"));
        }
        if seconds <= 0.0 && !may_be_negative {
            return Err(refuse(expr.span, "duration must be greater than 0"));
        }
        if seconds.abs() > LONGEST {
            return Err(refuse(expr.span, "duration is out of range"));
        }
        Ok((seconds * 1000.0) as i64)
    }

    pub(super) fn seconds_of_step(&self) -> f64 {
        go_seconds(self.step_ms.saturating_mul(MILLISECOND))
    }

    /// From the first step to the end, in seconds.
    pub(super) fn seconds_of_range(&self) -> f64 {
        go_seconds(self.end_ms.saturating_sub(self.start_ms).saturating_mul(MILLISECOND))
    }

    fn seconds(&self, expr: &DurationExpr) -> Result<f64, QueryError> {
        Ok(match &expr.kind {
            DurationExprKind::Number(number) => number.value,
            DurationExprKind::Step => self.seconds_of_step(),
            DurationExprKind::Range => self.seconds_of_range(),
            DurationExprKind::Unary(UnaryOp::Plus, inner) | DurationExprKind::Paren(inner) => self.seconds(inner)?,
            DurationExprKind::Unary(UnaryOp::Minus, inner) => -self.seconds(inner)?,
            DurationExprKind::Binary(op, lhs, rhs) => {
                let (lhs, rhs) = (self.seconds(lhs)?, self.seconds(rhs)?);
                match op {
                    BinaryOp::Div if rhs == 0.0 => return Err(refuse(expr.span, "division by zero")),
                    BinaryOp::Mod if rhs == 0.0 => return Err(refuse(expr.span, "modulo by zero")),
                    _ => between_scalars(*op, lhs, rhs),
                }
            }
            DurationExprKind::MinOf(a, b) => go_min(self.seconds(a)?, self.seconds(b)?),
            DurationExprKind::MaxOf(a, b) => go_max(self.seconds(a)?, self.seconds(b)?),
        })
    }
}

/// A millisecond in nanoseconds.
const MILLISECOND: i64 = 1_000_000;

/// What Go's `Duration.Seconds` makes of nanoseconds: the whole seconds and the rest, each rounded.
fn go_seconds(nanos: i64) -> f64 {
    const SECOND: i64 = 1_000_000_000;
    (nanos / SECOND) as f64 + (nanos % SECOND) as f64 / 1e9
}

/// Such faults are given with byte offsets and not with line and column.
fn refuse(span: Span, text: &str) -> QueryError {
    QueryError::Invalid(format!("{}:{}: {text}", span.start, span.end))
}

/// The steps a subquery is evaluated at: multiples of its step within the windows of the steps of `outer`.
pub(super) fn subquery_grid(outer: &Grid, shift: Shift, range_ms: i64, step_ms: i64) -> Grid {
    let first = shift.apply(outer.start_ms()).saturating_sub(range_ms);
    // Rounded towards zero, and then forward until behind the start of the first window.
    let mut start_ms = first / step_ms * step_ms;
    if start_ms <= first {
        start_ms += step_ms;
    }
    Grid::range(start_ms, shift.apply(outer.last_ms()), step_ms)
}
