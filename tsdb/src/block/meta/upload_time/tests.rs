use super::UploadTime;

#[track_caller]
fn check(text: &str, unix_ms: i64, back: &str) {
    let read: UploadTime = text.parse().unwrap();
    assert_eq!((read.unix_ms(), read.to_string().as_str()), (unix_ms, text));
    assert_eq!(UploadTime::at_ms(unix_ms).to_string(), back);
}

#[test]
fn times_are_read_and_written_as_go_does() {
    check("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z");
    check("2000-01-01T00:00:01.234567Z", 946_684_801_234, "2000-01-01T00:00:01.234Z");
    check("2026-07-30T12:34:56+02:00", 1_785_407_696_000, "2026-07-30T10:34:56Z");
    check("2026-07-30T12:34:56.5-01:30", 1_785_420_296_500, "2026-07-30T14:04:56.5Z");
    check("2024-02-29T23:59:59.99Z", 1_709_251_199_990, "2024-02-29T23:59:59.99Z");
    check("1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z");
    check("0001-01-01T00:00:00Z", -62_135_596_800_000, "0001-01-01T00:00:00Z");
    assert!(!UploadTime::at_ms(-62_135_596_800_000).is_set());
    assert!(UploadTime::at_ms(0).is_set());
}

#[test]
fn every_day_of_some_centuries_comes_back() {
    for day in -800_000..800_000 {
        let (year, month, of_month) = super::date(day);
        assert_eq!(super::days(year, month, of_month), day);
    }
}

#[test]
fn other_texts_are_no_times() {
    for text in [
        "",
        "yesterday",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00Zx",
        "2026-01-01T00:00:00+00:0x",
        "+026-01-01T00:00:00Z",
        "2026-01-01T00:00:00é",
    ] {
        assert!(text.parse::<UploadTime>().is_err(), "{text}");
    }
}

#[test]
fn no_number_of_milliseconds_breaks_it() {
    for unix_ms in [i64::MIN, i64::MAX] {
        let text = UploadTime::at_ms(unix_ms).to_string();
        assert!(text.parse::<UploadTime>().is_ok(), "{text}");
    }
}
