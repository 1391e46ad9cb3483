//! The tokens behind the labels of a series description: `1+2x3 _ stale {{sum:1 buckets:[1 2]}}x2`.
//!
//! Space is a token here. Where a word or a number ends decides what a message names, so all of it is as in Prometheus 3.14,
//! what looks odd included.

use super::number::Next;
use super::token::quote_short;
use super::{LexError, Lexer, Token, TokenKind, is_alpha, is_space, quote_end};
use crate::print::{quote, quote_char};
use model::ResetHint;

/// Reads the values of a series description.
#[derive(Debug)]
pub(crate) struct Sequences<'a> {
    lexer: Lexer<'a>,
    within: Within,
}

/// A token and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SequenceToken<'a> {
    pub(crate) kind: SequenceKind,
    pub(crate) start: usize,
    pub(crate) text: &'a str,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SequenceKind {
    Eof,
    Space,
    Plus,
    Minus,
    Times,
    Blank,
    Colon,
    Number,
    OpenHistogram,
    CloseHistogram,
    LeftBracket,
    RightBracket,
    /// What a histogram has.
    Descriptor(Descriptor),
    Hint(ResetHint),
    /// A word, which only `stale` may be; what it would be in a query.
    Word(TokenKind),
}

/// What can be said of a histogram, in the order of Prometheus' tokens, whose numbers messages name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descriptor {
    Sum,
    Count,
    Schema,
    Offset,
    NegativeOffset,
    Buckets,
    NegativeBuckets,
    ZeroBucket,
    ZeroBucketWidth,
    CustomValues,
    ResetHint,
}

/// Where in a sequence the next token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Values,
    Histogram,
    Buckets,
    /// Behind the sign of a bucket, where there must be digits.
    SignedBucket,
    /// Directly behind a histogram, where something follows that says how it goes on.
    BehindHistogram,
}

const FIRST_DESCRIPTOR: usize = 57_370;
const FIRST_HINT: usize = 57_445;

const DESCRIPTORS: [(&str, Descriptor); 11] = [
    ("sum", Descriptor::Sum),
    ("count", Descriptor::Count),
    ("schema", Descriptor::Schema),
    ("offset", Descriptor::Offset),
    ("n_offset", Descriptor::NegativeOffset),
    ("buckets", Descriptor::Buckets),
    ("n_buckets", Descriptor::NegativeBuckets),
    ("z_bucket", Descriptor::ZeroBucket),
    ("z_bucket_w", Descriptor::ZeroBucketWidth),
    ("custom_values", Descriptor::CustomValues),
    ("counter_reset_hint", Descriptor::ResetHint),
];

const HINTS: [(&str, ResetHint); 4] = [
    ("unknown", ResetHint::Unknown),
    ("reset", ResetHint::Reset),
    ("not_reset", ResetHint::NotReset),
    ("gauge", ResetHint::Gauge),
];

impl<'a> Sequences<'a> {
    /// Goes on where `lexer` is, directly behind the labels.
    pub(crate) fn new(lexer: Lexer<'a>) -> Self {
        Self { lexer, within: Within::Values }
    }

    /// The next token; at the end of the input, [`SequenceKind::Eof`].
    ///
    /// # Errors
    /// Text that is no token. It must not be asked again.
    pub(crate) fn next_token(&mut self) -> Result<SequenceToken<'a>, LexError> {
        self.lexer.start = self.lexer.pos;
        loop {
            let kind = match self.within {
                Within::Values => self.value()?,
                Within::Histogram => self.histogram()?,
                Within::Buckets => match self.bucket()? {
                    Some(kind) => kind,
                    None => continue,
                },
                Within::SignedBucket => {
                    self.within = Within::Buckets;
                    self.number(0)?
                }
                Within::BehindHistogram => self.behind_histogram(),
            };
            let token = self.lexer.emit(TokenKind::Eof);
            if kind == SequenceKind::Space {
                self.lexer.accept_run(is_space);
            }
            return Ok(SequenceToken { kind, start: token.start, text: token.text });
        }
    }

    fn value(&mut self) -> Result<SequenceKind, LexError> {
        let Some(c) = self.lexer.bump() else { return Ok(SequenceKind::Eof) };
        Ok(match c {
            '{' if self.lexer.accept(|next| next == '{') => {
                self.within = Within::Histogram;
                SequenceKind::OpenHistogram
            }
            _ if is_space(c) => SequenceKind::Space,
            '+' => SequenceKind::Plus,
            '-' => SequenceKind::Minus,
            'x' => SequenceKind::Times,
            '_' => SequenceKind::Blank,
            '0'..='9' => self.number(1)?,
            '.' if self.lexer.peek().is_some_and(|next| next.is_ascii_digit()) => self.number(1)?,
            _ if is_alpha(c) => {
                let token = self.lexer.word();
                // The word is emitted where all tokens are.
                self.lexer.start = token.start;
                if token.kind == TokenKind::Number { SequenceKind::Number } else { SequenceKind::Word(token.kind) }
            }
            _ => {
                let found = quote_char(c);
                return Err(self.lexer.fail(format!("unexpected character in series sequence: {found}")));
            }
        })
    }

    /// Inside of `{{` and `}}`.
    fn histogram(&mut self) -> Result<SequenceKind, LexError> {
        let c = self.lexer.bump();
        Ok(match c {
            Some(c) if is_space(c) => SequenceKind::Space,
            Some(c) if is_alpha(c) => self.descriptor()?,
            Some(':') => SequenceKind::Colon,
            Some('-') => SequenceKind::Minus,
            Some('0'..='9') => self.number(1)?,
            Some('[') => {
                self.within = Within::Buckets;
                SequenceKind::LeftBracket
            }
            Some('}') if self.lexer.accept(|next| next == '}') => {
                self.within = match self.lexer.peek() {
                    Some('x' | '+' | '-') => Within::BehindHistogram,
                    _ => Within::Values,
                };
                SequenceKind::CloseHistogram
            }
            _ => {
                let found = quote_end(c);
                return Err(self.lexer.fail(format!("histogram description incomplete unexpected: {found}")));
            }
        })
    }

    fn behind_histogram(&mut self) -> SequenceKind {
        self.within = Within::Values;
        match self.lexer.bump() {
            Some('x') => SequenceKind::Times,
            Some('+') => SequenceKind::Plus,
            _ => SequenceKind::Minus,
        }
    }

    /// A word in a histogram, of which the first letter was read.
    fn descriptor(&mut self) -> Result<SequenceKind, LexError> {
        self.lexer.accept_run(is_alpha);
        let word = self.lexer.text();
        let is_word = |(name, _): &&(&str, _)| name.eq_ignore_ascii_case(word);
        if let Some((_, descriptor)) = DESCRIPTORS.iter().find(is_word) {
            return match self.lexer.peek() {
                Some(':') => Ok(SequenceKind::Descriptor(*descriptor)),
                _ => Err(self.lexer.fail("missing `:` for histogram descriptor")),
            };
        }
        if is_special(word) {
            return Ok(SequenceKind::Number);
        }
        match HINTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
            Some((_, hint)) => Ok(SequenceKind::Hint(*hint)),
            None => Err(self.lexer.fail(format!("bad histogram descriptor found: {}", quote(word.as_bytes())))),
        }
    }

    /// Inside of brackets. Letters are passed over until they make `inf` or `nan`, and belong to what follows: `None` then.
    fn bucket(&mut self) -> Result<Option<SequenceKind>, LexError> {
        let c = self.lexer.bump();
        Ok(match c {
            Some(c) if is_space(c) => Some(SequenceKind::Space),
            Some('-') => {
                self.within = Within::SignedBucket;
                Some(SequenceKind::Minus)
            }
            Some('0'..='9') => Some(self.number(1)?),
            Some(']') => {
                self.within = Within::Histogram;
                Some(SequenceKind::RightBracket)
            }
            Some(c) if is_alpha(c) => is_special(self.lexer.text()).then_some(SequenceKind::Number),
            _ => {
                let found = quote_end(c);
                return Err(self.lexer.fail(format!("invalid character in buckets description: {found}")));
            }
        })
    }

    /// A number of which so many bytes were read.
    fn number(&mut self, read: usize) -> Result<SequenceKind, LexError> {
        self.lexer.pos -= read;
        if self.lexer.scan_number(Next::NoWordButTimes) {
            return Ok(SequenceKind::Number);
        }
        let found = quote(self.lexer.text().as_bytes());
        Err(self.lexer.fail(format!("bad number syntax: {found}")))
    }
}

fn is_special(word: &str) -> bool {
    word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan")
}

impl SequenceToken<'_> {
    pub(crate) fn span(&self) -> crate::ast::Span {
        crate::ast::Span { start: self.start, end: self.start + self.text.len() }
    }

    /// How Prometheus names the token where it did not expect it.
    pub(crate) fn describe(&self) -> String {
        let as_is = |kind| Token { kind, start: self.start, text: self.text }.describe();
        match self.kind {
            SequenceKind::Eof => as_is(TokenKind::Eof),
            SequenceKind::Number => as_is(TokenKind::Number),
            SequenceKind::Word(kind) => as_is(kind),
            SequenceKind::Plus | SequenceKind::Minus => format!("<op:{}>", self.text),
            SequenceKind::Descriptor(descriptor) => {
                format!("\"<Item {}>\" {}", FIRST_DESCRIPTOR + descriptor as usize, quote_short(self.text))
            }
            SequenceKind::Hint(hint) => {
                format!("\"<Item {}>\" {}", FIRST_HINT + hint as usize, quote_short(self.text))
            }
            SequenceKind::Space
            | SequenceKind::Times
            | SequenceKind::Blank
            | SequenceKind::Colon
            | SequenceKind::OpenHistogram
            | SequenceKind::CloseHistogram
            | SequenceKind::LeftBracket
            | SequenceKind::RightBracket => quote_short(self.text),
        }
    }
}
