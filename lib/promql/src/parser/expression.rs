//! Operands, operators between them, and calls.
//!
//! What recurses here does little else, and leaves the making of nodes to functions of their own (`…_of`): the stack has
//! to hold [`MAX_DEPTH`](crate::MAX_DEPTH) levels, in builds without optimisation as well.

use crate::ast::{Binary, BinaryOp, Call, Expr, ExprKind, Matching, Span, UnaryOp};
use crate::error::Fault;
use crate::functions::function;
use crate::lexer::{Keyword, Token, TokenKind};
use crate::print::quote;

use super::Parser;

/// The precedence of a sign is that of `*`: only `^` binds its operand more tightly.
pub(super) const UNDER_SIGN: u8 = 6;

impl BinaryOp {
    /// How tightly it binds, from 1.
    fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Eql
            | Self::Neq
            | Self::Lte
            | Self::Lss
            | Self::Gte
            | Self::Gtr
            | Self::TrimUpper
            | Self::TrimLower => 3,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Mod | Self::Atan2 => 5,
            Self::Pow => 6,
        }
    }

    /// The least precedence of an operator that belongs to its right side.
    pub(super) fn right_precedence(self) -> u8 {
        if self == Self::Pow { self.precedence() } else { self.precedence() + 1 }
    }

    /// The same of an operator on durations; `None` if it is none.
    pub(super) fn duration_precedence(self) -> Option<u8> {
        matches!(self, Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Mod | Self::Pow).then(|| self.precedence())
    }
}

/// The sign that an operator is in front of an operand.
pub(super) fn sign(kind: TokenKind) -> Option<UnaryOp> {
    match kind {
        TokenKind::Operator(BinaryOp::Add) => Some(UnaryOp::Plus),
        TokenKind::Operator(BinaryOp::Sub) => Some(UnaryOp::Minus),
        _ => None,
    }
}

impl<'a> Parser<'a> {
    /// An expression of operators that bind at least as tightly as `precedence`.
    pub(super) fn expr(&mut self, precedence: u8) -> Result<Box<Expr>, Fault> {
        self.descend()?;
        let mut expr = self.operand()?;
        loop {
            match self.peek()?.kind {
                TokenKind::Operator(op) if op.precedence() >= precedence => expr = self.binary(op, expr)?,
                TokenKind::LeftBracket
                | TokenKind::At
                | TokenKind::Keyword(Keyword::Offset | Keyword::Anchored | Keyword::Smoothed) => {
                    expr = self.time_modifier(expr)?;
                }
                _ => break,
            }
        }
        self.depth -= 1;
        Ok(expr)
    }

    #[expect(clippy::boxed_local, reason = "unboxed it would lie in the frame of every level of the recursion")]
    fn binary(&mut self, op: BinaryOp, lhs: Box<Expr>) -> Result<Box<Expr>, Fault> {
        self.take()?;
        let modifiers = self.matching()?;
        let rhs = self.expr(op.right_precedence())?;
        self.binary_of(op, modifiers, *lhs, *rhs)
    }

    fn binary_of(
        &self,
        op: BinaryOp,
        (return_bool, matching): (bool, Box<Matching>),
        lhs: Expr,
        rhs: Expr,
    ) -> Result<Box<Expr>, Fault> {
        let span = Span { start: lhs.span.start, end: rhs.span.end };
        if !self.options.fill_modifiers && (matching.fill_left.is_some() || matching.fill_right.is_some()) {
            return Err(self.fault(span, "binop fill modifiers are experimental and not enabled"));
        }
        let binary = Binary { op, lhs, rhs, matching: Some(*matching), return_bool };
        Ok(node(span, ExprKind::Binary(Box::new(binary))))
    }

    fn operand(&mut self) -> Result<Box<Expr>, Fault> {
        let kind = self.peek()?.kind;
        self.count_term()?;
        match kind {
            TokenKind::Number | TokenKind::Duration | TokenKind::String => self.literal(),
            TokenKind::LeftParen => self.paren(),
            TokenKind::LeftBrace => self.bare_selector(),
            TokenKind::Operator(BinaryOp::Add) => self.signed(UnaryOp::Plus),
            TokenKind::Operator(BinaryOp::Sub) => self.signed(UnaryOp::Minus),
            kind if kind.is_metric() => self.named(),
            _ => Err(self.unexpected()),
        }
    }

    fn literal(&mut self) -> Result<Box<Expr>, Fault> {
        let token = self.peek()?;
        if token.kind == TokenKind::String {
            self.take()?;
            return Ok(node(token.span(), ExprKind::String(self.unquote(token)?)));
        }
        let (span, number) = self.number()?;
        Ok(node(span, ExprKind::Number(number)))
    }

    fn paren(&mut self) -> Result<Box<Expr>, Fault> {
        let start = self.take()?.start;
        let inner = self.expr(0)?;
        let end = self.expect(TokenKind::RightParen)?.end();
        Ok(node(Span { start, end }, ExprKind::Paren(inner)))
    }

    /// A sign belongs to a number, and is an operator in front of anything else.
    fn signed(&mut self, op: UnaryOp) -> Result<Box<Expr>, Fault> {
        let start = self.take()?.start;
        let mut inner = self.expr(UNDER_SIGN)?;
        if let ExprKind::Number(number) = &mut inner.kind {
            if op == UnaryOp::Minus {
                number.value = -number.value;
            }
            inner.span.start = start;
            return Ok(inner);
        }
        let span = Span { start, end: inner.span.end };
        Ok(node(span, ExprKind::Unary(op, inner)))
    }

    /// What starts with a name: an aggregation, a call, or a selector.
    fn named(&mut self) -> Result<Box<Expr>, Fault> {
        let name = self.take()?;
        if name.kind == TokenKind::MetricIdentifier {
            return self.named_selector(name);
        }
        let next = self.peek()?.kind;
        match name.kind {
            TokenKind::Aggregate(op)
                if matches!(next, TokenKind::LeftParen | TokenKind::Keyword(Keyword::By | Keyword::Without)) =>
            {
                self.aggregate(op, name.start)
            }
            TokenKind::Identifier
            | TokenKind::Keyword(
                Keyword::Start | Keyword::End | Keyword::Step | Keyword::Range | Keyword::MinOf | Keyword::MaxOf,
            ) if next == TokenKind::LeftParen => self.call(name),
            _ => self.named_selector(name),
        }
    }

    fn call(&mut self, name: Token<'a>) -> Result<Box<Expr>, Fault> {
        let args = self.args()?;
        self.call_of(name, args)
    }

    fn call_of(&self, name: Token<'a>, args: Vec<Expr>) -> Result<Box<Expr>, Fault> {
        let Some(function) = function(name.text) else {
            let message = format!("unknown function with name {}", quote(name.text.as_bytes()));
            return Err(self.fault(name.span(), message));
        };
        if function.experimental && !self.options.experimental_functions {
            return Err(self.fault(name.span(), format!("function \"{}\" is not enabled", function.name)));
        }
        let span = Span { start: name.start, end: self.last_closing };
        Ok(node(span, ExprKind::Call(Call { name: name.text.to_owned(), args })))
    }

    /// Arguments in parentheses, the opening one of which is next if it is there.
    pub(super) fn args(&mut self) -> Result<Vec<Expr>, Fault> {
        let mut args = Vec::new();
        self.expect(TokenKind::LeftParen)?;
        if self.accept(TokenKind::RightParen)? {
            return Ok(args);
        }
        loop {
            args.push(*self.expr(0)?);
            let next = self.peek()?;
            if next.kind != TokenKind::Comma {
                break;
            }
            self.take()?;
            if !self.peek()?.kind.starts_expr() {
                return Err(self.fault(next.span(), "trailing commas not allowed in function call args"));
            }
        }
        self.expect(TokenKind::RightParen)?;
        Ok(args)
    }
}

pub(super) fn node(span: Span, kind: ExprKind) -> Box<Expr> {
    Box::new(Expr { span, kind })
}
