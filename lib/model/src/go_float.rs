//! Floats as Go prints them, which is how Prometheus' texts, metrics and answers have them.

use std::fmt::{self, Display, Formatter};
use std::io::Write;

/// Go's `strconv.FormatFloat(value, 'f', -1, 64)`: the fewest digits that give the same number again, no exponent.
#[derive(Debug, Clone, Copy)]
pub struct PlainFloat(pub f64);

/// Go's `strconv.FormatFloat(value, 'g', -1, 64)`: as [`PlainFloat`], but with an exponent below 1e-4 and from 1e6 on.
#[derive(Debug, Clone, Copy)]
pub struct ShortFloat(pub f64);

/// As [`PlainFloat`], but with an exponent below 1e-6 and from 1e21 on: a sample in an answer of the HTTP API.
#[derive(Debug, Clone, Copy)]
pub struct SampleFloat(pub f64);

/// From here on the text of a whole number may be halfway between two others.
const WHOLE_TIES_FROM: f64 = (1_u64 << 49) as f64;

/// Numbers of this size are written without an exponent by `zmij`, too.
const ZMIJ_PLAIN: std::ops::Range<f64> = 1e-4..1e15;

/// From where on a number of so many places behind the point has 17 digits: texts of at most 15 are farther apart than numbers
/// are, and none needs more than 17. More than 25 places would be too many digits.
const TIES_FROM: [f64; 26] = [
    1e16, 1e15, 1e14, 1e13, 1e12, 1e11, 1e10, 1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1e0, 1e-1, 1e-2, 1e-3, 1e-4,
    1e-5, 1e-6, 1e-7, 1e-8, 1e-9,
];
const TIES_DIGITS: f64 = 100.0;

/// Whether `value`, which is finite, may lie halfway between two texts of equal length that both give it again. Written out
/// in full it then has a digit more than these, 17 or 18, the last of which is a 5.
fn may_be_halfway(value: f64) -> bool {
    let value = value.abs();
    if value >= WHOLE_TIES_FROM {
        return true;
    }
    let bits = value.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    // As many places behind the point has it in base two, and so in base ten.
    let places = 1075 - exponent - (fraction | 1 << 52).trailing_zeros().cast_signed();
    let from = usize::try_from(places).ok().and_then(|places| TIES_FROM.get(places));
    places > 0 && from.is_some_and(|from| (*from..from * TIES_DIGITS).contains(&value))
}

/// Appends what both a plain and a sample's text of `value` is, if that takes the shortest way there is to it, as nearly all
/// numbers do; answers whether it did.
fn append_plain(value: f64, out: &mut Vec<u8>) -> bool {
    let (size, whole) = (value.abs(), value as i64);
    if size < WHOLE_TIES_FROM && whole as f64 == value && !(value == 0.0 && value.is_sign_negative()) {
        out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    } else if ZMIJ_PLAIN.contains(&size) && !may_be_halfway(value) {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    } else {
        return false;
    }
    true
}

impl PlainFloat {
    /// Appends the text.
    pub fn append_to(self, out: &mut Vec<u8>) {
        if !append_plain(self.0, out) {
            // Writing to a vector cannot fail.
            let _ = write!(out, "{self}");
        }
    }
}

impl SampleFloat {
    /// Appends the text.
    pub fn append_to(self, out: &mut Vec<u8>) {
        if !append_plain(self.0, out) {
            // Writing to a vector cannot fail.
            let _ = write!(out, "{self}");
        }
    }
}

impl Display for PlainFloat {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if let Some(text) = not_finite(self.0) {
            return out.write_str(text);
        }
        if !may_be_halfway(self.0) {
            return write!(out, "{}", self.0);
        }
        let (digits, exponent) = shortest(self.0);
        let (sign, digits) = digits.split_at(usize::from(digits.starts_with('-')));
        let digits = digits.replace('.', "");
        if exponent < 0 {
            let zeros = exponent.unsigned_abs() as usize - 1;
            return write!(out, "{sign}0.{:0<zeros$}{digits}", "");
        }
        // How many of the digits stand in front of the point.
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

/// Go's text of what is no finite number; `None`: `value` is one.
pub fn not_finite(value: f64) -> Option<&'static str> {
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
