//! Times and durations in parameters: seconds with a fraction, or as people write them.

use super::{MAX_TIME_MS, MIN_TIME_MS};
use flags::PromDuration;

/// What Prometheus hands out as the smallest and largest time, and so takes back.
const MIN_TEXT: &str = "-292273086-05-16T16:47:06Z";
const MAX_TEXT: &str = "292277025-08-18T07:12:54.999999999Z";

/// A time as seconds since the epoch or RFC 3339, in milliseconds, kept within [`MIN_TIME_MS`] and [`MAX_TIME_MS`].
///
/// `NaN` and infinities are refused; Prometheus makes a time far off of them.
pub(crate) fn parse_time_ms(text: &str) -> Result<i64, String> {
    let fault = || format!("cannot parse {text:?} to a valid timestamp");
    match text {
        MIN_TEXT => return Ok(MIN_TIME_MS),
        MAX_TEXT => return Ok(MAX_TIME_MS),
        _ => {}
    }
    if let Some(seconds) = parse_seconds(text) {
        if !seconds.is_finite() {
            return Err(fault());
        }
        // Prometheus rounds the fraction to milliseconds on its own, so that large times keep theirs.
        let (whole, fraction) = (seconds.trunc(), (seconds.fract() * 1000.0).round());
        return Ok(((whole * 1000.0 + fraction) as i64).clamp(MIN_TIME_MS, MAX_TIME_MS));
    }
    // Only what RFC 3339 asks for: date, `T`, time, zone.
    if text.as_bytes().get(10).is_none_or(|byte| !byte.eq_ignore_ascii_case(&b'T')) {
        return Err(fault());
    }
    text.parse::<jiff::Timestamp>().map(|time| time.as_millisecond()).map_err(|_| fault())
}

/// A duration as seconds or in Prometheus' units, in milliseconds. Below a millisecond is 0.
pub(crate) fn parse_duration_ms(text: &str) -> Result<i64, String> {
    let fault = || format!("cannot parse {text:?} to a valid duration");
    if let Some(seconds) = parse_seconds(text) {
        let nanoseconds = seconds * 1e9;
        if seconds.is_nan() || nanoseconds > i64::MAX as f64 || nanoseconds < i64::MIN as f64 {
            return Err(format!("{}. It overflows int64", fault()));
        }
        return Ok((nanoseconds / 1e6) as i64);
    }
    text.parse::<PromDuration>().map(PromDuration::as_ms).map_err(|_| fault())
}

/// A decimal number as Go's `strconv.ParseFloat` reads it, but for hexadecimal ones and single underscores between digits,
/// which it takes as Prometheus was seen to.
fn parse_seconds(text: &str) -> Option<f64> {
    let digits = |byte: &u8| byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let apart = |at: usize| at > 0 && bytes.get(at - 1).is_some_and(digits) && bytes.get(at + 1).is_some_and(digits);
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'_' && !apart(at)) {
        return None;
    }
    text.replace('_', "").parse().ok().filter(|number: &f64| {
        // "1e400" is out of range to Go, infinity to Rust.
        !number.is_infinite() || !text.bytes().any(|byte| byte.is_ascii_digit())
    })
}
