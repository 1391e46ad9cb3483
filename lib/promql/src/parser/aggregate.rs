//! Aggregations, and the lists of labels they share with vector matching.

use crate::ast::{Aggregate, AggregateOp, Expr, ExprKind, Span};
use crate::error::Fault;
use crate::lexer::{Keyword, TokenKind, is_space};
use crate::print::quote;

use super::expression::node;
use super::{Context, Parser};

/// `by (labels)` or `without (labels)`.
#[derive(Default)]
struct Grouping {
    without: bool,
    labels: Vec<Vec<u8>>,
}

impl AggregateOp {
    /// Whether it has a parameter in front of the vector.
    fn has_param(self) -> bool {
        matches!(
            self,
            Self::TopK | Self::BottomK | Self::CountValues | Self::Quantile | Self::LimitK | Self::LimitRatio
        )
    }

    fn is_experimental(self) -> bool {
        matches!(self, Self::LimitK | Self::LimitRatio)
    }
}

impl Parser<'_> {
    /// An aggregation behind its name, which starts at `start`.
    pub(super) fn aggregate(&mut self, op: AggregateOp, start: usize) -> Result<Box<Expr>, Fault> {
        let outer = std::mem::replace(&mut self.context, Context::Aggregation);
        let before = self.grouping()?;
        let args = self.args()?;
        let mut span = Span { start, end: self.last_closing };
        let mut grouping = before;
        if grouping.is_none() {
            grouping = self.grouping()?;
            span.end = if grouping.is_some() { self.last_closing } else { self.end_of_args(span.end) };
        }
        self.context = outer;
        self.aggregate_of(op, span, grouping.unwrap_or_default(), args)
    }

    fn aggregate_of(
        &self,
        op: AggregateOp,
        span: Span,
        grouping: Grouping,
        args: Vec<Expr>,
    ) -> Result<Box<Expr>, Fault> {
        if args.is_empty() {
            return Err(self.fault(span, "no arguments for aggregate expression provided"));
        }
        if op.is_experimental() && !self.options.experimental_functions {
            let flag = "--enable-feature=promql-experimental-functions";
            return Err(self.fault(span, format!("{op}() is experimental and must be enabled with {flag}")));
        }
        let (wanted, found) = (if op.has_param() { 2 } else { 1 }, args.len());
        let mut args = args.into_iter();
        let param = if op.has_param() { args.next() } else { None };
        match (args.next(), args.next()) {
            (Some(expr), None) => {
                let Grouping { without, labels: grouping } = grouping;
                let aggregate = Aggregate { op, expr, param, without, grouping };
                Ok(node(span, ExprKind::Aggregate(Box::new(aggregate))))
            }
            _ => {
                let message = "wrong number of arguments for aggregate expression provided";
                Err(self.fault(span, format!("{message}, expected {wanted}, got {found}")))
            }
        }
    }

    /// `by (…)` or `without (…)`, if it is next.
    fn grouping(&mut self) -> Result<Option<Grouping>, Fault> {
        let without = match self.peek()?.kind {
            TokenKind::Keyword(Keyword::By) => false,
            TokenKind::Keyword(Keyword::Without) => true,
            _ => return Ok(None),
        };
        self.take()?;
        Ok(Some(Grouping { without, labels: self.labels()? }))
    }

    /// The end of arguments that ended at `end`, when the next token was read already to see what follows. If that is a
    /// closing parenthesis with more than space in between (a comment), Prometheus errs, and so do we.
    fn end_of_args(&self, end: usize) -> usize {
        match &self.ahead {
            Some(next) if next.kind == TokenKind::RightParen => {
                let between = self.text.get(end..next.start).unwrap_or_default();
                if between.chars().all(is_space) { end } else { next.end() }
            }
            _ => end,
        }
    }

    /// `(a, "b", …)`
    pub(super) fn labels(&mut self) -> Result<Vec<Vec<u8>>, Fault> {
        self.within(Context::Labels, |parser| {
            let mut labels = Vec::new();
            parser.expect(TokenKind::LeftParen)?;
            loop {
                parser.context = Context::LabelsLabel;
                if parser.accept(TokenKind::RightParen)? {
                    return Ok(labels);
                }
                labels.push(parser.label()?);
                parser.context = Context::LabelsNext;
                if parser.accept(TokenKind::RightParen)? {
                    return Ok(labels);
                }
                parser.expect(TokenKind::Comma)?;
            }
        })
    }

    fn label(&mut self) -> Result<Vec<u8>, Fault> {
        let token = self.peek()?;
        if token.kind.is_label() {
            self.take()?;
            return Ok(token.text.as_bytes().to_vec());
        }
        if token.kind != TokenKind::String {
            return Err(self.unexpected());
        }
        self.take()?;
        let label = self.unquote(token)?;
        if label.is_empty() || std::str::from_utf8(&label).is_err() {
            let message = format!("invalid label name for grouping: {}", quote(&label));
            return Err(self.fault(token.span(), message));
        }
        Ok(label)
    }
}
