//! Byte sizes as flags name them: `512MB`, `1.5GiB`.

use std::fmt;
use std::str::FromStr;

/// Largest first. `KB` and `KiB` both mean 1,024 bytes.
const UNITS: [(&str, &str, u32); 7] = [
    ("EiB", "EB", 60),
    ("PiB", "PB", 50),
    ("TiB", "TB", 40),
    ("GiB", "GB", 30),
    ("MiB", "MB", 20),
    ("KiB", "KB", 10),
    ("B", "B", 0),
];

/// The largest number kingpin's parser takes before a unit.
const MAX_NUMBER: u64 = 9_223_372_036_854_775_789;

/// A number of bytes, written with units that are powers of two, as kingpin's `Bytes`: `KB` is `KiB`. Several units add up.
/// Sizes below zero, which Thanos lets pass, are refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidByteSize {
    #[error("units: invalid {0}")]
    Malformed(String),
    #[error("units: unknown unit {unit} in {text}: name one of B, KB, MB, GB, TB, PB, EB (or KiB, MiB, …)")]
    UnknownUnit { unit: String, text: String },
    #[error("a size below zero has no meaning here: {0}")]
    Negative(String),
}

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    fn from_str(text: &str) -> Result<Self, InvalidByteSize> {
        let malformed = || InvalidByteSize::Malformed(text.to_owned());
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        if unsigned == "0" {
            return Ok(Self(0));
        }
        if unsigned.is_empty() {
            return Err(malformed());
        }
        let mut bytes = 0_u64;
        let mut rest = unsigned;
        while !rest.is_empty() {
            let end = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
            let (number, after) = rest.split_at(end);
            let end = after.find(|char: char| char.is_ascii_digit() || char == '.').unwrap_or(after.len());
            let (unit, after) = after.split_at(end);
            let part = number_of(number).ok_or_else(malformed)?;
            let Some((_, _, shift)) = UNITS.iter().find(|(binary, short, _)| *binary == unit || *short == unit) else {
                return Err(InvalidByteSize::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() });
            };
            bytes = part.shifted(*shift).and_then(|part| bytes.checked_add(part)).ok_or_else(malformed)?;
            rest = after;
        }
        match text.starts_with('-') && bytes > 0 {
            true => Err(InvalidByteSize::Negative(text.to_owned())),
            false => Ok(Self(bytes)),
        }
    }
}

/// A decimal number: its whole part, and the rest as a fraction of one.
struct Number {
    whole: u64,
    fraction: f64,
}

fn number_of(text: &str) -> Option<Number> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    if (whole.is_empty() && digits.is_empty()) || digits.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse().ok().filter(|whole| *whole <= MAX_NUMBER)? };
    let fraction = if digits.is_empty() { 0.0 } else { format!("0.{digits}").parse().ok()? };
    Some(Number { whole, fraction })
}

impl Number {
    /// This many units of 2^`shift` bytes, cut to whole bytes.
    fn shifted(&self, shift: u32) -> Option<u64> {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a power of two up to 2^60 times a number below one is below 2^60, and is meant to be cut"
        )]
        let fraction = (self.fraction * (1_u64 << shift) as f64) as u64;
        self.whole.checked_mul(1_u64 << shift)?.checked_add(fraction)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return out.write_str("0B");
        }
        let mut left = self.0;
        for (unit, _, shift) in UNITS {
            if left >> shift > 0 {
                write!(out, "{}{unit}", left >> shift)?;
                left &= (1 << shift) - 1;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
