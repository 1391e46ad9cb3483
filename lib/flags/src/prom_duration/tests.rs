use super::{InvalidPromDuration, PromDuration};

#[track_caller]
fn check(text: &str, want: Result<(i64, &str), &str>) {
    let got = text.parse::<PromDuration>();
    let got = got.map(|duration| (duration.as_ms(), duration.to_string())).map_err(|err| err.to_string());
    assert_eq!(got, want.map(|(ms, printed)| (ms, printed.to_owned())).map_err(str::to_owned), "{text}");
}

#[test]
fn units_add_up() {
    check("1h30m", Ok((5_400_000, "1h30m")));
    check("15d", Ok((1_296_000_000, "15d")));
    check("1y2w3d4h5m6s7ms", Ok((33_019_506_007, "382d4h5m6s7ms")));
    check("0", Ok((0, "0s")));
    check("0d", Ok((0, "0s")));
    check("14d", Ok((1_209_600_000, "2w")));
}

#[test]
fn units_fall() {
    check("30m1h", Err("not a valid duration string: \"30m1h\""));
    check("1h1h", Err("not a valid duration string: \"1h1h\""));
    check("5", Err("not a valid duration string: \"5\""));
    check("-1h", Err("not a valid duration string: \"-1h\""));
    check("1us", Err("unknown unit \"us\" in duration \"1us\""));
    check("1hé", Err("unknown unit \"hé\" in duration \"1hé\""));
    check("", Err("empty duration string"));
}

#[test]
fn what_go_cannot_hold_is_out_of_range() {
    check("292y", Ok((9_208_512_000_000, "292y")));
    check("293y", Err("duration out of range"));
    check("9223372036s", Ok((9_223_372_036_000, "106751d23h47m16s")));
    check("9223372037s", Err("duration out of range"));
    check("292y400d", Err("duration out of range"));
    assert_eq!("18446744073709551615y".parse::<PromDuration>(), Err(InvalidPromDuration::OutOfRange));
    assert!(matches!("18446744073709551616y".parse::<PromDuration>(), Err(InvalidPromDuration::Malformed(_))));
    assert_eq!(PromDuration::from_ms(u64::MAX).to_string(), "106751d23h47m16s854ms");
}
