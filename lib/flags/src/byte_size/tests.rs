use super::ByteSize;

#[track_caller]
fn check(text: &str, want: Result<(u64, &str), &str>) {
    let got = text.parse::<ByteSize>();
    let got = got.map(|size| (size.0, size.to_string())).map_err(|err| err.to_string());
    match (&got, want) {
        // The rest of the text is advice.
        (Err(err), Err(start)) => assert!(err.starts_with(start), "{text}: {err}"),
        (got, want) => {
            assert_eq!(*got, want.map(|(size, text)| (size, text.to_owned())).map_err(str::to_owned), "{text}")
        }
    }
}

#[test]
fn units_are_powers_of_two() {
    check("1KB", Ok((1024, "1KiB")));
    check("1KiB", Ok((1024, "1KiB")));
    check("1.5MB", Ok((1_572_864, "1MiB512KiB")));
    check("1MB512KB", Ok((1_572_864, "1MiB512KiB")));
    check("10B5B", Ok((15, "15B")));
    check("8EB", Ok((1 << 63, "8EiB")));
    check("0", Ok((0, "0B")));
    check("-0MB", Ok((0, "0B")));
}

#[test]
fn what_is_no_size() {
    check("", Err("units: invalid "));
    check("MB", Err("units: invalid MB"));
    check("1", Err("units: unknown unit  in 1"));
    check("1kb", Err("units: unknown unit kb in 1kb"));
    check("1 MB", Err("units: unknown unit  MB in 1 MB"));
    check("1.2.3MB", Err("units: invalid 1.2.3MB"));
    check("-1MB", Err("a size below zero has no meaning here: -1MB"));
    check("16EB", Err("units: invalid 16EB"));
    check("9EB9EB", Err("units: invalid 9EB9EB"));
    check("9223372036854775807B", Err("units: invalid 9223372036854775807B"));
}
