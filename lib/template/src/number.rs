//! Floats with so many digits, as Go's `fmt` prints them.

use model::not_finite;

/// Go's `%.*g`: so many digits that count, and an exponent where it is below -4 or not below their number.
pub(super) fn general(value: f64, digits: usize) -> String {
    general_from(value, digits, false)
}

/// The same; with `keep` zeros at the end stay.
pub(super) fn general_from(value: f64, digits: usize, keep: bool) -> String {
    if let Some(text) = not_finite(value) {
        return text.to_owned();
    }
    let digits = digits.max(1);
    let text = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') && !keep {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || exponent >= i32::try_from(digits).unwrap_or(i32::MAX) {
        return format!("{}e{}", trimmed(mantissa), exponent_text(exponent));
    }
    let places = usize::try_from(i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{value:.places$}"))
}

/// Go's `%.*e`.
pub(super) fn exponential(value: f64, places: usize) -> String {
    if let Some(text) = not_finite(value) {
        return text.to_owned();
    }
    let text = format!("{value:.places$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{mantissa}e{}", exponent_text(exponent.parse().unwrap_or(0)))
}

/// Go's `%.*f`.
pub(super) fn fixed(value: f64, places: usize) -> String {
    not_finite(value).map_or_else(|| format!("{value:.places$}"), str::to_owned)
}

fn exponent_text(exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{:02}", exponent.unsigned_abs())
}
