//! Durations as Go writes them: `1.5h`, `300ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const MICRO: u64 = 1000;
const SECOND: u64 = 1_000_000_000;
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", MICRO),
    ("µs", MICRO),
    ("μs", MICRO),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
];
/// Flags know these, too; Go does not.
const FLAG_UNITS: [(&str, u64); 2] = [("d", 24 * 3600 * SECOND), ("w", 7 * 24 * 3600 * SECOND)];

/// A duration of whole nanoseconds, about ±292 years, as Go's `time.Duration` reads and prints it. [`FromStr`] takes what
/// `time.ParseDuration` takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration {
    ns: i64,
}

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGoDuration {
    #[error("time: invalid duration {0:?}")]
    Malformed(String),
    #[error("time: missing unit in duration {0:?}")]
    MissingUnit(String),
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit { unit: String, text: String },
    #[error("a duration below zero has no meaning here: {0}")]
    Negative(GoDuration),
}

impl GoDuration {
    /// Reads a flag's value, which may also name days (`d`) and weeks (`w`).
    ///
    /// # Errors
    /// As [`FromStr`].
    pub fn parse_flag(text: &str) -> Result<Self, InvalidGoDuration> {
        parse(text, true).map(|ns| Self { ns })
    }

    /// So many milliseconds; what does not fit is the longest or the shortest there is.
    pub const fn from_ms(ms: i64) -> Self {
        Self { ns: ms.saturating_mul(1_000_000) }
    }

    /// So many nanoseconds.
    pub const fn from_ns(ns: i64) -> Self {
        Self { ns }
    }

    /// In nanoseconds.
    pub const fn as_ns(self) -> i64 {
        self.ns
    }

    /// As the standard library's type.
    ///
    /// # Errors
    /// When it is negative.
    pub fn as_std(self) -> Result<Duration, InvalidGoDuration> {
        u64::try_from(self.ns).map(Duration::from_nanos).map_err(|_| InvalidGoDuration::Negative(self))
    }
}

impl FromStr for GoDuration {
    type Err = InvalidGoDuration;

    fn from_str(text: &str) -> Result<Self, InvalidGoDuration> {
        parse(text, false).map(|ns| Self { ns })
    }
}

fn parse(text: &str, flag_units: bool) -> Result<i64, InvalidGoDuration> {
    let malformed = || InvalidGoDuration::Malformed(text.to_owned());
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let negative = text.starts_with('-');
    if unsigned == "0" {
        return Ok(0);
    }
    if unsigned.is_empty() {
        return Err(malformed());
    }
    let mut rest = unsigned;
    let mut ns = 0_u64;
    while !rest.is_empty() {
        let end = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len()));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if number.is_empty() || number == "." || fraction.contains('.') {
            return Err(malformed());
        }
        if unit.is_empty() {
            return Err(InvalidGoDuration::MissingUnit(text.to_owned()));
        }
        let extra = if flag_units { FLAG_UNITS.as_slice() } else { &[] };
        let Some(&(_, unit_ns)) = UNITS.iter().chain(extra).find(|(name, _)| *name == unit) else {
            return Err(InvalidGoDuration::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() });
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| malformed())? };
        let part = whole.checked_mul(unit_ns).and_then(|part| part.checked_add(fraction_ns(fraction, unit_ns)));
        ns = part.and_then(|part| ns.checked_add(part)).ok_or_else(malformed)?;
        rest = after;
    }
    match negative {
        true => 0_i64.checked_sub_unsigned(ns).ok_or_else(malformed),
        false => i64::try_from(ns).map_err(|_| malformed()),
    }
}

/// The digits behind a point, cut to whole nanoseconds.
fn fraction_ns(digits: &str, unit_ns: u64) -> u64 {
    let mut number = 0_u128;
    let mut scale = 1_u128;
    // A week has fewer than 10^15 nanoseconds: what stands further behind cannot matter.
    for digit in digits.bytes().take(18) {
        scale *= 10;
        number = number * 10 + u128::from(digit - b'0');
    }
    u64::try_from(u128::from(unit_ns) * number / scale).unwrap_or(u64::MAX)
}

impl fmt::Display for GoDuration {
    /// Hours, minutes and seconds once it lasts a second; one smaller unit below that.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ns < 0 {
            out.write_str("-")?;
        }
        let ns = self.ns.unsigned_abs();
        let (unit, unit_ns) = match ns {
            0 => return out.write_str("0s"),
            1..1000 => ("ns", 1),
            1000..1_000_000 => ("µs", MICRO),
            1_000_000..SECOND => ("ms", 1_000_000),
            _ => ("s", SECOND),
        };
        let mut whole = ns / unit_ns;
        if unit == "s" {
            let minutes = whole / 60;
            whole %= 60;
            if minutes >= 60 {
                write!(out, "{}h", minutes / 60)?;
            }
            if minutes > 0 {
                write!(out, "{}m", minutes % 60)?;
            }
        }
        write!(out, "{whole}")?;
        let fraction = ns % unit_ns;
        if fraction > 0 {
            let width = unit_ns.ilog10() as usize;
            let digits = format!("{fraction:0width$}");
            write!(out, ".{}", digits.trim_end_matches('0'))?;
        }
        out.write_str(unit)
    }
}

#[cfg(test)]
mod tests;
