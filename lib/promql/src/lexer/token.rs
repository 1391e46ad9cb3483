//! What the lexer yields.

use super::{AggregateOp, BinaryOp};
use crate::ast::Span;
use crate::print::quote;

/// A token and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) text: &'a str,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Eof,
    Comma,
    Colon,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    At,
    /// `=`; only `==` is an operator.
    Equal,
    EqualRegex,
    NotEqualRegex,
    Number,
    Duration,
    String,
    Identifier,
    /// An identifier with a colon.
    MetricIdentifier,
    Operator(BinaryOp),
    Aggregate(AggregateOp),
    Keyword(Keyword),
}

/// A word with a meaning that is neither operator nor aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Bool,
    By,
    Without,
    On,
    Ignoring,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Offset,
    Anchored,
    Smoothed,
    Start,
    End,
    Step,
    Range,
    MinOf,
    MaxOf,
}

/// Longer words are no keywords.
const MAX_WORD_BYTES: usize = 12;

impl Token<'_> {
    pub(crate) fn span(&self) -> Span {
        Span { start: self.start, end: self.end() }
    }

    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// How Prometheus names the token where it did not expect it.
    pub(crate) fn describe(&self) -> String {
        let text = self.text;
        match self.kind {
            TokenKind::Eof => "end of input".to_owned(),
            TokenKind::Identifier => format!("identifier {}", quote(text.as_bytes())),
            TokenKind::MetricIdentifier => format!("metric identifier {}", quote(text.as_bytes())),
            TokenKind::Number => format!("number {}", quote_short(text)),
            TokenKind::Duration => format!("duration {}", quote_short(text)),
            TokenKind::String => format!("string {}", quote_short(text)),
            TokenKind::Operator(_) | TokenKind::At | TokenKind::EqualRegex | TokenKind::NotEqualRegex => {
                format!("<op:{text}>")
            }
            TokenKind::Aggregate(_) => format!("<aggr:{text}>"),
            TokenKind::Keyword(
                Keyword::Start | Keyword::End | Keyword::Step | Keyword::Range | Keyword::MinOf | Keyword::MaxOf,
            ) => quote(text.as_bytes()),
            TokenKind::Keyword(_) => format!("<{text}>"),
            TokenKind::Comma
            | TokenKind::Colon
            | TokenKind::LeftParen
            | TokenKind::RightParen
            | TokenKind::LeftBrace
            | TokenKind::RightBrace
            | TokenKind::LeftBracket
            | TokenKind::RightBracket
            | TokenKind::Equal => quote(text.as_bytes()),
        }
    }
}

impl TokenKind {
    /// What `word` means outside of braces, whatever its case; `None` if it is a name.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        let mut lower = [0; MAX_WORD_BYTES];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        if let Some(op) = aggregation(lower) {
            return Some(Self::Aggregate(op));
        }
        Some(match &*lower {
            b"inf" | b"nan" => Self::Number,
            b"and" => Self::Operator(BinaryOp::And),
            b"or" => Self::Operator(BinaryOp::Or),
            b"unless" => Self::Operator(BinaryOp::Unless),
            b"atan2" => Self::Operator(BinaryOp::Atan2),
            _ => Self::Keyword(keyword(lower)?),
        })
    }

    /// Whether a label may be called like that without quotes.
    pub(crate) fn is_label(self) -> bool {
        match self {
            Self::Identifier | Self::MetricIdentifier | Self::Aggregate(_) => true,
            Self::Operator(op) => {
                matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::Atan2)
            }
            // An omission upstream, kept because the messages tell.
            Self::Keyword(keyword) => keyword != Keyword::Without,
            _ => false,
        }
    }

    /// Whether a metric may be called like that without quotes.
    pub(crate) fn is_metric(self) -> bool {
        match self {
            Self::Identifier | Self::MetricIdentifier | Self::Aggregate(_) => true,
            Self::Operator(op) => matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless),
            Self::Keyword(keyword) => !matches!(
                keyword,
                Keyword::Bool | Keyword::On | Keyword::Ignoring | Keyword::GroupLeft | Keyword::GroupRight
            ),
            _ => false,
        }
    }

    /// Whether an expression may start with it.
    pub(crate) fn starts_expr(self) -> bool {
        self.is_metric()
            || matches!(
                self,
                Self::LeftParen
                    | Self::LeftBrace
                    | Self::Number
                    | Self::Duration
                    | Self::String
                    | Self::Operator(BinaryOp::Add | BinaryOp::Sub)
            )
    }
}

fn aggregation(word: &[u8]) -> Option<AggregateOp> {
    Some(match word {
        b"sum" => AggregateOp::Sum,
        b"avg" => AggregateOp::Avg,
        b"count" => AggregateOp::Count,
        b"min" => AggregateOp::Min,
        b"max" => AggregateOp::Max,
        b"group" => AggregateOp::Group,
        b"stddev" => AggregateOp::Stddev,
        b"stdvar" => AggregateOp::Stdvar,
        b"topk" => AggregateOp::TopK,
        b"bottomk" => AggregateOp::BottomK,
        b"count_values" => AggregateOp::CountValues,
        b"quantile" => AggregateOp::Quantile,
        b"limitk" => AggregateOp::LimitK,
        b"limit_ratio" => AggregateOp::LimitRatio,
        _ => return None,
    })
}

fn keyword(word: &[u8]) -> Option<Keyword> {
    Some(match word {
        b"bool" => Keyword::Bool,
        b"by" => Keyword::By,
        b"without" => Keyword::Without,
        b"on" => Keyword::On,
        b"ignoring" => Keyword::Ignoring,
        b"group_left" => Keyword::GroupLeft,
        b"group_right" => Keyword::GroupRight,
        b"fill" => Keyword::Fill,
        b"fill_left" => Keyword::FillLeft,
        b"fill_right" => Keyword::FillRight,
        b"offset" => Keyword::Offset,
        b"anchored" => Keyword::Anchored,
        b"smoothed" => Keyword::Smoothed,
        b"start" => Keyword::Start,
        b"end" => Keyword::End,
        b"step" => Keyword::Step,
        b"range" => Keyword::Range,
        b"min_of" => Keyword::MinOf,
        b"max_of" => Keyword::MaxOf,
        _ => return None,
    })
}

/// Quoted; of more than ten bytes only the first ten characters.
pub(super) fn quote_short(text: &str) -> String {
    if text.len() <= 10 {
        return quote(text.as_bytes());
    }
    let head: String = text.chars().take(10).collect();
    format!("{}...", quote(head.as_bytes()))
}
