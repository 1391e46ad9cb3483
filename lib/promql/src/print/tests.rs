use super::{DurationText, quote_char, unicode_name};
use model::{PlainFloat, ShortFloat};

#[test]
fn floats() {
    let check = |value: f64, want: &str| assert_eq!(PlainFloat(value).to_string(), want);
    check(0.0, "0");
    check(-0.0, "-0");
    check(-1.5, "-1.5");
    check(100.0, "100");
    check(0.001, "0.001");
    check(0.5, "0.5");
    check(12.34, "12.34");
    check(1e21, "1000000000000000000000");
    check(f64::MAX, &format!("17976931348623157{}", "0".repeat(292)));
    check(5e-324, &format!("0.{}5", "0".repeat(323)));
    check(f64::NAN, "NaN");
    check(f64::INFINITY, "+Inf");
    check(f64::NEG_INFINITY, "-Inf");
}

#[test]
fn of_two_shortest_the_even_one() {
    // …411.25 lies in the middle between two numbers of 17 digits.
    let value = 1_410_173_709_627_411.0 + 0.25;
    assert_eq!(PlainFloat(value).to_string(), "1410173709627411.2");
}

#[test]
fn short_floats() {
    let check = |value: f64, want: &str| assert_eq!(ShortFloat(value).to_string(), want);
    check(999_999.0, "999999");
    check(1e6, "1e+06");
    check(-1.5e100, "-1.5e+100");
    check(0.0001, "0.0001");
    check(0.000_01, "1e-05");
    check(f64::INFINITY, "+Inf");
}

#[test]
fn durations() {
    let check = |ms: i64, want: &str| assert_eq!(DurationText(ms).to_string(), want);
    check(0, "0s");
    check(1, "1ms");
    check(61_001, "1m1s1ms");
    check(7 * 86_400_000, "1w");
    check(8 * 86_400_000, "8d");
    check(365 * 86_400_000, "1y");
    check(366 * 86_400_000, "366d");
    check(371 * 86_400_000, "53w");
    check(372 * 86_400_000, "372d");
}

#[test]
fn characters() {
    let check = |c: char, quoted: &str, name: &str| {
        assert_eq!((quote_char(c).as_str(), unicode_name(c).as_str()), (quoted, name));
    };
    check('a', "'a'", "U+0061 'a'");
    check('\'', r"'\''", "U+0027 '''");
    check('"', "'\"'", "U+0022 '\"'");
    check('\\', r"'\\'", "U+005C '\\'");
    check('\n', r"'\n'", "U+000A");
    check('ä', "'ä'", "U+00E4 'ä'");
    check('\u{feff}', r"'\ufeff'", "U+FEFF");
    check('\u{e0001}', r"'\U000e0001'", "U+E0001");
}
