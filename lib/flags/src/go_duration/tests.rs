use super::GoDuration;

#[track_caller]
fn check(text: &str, want: Result<(i64, &str), &str>) {
    let got = text.parse::<GoDuration>();
    let got = got.map(|duration| (duration.as_ns(), duration.to_string())).map_err(|err| err.to_string());
    assert_eq!(got, want.map(|(ns, printed)| (ns, printed.to_owned())).map_err(str::to_owned), "{text}");
}

#[test]
fn fractions_and_signs() {
    check("1.5h", Ok((5_400_000_000_000, "1h30m0s")));
    check("-.5s", Ok((-500_000_000, "-500ms")));
    check("+1m", Ok((60_000_000_000, "1m0s")));
    check("1.0000000001s", Ok((1_000_000_000, "1s")));
    check("0.000001ms", Ok((1, "1ns")));
    check("1h1h", Ok((7_200_000_000_000, "2h0m0s")));
    check("1m1ms", Ok((60_001_000_000, "1m0.001s")));
    check("1us", Ok((1000, "1µs")));
}

#[test]
fn what_is_no_duration() {
    check("", Err("time: invalid duration \"\""));
    check("-", Err("time: invalid duration \"-\""));
    check("1.2.3s", Err("time: invalid duration \"1.2.3s\""));
    check(".s", Err("time: invalid duration \".s\""));
    check("5", Err("time: missing unit in duration \"5\""));
    check("1d", Err("time: unknown unit \"d\" in duration \"1d\""));
    check("9223372037s", Err("time: invalid duration \"9223372037s\""));
    check("99999999999999999999h", Err("time: invalid duration \"99999999999999999999h\""));
}

#[test]
fn flags_know_days() {
    assert_eq!(GoDuration::parse_flag("1d12h").unwrap().to_string(), "36h0m0s");
    assert_eq!(GoDuration::parse_flag("1w").unwrap().to_string(), "168h0m0s");
}

#[test]
fn below_zero_is_no_waiting_time() {
    let ahead = "-1h".parse::<GoDuration>().unwrap();
    assert_eq!(ahead.as_std().unwrap_err().to_string(), "a duration below zero has no meaning here: -1h0m0s");
    assert_eq!("2s".parse::<GoDuration>().unwrap().as_std(), Ok(std::time::Duration::from_secs(2)));
}
