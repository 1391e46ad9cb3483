//! What a backslash begins.

use super::{Node, Parser};
use crate::regex::class;
use crate::regex::fault::{InvalidRegex, RegexFault};
use regex_syntax::hir::{ClassUnicode, Hir, Look};

impl Parser<'_> {
    /// Reads an escape outside brackets.
    pub(super) fn backslash(&mut self) -> Result<(), InvalidRegex> {
        let start = self.at;
        let look = match self.peek(1) {
            Some(b'A') => Look::Start,
            Some(b'z') => Look::End,
            Some(b'b') => Look::WordAscii,
            Some(b'B') => Look::WordAsciiNegate,
            Some(b'C') => return Err(self.fault(RegexFault::Escape, start..start + 2)),
            Some(b'Q') => return self.quoted(),
            _ => {
                if let Some(class) = self.class_escape()? {
                    return self.push_class(class);
                }
                return match char::from_u32(self.rune_escape()?) {
                    Some(char) => self.push_char(char),
                    // A surrogate: in Go a rune that no text has.
                    None => self.push(Node::leaf(Hir::fail())),
                };
            }
        };
        self.at += 2;
        self.push(Node::leaf(Hir::look(look)))
    }

    /// Reads `\Q…\E`, or to the end without `\E`.
    fn quoted(&mut self) -> Result<(), InvalidRegex> {
        self.at += 2;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.windows(2).position(|pair| pair == br"\E").map_or(self.text.len(), |size| self.at + size);
        self.check_utf8(self.at, end)?;
        while self.at < end {
            let char = self.next_char()?;
            self.push_char(char)?;
        }
        self.at = (end + 2).min(self.text.len());
        Ok(())
    }

    /// Reads `\d`, `\pL` and their like, with the other cases if case is ignored. `None`, and nothing read: it is none.
    pub(super) fn class_escape(&mut self) -> Result<Option<ClassUnicode>, InvalidRegex> {
        if self.peek(0) != Some(b'\\') {
            return Ok(None);
        }
        let Some(letter) = self.peek(1) else { return Ok(None) };
        let mut negated = letter.is_ascii_uppercase();
        let mut class = match letter {
            b'p' | b'P' => {
                let (class, is_caret) = self.unicode_escape()?;
                negated ^= is_caret;
                class
            }
            _ => match class::perl(letter.to_ascii_lowercase()) {
                Some(class) => {
                    self.at += 2;
                    class
                }
                None => return Ok(None),
            },
        };
        if self.flags.fold {
            self.fold(&mut class)?;
        }
        if negated {
            class.negate();
        }
        Ok(Some(class))
    }

    /// Reads `\pL`, `\p{Name}` or `\p{^Name}`, and says whether there was a caret.
    fn unicode_escape(&mut self) -> Result<(ClassUnicode, bool), InvalidRegex> {
        let start = self.at;
        self.at += 2;
        let mut name = self.at;
        let mut end = self.at;
        if self.at < self.text.len() {
            self.next_char()?;
            end = self.at;
        }
        if self.text.get(name) == Some(&b'{') {
            let rest = self.text.get(start..).unwrap_or_default();
            let Some(size) = rest.iter().position(|&byte| byte == b'}') else {
                self.check_utf8(start, self.text.len())?;
                return Err(self.fault(RegexFault::CharRange, start..self.text.len()));
            };
            name += 1;
            end = start + size;
            self.check_utf8(name, end)?;
            self.at = end + 1;
        }
        let is_caret = self.text.get(name) == Some(&b'^');
        let query = self.text.get(name + usize::from(is_caret)..end).unwrap_or_default();
        match class::unicode(query) {
            Some(class) => Ok((class, is_caret)),
            None => Err(self.fault(RegexFault::CharRange, start..self.at)),
        }
    }

    /// Reads an escape that stands for one character, or for a surrogate.
    pub(super) fn rune_escape(&mut self) -> Result<u32, InvalidRegex> {
        let start = self.at;
        self.at += 1;
        if self.at == self.text.len() {
            return Err(self.fault(RegexFault::TrailingBackslash, self.at..self.at));
        }
        let rune = match self.next_char()? {
            // One digit alone would be a reference to a group.
            first @ '1'..='7' if self.peek(0).is_some_and(is_octal) => Some(self.octal(u32::from(first) - 0x30)),
            '0' => Some(self.octal(0)),
            'x' => self.hex_escape()?,
            'a' => Some(0x07),
            'f' => Some(0x0c),
            'n' => Some(0x0a),
            'r' => Some(0x0d),
            't' => Some(0x09),
            'v' => Some(0x0b),
            char if char.is_ascii() && !char.is_ascii_alphanumeric() => Some(u32::from(char)),
            _ => None,
        };
        rune.ok_or_else(|| self.fault(RegexFault::Escape, start..self.at))
    }

    /// Reads up to two more octal digits behind `first`.
    fn octal(&mut self, first: u32) -> u32 {
        let mut rune = first;
        for _ in 0..2 {
            match self.peek(0) {
                Some(digit) if is_octal(digit) => rune = rune * 8 + u32::from(digit - b'0'),
                _ => break,
            }
            self.at += 1;
        }
        rune
    }

    /// Reads what follows `\x`: two digits, or any number of them in braces. `None` if it is neither, read as far as that
    /// took to see.
    fn hex_escape(&mut self) -> Result<Option<u32>, InvalidRegex> {
        if self.at == self.text.len() {
            return Ok(None);
        }
        let first = self.next_char()?;
        if first != '{' {
            let second = if self.at < self.text.len() { self.next_char()?.to_digit(16) } else { None };
            return Ok(first.to_digit(16).zip(second).map(|(high, low)| high * 16 + low));
        }
        let mut rune = None;
        while self.at < self.text.len() {
            let char = self.next_char()?;
            let Some(digit) = char.to_digit(16) else {
                return Ok(rune.filter(|_| char == '}'));
            };
            let next = rune.unwrap_or(0) * 16 + digit;
            if next > u32::from(char::MAX) {
                return Ok(None);
            }
            rune = Some(next);
        }
        Ok(None)
    }
}

fn is_octal(byte: u8) -> bool {
    (b'0'..=b'7').contains(&byte)
}
