//! Selectors of series: a name, matchers in braces, or both.

use model::{METRIC_NAME, MatchOp, Matcher};

use crate::ast::{BinaryOp, Expr, ExprKind, Span, TimeShift, VectorSelector};
use crate::error::Fault;
use crate::lexer::{Token, TokenKind};

use super::expression::node;
use super::{Context, Parser};

impl<'a> Parser<'a> {
    /// A selector behind its name.
    pub(super) fn named_selector(&mut self, name: Token<'a>) -> Result<Box<Expr>, Fault> {
        let mut span = name.span();
        let mut matchers = Vec::new();
        if self.peek()?.kind == TokenKind::LeftBrace {
            let (braces, inside) = self.matchers()?;
            span.end = braces.end;
            matchers = inside;
        }
        let name = name.text.as_bytes();
        matchers.push(self.matcher(span, MatchOp::Equal, METRIC_NAME.to_vec(), name)?);
        Ok(selector(span, Some(name.to_vec()), matchers))
    }

    /// A selector that starts with its braces.
    pub(super) fn bare_selector(&mut self) -> Result<Box<Expr>, Fault> {
        let (span, matchers) = self.matchers()?;
        Ok(selector(span, None, matchers))
    }

    /// `{a="b", "c"!="d", "name", …}`
    fn matchers(&mut self) -> Result<(Span, Vec<Matcher>), Fault> {
        self.within(Context::Matchers, |parser| {
            let start = parser.take()?.start;
            let mut matchers = Vec::new();
            loop {
                parser.context = Context::Matchers;
                let next = parser.peek()?;
                if parser.accept(TokenKind::RightBrace)? {
                    return Ok((Span { start, end: next.end() }, matchers));
                }
                matchers.push(parser.braced_matcher()?);
                parser.context = Context::MatchersNext;
                let next = parser.peek()?;
                if parser.accept(TokenKind::RightBrace)? {
                    return Ok((Span { start, end: next.end() }, matchers));
                }
                parser.expect(TokenKind::Comma)?;
            }
        })
    }

    fn braced_matcher(&mut self) -> Result<Matcher, Fault> {
        let label = self.peek()?;
        let name = match label.kind {
            TokenKind::Identifier => {
                self.take()?;
                self.context = Context::MatcherOp;
                label.text.as_bytes().to_vec()
            }
            TokenKind::String => {
                self.take()?;
                let name = self.unquote(label)?;
                if match_op(self.peek()?.kind).is_none() {
                    return self.matcher(label.span(), MatchOp::Equal, METRIC_NAME.to_vec(), &name);
                }
                name
            }
            _ => return Err(self.unexpected()),
        };
        let Some(op) = match_op(self.peek()?.kind) else { return Err(self.unexpected()) };
        self.take()?;
        self.context = Context::MatcherValue;
        let value = self.expect(TokenKind::String)?;
        let span = Span { start: label.start, end: value.end() };
        let value = self.unquote(value)?;
        self.matcher(span, op, name, &value)
    }

    fn matcher(&self, span: Span, op: MatchOp, name: Vec<u8>, value: &[u8]) -> Result<Matcher, Fault> {
        Matcher::new(op, name, value).map_err(|fault| self.fault(span, fault.to_string()))
    }
}

fn selector(span: Span, name: Option<Vec<u8>>, matchers: Vec<Matcher>) -> Box<Expr> {
    let selector = VectorSelector { name, matchers, time: TimeShift::default(), boundary: None };
    node(span, ExprKind::Vector(selector))
}

fn match_op(kind: TokenKind) -> Option<MatchOp> {
    match kind {
        TokenKind::Equal => Some(MatchOp::Equal),
        TokenKind::Operator(BinaryOp::Neq) => Some(MatchOp::NotEqual),
        TokenKind::EqualRegex => Some(MatchOp::Regex),
        TokenKind::NotEqualRegex => Some(MatchOp::NotRegex),
        _ => None,
    }
}
