//! Numbers as Go prints them.

use std::fmt::Write;

/// Below this decimal exponent Go's `%g` changes to scientific notation.
const MIN_PLAIN_EXPONENT: i32 = -4;
/// From this decimal exponent on, too.
const MAX_PLAIN_EXPONENT: i32 = 6;

/// Appends `value` as Go's `strconv.FormatFloat(value, 'g', -1, 64)`: the shortest digits that read back as the same
/// number, scientific below 1e-4 and from 1e6 on, the exponent with a sign and at least two digits.
pub fn write_float(value: f64, out: &mut String) {
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    }
    let start = out.len();
    // Writing to a string cannot fail.
    let _ = write!(out, "{value:e}");
    let Some((mantissa_end, exponent)) = split_exponent(&out[start..]) else {
        return;
    };
    if value == 0.0 || (MIN_PLAIN_EXPONENT..MAX_PLAIN_EXPONENT).contains(&exponent) {
        out.truncate(start);
        let _ = write!(out, "{value}");
    } else {
        out.truncate(start + mantissa_end);
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
    }
}

/// Where the mantissa of `1.5e-7` ends, and the exponent.
fn split_exponent(text: &str) -> Option<(usize, i32)> {
    let at = text.find('e')?;
    Some((at, text.get(at + 1..)?.parse().ok()?))
}

#[cfg(test)]
mod tests;
