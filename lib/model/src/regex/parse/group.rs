//! Groups and the flags in front of them.

use super::{Group, GroupKind, Parser};
use crate::regex::fault::{InvalidRegex, RegexFault};

impl Parser<'_> {
    /// Reads `(`, or `(?…` to the end of its flags or name.
    pub(super) fn open_group(&mut self) -> Result<(), InvalidRegex> {
        if self.peek(1) != Some(b'?') {
            self.at += 1;
            return self.begin_capture(None);
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let name_at = match rest {
            [_, _, b'P', b'<', _, ..] => Some(4),
            [_, _, b'<', _, ..] => Some(3),
            _ => None,
        };
        match name_at {
            Some(name_at) => self.open_named(name_at),
            None => self.open_flags(),
        }
    }

    pub(super) fn close_group(&mut self) -> Result<(), InvalidRegex> {
        if self.outer.is_empty() {
            return Err(self.whole(RegexFault::UnexpectedParen));
        }
        self.at += 1;
        let node = self.finish_group()?;
        self.flags = self.group.flags;
        if let Some(outer) = self.outer.pop() {
            self.group = outer;
        }
        self.push(node)
    }

    /// Reads `(?P<name>` or `(?<name>`.
    fn open_named(&mut self, name_at: usize) -> Result<(), InvalidRegex> {
        let (start, end) = (self.at, self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        let Some(size) = rest.iter().position(|&byte| byte == b'>') else {
            self.check_utf8(start, end)?;
            return Err(self.fault(RegexFault::NamedCapture, start..end));
        };
        self.check_utf8(start + name_at, start + size)?;
        let name = rest.get(name_at..size).unwrap_or_default();
        let is_name = !name.is_empty() && name.iter().all(|&byte| byte == b'_' || byte.is_ascii_alphanumeric());
        if !is_name {
            return Err(self.fault(RegexFault::NamedCapture, start..start + size + 1));
        }
        self.at = start + size + 1;
        self.begin_capture(Some(String::from_utf8_lossy(name).into()))
    }

    /// Reads `(?flags)` or `(?flags:`.
    fn open_flags(&mut self) -> Result<(), InvalidRegex> {
        let start = self.at;
        self.at += 2;
        let mut flags = self.flags;
        let (mut value, mut is_flag_due) = (true, false);
        while self.at < self.text.len() {
            match self.next_char()? {
                'i' => flags.fold = value,
                'm' => flags.multi_line = value,
                's' => flags.dot_newline = value,
                'U' => flags.ungreedy = value,
                '-' if value => {
                    value = false;
                    is_flag_due = true;
                    continue;
                }
                close @ (':' | ')') if !is_flag_due => {
                    if close == ':' {
                        self.begin(GroupKind::Plain)?;
                    }
                    self.flags = flags;
                    return Ok(());
                }
                _ => break,
            }
            is_flag_due = false;
        }
        Err(self.fault(RegexFault::PerlSyntax, start..self.at))
    }

    fn begin_capture(&mut self, name: Option<Box<str>>) -> Result<(), InvalidRegex> {
        let index = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name);
        self.begin(GroupKind::Capture(index))
    }

    fn begin(&mut self, kind: GroupKind) -> Result<(), InvalidRegex> {
        self.flush_literal();
        self.charge_node()?;
        let group = Group::new(kind, self.flags);
        self.outer.push(std::mem::replace(&mut self.group, group));
        Ok(())
    }

    /// Complains about the first byte from `start` to `end` (outside) that is not UTF-8.
    pub(super) fn check_utf8(&self, start: usize, end: usize) -> Result<(), InvalidRegex> {
        match std::str::from_utf8(self.text.get(start..end).unwrap_or_default()) {
            Ok(_) => Ok(()),
            Err(err) => Err(self.fault(RegexFault::Utf8, start + err.valid_up_to()..end)),
        }
    }
}
