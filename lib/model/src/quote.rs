//! Strings in quotes, as Go's `%q` writes them and PromQL reads them.

use regex_syntax::hir::{Class, ClassUnicode, HirKind};
use std::fmt::{self, Write};
use std::sync::OnceLock;

/// Shows bytes in double quotes: printable characters as they are, others and bytes that are no UTF-8 escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            for char in chunk.valid().chars() {
                write_char(out, char)?;
            }
            for byte in chunk.invalid() {
                write!(out, "\\x{byte:02x}")?;
            }
        }
        out.write_char('"')
    }
}

/// Shows a name as it is if it is a plain identifier, in double quotes if not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotedName<'a>(pub &'a [u8]);

impl fmt::Display for QuotedName<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(self.0) {
            Ok(name) if is_plain(name) => out.write_str(name),
            _ => Quoted(self.0).fmt(out),
        }
    }
}

fn is_plain(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic());
    starts_well && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

fn write_char(out: &mut fmt::Formatter<'_>, char: char) -> fmt::Result {
    match char {
        '"' => out.write_str("\\\""),
        '\\' => out.write_str("\\\\"),
        '\x07' => out.write_str("\\a"),
        '\x08' => out.write_str("\\b"),
        '\x0c' => out.write_str("\\f"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\x0b' => out.write_str("\\v"),
        ' '..='~' => out.write_char(char),
        '\0'..='\x7f' => write!(out, "\\x{:02x}", u32::from(char)),
        _ if is_printable(char) => out.write_char(char),
        '\0'..='\u{ffff}' => write!(out, "\\u{:04x}", u32::from(char)),
        _ => write!(out, "\\U{:08x}", u32::from(char)),
    }
}

/// Letters, marks, numbers, punctuation and symbols; no spaces but the ASCII one, which is dealt with before.
fn is_printable(char: char) -> bool {
    static PRINTABLE: OnceLock<ClassUnicode> = OnceLock::new();
    let class = PRINTABLE.get_or_init(|| {
        match regex_syntax::parse(r"[\pL\pM\pN\pP\pS]").map(regex_syntax::hir::Hir::into_kind) {
            Ok(HirKind::Class(Class::Unicode(class))) => class,
            _ => ClassUnicode::empty(),
        }
    });
    let after = class.ranges().partition_point(|range| range.start() <= char);
    after.checked_sub(1).and_then(|last| class.ranges().get(last)).is_some_and(|range| char <= range.end())
}

#[cfg(test)]
mod tests;
