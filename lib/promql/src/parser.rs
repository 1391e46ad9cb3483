//! Text to expressions, by precedence climbing with one token of lookahead.
//!
//! Which fault of a text is reported, where, and in which words, is as in Prometheus 3.14. Its parser is generated from
//! a grammar, and two of its habits show: a token is read only when the grammar cannot go on without it, so a fault of
//! the token comes before or after one found in what precedes it; and an unexpected token is explained by the innermost
//! construct around it that has a rule for faults. So here, too, tokens are peeked at only where that one peeks, and
//! [`Context`] holds the innermost such construct.

use model::Matcher;

use crate::ast::{Expr, ExprKind, Span, VectorSelector};
use crate::check;
use crate::error::{Fault, ParseError, ParseErrorKind};
use crate::lexer::{Lexer, Token, TokenKind};
use crate::limits::{Limits, MAX_DEPTH};

mod aggregate;
mod duration;
mod expression;
mod literal;
mod matching;
mod selector;
mod time;

pub(crate) use literal::{parse_duration_ms, parse_number, unquote};

/// What a parser accepts. The default is what a Prometheus server accepts that was started without feature flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseOptions {
    /// Experimental functions and aggregations.
    pub experimental_functions: bool,
    /// Arithmetic on durations in brackets and offsets.
    pub duration_expressions: bool,
    /// `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// `fill`, `fill_left` and `fill_right`.
    pub fill_modifiers: bool,
    pub limits: Limits,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            experimental_functions: false,
            duration_expressions: true,
            extended_range_selectors: false,
            fill_modifiers: false,
            limits: Limits::default(),
        }
    }
}

/// Parses an expression and checks its types.
///
/// # Errors
/// The first fault of syntax or types, or a limit exceeded.
pub fn parse(text: &str, options: &ParseOptions) -> Result<Expr, ParseError> {
    let expr = Parser::new(text, options).and_then(Parser::whole_expr).map_err(|fault| *fault)?;
    Ok(*expr)
}

/// Parses a selector of series as in `match[]`: a name, matchers in braces, or both; the name's matcher comes last.
/// Matchers that all match the empty string pass; whoever selects series by them has to refuse that.
///
/// # Errors
/// The first fault of syntax, or a limit exceeded.
pub fn parse_selector(text: &str, options: &ParseOptions) -> Result<Vec<Matcher>, ParseError> {
    let selector = Parser::new(text, options).and_then(Parser::whole_selector).map_err(|fault| *fault)?;
    match selector.kind {
        ExprKind::Vector(VectorSelector { matchers, .. }) => Ok(matchers),
        _ => Ok(Vec::new()),
    }
}

/// The construct in which an unexpected token is reported, and what was expected there.
#[derive(Debug, Clone, Copy)]
enum Context {
    Nothing,
    Aggregation,
    /// Where `(` must open a list of labels.
    Labels,
    LabelsLabel,
    LabelsNext,
    Matchers,
    MatcherOp,
    MatcherValue,
    MatchersNext,
    Offset,
    At,
    Range,
    RangeNext,
    Step,
    StepNext,
}

impl Context {
    /// The text behind the description of the token.
    fn describe(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Aggregation => " in aggregation",
            Self::Labels => " in grouping opts, expected \"(\"",
            Self::LabelsLabel => " in grouping opts, expected label",
            Self::LabelsNext => " in grouping opts, expected \",\" or \")\"",
            Self::Matchers => " in label matching, expected identifier or \"}\"",
            Self::MatcherOp => " in label matching, expected label matching operator",
            Self::MatcherValue => " in label matching, expected string",
            Self::MatchersNext => " in label matching, expected \",\" or \"}\"",
            Self::Offset => " in offset, expected number, duration, step(), or range()",
            Self::At => " in @, expected timestamp",
            Self::Range => " in subquery or range selector, expected number, duration, step(), or range()",
            Self::RangeNext => " in subquery or range, expected \":\" or \"]\"",
            Self::Step => " in subquery selector, expected number, duration, step(), range(), or \"]\"",
            Self::StepNext => " in subquery selector, expected \"]\"",
        }
    }
}

/// One text being parsed. What fails once is not used again.
struct Parser<'a> {
    text: &'a str,
    options: ParseOptions,
    lexer: Lexer<'a>,
    /// The token peeked at.
    ahead: Option<Token<'a>>,
    /// Where the last token ends that can close an expression, among those read. Prometheus takes the ends of some
    /// nodes from here, and so now and then from a token behind them.
    last_closing: usize,
    context: Context,
    depth: usize,
    terms: usize,
    /// Subqueries so far: they hang to the left like operators, but long chains of them are never valid.
    subqueries: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, options: &ParseOptions) -> Result<Self, Fault> {
        let limit = options.limits.length_bytes;
        if text.len() > limit {
            let message = format!("query is {} bytes long, the limit is {limit}", text.len());
            return Err(ParseError::new(ParseErrorKind::OverLimit, text, Span::default(), message));
        }
        Ok(Self {
            text,
            options: *options,
            lexer: Lexer::new(text),
            ahead: None,
            last_closing: 0,
            context: Context::Nothing,
            depth: 0,
            terms: 0,
            subqueries: 0,
        })
    }

    fn whole_expr(mut self) -> Result<Box<Expr>, Fault> {
        if self.peek()?.kind == TokenKind::Eof {
            return Err(self.fault(Span::default(), "no expression found in input"));
        }
        let mut expr = self.expr(0)?;
        self.expect(TokenKind::Eof)?;
        check::check(self.text, &mut expr)?;
        Ok(expr)
    }

    fn whole_selector(mut self) -> Result<Box<Expr>, Fault> {
        let first = self.peek()?;
        let selector = match first.kind {
            TokenKind::LeftBrace => self.bare_selector()?,
            kind if kind.is_metric() => {
                self.take()?;
                self.named_selector(first)?
            }
            _ => return Err(self.unexpected()),
        };
        self.expect(TokenKind::Eof)?;
        Ok(selector)
    }

    /// The next token, which stays the next.
    fn peek(&mut self) -> Result<Token<'a>, Fault> {
        if let Some(token) = self.ahead {
            return Ok(token);
        }
        let token = self.lexer.next_token().map_err(|fault| {
            let span = Span { start: fault.start, end: self.text.len() };
            ParseError::invalid(self.text, span, fault.message)
        })?;
        if matches!(
            token.kind,
            TokenKind::RightBrace
                | TokenKind::RightParen
                | TokenKind::RightBracket
                | TokenKind::Duration
                | TokenKind::Number
        ) {
            self.last_closing = token.end();
        }
        self.ahead = Some(token);
        Ok(token)
    }

    /// The next token, which is done with.
    fn take(&mut self) -> Result<Token<'a>, Fault> {
        let token = self.peek()?;
        self.ahead = None;
        Ok(token)
    }

    /// Takes the next token if it is a `kind`.
    fn accept(&mut self, kind: TokenKind) -> Result<bool, Fault> {
        let accepted = self.peek()?.kind == kind;
        if accepted {
            self.ahead = None;
        }
        Ok(accepted)
    }

    /// Takes the next token, which must be a `kind`.
    fn expect(&mut self, kind: TokenKind) -> Result<Token<'a>, Fault> {
        if self.peek()?.kind != kind {
            return Err(self.unexpected());
        }
        self.take()
    }

    /// The fault of the token just peeked at.
    fn unexpected(&self) -> Fault {
        let (span, found) = match &self.ahead {
            Some(token) => (token.span(), token.describe()),
            None => (Span { start: self.text.len(), end: self.text.len() }, "end of input".to_owned()),
        };
        self.fault(span, format!("unexpected {found}{}", self.context.describe()))
    }

    fn fault(&self, span: Span, message: impl Into<String>) -> Fault {
        ParseError::invalid(self.text, span, message)
    }

    /// Goes one level deeper; whoever does goes up again by itself.
    fn descend(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        self.check_depth(self.depth)
    }

    fn check_depth(&mut self, depth: usize) -> Result<(), Fault> {
        if depth <= MAX_DEPTH {
            return Ok(());
        }
        Err(self.over_limit(format!("expression is nested deeper than {MAX_DEPTH} levels")))
    }

    fn count_term(&mut self) -> Result<(), Fault> {
        self.terms += 1;
        let limit = self.options.limits.terms;
        if self.terms > limit {
            return Err(self.over_limit(format!("expression has more than {limit} terms")));
        }
        Ok(())
    }

    /// A limit exceeded at the next token.
    fn over_limit(&mut self, message: String) -> Fault {
        let span = self.peek().map_or_else(|fault| fault.span, |token| token.span());
        ParseError::new(ParseErrorKind::OverLimit, self.text, span, message)
    }

    /// Runs `parse` where unexpected tokens are explained by `context`.
    fn within<T>(&mut self, context: Context, parse: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        let outer = std::mem::replace(&mut self.context, context);
        let parsed = parse(self)?;
        self.context = outer;
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests;
