//! When a block was uploaded, as RFC 3339 with the zone and the digits that it was written with.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A point in time that keeps its text. Not set is year 1, as Go has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadTime {
    text: Box<str>,
    unix_ms: i64,
}

/// A text that is no point in time in RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time in RFC 3339")]
pub struct InvalidUploadTime(Box<str>);

/// How Go writes a time that was never set.
const UNSET: &str = "0001-01-01T00:00:00Z";
/// Years that four digits can say.
const YEAR_BOUNDS_MS: (i64, i64) = (-62_167_219_200_000, 253_402_300_799_999);
const DAY_MS: i64 = 86_400_000;

impl UploadTime {
    /// Milliseconds since 1970, in UTC; what four digits of a year cannot say becomes the nearest that they can.
    pub fn at_ms(unix_ms: i64) -> Self {
        let unix_ms = unix_ms.clamp(YEAR_BOUNDS_MS.0, YEAR_BOUNDS_MS.1);
        let (days, of_day) = (unix_ms.div_euclid(DAY_MS), unix_ms.rem_euclid(DAY_MS));
        let (year, month, day) = date(days);
        let (hour, minute, second, ms) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60, of_day % 1000);
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if ms > 0 {
            text.push_str(format!(".{ms:03}").trim_end_matches('0'));
        }
        text.push('Z');
        Self { text: text.into(), unix_ms }
    }

    /// Whether it was ever set.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// Milliseconds since 1970, rounded down.
    pub fn unix_ms(&self) -> i64 {
        self.unix_ms
    }
}

impl Default for UploadTime {
    fn default() -> Self {
        Self { text: UNSET.into(), unix_ms: -62_135_596_800_000 }
    }
}

impl FromStr for UploadTime {
    type Err = InvalidUploadTime;

    fn from_str(text: &str) -> Result<Self, InvalidUploadTime> {
        let unix_ms = parse(text.as_bytes()).ok_or_else(|| InvalidUploadTime(text.into()))?;
        Ok(Self { text: text.into(), unix_ms })
    }
}

impl fmt::Display for UploadTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Serialize for UploadTime {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for UploadTime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// `2006-01-02T15:04:05`, a fraction of any length, `Z` or `+07:00`.
fn parse(text: &[u8]) -> Option<i64> {
    let (whole, mut rest) = text.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !separators.iter().all(|&(at, separator)| whole.get(at) == Some(&separator)) {
        return None;
    }
    let field = |from, to, least, most| number(whole.get(from..to)?).filter(|number| (least..=most).contains(number));
    let (year, month, day) = (field(0, 4, 0, 9999)?, field(5, 7, 1, 12)?, field(8, 10, 1, 31)?);
    let (hour, minute, second) = (field(11, 13, 0, 23)?, field(14, 16, 0, 59)?, field(17, 19, 0, 59)?);
    let days = days(year, month, day);
    if date(days) != (year, month, day) {
        return None;
    }
    let mut unix_ms = days * DAY_MS + hour * 3_600_000 + minute * 60_000 + second * 1000;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, after) = fraction.split_at(digits);
        let thousandths = (0..3).map(|at| digits.get(at).map_or(0, |digit| i64::from(digit - b'0')));
        unix_ms += thousandths.fold(0, |ms, digit| ms * 10 + digit);
        rest = if digits.is_empty() { return None } else { after };
    }
    Some(unix_ms - zone_ms(rest)?)
}

/// `Z` or `+07:00`.
fn zone_ms(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match zone {
        b"Z" => return Some(0),
        [b'+', hours @ .., b':', tens, ones] => (1, hours, [*tens, *ones]),
        [b'-', hours @ .., b':', tens, ones] => (-1, hours, [*tens, *ones]),
        _ => return None,
    };
    let hours = number(hours).filter(|number| hours.len() == 2 && *number <= 24)?;
    let minutes = number(&minutes).filter(|minutes| *minutes <= 60)?;
    Some(sign * (hours * 3_600_000 + minutes * 60_000))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0_i64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Days since 1970 of a date, by years that begin in March, so that the day of the leap year is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests;
