//! Floats as Go prints them, which is how Prometheus' texts, metrics and answers have them.

use std::fmt::{self, Display, Formatter};

/// Go's `strconv.FormatFloat(value, 'f', -1, 64)`: the fewest digits that give the same number again, no exponent.
#[derive(Debug, Clone, Copy)]
pub struct PlainFloat(pub f64);

/// Go's `strconv.FormatFloat(value, 'g', -1, 64)`: as [`PlainFloat`], but with an exponent below 1e-4 and from 1e6 on.
#[derive(Debug, Clone, Copy)]
pub struct ShortFloat(pub f64);

/// As [`PlainFloat`], but with an exponent below 1e-6 and from 1e21 on: a sample in an answer of the HTTP API.
#[derive(Debug, Clone, Copy)]
pub struct SampleFloat(pub f64);

/// Below this no number lies halfway between two texts of equal length that both give it again.
const NO_TIES_BELOW: f64 = (1_u64 << 49) as f64;

impl Display for PlainFloat {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if let Some(text) = not_finite(self.0) {
            return out.write_str(text);
        }
        if self.0.abs() < NO_TIES_BELOW {
            return write!(out, "{}", self.0);
        }
        let (digits, exponent) = shortest(self.0);
        let (sign, digits) = digits.split_at(usize::from(digits.starts_with('-')));
        let digits = digits.replace('.', "");
        // How many of the digits stand in front of the point: the number is large.
        let whole = exponent.unsigned_abs() as usize + 1;
        match digits.split_at_checked(whole) {
            Some((whole, places)) if !places.is_empty() => write!(out, "{sign}{whole}.{places}"),
            _ => write!(out, "{sign}{digits:0<whole$}"),
        }
    }
}

impl Display for ShortFloat {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        with_exponent_unless(self.0, 1e-4..1e6, out)
    }
}

impl Display for SampleFloat {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        with_exponent_unless(self.0, 1e-6..1e21, out)
    }
}

/// Prints plainly what lies in `plain` by its size, all else with an exponent of a sign and at least two digits.
fn with_exponent_unless(value: f64, plain: std::ops::Range<f64>, out: &mut Formatter<'_>) -> fmt::Result {
    if value == 0.0 || !value.is_finite() || plain.contains(&value.abs()) {
        return PlainFloat(value).fmt(out);
    }
    let (digits, exponent) = shortest(value);
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(out, "{digits}e{sign}{:02}", exponent.unsigned_abs())
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

#[cfg(test)]
mod tests;
