//! The methods of times and durations: what `toTime` and `toDuration` give, and Go's have. Times are in UTC, as theirs are.

use super::functions::Kind;
use super::layout::format;
use super::value::{Value, duration_text, time_text};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// What the method takes; `None`: values like `of` have none called so.
pub(super) fn find(of: &Value, name: &str) -> Option<&'static [Kind]> {
    Some(match (of, name) {
        (
            Value::Time(_),
            "Year" | "Month" | "Day" | "Hour" | "Minute" | "Second" | "Nanosecond" | "Weekday" | "YearDay" | "Unix"
            | "UnixMilli" | "UnixMicro" | "UnixNano" | "UTC" | "IsZero" | "String",
        )
        | (
            Value::Duration(_),
            "Hours" | "Minutes" | "Seconds" | "Milliseconds" | "Microseconds" | "Nanoseconds" | "Abs" | "String",
        ) => &[],
        (Value::Time(_), "Format") => &[Kind::Text],
        (Value::Time(_), "Sub" | "Before" | "After" | "Equal") => &[Kind::Time],
        (Value::Time(_), "Add") | (Value::Duration(_), "Round" | "Truncate") => &[Kind::Duration],
        _ => return None,
    })
}

/// What the method gives, all arguments of which are of the kinds it takes.
pub(super) fn call(of: &Value, name: &str, args: &[Value]) -> Result<Value, String> {
    match (of, args) {
        (Value::Time(time_ms), []) => of_time(*time_ms, name),
        (Value::Duration(nanoseconds), []) => Ok(of_duration(*nanoseconds, name)),
        (Value::Time(time_ms), [Value::Text(layout)]) => Ok(Value::text(&format(civil(*time_ms)?, layout))),
        (Value::Time(time_ms), [Value::Time(other)]) => Ok(of_times(*time_ms, *other, name)),
        (Value::Time(time_ms), [Value::Duration(more)]) => Ok(Value::Time(time_ms.saturating_add(more / 1_000_000))),
        (Value::Duration(nanoseconds), [Value::Duration(unit)]) => {
            let cut = if name == "Round" { round } else { truncate };
            Ok(Value::Duration(cut(*nanoseconds, *unit)))
        }
        _ => Err("wrong arguments".to_owned()),
    }
}

fn of_time(time_ms: i64, name: &str) -> Result<Value, String> {
    let at = civil(time_ms)?;
    Ok(match name {
        "Year" => Value::Whole(at.year().into()),
        "Month" => Value::text(&at.strftime("%B").to_string()),
        "Day" => Value::Whole(at.day().into()),
        "Hour" => Value::Whole(at.hour().into()),
        "Minute" => Value::Whole(at.minute().into()),
        "Second" => Value::Whole(at.second().into()),
        "Nanosecond" => Value::Whole(at.subsec_nanosecond().into()),
        "Weekday" => Value::text(&at.strftime("%A").to_string()),
        "YearDay" => Value::Whole(at.day_of_year().into()),
        "Unix" => Value::Whole(time_ms.div_euclid(1000)),
        "UnixMilli" => Value::Whole(time_ms),
        "UnixMicro" => Value::Whole(time_ms.wrapping_mul(1000)),
        "UnixNano" => Value::Whole(time_ms.wrapping_mul(1_000_000)),
        // The first of year 1, which no number of nanoseconds since 1970 says.
        "IsZero" => Value::Bool(false),
        "String" => Value::text(&time_text(time_ms)),
        _ => Value::Time(time_ms),
    })
}

fn of_times(time_ms: i64, other_ms: i64, name: &str) -> Value {
    match name {
        "Sub" => Value::Duration(time_ms.saturating_sub(other_ms).saturating_mul(1_000_000)),
        "Before" => Value::Bool(time_ms < other_ms),
        "After" => Value::Bool(time_ms > other_ms),
        _ => Value::Bool(time_ms == other_ms),
    }
}

fn of_duration(nanoseconds: i64, name: &str) -> Value {
    // Go adds what is over to what is whole: the bits are those of that sum.
    let parts = |unit: i64| (nanoseconds / unit) as f64 + (nanoseconds % unit) as f64 / unit as f64;
    match name {
        "Hours" => Value::Float(parts(HOUR)),
        "Minutes" => Value::Float(parts(MINUTE)),
        "Seconds" => Value::Float(parts(SECOND)),
        "Milliseconds" => Value::Whole(nanoseconds / 1_000_000),
        "Microseconds" => Value::Whole(nanoseconds / 1000),
        "Nanoseconds" => Value::Whole(nanoseconds),
        "Abs" => Value::Duration(nanoseconds.saturating_abs()),
        _ => Value::text(&duration_text(nanoseconds)),
    }
}

fn truncate(nanoseconds: i64, unit: i64) -> i64 {
    if unit <= 0 { nanoseconds } else { nanoseconds - nanoseconds % unit }
}

/// Half a unit goes away from zero.
fn round(nanoseconds: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return nanoseconds;
    }
    let over = nanoseconds % unit;
    let below = nanoseconds - over;
    let is_half = over.unsigned_abs() >= unit.unsigned_abs().div_ceil(2);
    if is_half { below.saturating_add(unit * nanoseconds.signum()) } else { below }
}

fn civil(time_ms: i64) -> Result<DateTime, String> {
    let time = Timestamp::from_millisecond(time_ms).map_err(|_| format!("{time_ms} ms are out of range"))?;
    Ok(time.to_zoned(TimeZone::UTC).datetime())
}
