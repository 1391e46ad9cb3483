//! A moment, or a distance from now: `--min-time`, `--max-time`.

use crate::{InvalidPromDuration, PromDuration};
use jiff::civil::DateTime;
use std::str::FromStr;

/// A moment by RFC 3339, or a duration that is counted from now on, or back from now if it has a minus before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOrDuration {
    Time { ms: i64 },
    FromNow { duration: PromDuration, back: bool },
}

/// A text that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}, nor is it a time as in 2006-01-02T15:04:05Z")]
pub struct InvalidTimeOrDuration(InvalidPromDuration);

/// What stands before fraction and zone, and the zone.
const CIVIL: &str = "0000-00-00T00:00:00";
const ZONE: &str = "+00:00";

impl TimeOrDuration {
    /// Milliseconds since the epoch, where `now_ms` is now.
    pub fn at_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Time { ms } => ms,
            Self::FromNow { duration, back: false } => now_ms.saturating_add(duration.as_ms()),
            Self::FromNow { duration, back: true } => now_ms.saturating_sub(duration.as_ms()),
        }
    }
}

impl FromStr for TimeOrDuration {
    type Err = InvalidTimeOrDuration;

    fn from_str(text: &str) -> Result<Self, InvalidTimeOrDuration> {
        if let Some(ms) = rfc3339(text) {
            return Ok(Self::Time { ms });
        }
        let (back, distance) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let duration = distance.parse().map_err(InvalidTimeOrDuration)?;
        Ok(Self::FromNow { duration, back })
    }
}

/// Milliseconds since the epoch of a time in the one form that Go takes: capital letters, four digits of year, seconds below
/// 60, a zone.
fn rfc3339(text: &str) -> Option<i64> {
    let (time, zone_minutes) = match text.strip_suffix('Z') {
        Some(time) => (time, 0),
        None => {
            let (time, zone) = text.split_at_checked(text.len().checked_sub(ZONE.len())?)?;
            (time, zone_minutes(zone)?)
        }
    };
    let civil = time.get(..CIVIL.len()).filter(|civil| is_shaped(civil, CIVIL) && !civil.ends_with("60"))?;
    let fraction = time.get(CIVIL.len()..)?;
    if !fraction.is_empty() && fraction.strip_prefix('.').is_none_or(|digits| digits.parse::<u64>().is_err()) {
        return None;
    }
    // A civil time: jiff's own timestamps end a day before the year 10000 does.
    let civil: DateTime = format!("{civil}{fraction}").parse().ok()?;
    let since = civil.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    i64::try_from(since.as_millis()).ok()?.checked_sub(zone_minutes * 60_000)
}

fn zone_minutes(zone: &str) -> Option<i64> {
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let shaped = is_shaped(&zone.replacen('-', "+", 1), ZONE);
    let number = |digits: std::ops::Range<usize>| zone.get(digits)?.parse::<i64>().ok();
    let (hours, minutes) = (number(1..3)?, number(4..6)?);
    (shaped && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// Whether `text` has a digit wherever `form` has one, and all else like it.
fn is_shaped(text: &str, form: &str) -> bool {
    let like = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(like)
}

#[cfg(test)]
mod tests;
