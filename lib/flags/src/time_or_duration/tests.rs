use super::*;

/// 2000-01-01T00:00:00Z
const NOW_MS: i64 = 946_684_800_000;

fn check(text: &str, want: Option<i64>) {
    assert_eq!(text.parse::<TimeOrDuration>().ok().map(|read| read.at_ms(NOW_MS)), want, "{text:?}");
}

#[test]
fn times_and_distances() {
    check("2026-07-30T12:34:56Z", Some(1_785_414_896_000));
    check("2026-07-30T12:34:56.789+02:00", Some(1_785_407_696_789));
    check("0000-01-01T00:00:00Z", Some(-62_167_219_200_000));
    check("9999-12-31T23:59:59Z", Some(253_402_300_799_000));
    check("1h", Some(NOW_MS + 3_600_000));
    check("-1d12h", Some(NOW_MS - 129_600_000));
    for neither in ["", "-", "--1h", "+1h", "now", "2026-07-30", "2026-07-30T12:34Z", "2026-07-30t12:34:56z"] {
        check(neither, None);
    }
    check("2026-07-30T12:34:60Z", None);
    check("2026-07-30T12:34:56", None);
    check("é026-07-30T12:34:56Z", None);
}
