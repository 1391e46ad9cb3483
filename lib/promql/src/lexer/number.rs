//! Numbers and durations as the lexer delimits them. Whether what it finds is a number is seen when it is converted
//! (`0x`, `1e5.5` and `08` are all delimited here).

use super::{LexError, Lexer, Token, TokenKind, is_alphanumeric, quote};

/// What may follow a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing that could belong to a word.
    NoWord,
    /// As that, or an `x` that says how often: then there are no hexadecimal numbers.
    NoWordButTimes,
}

impl<'a> Lexer<'a> {
    /// A number or a duration, of whose first character this need not care.
    pub(super) fn number_or_duration(&mut self) -> Result<Token<'a>, LexError> {
        self.pos = self.start;
        if self.scan_number(Next::NoWord) {
            return Ok(self.emit(TokenKind::Number));
        }
        if self.scan_duration() {
            return Ok(self.emit(TokenKind::Duration));
        }
        Err(self.fail(format!("bad number or duration syntax: {}", quote(self.text().as_bytes()))))
    }

    /// Reads as far as a number reaches; false if it is none, or if a letter or digit follows. What was read then may
    /// still be the start of a duration.
    pub(super) fn scan_number(&mut self, next: Next) -> bool {
        let first = self.pos;
        let hex = next == Next::NoWord && self.accept(|c| c == '0') && self.accept(|c| matches!(c, 'x' | 'X'));
        if hex {
            self.accept(|c| c == '_');
        }
        let is_digit = |c: char| if hex { c.is_ascii_hexdigit() } else { c.is_ascii_digit() };
        self.accept(|c| c == '.');
        self.accept(is_digit);
        let (mut dot, mut exponent) = (false, false);
        loop {
            match self.peek() {
                Some('.') => {
                    self.bump();
                    if dot || hex || self.accept(|c| matches!(c, '_' | '.')) {
                        return false;
                    }
                    dot = true;
                }
                // Also a digit of a hexadecimal number, but not directly behind the first digit: Prometheus has it so.
                Some('e' | 'E') => {
                    self.bump();
                    if exponent {
                        return false;
                    }
                    exponent = true;
                    self.accept(|c| matches!(c, '+' | '-'));
                    if self.ends_badly() {
                        return false;
                    }
                }
                Some('_') => {
                    self.bump();
                    if self.ends_badly() {
                        return false;
                    }
                }
                Some(c) if is_digit(c) => self.accept_run(is_digit),
                _ => break,
            }
        }
        let may_follow = |c: char| !is_alphanumeric(c) || next == Next::NoWordButTimes && c == 'x';
        self.pos > first && self.peek().is_none_or(may_follow)
    }

    /// Whether what must not stand behind `e` or `_` stands there.
    fn ends_badly(&mut self) -> bool {
        self.accept(|c| matches!(c, '.' | '_' | 'e' | 'E')) || self.peek().is_none()
    }

    /// Goes on behind the digits of a duration. Units that are none (`hs`) and a wrong order pass here.
    fn scan_duration(&mut self) -> bool {
        if !self.accept(|c| "smhdwy".contains(c)) {
            return false;
        }
        self.accept(|c| c == 's');
        while self.accept(|c| c.is_ascii_digit()) {
            self.accept_run(|c| c.is_ascii_digit());
            if !self.accept(|c| "smhdw".contains(c)) {
                return false;
            }
            self.accept(|c| c == 's');
        }
        // What cannot follow is part of what the message names.
        !self.accept(is_alphanumeric)
    }
}
