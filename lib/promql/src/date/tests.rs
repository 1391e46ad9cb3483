use super::Date;

#[track_caller]
fn check(seconds: i64, text: &str, weekday: i64, day_of_year: i64, days_in_month: i64) {
    let date = Date::from_unix(seconds);
    assert_eq!(date.to_rfc3339(), text);
    assert_eq!((date.weekday(), date.day_of_year(), date.days_in_month()), (weekday, day_of_year, days_in_month));
}

#[test]
fn dates() {
    check(0, "1970-01-01T00:00:00Z", 4, 1, 31);
    check(-1, "1969-12-31T23:59:59Z", 3, 365, 31);
    check(951_782_399, "2000-02-28T23:59:59Z", 1, 59, 29);
    check(951_782_400, "2000-02-29T00:00:00Z", 2, 60, 29);
    check(1_700_199_948, "2023-11-17T05:45:48Z", 5, 321, 30);
    check(4_107_542_400, "2100-03-01T00:00:00Z", 1, 60, 31);
}

#[test]
fn what_is_before_the_calendar_is_at_its_end() {
    let date = Date::from_unix(i64::MIN);
    assert_eq!((date.year, date.month, date.hour, date.minute), (292_277_026_596, 12, 15, 30));
}

#[test]
fn every_day_follows_the_one_before() {
    let mut before = Date::from_unix(-40_000 * 86_400);
    for day in -39_999..40_000 {
        let date = Date::from_unix(day * 86_400);
        let next_in_month = date.month == before.month && date.day == before.day + 1;
        let first_of_next = date.day == 1 && before.day == before.days_in_month();
        assert!(next_in_month || first_of_next, "{before:?} {date:?}");
        assert_eq!(date.weekday(), (before.weekday() + 1) % 7);
        before = date;
    }
}
