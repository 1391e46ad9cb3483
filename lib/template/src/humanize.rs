//! Numbers for people.

use super::number::general;
use super::value::{Value, time_text};
use std::time::Duration;

/// The number that a value is, or says.
pub(super) fn number_of(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(value) => Ok(*value),
        Value::Whole(value) => Ok(*value as f64),
        Value::Duration(nanoseconds) => {
            Ok(Duration::from_nanos(nanoseconds.unsigned_abs()).as_secs_f64()
                * if *nanoseconds < 0 { -1.0 } else { 1.0 })
        }
        Value::Text(text) => parse_float(text),
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

/// As Go's `strconv.ParseFloat` reads it.
fn parse_float(text: &str) -> Result<f64, String> {
    let invalid = || format!("strconv.ParseFloat: parsing {text:?}: invalid syntax");
    let word = text.strip_prefix(['+', '-']).unwrap_or(text).to_ascii_lowercase();
    let is_word = matches!(word.as_str(), "inf" | "infinity") || word == "nan" && word.len() == text.len();
    if !is_word && !word.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Err(invalid());
    }
    let value: f64 = text.parse().map_err(|_| invalid())?;
    if value.is_infinite() && !is_word {
        return Err(format!("strconv.ParseFloat: parsing {text:?}: value out of range"));
    }
    Ok(value)
}

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

/// With four digits and a prefix of the metric system.
pub(super) fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return general(value, 4);
    }
    let (value, prefix) = if value.abs() >= 1.0 { scaled(value, &LARGE, 1000.0) } else { magnified(value) };
    general(value, 4) + prefix
}

/// With four digits and a binary prefix.
pub(super) fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return general(value, 4);
    }
    let (value, prefix) = scaled(value, &BINARY, 1024.0);
    general(value, 4) + prefix
}

fn scaled(mut value: f64, prefixes: &[&'static str], step: f64) -> (f64, &'static str) {
    let mut taken = "";
    for prefix in prefixes {
        if value.abs() < step {
            break;
        }
        (value, taken) = (value / step, prefix);
    }
    (value, taken)
}

fn magnified(mut value: f64) -> (f64, &'static str) {
    let mut taken = "";
    for prefix in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        (value, taken) = (value * 1000.0, prefix);
    }
    (value, taken)
}

/// Seconds as days, hours, minutes and seconds, or parts of a second.
pub(super) fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return general(value, 4);
    }
    if value == 0.0 {
        return general(value, 4) + "s";
    }
    if value.abs() < 1.0 {
        let (value, prefix) = magnified(value);
        return general(value, 4) + prefix + "s";
    }
    let (sign, size) = if value < 0.0 { ("-", -value) } else { ("", value) };
    let whole = size as i64;
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", general(size, 4)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, ..) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

/// A ratio in percent.
pub(super) fn humanize_percentage(value: f64) -> String {
    general(value * 100.0, 4) + "%"
}

/// Seconds since the epoch as a time.
pub(super) fn humanize_timestamp(value: f64) -> Result<String, String> {
    match value.is_finite() {
        true => Ok(time_text(time_ms(value)?)),
        false => Ok(general(value, 4)),
    }
}

/// Milliseconds since the epoch.
pub(super) fn time_ms(seconds: f64) -> Result<i64, String> {
    let nanoseconds = seconds * 1e9;
    if !(-9.223_372_036_854_776e18..=9.223_372_036_854_776e18).contains(&nanoseconds) {
        let text = super::value::float_text(seconds);
        return Err(format!("{text} cannot be represented as a nanoseconds timestamp since it overflows int64"));
    }
    Ok((nanoseconds as i64) / 1_000_000)
}
