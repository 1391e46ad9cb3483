//! Times and durations in parameters: seconds with a fraction, or as people write them.

use super::{MAX_TIME_MS, MIN_TIME_MS};
use flags::PromDuration;
use jiff::civil::DateTime;
use model::Quoted;
use std::ops::RangeInclusive;

/// What Prometheus hands out as the smallest and largest time, and so takes back.
const MIN_TEXT: &str = "-292273086-05-16T16:47:06Z";
const MAX_TEXT: &str = "292277025-08-18T07:12:54.999999999Z";

/// A time as seconds since the epoch or RFC 3339, in milliseconds, kept within [`MIN_TIME_MS`] and [`MAX_TIME_MS`].
///
/// `NaN` and infinities are refused; Prometheus makes a time far off of them.
pub(crate) fn parse_time_ms(text: &str) -> Result<i64, String> {
    let fault = || format!("cannot parse {} to a valid timestamp", Quoted(text.as_bytes()));
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
    rfc3339_ms(text).ok_or_else(fault)
}

/// A time of RFC 3339 as Go reads it: in capitals, with an hour of one digit or two, and nanoseconds at most.
fn rfc3339_ms(text: &str) -> Option<i64> {
    let mut rest = text.as_bytes();
    let year = number(&mut rest, 4..=4)?;
    let month = number(after(b'-', &mut rest)?, 2..=2)?;
    let day = number(after(b'-', &mut rest)?, 2..=2)?;
    let hour = number(after(b'T', &mut rest)?, 1..=2)?;
    let minute = number(after(b':', &mut rest)?, 2..=2)?;
    let second = number(after(b':', &mut rest)?, 2..=2)?;
    let mut milliseconds = 0;
    if let [b'.' | b',', digits @ ..] = rest
        && digits.first().is_some_and(u8::is_ascii_digit)
    {
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (fraction, zone) = digits.split_at(length);
        rest = zone;
        let thousandths = fraction.iter().chain(b"000").take(3);
        milliseconds = thousandths.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    }
    let minutes_ahead = match rest {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), zone @ ..] => {
            let mut zone = zone;
            let hours = number(&mut zone, 2..=2)?;
            let minutes = number(after(b':', &mut zone)?, 2..=2)?;
            if !zone.is_empty() || hours > 24 || minutes > 60 {
                return None;
            }
            let ahead = hours * 60 + minutes;
            if *sign == b'-' { -ahead } else { ahead }
        }
        _ => return None,
    };
    let small = |number: i64| i8::try_from(number).ok();
    let year = i16::try_from(year).ok()?;
    // Leap seconds are none to Go.
    let second = small(second).filter(|second| *second < 60)?;
    let local = DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, second, 0).ok()?;
    let seconds = local.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_secs();
    Some((seconds - minutes_ahead * 60) * 1000 + milliseconds)
}

/// What stands behind `mark`, which has to be next.
fn after<'a, 'b>(mark: u8, rest: &'a mut &'b [u8]) -> Option<&'a mut &'b [u8]> {
    *rest = rest.strip_prefix(&[mark])?;
    Some(rest)
}

/// The number that is next, of so many digits.
fn number(rest: &mut &[u8], digits: RangeInclusive<usize>) -> Option<i64> {
    let length = rest.iter().take(*digits.end()).take_while(|byte| byte.is_ascii_digit()).count();
    let (text, after) = rest.split_at_checked(length).filter(|_| digits.contains(&length))?;
    *rest = after;
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A duration as seconds or in Prometheus' units, in milliseconds. Below a millisecond is 0.
pub(crate) fn parse_duration_ms(text: &str) -> Result<i64, String> {
    parse_duration_nanos(text).map(|nanos| nanos / 1_000_000)
}

/// The same in nanoseconds. What Go makes of no number is as far back as can be.
pub(crate) fn parse_duration_nanos(text: &str) -> Result<i64, String> {
    let fault = || format!("cannot parse {} to a valid duration", Quoted(text.as_bytes()));
    if let Some(seconds) = parse_seconds(text) {
        let nanos = seconds * 1e9;
        const END: f64 = 9_223_372_036_854_775_808.0;
        return match nanos {
            _ if nanos == END || nanos.is_nan() => Ok(i64::MIN),
            _ if !(-END..END).contains(&nanos) => Err(format!("{}. It overflows int64", fault())),
            _ => Ok(nanos as i64),
        };
    }
    text.parse::<PromDuration>().map(|duration| duration.as_ms().saturating_mul(1_000_000)).map_err(|_| fault())
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
