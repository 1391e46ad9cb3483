//! Classes in brackets.

use super::Parser;
use crate::regex::class;
use crate::regex::fault::{InvalidRegex, RegexFault};
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

impl Parser<'_> {
    /// Reads `[…]`.
    pub(super) fn bracket(&mut self) -> Result<(), InvalidRegex> {
        let start = self.at;
        self.at += 1;
        let negated = self.peek(0) == Some(b'^');
        self.at += usize::from(negated);
        // Characters named one by one or as ranges, whose other cases are added at the end; and whole classes.
        let (mut named, mut classes) = (Vec::new(), Vec::new());
        let mut is_first = true;
        while is_first || self.peek(0) != Some(b']') {
            is_first = false;
            match self.class_in_bracket()? {
                Some(class) => {
                    self.charge_ranges(class.ranges().len())?;
                    classes.extend_from_slice(class.ranges());
                }
                None => named.extend(self.range_in_bracket(start)?),
            }
        }
        self.at += 1;
        self.charge_ranges(named.len())?;
        let mut class = ClassUnicode::new(named);
        if self.flags.fold {
            self.fold(&mut class)?;
        }
        class.union(&ClassUnicode::new(classes));
        if negated {
            class.negate();
        }
        self.push_class(class)
    }

    /// Reads `[:name:]` or a class escape, if one is next.
    fn class_in_bracket(&mut self) -> Result<Option<ClassUnicode>, InvalidRegex> {
        match self.posix_name() {
            Some(end) => self.posix(end).map(Some),
            None => self.class_escape(),
        }
    }

    /// Where `[:name:]` ends, if one is next.
    fn posix_name(&self) -> Option<usize> {
        let inner = self.text.get(self.at..)?.strip_prefix(b"[:")?;
        let size = inner.windows(2).position(|pair| pair == b":]")?;
        Some(self.at + size + 4)
    }

    fn posix(&mut self, end: usize) -> Result<ClassUnicode, InvalidRegex> {
        let start = self.at;
        let name = self.text.get(start + 2..end - 2).unwrap_or_default();
        let (name, negated) = match name.strip_prefix(b"^") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let Some(mut class) = class::posix(name) else {
            return Err(self.fault(RegexFault::CharRange, start..end));
        };
        self.at = end;
        if self.flags.fold {
            self.fold(&mut class)?;
        }
        if negated {
            class.negate();
        }
        Ok(class)
    }

    /// Reads one character or `first-last`. `None` if there are only surrogates in it.
    fn range_in_bracket(&mut self, bracket: usize) -> Result<Option<ClassUnicodeRange>, InvalidRegex> {
        let start = self.at;
        let first = self.rune_in_bracket(bracket)?;
        let mut last = first;
        // A hyphen before the closing bracket is itself.
        if self.peek(0) == Some(b'-') && self.peek(1).is_some_and(|next| next != b']') {
            self.at += 1;
            last = self.rune_in_bracket(bracket)?;
            if last < first {
                return Err(self.fault(RegexFault::CharRange, start..self.at));
            }
        }
        Ok(class::rune_range(first, last))
    }

    fn rune_in_bracket(&mut self, bracket: usize) -> Result<u32, InvalidRegex> {
        match self.peek(0) {
            None => Err(self.fault(RegexFault::MissingBracket, bracket..self.text.len())),
            Some(b'\\') => self.rune_escape(),
            Some(_) => Ok(u32::from(self.next_char()?)),
        }
    }
}
