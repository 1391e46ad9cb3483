//! Numbers as Go writes and reads them, where texts of Prometheus hold some, beside what is in `print`.

#[cfg(test)]
mod tests;

use model::ShortFloat;
use std::borrow::Cow;

/// Go's `%.2g`: two digits.
pub(crate) fn two_digits(value: f64) -> String {
    special(value).unwrap_or_else(|| place(&format!("{value:.1e}")))
}

/// Go's `%f`: six decimals.
pub(crate) fn fixed(value: f64) -> String {
    special(value).unwrap_or_else(|| format!("{value:.6}"))
}

/// A number as label values have it: with a point or an exponent.
pub(crate) fn label_value(value: f64) -> String {
    if value == 0.0 {
        // Without a sign.
        return "0.0".to_owned();
    }
    let text = ShortFloat(value).to_string();
    if value.is_finite() && !text.contains(['.', 'e']) { text + ".0" } else { text }
}

/// Reads a number as `strconv.ParseFloat` does; one that is too large for a float is none.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    let text = without_underscores(str::from_utf8(text).ok()?)?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    if unsigned.starts_with(['+', '-']) || unsigned.len() < text.len() && unsigned.eq_ignore_ascii_case("nan") {
        return None;
    }
    if let Some(hex) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let value = parse_hex(hex)?;
        return Some(if text.starts_with('-') { -value } else { value });
    }
    let value: f64 = text.parse().ok()?;
    // Rust rounds what is too large to infinity, Go calls it an error.
    (value.is_finite() || !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')).then_some(value)
}

/// Underscores may stand between digits, one at a time.
fn without_underscores(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('_') {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at)).is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b'x')
    };
    let mut underscores = text.match_indices('_');
    let all_between = underscores.all(|(at, _)| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)));
    all_between.then(|| Cow::Owned(text.replace('_', "")))
}

/// `hex digits . hex digits p exponent`, of at most 53 significant bits.
fn parse_hex(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = [whole, fraction].concat();
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let mantissa = if significant.is_empty() { 0 } else { u64::from_str_radix(significant, 16).ok()? };
    let places = i32::try_from(fraction.len()).ok()?;
    let value = libm::ldexp(mantissa as f64, exponent.checked_sub(places.checked_mul(4)?)?);
    (mantissa < 1 << 53 && value.is_finite()).then_some(value)
}

fn special(value: f64) -> Option<String> {
    if value.is_nan() {
        Some("NaN".to_owned())
    } else if value.is_infinite() {
        Some(if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned())
    } else {
        None
    }
}

/// Turns `d.de±x` into plain digits unless the exponent is below −4 or above 1.
fn place(scientific: &str) -> String {
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let trimmed = digits.trim_end_matches('0').trim_end_matches('.');
    match exponent.parse::<i32>().unwrap_or(0) {
        exponent @ -4..=1 => {
            let decimals = usize::try_from(1 - exponent).unwrap_or(0);
            let plain = format!("{:.decimals$}", scientific.parse::<f64>().unwrap_or(f64::NAN));
            if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.').to_owned() } else { plain }
        }
        exponent => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{trimmed}e{sign}{:02}", exponent.unsigned_abs())
        }
    }
}
