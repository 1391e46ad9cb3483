use super::*;

#[track_caller]
fn check(name: &str, fault: &str, want: &str) {
    assert_eq!(text(&ApiError::parameter(name, fault)).as_deref(), Some(want));
}

#[test]
fn parameters() {
    check("query", "1:5: parse error: x", "1:5: parse error: x");
    check("dedup", "strconv", "'dedup' parameter: strconv");
    check("step", "cannot parse \"x\"", "'step' parameter: cannot parse \"x\"");
    check("step", "zero", "zero");
    check("time", "invalid time value for 'time': x", "Invalid time value for 'time': x");
    check("start", "invalid time value for 'start': x", "bad_data: Invalid time value for 'start': x");
    check("start", "cannot parse \"x\"", "cannot parse \"x\"");
    let lookback = ApiError::BadData(format!("{LOOKBACK}x"));
    assert_eq!(text(&lookback).as_deref(), Some("'lookback_delta' parameter: x"));
    assert_eq!(text(&ApiError::BadData("other".to_owned())), None);
}
