//! Durations and their arithmetic, in brackets and behind `offset`.

use crate::ast::{BinaryOp, DurationExpr, DurationExprKind, Span, UnaryOp};
use crate::error::Fault;
use crate::lexer::{Keyword, Token, TokenKind};

use super::Parser;
use super::expression::{UNDER_SIGN, sign};

/// Seconds that do not fit into nanoseconds of 64 bits.
const MAX_SECONDS: f64 = (1u64 << 63) as f64 / 1e9;

impl<'a> Parser<'a> {
    /// A duration behind `offset`: without parentheses only its first operand belongs to it, so that
    /// `x offset 5m + 1` is a sum. Behind parentheses, arithmetic goes on.
    pub(super) fn offset_duration(&mut self) -> Result<Box<DurationExpr>, Fault> {
        let token = self.peek()?;
        if let Some(op) = sign(token.kind) {
            self.take()?;
            return self.signed_offset(op, token);
        }
        match token.kind {
            TokenKind::LeftParen => self.duration_expr(0),
            _ => self.duration_operand(),
        }
    }

    fn signed_offset(&mut self, op: UnaryOp, op_token: Token<'a>) -> Result<Box<DurationExpr>, Fault> {
        let next = self.peek()?;
        match next.kind {
            TokenKind::Number | TokenKind::Duration => {
                let inner = self.duration_number()?;
                self.signed_duration(op, op_token, inner)
            }
            TokenKind::LeftParen => {
                self.take()?;
                let inner = self.duration_expr(0)?;
                self.expect(TokenKind::RightParen)?;
                self.signed_duration(op, op_token, in_parens(inner))
            }
            kind if sign(kind).is_some() => {
                let inner = self.duration_expr(UNDER_SIGN)?;
                let first = self.signed_duration(op, op_token, inner)?;
                self.duration_operators(first, 0)
            }
            _ => {
                let inner = self.duration_operand()?;
                let span = Span { start: op_token.start, end: inner.span.end };
                Ok(node(span, DurationExprKind::Unary(op, inner)))
            }
        }
    }

    /// A duration of operators that bind at least as tightly as `precedence`.
    pub(super) fn duration_expr(&mut self, precedence: u8) -> Result<Box<DurationExpr>, Fault> {
        self.descend()?;
        let first = self.duration_operand()?;
        let expr = self.duration_operators(first, precedence)?;
        self.depth -= 1;
        Ok(expr)
    }

    /// Operators behind `lhs` that bind at least as tightly as `precedence`.
    fn duration_operators(&mut self, mut lhs: Box<DurationExpr>, precedence: u8) -> Result<Box<DurationExpr>, Fault> {
        // Each makes the tree one deeper, on whichever side.
        let mut links = 0;
        loop {
            let token = self.peek()?;
            let TokenKind::Operator(op) = token.kind else { return Ok(lhs) };
            if op.duration_precedence().is_none_or(|found| found < precedence) {
                return Ok(lhs);
            }
            self.take()?;
            links += 1;
            self.check_depth(self.depth + links)?;
            let rhs = self.duration_expr(op.right_precedence())?;
            lhs = self.duration_binary(op, token, lhs, rhs)?;
        }
    }

    fn duration_binary(
        &self,
        op: BinaryOp,
        op_token: Token<'a>,
        lhs: Box<DurationExpr>,
        rhs: Box<DurationExpr>,
    ) -> Result<Box<DurationExpr>, Fault> {
        self.check_enabled(lhs.span)?;
        if let DurationExprKind::Number(number) = &rhs.kind
            && number.value == 0.0
        {
            match op {
                BinaryOp::Div => return Err(self.fault(op_token.span(), "division by zero")),
                BinaryOp::Mod => return Err(self.fault(op_token.span(), "modulo by zero")),
                _ => {}
            }
        }
        let span = Span { start: lhs.span.start, end: rhs.span.end };
        Ok(node(span, DurationExprKind::Binary(op, lhs, rhs)))
    }

    fn duration_operand(&mut self) -> Result<Box<DurationExpr>, Fault> {
        let token = self.peek()?;
        match token.kind {
            TokenKind::Number | TokenKind::Duration => self.duration_in_range(),
            TokenKind::LeftParen => self.duration_paren(),
            TokenKind::Keyword(Keyword::Step) => self.duration_word(DurationExprKind::Step),
            TokenKind::Keyword(Keyword::Range) => self.duration_word(DurationExprKind::Range),
            TokenKind::Keyword(Keyword::MinOf) => self.duration_choice(DurationExprKind::MinOf),
            TokenKind::Keyword(Keyword::MaxOf) => self.duration_choice(DurationExprKind::MaxOf),
            kind => {
                let Some(op) = sign(kind) else { return Err(self.unexpected()) };
                self.take()?;
                let inner = self.duration_expr(UNDER_SIGN)?;
                self.signed_duration(op, token, inner)
            }
        }
    }

    fn duration_paren(&mut self) -> Result<Box<DurationExpr>, Fault> {
        self.take()?;
        let inner = self.duration_expr(0)?;
        self.expect(TokenKind::RightParen)?;
        self.check_enabled(inner.span)?;
        Ok(in_parens(inner))
    }

    /// `step()` or `range()`
    fn duration_word(&mut self, kind: DurationExprKind) -> Result<Box<DurationExpr>, Fault> {
        let start = self.take()?.start;
        self.expect(TokenKind::LeftParen)?;
        let span = Span { start, end: self.expect(TokenKind::RightParen)?.end() };
        self.check_enabled(span)?;
        Ok(node(span, kind))
    }

    /// `min_of(…, …)` or `max_of(…, …)`
    fn duration_choice(
        &mut self,
        kind: fn(Box<DurationExpr>, Box<DurationExpr>) -> DurationExprKind,
    ) -> Result<Box<DurationExpr>, Fault> {
        self.take()?;
        self.expect(TokenKind::LeftParen)?;
        let left = self.duration_expr(0)?;
        self.expect(TokenKind::Comma)?;
        let right = self.duration_expr(0)?;
        self.expect(TokenKind::RightParen)?;
        let span = Span { start: left.span.start, end: right.span.end };
        self.check_enabled(span)?;
        Ok(node(span, kind(left, right)))
    }

    fn duration_in_range(&mut self) -> Result<Box<DurationExpr>, Fault> {
        let expr = self.duration_number()?;
        match &expr.kind {
            DurationExprKind::Number(number) if number.value.abs() > MAX_SECONDS => {
                Err(self.fault(expr.span, "duration out of range"))
            }
            _ => Ok(expr),
        }
    }

    fn duration_number(&mut self) -> Result<Box<DurationExpr>, Fault> {
        let (span, number) = self.number()?;
        Ok(node(span, DurationExprKind::Number(number)))
    }

    /// A sign becomes part of a number; plus is dropped in front of anything else.
    fn signed_duration(
        &self,
        op: UnaryOp,
        op_token: Token<'a>,
        mut inner: Box<DurationExpr>,
    ) -> Result<Box<DurationExpr>, Fault> {
        let start = op_token.start;
        if let DurationExprKind::Number(number) = &mut inner.kind {
            if op == UnaryOp::Minus {
                number.value = -number.value;
            }
            if number.value.abs() > MAX_SECONDS {
                return Err(self.fault(op_token.span(), "duration out of range"));
            }
            inner.span.start = start;
            return Ok(inner);
        }
        if op == UnaryOp::Plus {
            return Ok(inner);
        }
        let span = Span { start, end: inner.span.end };
        Ok(node(span, DurationExprKind::Unary(op, inner)))
    }

    fn check_enabled(&self, span: Span) -> Result<(), Fault> {
        if self.options.duration_expressions {
            return Ok(());
        }
        Err(self.fault(span, "experimental duration expression is not enabled"))
    }
}

fn node(span: Span, kind: DurationExprKind) -> Box<DurationExpr> {
    Box::new(DurationExpr { span, kind })
}

/// Parentheses are kept, once, around arithmetic only, and do not count for its span.
fn in_parens(inner: Box<DurationExpr>) -> Box<DurationExpr> {
    match inner.kind {
        DurationExprKind::Number(_) | DurationExprKind::Paren(_) => inner,
        _ => node(inner.span, DurationExprKind::Paren(inner)),
    }
}
