//! Dates of the proleptic Gregorian calendar, in UTC.

#[cfg(test)]
mod tests;

const SECONDS_A_DAY: i64 = 86_400;

/// Days from the first of Go's calendar, 1 January of the year −292277022399, to 1970-01-01.
const UNIX_DAYS: i64 = 292_277_022_400 / 400 * 146_097 + 719_162;

/// A moment, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    /// 1 is January.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    /// Since 1970-01-01.
    days: i64,
}

impl Date {
    /// The moment `seconds` after 1970-01-01T00:00:00Z. Moments before Go's calendar begins are taken for some at its end.
    pub(crate) fn from_unix(seconds: i64) -> Self {
        let since_zero = seconds.wrapping_add(UNIX_DAYS * SECONDS_A_DAY).cast_unsigned();
        let (days, of_day) = (since_zero / SECONDS_A_DAY.unsigned_abs(), since_zero % SECONDS_A_DAY.unsigned_abs());
        let (days, of_day) = (days.cast_signed() - UNIX_DAYS, of_day.cast_signed());
        let (year, month, day) = civil_from_days(days);
        Self { year, month, day, hour: of_day / 3600, minute: of_day / 60 % 60, second: of_day % 60, days }
    }

    /// 0 is Sunday.
    pub(crate) fn weekday(self) -> i64 {
        // 1970-01-01 was a Thursday.
        (self.days.rem_euclid(7) + 4) % 7
    }

    /// From 1.
    pub(crate) fn day_of_year(self) -> i64 {
        self.days - days_from_civil(self.year, 1) + 1
    }

    /// How many days the month has.
    pub(crate) fn days_in_month(self) -> i64 {
        let next = if self.month == 12 {
            days_from_civil(self.year + 1, 1)
        } else {
            days_from_civil(self.year, self.month + 1)
        };
        next - days_from_civil(self.year, self.month)
    }

    /// As RFC 3339 writes it, to the second.
    pub(crate) fn to_rfc3339(self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Years are counted from March, so that the day that comes and goes is the last of its year; 400 of them repeat.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let from_march = days + 719_468;
    let (era, of_era) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Days since 1970-01-01 of the first of a month.
fn days_from_civil(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let of_year = (153 * month_from_march + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
