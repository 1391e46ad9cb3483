use super::super::fixture::Fixture;
use super::*;
use std::sync::Arc;

fn params(uri: &str, body: &str, content_type: &str) -> Params {
    let request = http::Request::post(uri).header("Content-Type", content_type).body(()).unwrap();
    Params::read(request.into_parts().0, &Bytes::from(body.to_owned()))
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn url_and_body_are_one() {
    let both = params("/q?dedup=true&match[]=a", "query=up%7Bx%3D%22y+z%22%7D&match%5B%5D=b", FORM);
    assert_eq!(both.get("query"), Some(r#"up{x="y z"}"#));
    assert_eq!(both.get("dedup"), Some("true"));
    assert_eq!(both.all("match[]").collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn the_body_counts_only_as_a_form_and_before_the_url() {
    assert_eq!(params("/q?query=2", "query=1", FORM).get("query"), Some("1"));
    assert_eq!(
        params("/q?query=2", "query=1", "application/x-www-form-urlencoded; charset=utf-8").get("query"),
        Some("1")
    );
    assert_eq!(params("/q?query=2", "query=1", "text/plain").get("query"), Some("2"));
}

#[test]
fn what_is_badly_escaped_is_left_out() {
    for uri in ["/q?query=%zz", "/q?query=%4", "/q?query=1;time=5", "/q?query=", "/q"] {
        assert_eq!(params(uri, "", FORM).get("query"), None, "{uri}");
    }
}

#[test]
fn what_was_left_out_is_told() {
    for (uri, body, want) in [
        ("/q?a=1&&b", "query=%41", Ok(())),
        ("/q?a=%zzz", "", Err("error parsing form values: invalid URL escape \"%zz\"")),
        ("/q?%4=1", "", Err("error parsing form values: invalid URL escape \"%4\"")),
        ("/q?a=%zz", "a=%41%", Err("error parsing form values: invalid URL escape \"%\"")),
        ("/q?a=1;b=%zz", "", Err("error parsing form values: invalid semicolon separator in query")),
    ] {
        let refused = params(uri, body, FORM).check_form().map_err(|error| error.to_string());
        assert_eq!(refused, want.map_err(str::to_owned), "{uri} {body}");
    }
}

/// Of several faults the one that Prometheus finds first.
#[tokio::test]
async fn the_first_fault_of_a_request_is_told() {
    for (uri, want) in [
        ("query_range?query=up&start=0&end=9e9&step=0s", "invalid parameter \\\"step\\\": zero or negative"),
        ("query_range?query=up&start=0&end=0&step=NaN", "invalid parameter \\\"step\\\": zero or negative"),
        ("query_range?query=up&start=0&end=0&step=0.0005", "exceeded maximum resolution of 11,000 points"),
        ("series?limit=x", "no match[] parameter provided"),
        ("series?start=x&match[]=%zz", "error parsing form values: invalid URL escape"),
        ("labels?match[]=%7B%7D&match[]=(", "1:1: parse error: unexpected \\\"(\\\""),
        ("query_exemplars?query=%7B&start=2&end=1", "end timestamp must not be before start timestamp"),
        ("query?query=%7B&lookback_delta=-1", "invalid parameter \\\"query\\\": 1:2: parse error"),
    ] {
        let (status, body) = Arc::new(Fixture::default()).ask(&format!("/api/v1/{uri}"), None).await;
        assert!((status, body.contains(want)) == (400, true), "{uri}: {status} {body}");
    }
}

#[test]
fn times() {
    for (text, expected) in [
        ("0", Some(0)),
        ("1700001200", Some(1_700_001_200_000)),
        ("1700001200.5", Some(1_700_001_200_500)),
        ("1700001200.0004", Some(1_700_001_200_000)),
        ("-1.5", Some(-1_500)),
        ("1_000", Some(1_000_000)),
        ("+5", Some(5_000)),
        ("1e3", Some(1_000_000)),
        ("2023-11-14T22:33:20Z", Some(1_700_001_200_000)),
        ("2023-11-14T22:33:20.125+01:00", Some(1_699_997_600_125)),
        (time_min(), Some(MIN_TIME_MS)),
        ("1e300", Some(MAX_TIME_MS)),
        ("2023-11-14T2:33:20Z", Some(1_699_929_200_000)),
        ("2023-11-14T22:33:20,5Z", Some(1_700_001_200_500)),
        ("1969-12-31T23:59:59.9995123456789Z", Some(-1)),
        ("2023-11-14T22:33:20+24:00", Some(1_699_914_800_000)),
        ("2023-11-14T22:33:20-00:00", Some(1_700_001_200_000)),
        ("0000-01-01T00:00:00Z", Some(-62_167_219_200_000)),
        ("9999-12-31T23:59:59-01:00", Some(253_402_304_399_000)),
        ("2023-11-14", None),
        ("2023-11-14T22:33Z", None),
        ("2023-11-14t22:33:20z", None),
        ("2023-11-14T22:33:60Z", None),
        ("2023-11-14T24:00:00Z", None),
        ("2023-02-29T00:00:00Z", None),
        ("2023-11-14T22:33:20", None),
        ("2023-11-14T22:33:20.Z", None),
        ("2023-11-14T22:33:20+0100", None),
        ("2023-11-14T22:33:20+01:00Z", None),
        ("10000-01-01T00:00:00Z", None),
        ("2023-11-14 22:33:20Z", None),
        ("0x10", None),
        ("1__0", None),
        ("_1", None),
        ("NaN", None),
        ("Inf", None),
        ("1e400", None),
        ("", None),
        ("abc", None),
    ] {
        assert_eq!(parse_time_ms(text).ok(), expected, "{text}");
    }
}

fn time_min() -> &'static str {
    "-292273086-05-16T16:47:06Z"
}

#[test]
fn durations() {
    for (text, expected) in [
        ("15", Ok(15_000)),
        ("0.0001", Ok(0)),
        ("1h30m", Ok(5_400_000)),
        ("-1", Ok(-1_000)),
        ("-1s", Err("cannot parse \"-1s\" to a valid duration")),
        ("1ns", Err("cannot parse \"1ns\" to a valid duration")),
        ("", Err("cannot parse \"\" to a valid duration")),
        ("1e400", Err("cannot parse \"1e400\" to a valid duration")),
        ("1e30", Err("cannot parse \"1e30\" to a valid duration. It overflows int64")),
        ("9223372036.854775807", Ok(i64::MIN / 1_000_000)),
        ("NaN", Ok(i64::MIN / 1_000_000)),
        ("\0\u{2028}", Err("cannot parse \"\\x00\\u2028\" to a valid duration")),
    ] {
        assert_eq!(parse_duration_ms(text), expected.map_err(str::to_owned), "{text}");
    }
}

#[test]
fn limits() {
    for (text, expected) in [
        ("3", Ok(Some(3))),
        ("0", Ok(None)),
        ("", Ok(None)),
        ("-1", Err("limit must be non-negative")),
        ("1.5", Err("strconv.Atoi: parsing \"1.5\": invalid syntax")),
        ("99999999999999999999", Err("strconv.Atoi: parsing \"99999999999999999999\": value out of range")),
    ] {
        let found = params(&format!("/q?limit={text}"), "", FORM).limit();
        match expected {
            Ok(limit) => assert_eq!(found.unwrap(), limit, "{text}"),
            Err(fault) => assert!(found.unwrap_err().to_string().ends_with(fault), "{text}"),
        }
    }
}
