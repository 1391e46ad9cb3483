//! Text to tokens, one at a time: the parser asks for a token only where it cannot go on without, because which of two
//! faults is reported first depends on it.
//!
//! There are three ways of reading: outside, inside braces (words are never keywords there), and behind `[` (only
//! durations and their arithmetic). The last ends with the first number: what follows in the brackets is read as outside,
//! with a few differences that show in messages only. All of it is as in Prometheus 3.14.

use crate::ast::{AggregateOp, BinaryOp};
use crate::print::{quote, quote_char};

mod number;
mod sequence;
mod string;
mod token;

pub(crate) use sequence::{Descriptor, SequenceKind, SequenceToken, Sequences};
pub(crate) use token::{Keyword, Token, TokenKind};

/// Text that is no token, and where it starts. It reaches to the end of the input, since nothing behind it is read.
#[derive(Debug)]
pub(crate) struct LexError {
    pub(crate) start: usize,
    pub(crate) message: String,
}

/// Reads tokens off the front of a query.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    input: &'a str,
    pos: usize,
    /// Where the token being read starts.
    start: usize,
    /// Directly behind `[`.
    in_duration: bool,
    paren_depth: usize,
    brace_open: bool,
    bracket_open: bool,
    got_colon: bool,
    got_duration: bool,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(input: &'a str) -> Self {
        Self {
            input,
            pos: 0,
            start: 0,
            in_duration: false,
            paren_depth: 0,
            brace_open: false,
            bracket_open: false,
            got_colon: false,
            got_duration: false,
        }
    }

    /// The next token; at the end of the input, [`TokenKind::Eof`] for ever.
    ///
    /// # Errors
    /// Text that is no token. The lexer must not be asked again.
    pub(crate) fn next_token(&mut self) -> Result<Token<'a>, LexError> {
        loop {
            self.start = self.pos;
            let token = if self.in_duration {
                self.duration_token()?
            } else if self.brace_open {
                self.brace_token()?
            } else {
                self.token()?
            };
            if let Some(token) = token {
                return Ok(token);
            }
        }
    }

    /// The next token outside of braces; `None` after space or a comment.
    fn token(&mut self) -> Result<Option<Token<'a>>, LexError> {
        let Some(c) = self.bump() else { return self.end().map(Some) };
        let token = match c {
            '#' => return Ok(self.skip_comment()),
            ' ' | '\t' | '\n' | '\r' => return Ok(None),
            ',' => self.emit(TokenKind::Comma),
            '@' => self.emit(TokenKind::At),
            '*' | '/' | '%' | '+' | '-' | '^' | '<' | '>' => self.operator(c),
            '=' => match self.peek() {
                Some('=') => self.bump_emit(TokenKind::Operator(BinaryOp::Eql)),
                Some('~') => return Err(self.fail("unexpected character after '=': '~'")),
                _ => self.emit(TokenKind::Equal),
            },
            '!' => match self.bump() {
                Some('=') => self.emit(TokenKind::Operator(BinaryOp::Neq)),
                other => return Err(self.fail(format!("unexpected character after '!': {}", quote_end(other)))),
            },
            '"' | '\'' => self.string(c)?,
            '`' => self.raw_string()?,
            '(' => self.left_paren(),
            ')' => self.right_paren()?,
            '{' => {
                self.brace_open = true;
                self.emit(TokenKind::LeftBrace)
            }
            '[' => self.left_bracket()?,
            ']' => self.right_bracket()?,
            '0'..='9' => self.number_or_duration()?,
            '.' if self.peek().is_some_and(|next| next.is_ascii_digit()) => self.number_or_duration()?,
            _ if is_alpha(c) || c == ':' => self.word_or_colon(c)?,
            _ => return Err(self.fail(format!("unexpected character: {}", quote_char(c)))),
        };
        Ok(Some(token))
    }

    /// The next token inside of braces; `None` after space or a comment.
    fn brace_token(&mut self) -> Result<Option<Token<'a>>, LexError> {
        let Some(c) = self.bump() else { return Err(self.fail("unexpected end of input inside braces")) };
        let token = match c {
            '#' => return Ok(self.skip_comment()),
            ' ' | '\t' | '\n' | '\r' => return Ok(None),
            ',' => self.emit(TokenKind::Comma),
            '"' | '\'' => self.string(c)?,
            '`' => self.raw_string()?,
            '=' if self.peek() == Some('~') => self.bump_emit(TokenKind::EqualRegex),
            '=' => self.emit(TokenKind::Equal),
            '!' => match self.bump() {
                Some('~') => self.emit(TokenKind::NotEqualRegex),
                Some('=') => self.emit(TokenKind::Operator(BinaryOp::Neq)),
                other => {
                    let found = quote_end(other);
                    return Err(self.fail(format!("unexpected character after '!' inside braces: {found}")));
                }
            },
            '{' => return Err(self.fail("unexpected left brace '{'")),
            '}' => {
                self.brace_open = false;
                self.emit(TokenKind::RightBrace)
            }
            _ if is_alpha(c) => {
                self.accept_run(is_alphanumeric);
                self.emit(TokenKind::Identifier)
            }
            _ => return Err(self.fail(format!("unexpected character inside braces: {}", quote_char(c)))),
        };
        Ok(Some(token))
    }

    /// The next token behind `[`, until the first number; `None` after space.
    fn duration_token(&mut self) -> Result<Option<Token<'a>>, LexError> {
        let Some(c) = self.bump() else { return Err(self.fail("unexpected end of input in duration expression")) };
        let token = match c {
            ' ' | '\t' | '\n' | '\r' => return Ok(None),
            ']' => {
                self.in_duration = false;
                self.got_colon = false;
                self.right_bracket()?
            }
            ':' => {
                let colon = self.emit(TokenKind::Colon);
                if !self.got_duration {
                    return Err(self.fail("unexpected colon before duration in duration expression"));
                }
                if self.got_colon {
                    return Err(self.fail("unexpected repeated colon in duration expression"));
                }
                self.got_colon = true;
                colon
            }
            '(' => self.left_paren(),
            ')' => self.right_paren()?,
            '+' | '-' | '*' | '/' | '%' | '^' => self.operator(c),
            ',' => self.emit(TokenKind::Comma),
            '0'..='9' | '.' if c != '.' || self.peek().is_some_and(|next| next.is_ascii_digit()) => {
                self.in_duration = false;
                self.got_duration = true;
                self.number_or_duration()?
            }
            _ => match self.duration_keyword(c) {
                Some(token) => token,
                None => {
                    let found = quote_char(c);
                    return Err(self.fail(format!("unexpected character in duration expression: {found}")));
                }
            },
        };
        Ok(Some(token))
    }

    fn end(&mut self) -> Result<Token<'a>, LexError> {
        if self.paren_depth != 0 {
            return Err(self.fail("unclosed left parenthesis"));
        }
        if self.bracket_open {
            return Err(self.fail("unclosed left bracket"));
        }
        Ok(self.emit(TokenKind::Eof))
    }

    fn operator(&mut self, c: char) -> Token<'a> {
        let op = match (c, self.peek()) {
            ('<', Some('=')) => return self.bump_emit(TokenKind::Operator(BinaryOp::Lte)),
            ('<', Some('/')) => return self.bump_emit(TokenKind::Operator(BinaryOp::TrimUpper)),
            ('>', Some('=')) => return self.bump_emit(TokenKind::Operator(BinaryOp::Gte)),
            ('>', Some('/')) => return self.bump_emit(TokenKind::Operator(BinaryOp::TrimLower)),
            ('<', _) => BinaryOp::Lss,
            ('>', _) => BinaryOp::Gtr,
            ('*', _) => BinaryOp::Mul,
            ('/', _) => BinaryOp::Div,
            ('%', _) => BinaryOp::Mod,
            ('+', _) => BinaryOp::Add,
            ('-', _) => BinaryOp::Sub,
            _ => BinaryOp::Pow,
        };
        self.emit(TokenKind::Operator(op))
    }

    fn left_paren(&mut self) -> Token<'a> {
        self.paren_depth += 1;
        self.emit(TokenKind::LeftParen)
    }

    fn right_paren(&mut self) -> Result<Token<'a>, LexError> {
        let token = self.emit(TokenKind::RightParen);
        match self.paren_depth.checked_sub(1) {
            Some(depth) => self.paren_depth = depth,
            None => return Err(self.fail("unexpected right parenthesis ')'")),
        }
        Ok(token)
    }

    fn left_bracket(&mut self) -> Result<Token<'a>, LexError> {
        if self.bracket_open {
            return Err(self.fail("unexpected left bracket '['"));
        }
        self.got_colon = false;
        self.bracket_open = true;
        self.in_duration = true;
        Ok(self.emit(TokenKind::LeftBracket))
    }

    fn right_bracket(&mut self) -> Result<Token<'a>, LexError> {
        if !self.bracket_open {
            return Err(self.fail("unexpected right bracket ']'"));
        }
        self.bracket_open = false;
        Ok(self.emit(TokenKind::RightBracket))
    }

    fn word_or_colon(&mut self, first: char) -> Result<Token<'a>, LexError> {
        if !self.bracket_open {
            return Ok(self.word());
        }
        if first == ':' {
            if self.got_colon {
                return Err(self.fail("unexpected colon ':'"));
            }
            self.got_colon = true;
            return Ok(self.emit(TokenKind::Colon));
        }
        match self.duration_keyword(first) {
            Some(token) => Ok(token),
            None => Err(self.fail(format!("unexpected character: {}, expected ':'", quote_char(first)))),
        }
    }

    /// A word outside of braces: keyword, operator, aggregation, `inf`, `nan`, or a name. Case does not matter for the
    /// former.
    fn word(&mut self) -> Token<'a> {
        self.accept_run(|c| is_alphanumeric(c) || c == ':');
        let word = self.text();
        let kind = match TokenKind::of_word(word) {
            // `fill` is still a good name for a metric, unless something in parentheses follows.
            Some(TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight))
                if !self.rest().trim_start_matches(is_space).starts_with('(') =>
            {
                TokenKind::Identifier
            }
            Some(kind) => kind,
            None if word.contains(':') => TokenKind::MetricIdentifier,
            None => TokenKind::Identifier,
        };
        self.emit(kind)
    }

    /// `step`, `range`, `min_of` or `max_of` in brackets. Of another word, `first` has been read at least.
    fn duration_keyword(&mut self, first: char) -> Option<Token<'a>> {
        if !matches!(first.to_ascii_lowercase(), 's' | 'r' | 'm') {
            return None;
        }
        self.accept_run(is_alpha);
        match TokenKind::of_word(self.text()) {
            Some(kind @ TokenKind::Keyword(Keyword::Step | Keyword::Range | Keyword::MinOf | Keyword::MaxOf)) => {
                Some(self.emit(kind))
            }
            _ => None,
        }
    }

    fn skip_comment(&mut self) -> Option<Token<'a>> {
        self.accept_run(|c| c != '\n' && c != '\r');
        None
    }

    // === the text ===

    fn rest(&self) -> &'a str {
        self.input.get(self.pos..).unwrap_or_default()
    }

    /// What has been read of the token.
    fn text(&self) -> &'a str {
        self.input.get(self.start..self.pos).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, wanted: impl FnOnce(char) -> bool) -> bool {
        let accepted = self.peek().is_some_and(wanted);
        if accepted {
            self.bump();
        }
        accepted
    }

    fn accept_run(&mut self, wanted: impl Fn(char) -> bool) {
        while self.accept(&wanted) {}
    }

    fn emit(&mut self, kind: TokenKind) -> Token<'a> {
        let token = Token { kind, start: self.start, text: self.text() };
        self.start = self.pos;
        token
    }

    fn bump_emit(&mut self, kind: TokenKind) -> Token<'a> {
        self.bump();
        self.emit(kind)
    }

    fn fail(&self, message: impl Into<String>) -> LexError {
        LexError { start: self.start, message: message.into() }
    }
}

fn quote_end(c: Option<char>) -> String {
    quote_char(c.unwrap_or(char::REPLACEMENT_CHARACTER))
}

pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || c.is_ascii_digit()
}
