//! Why a query was refused before it ran.

use std::fmt::{self, Display, Formatter};

use crate::ast::Span;

/// A query that cannot be evaluated, where, and why. Only the first fault is reported.
///
/// Its text is `line:column: parse error: message` as Prometheus gives it; columns count bytes from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    pub kind: ParseErrorKind,
    /// The bytes blamed. Some faults are reported with the span that Prometheus has for them, odd as it may be.
    pub span: Span,
    pub message: String,
    place: Place,
}

/// What kind of refusal it is. All are the client's to fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// The text is no valid expression: Prometheus refuses it likewise.
    Invalid,
    /// The text is over one of [`crate::Limits`].
    OverLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The text was empty.
    Unknown,
    At {
        line: usize,
        column: usize,
    },
}

/// A [`ParseError`] on its way up. It is passed through many frames of a recursion whose stack is to stay small.
pub(crate) type Fault = Box<ParseError>;

impl ParseError {
    pub(crate) fn new(kind: ParseErrorKind, text: &str, span: Span, message: impl Into<String>) -> Fault {
        Box::new(Self { kind, span, message: message.into(), place: Place::of(text, span.start) })
    }

    pub(crate) fn invalid(text: &str, span: Span, message: impl Into<String>) -> Fault {
        Self::new(ParseErrorKind::Invalid, text, span, message)
    }
}

impl Place {
    fn of(text: &str, offset: usize) -> Self {
        if text.is_empty() {
            return Self::Unknown;
        }
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        Self::At { line, column: before.len() - line_start + 1 }
    }
}

impl Display for ParseError {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Unknown => out.write_str("unknown position")?,
            Place::At { line, column } => write!(out, "{line}:{column}")?,
        }
        write!(out, ": parse error: {}", self.message)
    }
}

impl std::error::Error for ParseError {}
