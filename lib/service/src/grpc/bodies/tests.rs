use super::timeout;
use std::time::Duration;

#[test]
fn timeouts() {
    for (text, want) in [
        ("1H", Some(Duration::from_secs(3600))),
        ("2M", Some(Duration::from_secs(120))),
        ("3S", Some(Duration::from_secs(3))),
        ("4m", Some(Duration::from_millis(4))),
        ("4999070u", Some(Duration::from_micros(4_999_070))),
        ("99999999n", Some(Duration::from_nanos(99_999_999))),
        ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
        ("123456789S", None),
        ("S", None),
        ("", None),
        ("+1S", None),
        ("1s", None),
        ("1ü", None),
    ] {
        assert_eq!(timeout(text), want, "{text}");
    }
}
