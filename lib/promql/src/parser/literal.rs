//! Numbers, durations and strings as they are written, turned into values as Go does.

use crate::ast::{Number, Span};
use crate::error::Fault;
use crate::lexer::{Token, TokenKind};
use crate::print::quote;

use super::Parser;

impl Parser<'_> {
    /// The number or duration that comes next. A duration counts seconds.
    pub(super) fn number(&mut self) -> Result<(Span, Number), Fault> {
        let token = self.take()?;
        let is_duration = token.kind == TokenKind::Duration;
        let value = if is_duration { parse_duration(token.text) } else { parse_number(token.text) };
        match value {
            Ok(value) => Ok((token.span(), Number { value, is_duration })),
            Err(message) => Err(self.fault(token.span(), message)),
        }
    }

    /// The value of a string literal. The lexer has seen that its escapes are sound.
    pub(super) fn unquote(&self, token: Token<'_>) -> Result<Vec<u8>, Fault> {
        unquote(token.text).ok_or_else(|| {
            let message = format!("error unquoting string {}: invalid syntax", quote(token.text.as_bytes()));
            self.fault(token.span(), message)
        })
    }
}

/// Cuts to a whole number as Go does on amd64: out of range (or NaN) is the least of all.
pub(super) fn go_i64(value: f64) -> i64 {
    if (-(2f64.powi(63))..2f64.powi(63)).contains(&value) { value as i64 } else { i64::MIN }
}

/// A whole number (decimal, `0x…`, octal with a leading 0), else a float; underscores may separate digits.
pub(crate) fn parse_number(text: &str) -> Result<f64, String> {
    let fail = |why| format!("error parsing number: strconv.ParseFloat: parsing {}: {why}", quote(text.as_bytes()));
    if !underscores_fit(text) {
        return Err(fail("invalid syntax"));
    }
    let digits = text.replace('_', "");
    if let Some(whole) = parse_whole(&digits) {
        return Ok(whole as f64);
    }
    let value: f64 = digits.parse().map_err(|_| fail("invalid syntax"))?;
    if value.is_infinite() && !digits.eq_ignore_ascii_case("inf") {
        return Err(fail("value out of range"));
    }
    Ok(value)
}

fn parse_whole(digits: &str) -> Option<i64> {
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok();
    }
    match digits.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => i64::from_str_radix(octal, 8).ok(),
        _ => digits.parse().ok(),
    }
}

/// Whether each underscore has a digit, or the base prefix, in front of it and a digit behind.
fn underscores_fit(text: &str) -> bool {
    let is_hex = text.starts_with("0x") || text.starts_with("0X");
    let is_digit = |byte: &u8| if is_hex { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    let bytes = text.as_bytes();
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').all(|(at, _)| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let after = bytes.get(at + 1);
        (before.is_some_and(is_digit) || is_hex && at == 2) && after.is_some_and(is_digit)
    })
}

/// Seconds of a duration.
fn parse_duration(text: &str) -> Result<f64, String> {
    let total_ms = parse_duration_ms(text)?;
    Ok((total_ms / 1000) as f64 + (total_ms % 1000 * 1_000_000) as f64 / 1e9)
}

/// Milliseconds of a duration such as `1h30m`: whole numbers, units from large to small, each once. Nothing is nothing.
pub(crate) fn parse_duration_ms(text: &str) -> Result<u64, String> {
    /// From large to small, in milliseconds.
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 24 * 3_600_000),
        ("w", 7 * 24 * 3_600_000),
        ("d", 24 * 3_600_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    const MAX_MS: u64 = i64::MAX as u64 / 1_000_000;

    let malformed = || format!("not a valid duration string: {}", quote(text.as_bytes()));
    let out_of_range = || "duration out of range".to_owned();
    let mut rest = text;
    let mut smallest_unit = None;
    let mut total_ms = 0u64;
    while !rest.is_empty() {
        let (digits, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        let (unit, behind) = behind.split_at(behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len()));
        rest = behind;
        let Ok(count) = digits.parse::<u64>() else { return Err(malformed()) };
        if unit.is_empty() {
            return Err(malformed());
        }
        let Some(at) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("unknown unit {} in duration {}", quote(unit.as_bytes()), quote(text.as_bytes())));
        };
        if smallest_unit.is_some_and(|smallest| at <= smallest) {
            return Err(malformed());
        }
        smallest_unit = Some(at);
        let unit_ms = UNITS.get(at).map_or(0, |(_, ms)| *ms);
        total_ms = count
            .checked_mul(unit_ms)
            .and_then(|ms| total_ms.checked_add(ms))
            .filter(|total| *total <= MAX_MS)
            .ok_or_else(out_of_range)?;
    }
    Ok(total_ms)
}

/// What a literal says, without its quotes; `None` if it is none.
pub(crate) fn unquote(literal: &str) -> Option<Vec<u8>> {
    let inner = literal.get(1..literal.len().checked_sub(1)?)?;
    if literal.starts_with('`') {
        return Some(inner.as_bytes().to_vec());
    }
    let mut value = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        value.extend_from_slice(plain.as_bytes());
        rest = unescape(escaped, &mut value)?;
    }
    value.extend_from_slice(rest.as_bytes());
    Some(value)
}

/// Appends what the escape sequence behind a backslash means: a character, or (octal and `\x`) a byte. Returns what
/// follows it.
fn unescape<'a>(escaped: &'a str, value: &mut Vec<u8>) -> Option<&'a str> {
    let first = escaped.chars().next()?;
    let (skip, digits, base) = match first {
        '0'..='7' => (0, 3, 8),
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        _ => {
            value.push(match first {
                'a' => 0x07,
                'b' => 0x08,
                'f' => 0x0c,
                'n' => b'\n',
                'r' => b'\r',
                't' => b'\t',
                'v' => 0x0b,
                '\\' | '\'' | '"' => u8::try_from(first).ok()?,
                _ => return None,
            });
            return escaped.get(1..);
        }
    };
    let number = u32::from_str_radix(escaped.get(skip..skip + digits)?, base).ok()?;
    match first {
        'u' | 'U' => {
            value.extend_from_slice(char::from_u32(number)?.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => value.push(u8::try_from(number).ok()?),
    }
    escaped.get(skip + digits..)
}
