//! Durations as Prometheus writes them: `15d`, `1h30m`, `2w`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Largest first; the order in which a duration may name them.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// What Go's nanoseconds can hold, in milliseconds: about 292 years.
const MAX_MS: u64 = (i64::MAX / 1_000_000) as u64;

/// A duration of whole milliseconds, never negative, at most about 292 years; written as Prometheus writes `15d` or `1h30m`
/// (`github.com/prometheus/common/model.Duration`). A year has 365 days and a day 24 hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PromDuration {
    ms: u64,
}

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPromDuration {
    #[error("empty duration string")]
    Empty,
    /// No number where one should be, no unit after the last, or units not in falling order.
    #[error("not a valid duration string: {0:?}")]
    Malformed(String),
    #[error("unknown unit {unit:?} in duration {text:?}")]
    UnknownUnit { unit: String, text: String },
    #[error("duration out of range")]
    OutOfRange,
}

impl PromDuration {
    /// The duration of `ms` milliseconds; what is more than the type can hold becomes the longest.
    pub const fn from_ms(ms: u64) -> Self {
        Self { ms: if ms < MAX_MS { ms } else { MAX_MS } }
    }

    /// In milliseconds; at most `i64::MAX / 1_000_000`.
    pub const fn as_ms(self) -> i64 {
        self.ms.cast_signed()
    }

    /// As the standard library's type.
    pub const fn as_std(self) -> Duration {
        Duration::from_millis(self.ms)
    }

    /// Whether it is 0, which for many flags means "off".
    pub const fn is_zero(self) -> bool {
        self.ms == 0
    }
}

impl FromStr for PromDuration {
    type Err = InvalidPromDuration;

    fn from_str(text: &str) -> Result<Self, InvalidPromDuration> {
        match text {
            "" => return Err(InvalidPromDuration::Empty),
            "0" => return Ok(Self::default()),
            _ => {}
        }
        let malformed = || InvalidPromDuration::Malformed(text.to_owned());
        let mut rest = text;
        let mut ms = 0_u64;
        let mut allowed = UNITS.as_slice();
        while !rest.is_empty() {
            let (digits, after) = split_at_first(rest, |char| !char.is_ascii_digit());
            // A number too big for the type is, to Prometheus, no number.
            let number: u64 = digits.parse().map_err(|_| malformed())?;
            let (unit, after) = split_at_first(after, |char| char.is_ascii_digit());
            if unit.is_empty() {
                return Err(malformed());
            }
            let Some(&(_, unit_ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(InvalidPromDuration::UnknownUnit { unit: unit.to_owned(), text: text.to_owned() });
            };
            let at = allowed.iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
            allowed = allowed.get(at + 1..).unwrap_or_default();
            let part = number.checked_mul(unit_ms).ok_or(InvalidPromDuration::OutOfRange)?;
            ms = ms.checked_add(part).filter(|ms| *ms <= MAX_MS).ok_or(InvalidPromDuration::OutOfRange)?;
            rest = after;
        }
        Ok(Self { ms })
    }
}

fn split_at_first(text: &str, stop: impl FnMut(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

impl fmt::Display for PromDuration {
    /// Years and weeks are used only where nothing is left over.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ms == 0 {
            return out.write_str("0s");
        }
        let mut left = self.ms;
        for (unit, unit_ms) in UNITS {
            if matches!(unit, "y" | "w") && !left.is_multiple_of(unit_ms) {
                continue;
            }
            if left >= unit_ms {
                write!(out, "{}{unit}", left / unit_ms)?;
                left %= unit_ms;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
