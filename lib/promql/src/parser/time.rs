//! What stands behind a selector and moves it in time: ranges and subqueries in brackets, `offset`, `@`, `anchored` and
//! `smoothed`.

use crate::ast::{At, Boundary, Duration, DurationExpr, DurationExprKind, Expr, ExprKind, MatrixSelector, Span};
use crate::ast::{Subquery, TimeShift, UnaryOp};
use crate::error::Fault;
use crate::lexer::{Keyword, TokenKind};

use super::expression::{node, sign};
use super::literal::go_i64;
use super::{Context, Parser};

impl Parser<'_> {
    /// The modifier of `expr` that comes next.
    pub(super) fn time_modifier(&mut self, mut expr: Box<Expr>) -> Result<Box<Expr>, Fault> {
        let token = self.take()?;
        match token.kind {
            TokenKind::LeftBracket => return self.brackets(expr, token.start),
            TokenKind::At => self.at(&mut expr)?,
            TokenKind::Keyword(Keyword::Offset) => self.offset(&mut expr)?,
            TokenKind::Keyword(Keyword::Anchored) => self.boundary(&mut expr, Boundary::Anchored)?,
            _ => self.boundary(&mut expr, Boundary::Smoothed)?,
        }
        Ok(expr)
    }

    // === brackets ===

    fn brackets(&mut self, expr: Box<Expr>, start: usize) -> Result<Box<Expr>, Fault> {
        self.within(Context::Range, |parser| {
            let range = parser.positive_duration()?.unwrap_or(Duration::Nanos(0));
            parser.context = Context::RangeNext;
            if parser.accept(TokenKind::RightBracket)? {
                return parser.matrix(*expr, range, start);
            }
            parser.expect(TokenKind::Colon)?;
            parser.context = Context::Step;
            let mut step = None;
            if parser.peek()?.kind != TokenKind::RightBracket {
                step = parser.positive_duration()?;
                parser.context = Context::StepNext;
            }
            let end = parser.expect(TokenKind::RightBracket)?.end();
            parser.subqueries += 1;
            parser.check_depth(parser.subqueries)?;
            let span = Span { start: expr.span.start, end };
            let subquery = Subquery { expr: *expr, range, step, time: TimeShift::default() };
            Ok(node(span, ExprKind::Subquery(Box::new(subquery))))
        })
    }

    /// `[range]` behind `expr`, the bracket at `start`.
    fn matrix(&self, expr: Expr, range: Duration, start: usize) -> Result<Box<Expr>, Fault> {
        let brackets = Span { start, end: self.last_closing };
        let ExprKind::Vector(selector) = expr.kind else {
            return Err(self.fault(brackets, "ranges only allowed for vector selectors"));
        };
        if selector.time.offset.is_some() {
            return Err(self.fault(brackets, "no offset modifiers allowed before range"));
        }
        // `start()` and `end()` pass, as in Prometheus.
        if matches!(selector.time.at, Some(At::Timestamp(_))) {
            return Err(self.fault(brackets, "no @ modifiers allowed before range"));
        }
        let span = Span { start: expr.span.start, end: brackets.end };
        Ok(node(span, ExprKind::Matrix(MatrixSelector { selector, selector_span: expr.span, range })))
    }

    /// A duration that is not zero or less; `None` if it is so short that nothing is left of it.
    fn positive_duration(&mut self) -> Result<Option<Duration>, Fault> {
        let expr = self.duration_expr(0)?;
        if let DurationExprKind::Number(number) = &expr.kind
            && number.value <= 0.0
        {
            return Err(self.fault(expr.span, "duration must be greater than 0"));
        }
        Ok(settle(expr))
    }

    // === offset and @ ===

    fn offset(&mut self, expr: &mut Expr) -> Result<(), Fault> {
        let offset = self.within(Context::Offset, Self::offset_duration)?;
        let span = expr.span;
        let Some((time, end)) = time_shift(expr) else {
            return Err(self.fault(span, misplaced("offset")));
        };
        if time.offset.is_some() {
            return Err(self.fault(span, "offset may not be set multiple times"));
        }
        time.offset = settle(offset);
        *end = self.last_closing;
        Ok(())
    }

    fn at(&mut self, expr: &mut Expr) -> Result<(), Fault> {
        let span = expr.span;
        let at = self.within(Context::At, |parser| {
            let token = parser.peek()?;
            let at = match token.kind {
                TokenKind::Keyword(Keyword::Start) => At::Start,
                TokenKind::Keyword(Keyword::End) => At::End,
                _ => return parser.timestamp(span),
            };
            parser.take()?;
            parser.expect(TokenKind::LeftParen)?;
            parser.expect(TokenKind::RightParen)?;
            Ok(at)
        })?;
        let Some((time, end)) = time_shift(expr) else {
            return Err(self.fault(span, misplaced("@")));
        };
        if time.at.is_some() {
            return Err(self.fault(span, "@ <timestamp> may not be set multiple times"));
        }
        time.at = Some(at);
        *end = self.last_closing;
        Ok(())
    }

    /// Seconds, with or without a sign, behind the expression at `span`.
    fn timestamp(&mut self, span: Span) -> Result<At, Fault> {
        let sign = sign(self.peek()?.kind);
        if sign.is_some() {
            self.take()?;
        }
        if !matches!(self.peek()?.kind, TokenKind::Number | TokenKind::Duration) {
            return Err(self.unexpected());
        }
        let (_, number) = self.number()?;
        let seconds = if sign == Some(UnaryOp::Minus) { -number.value } else { number.value };
        if seconds.is_nan() || seconds.abs() >= 2f64.powi(63) {
            let text = match seconds {
                _ if seconds == f64::INFINITY => "+Inf".to_owned(),
                _ if seconds == f64::NEG_INFINITY => "-Inf".to_owned(),
                _ => format!("{seconds:.6}"),
            };
            return Err(self.fault(span, format!("timestamp out of bounds for @ modifier: {text}")));
        }
        Ok(At::Timestamp(go_i64((seconds * 1000.0).round())))
    }

    // === anchored and smoothed ===

    fn boundary(&self, expr: &mut Expr, boundary: Boundary) -> Result<(), Fault> {
        let name = match boundary {
            Boundary::Anchored => "anchored",
            Boundary::Smoothed => "smoothed",
        };
        if !self.options.extended_range_selectors {
            return Err(self.fault(expr.span, format!("{name} modifier is experimental and not enabled")));
        }
        let selector = match &mut expr.kind {
            ExprKind::Vector(selector) => selector,
            ExprKind::Matrix(matrix) => &mut matrix.selector,
            ExprKind::Subquery(_) => {
                return Err(self.fault(expr.span, format!("{name} modifier is not supported for subqueries")));
            }
            _ => return Err(self.fault(expr.span, format!("{name} modifier not implemented"))),
        };
        if selector.boundary.is_some_and(|other| other != boundary) {
            return Err(self.fault(expr.span, "anchored and smoothed modifiers cannot be used together"));
        }
        selector.boundary = Some(boundary);
        Ok(())
    }
}

/// Where the time of a selector is kept, and its end.
fn time_shift(expr: &mut Expr) -> Option<(&mut TimeShift, &mut usize)> {
    let time = match &mut expr.kind {
        ExprKind::Vector(selector) => &mut selector.time,
        ExprKind::Matrix(matrix) => &mut matrix.selector.time,
        ExprKind::Subquery(subquery) => &mut subquery.time,
        _ => return None,
    };
    Some((time, &mut expr.span.end))
}

fn misplaced(modifier: &str) -> String {
    let preceded = "must be preceded by an instant vector selector or range vector selector or a subquery";
    format!("{modifier} modifier {preceded}")
}

/// A number of seconds becomes milliseconds, arithmetic stays; `None` for zero. The number is in range.
fn settle(expr: Box<DurationExpr>) -> Option<Duration> {
    match expr.kind {
        DurationExprKind::Number(number) => match go_i64((number.value * 1e9).round()) {
            0 => None,
            nanos => Some(Duration::Nanos(nanos)),
        },
        _ => Some(Duration::Expr(expr)),
    }
}
