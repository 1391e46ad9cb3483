//! Durations and their arithmetic, in brackets and behind `offset`.

use crate::ast::{BinaryOp, DurationExpr, DurationExprKind, Span, UnaryOp};
use crate::error::ParseError;
use crate::lexer::{Keyword, Token, TokenKind};

use super::Parser;
use super::expression::sign;

/// Seconds that do not fit into nanoseconds of 64 bits.
const MAX_SECONDS: f64 = (1u64 << 63) as f64 / 1e9;

/// A sign binds as in expressions: only `^` is tighter.
const UNDER_SIGN: u8 = 6;

impl<'a> Parser<'a> {
    /// All of a duration in brackets.
    pub(super) fn duration(&mut self) -> Result<DurationExpr, ParseError> {
        self.duration_expr(0)
    }

    /// A duration behind `offset`: without parentheses only its first operand belongs to it, so that
    /// `x offset 5m + 1` is a sum. Behind parentheses, arithmetic goes on.
    pub(super) fn offset_duration(&mut self) -> Result<DurationExpr, ParseError> {
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

    fn signed_offset(&mut self, op: UnaryOp, op_token: Token<'a>) -> Result<DurationExpr, ParseError> {
        let next = self.peek()?;
        let start = op_token.start;
        if sign(next.kind).is_some() {
            let inner = self.nested(|parser| parser.duration_expr(UNDER_SIGN))?;
            let first = self.signed_duration(op, op_token, inner)?;
            return self.duration_operators(first, 0);
        }
        if next.kind == TokenKind::LeftParen {
            self.take()?;
            let inner = self.nested(|parser| parser.duration_expr(0))?;
            self.expect(TokenKind::RightParen)?;
            return self.signed_duration(op, op_token, in_parens(inner));
        }
        if matches!(next.kind, TokenKind::Number | TokenKind::Duration) {
            let inner = self.number_operand(false)?;
            return self.signed_duration(op, op_token, inner);
        }
        let inner = self.duration_operand()?;
        let span = Span { start, end: inner.span.end };
        Ok(DurationExpr { span, kind: DurationExprKind::Unary(op, Box::new(inner)) })
    }

    fn duration_expr(&mut self, precedence: u8) -> Result<DurationExpr, ParseError> {
        let first = self.duration_operand()?;
        self.duration_operators(first, precedence)
    }

    /// Operators behind `lhs` that bind at least as tightly as `precedence`.
    fn duration_operators(&mut self, mut lhs: DurationExpr, precedence: u8) -> Result<DurationExpr, ParseError> {
        // Each makes the tree one deeper, on whichever side.
        let mut links = 0;
        loop {
            let op_token = self.peek()?;
            let TokenKind::Operator(op) = op_token.kind else { return Ok(lhs) };
            if op.duration_precedence().is_none_or(|found| found < precedence) {
                return Ok(lhs);
            }
            self.take()?;
            links += 1;
            self.check_depth(self.depth + links)?;
            let rhs = self.nested(|parser| parser.duration_expr(op.right_precedence()))?;
            lhs = self.duration_binary(op, op_token, lhs, rhs)?;
        }
    }

    fn duration_binary(
        &mut self,
        op: BinaryOp,
        op_token: Token<'a>,
        lhs: DurationExpr,
        rhs: DurationExpr,
    ) -> Result<DurationExpr, ParseError> {
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
        Ok(DurationExpr { span, kind: DurationExprKind::Binary(op, Box::new(lhs), Box::new(rhs)) })
    }

    fn duration_operand(&mut self) -> Result<DurationExpr, ParseError> {
        let token = self.peek()?;
        if let Some(op) = sign(token.kind) {
            self.take()?;
            let inner = self.nested(|parser| parser.duration_expr(UNDER_SIGN))?;
            return self.signed_duration(op, token, inner);
        }
        match token.kind {
            TokenKind::Number | TokenKind::Duration => self.number_operand(true),
            TokenKind::LeftParen => {
                self.take()?;
                let inner = self.nested(|parser| parser.duration_expr(0))?;
                self.expect(TokenKind::RightParen)?;
                self.check_enabled(inner.span)?;
                Ok(in_parens(inner))
            }
            TokenKind::Keyword(keyword @ (Keyword::Step | Keyword::Range)) => {
                self.take()?;
                self.expect(TokenKind::LeftParen)?;
                let span = Span { start: token.start, end: self.expect(TokenKind::RightParen)?.end() };
                self.check_enabled(span)?;
                let kind = if keyword == Keyword::Step { DurationExprKind::Step } else { DurationExprKind::Range };
                Ok(DurationExpr { span, kind })
            }
            TokenKind::Keyword(keyword @ (Keyword::MinOf | Keyword::MaxOf)) => {
                self.take()?;
                self.choice(keyword)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// The arguments of `min_of` or `max_of`.
    fn choice(&mut self, keyword: Keyword) -> Result<DurationExpr, ParseError> {
        self.expect(TokenKind::LeftParen)?;
        let left = self.nested(|parser| parser.duration_expr(0))?;
        self.expect(TokenKind::Comma)?;
        let right = self.nested(|parser| parser.duration_expr(0))?;
        self.expect(TokenKind::RightParen)?;
        let span = Span { start: left.span.start, end: right.span.end };
        self.check_enabled(span)?;
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = match keyword {
            Keyword::MinOf => DurationExprKind::MinOf(left, right),
            _ => DurationExprKind::MaxOf(left, right),
        };
        Ok(DurationExpr { span, kind })
    }

    /// The number or duration that comes next; whether it is in range is checked here unless a sign is to be applied.
    fn number_operand(&mut self, check: bool) -> Result<DurationExpr, ParseError> {
        let (span, number) = self.number()?;
        if check && number.value.abs() > MAX_SECONDS {
            return Err(self.fault(span, "duration out of range"));
        }
        Ok(DurationExpr { span, kind: DurationExprKind::Number(number) })
    }

    /// A sign becomes part of a number; plus is dropped in front of anything else.
    fn signed_duration(
        &mut self,
        op: UnaryOp,
        op_token: Token<'a>,
        mut inner: DurationExpr,
    ) -> Result<DurationExpr, ParseError> {
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
        Ok(DurationExpr { span, kind: DurationExprKind::Unary(op, Box::new(inner)) })
    }

    fn check_enabled(&self, span: Span) -> Result<(), ParseError> {
        if self.options.duration_expressions {
            return Ok(());
        }
        Err(self.fault(span, "experimental duration expression is not enabled"))
    }
}

/// Parentheses are kept, once, around arithmetic only, and do not count for its span.
fn in_parens(inner: DurationExpr) -> DurationExpr {
    match inner.kind {
        DurationExprKind::Number(_) | DurationExprKind::Paren(_) => inner,
        _ => DurationExpr { span: inner.span, kind: DurationExprKind::Paren(Box::new(inner)) },
    }
}
