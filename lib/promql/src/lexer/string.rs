//! String literals as far as the lexer must understand them: to find their end, and that their escapes are sound.

use super::{LexError, Lexer, Token, TokenKind};
use crate::print::unicode_name;

impl<'a> Lexer<'a> {
    pub(super) fn string(&mut self, quote: char) -> Result<Token<'a>, LexError> {
        loop {
            match self.bump() {
                Some('\\') => self.escape(quote)?,
                // Prometheus cannot tell the character from a fault of the encoding.
                Some(char::REPLACEMENT_CHARACTER) => return Err(self.fail("invalid UTF-8 rune")),
                None | Some('\n') => return Err(self.fail("unterminated quoted string")),
                Some(c) if c == quote => return Ok(self.emit(TokenKind::String)),
                Some(_) => {}
            }
        }
    }

    pub(super) fn raw_string(&mut self) -> Result<Token<'a>, LexError> {
        loop {
            match self.bump() {
                Some(char::REPLACEMENT_CHARACTER) => return Err(self.fail("invalid UTF-8 rune")),
                None => return Err(self.fail("unterminated raw string")),
                Some('`') => return Ok(self.emit(TokenKind::String)),
                Some(_) => {}
            }
        }
    }

    /// An escape sequence behind its backslash.
    fn escape(&mut self, quote: char) -> Result<(), LexError> {
        let Some(first) = self.bump() else { return Err(self.fail("escape sequence not terminated")) };
        let (digits, base, max, mut next) = match first {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
            _ if first == quote => return Ok(()),
            '0'..='7' => (3, 8, 0xff, Some(first)),
            'x' => (2, 16, 0xff, self.bump()),
            'u' => (4, 16, u32::from(char::MAX), self.bump()),
            'U' => (8, 16, u32::from(char::MAX), self.bump()),
            _ => return Err(self.fail(format!("unknown escape sequence {}", unicode_name(first)))),
        };
        let mut value = 0u32;
        for i in 0..digits {
            if i > 0 {
                next = self.bump();
            }
            let Some(c) = next else { return Err(self.fail("escape sequence not terminated")) };
            let Some(digit) = c.to_digit(base) else {
                return Err(self.fail(format!("illegal character {} in escape sequence", unicode_name(c))));
            };
            // Eight hexadecimal digits just fit.
            value = value.wrapping_mul(base).wrapping_add(digit);
        }
        if value > max || (0xd800..0xe000).contains(&value) {
            return Err(self.fail("escape sequence is an invalid Unicode code point"));
        }
        Ok(())
    }
}
