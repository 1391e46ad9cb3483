//! Operands, operators between them, and calls.

use crate::ast::{Binary, BinaryOp, Call, Expr, ExprKind, Span, UnaryOp};
use crate::error::ParseError;
use crate::functions::function;
use crate::lexer::{Keyword, Token, TokenKind};
use crate::print::quote;

use super::Parser;

/// The precedence of a sign is that of `*`: only `^` binds its operand more tightly.
const UNDER_SIGN: u8 = 6;

impl BinaryOp {
    /// How tightly it binds, from 1.
    fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Eql | Self::Neq | Self::Lte | Self::Lss | Self::Gte | Self::Gtr => 3,
            Self::TrimUpper | Self::TrimLower => 3,
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
    pub(super) fn expr(&mut self, precedence: u8) -> Result<Expr, ParseError> {
        let mut expr = self.operand()?;
        loop {
            match self.peek()?.kind {
                TokenKind::Operator(op) if op.precedence() >= precedence => expr = self.binary(op, expr)?,
                TokenKind::LeftBracket
                | TokenKind::At
                | TokenKind::Keyword(Keyword::Offset | Keyword::Anchored | Keyword::Smoothed) => {
                    expr = self.time_modifier(expr)?;
                }
                _ => return Ok(expr),
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, lhs: Expr) -> Result<Expr, ParseError> {
        self.take()?;
        let (return_bool, matching) = self.matching()?;
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        let rhs = self.nested(|parser| parser.expr(op.right_precedence()))?;
        let span = Span { start: lhs.span.start, end: rhs.span.end };
        if fills && !self.options.fill_modifiers {
            return Err(self.fault(span, "binop fill modifiers are experimental and not enabled"));
        }
        let binary = Binary { op, lhs, rhs, matching: Some(matching), return_bool };
        Ok(Expr { span, kind: ExprKind::Binary(Box::new(binary)) })
    }

    fn operand(&mut self) -> Result<Expr, ParseError> {
        let token = self.peek()?;
        self.count_term()?;
        if let Some(op) = sign(token.kind) {
            return self.signed(op);
        }
        match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let (span, number) = self.number()?;
                Ok(Expr { span, kind: ExprKind::Number(number) })
            }
            TokenKind::String => {
                self.take()?;
                Ok(Expr { span: token.span(), kind: ExprKind::String(self.unquote(token)?) })
            }
            TokenKind::LeftParen => {
                self.take()?;
                let inner = self.nested(|parser| parser.expr(0))?;
                let close = self.expect(TokenKind::RightParen)?;
                let span = Span { start: token.start, end: close.end() };
                Ok(Expr { span, kind: ExprKind::Paren(Box::new(inner)) })
            }
            TokenKind::LeftBrace => self.bare_selector(),
            kind if kind.is_metric() => self.named(),
            _ => Err(self.unexpected()),
        }
    }

    /// A sign belongs to a number, and is an operator in front of anything else.
    fn signed(&mut self, op: UnaryOp) -> Result<Expr, ParseError> {
        let start = self.take()?.start;
        let mut inner = self.nested(|parser| parser.expr(UNDER_SIGN))?;
        if let ExprKind::Number(number) = &mut inner.kind {
            if op == UnaryOp::Minus {
                number.value = -number.value;
            }
            inner.span.start = start;
            return Ok(inner);
        }
        let span = Span { start, end: inner.span.end };
        Ok(Expr { span, kind: ExprKind::Unary(op, Box::new(inner)) })
    }

    /// What starts with a name: an aggregation, a call, or a selector.
    fn named(&mut self) -> Result<Expr, ParseError> {
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

    fn call(&mut self, name: Token<'a>) -> Result<Expr, ParseError> {
        let args = self.args()?;
        let Some(function) = function(name.text) else {
            let message = format!("unknown function with name {}", quote(name.text.as_bytes()));
            return Err(self.fault(name.span(), message));
        };
        if function.experimental && !self.options.experimental_functions {
            return Err(self.fault(name.span(), format!("function \"{}\" is not enabled", function.name)));
        }
        let span = Span { start: name.start, end: self.last_closing };
        Ok(Expr { span, kind: ExprKind::Call(Call { name: name.text.to_owned(), args }) })
    }

    /// Arguments in parentheses, the opening one of which is next if it is there.
    pub(super) fn args(&mut self) -> Result<Vec<Expr>, ParseError> {
        let mut args = Vec::new();
        self.expect(TokenKind::LeftParen)?;
        if self.accept(TokenKind::RightParen)? {
            return Ok(args);
        }
        loop {
            args.push(self.nested(|parser| parser.expr(0))?);
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
