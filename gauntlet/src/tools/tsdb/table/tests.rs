use super::{date, size};

#[test]
fn sizes_in_units_of_1024() {
    for (bytes, want) in [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1KiB"),
        (9694, "9KiB478B"),
        ((3 << 30) + 5, "3GiB5B"),
        (u64::MAX, "15EiB1023PiB1023TiB1023GiB1023MiB1023KiB1023B"),
    ] {
        assert_eq!(size(bytes), want);
    }
}

#[test]
fn dates_to_the_second() {
    assert_eq!(date(1_700_006_400_999), "2023-11-15 00:00:00 +0000 UTC");
    assert_eq!(date(-1), "1970-01-01 00:00:00 +0000 UTC");
    assert_eq!(date(i64::MAX), "9223372036854775807 ms");
}
