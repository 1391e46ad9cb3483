//! Numbers and durations as Go writes them.

use std::fmt::{self, Display, Formatter};

/// Shortest digits that give the same number again, without an exponent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FloatText(pub(crate) f64);

/// Shortest digits that give the same number again, with an exponent where that is below −4 or above 5.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShortFloatText(pub(crate) f64);

/// Milliseconds as a duration. Nothing but a zero gives `0s`; a negative one gives nothing, its sign is written by the
/// caller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DurationText(pub(crate) i64);

impl Display for FloatText {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if let Some(text) = not_finite(self.0) {
            return out.write_str(text);
        }
        let (digits, exponent) = shortest(self.0);
        let (sign, digits) = digits.split_at(usize::from(digits.starts_with('-')));
        let digits = digits.replace('.', "");
        // How many of the digits stand in front of the point.
        let whole = exponent + 1;
        out.write_str(sign)?;
        match usize::try_from(whole) {
            Ok(whole @ 1..) if whole >= digits.len() => write!(out, "{digits:0<whole$}"),
            Ok(whole @ 1..) => write!(out, "{}.{}", &digits[..whole], &digits[whole..]),
            _ => {
                let width = digits.len() + whole.unsigned_abs() as usize;
                write!(out, "0.{digits:0>width$}")
            }
        }
    }
}

impl Display for ShortFloatText {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if let Some(text) = not_finite(self.0) {
            return out.write_str(text);
        }
        match shortest(self.0) {
            (digits, exponent @ (..-4 | 6..)) => {
                let sign = if exponent < 0 { '-' } else { '+' };
                write!(out, "{digits}e{sign}{:02}", exponent.unsigned_abs())
            }
            _ => FloatText(self.0).fmt(out),
        }
    }
}

fn not_finite(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// The fewest digits that give `value` again, the first in front of the point, and the exponent of ten.
///
/// Where two such numbers are equally near, Go takes the even one and the standard library the larger one; rounding to
/// the same number of digits settles it.
fn shortest(value: f64) -> (String, i32) {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
    let rounded = format!("{value:.places$e}");
    let even = rounded.parse() == Ok(value);
    let digits = rounded.split_once('e').filter(|_| even).map_or(digits, |(digits, _)| digits);
    (digits.to_owned(), exponent.parse().unwrap_or(0))
}

impl Display for DurationText {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        /// Unit, milliseconds, and whether it is used only if nothing remains: 90d reads better than 12w6d.
        const UNITS: [(&str, i64, bool); 7] = [
            ("y", 365 * 24 * 3_600_000, true),
            ("w", 7 * 24 * 3_600_000, true),
            ("d", 24 * 3_600_000, false),
            ("h", 3_600_000, false),
            ("m", 60_000, false),
            ("s", 1_000, false),
            ("ms", 1, false),
        ];
        let mut ms = self.0;
        if ms == 0 {
            return out.write_str("0s");
        }
        for (unit, unit_ms, only_whole) in UNITS {
            if ms < unit_ms || only_whole && ms % unit_ms != 0 {
                continue;
            }
            write!(out, "{}{unit}", ms / unit_ms)?;
            ms %= unit_ms;
        }
        Ok(())
    }
}
