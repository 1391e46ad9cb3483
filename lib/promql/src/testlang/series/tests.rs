use super::parse_series;
use crate::ParseErrorKind;
use model::Labels;

#[track_caller]
fn check_limit(text: &str, max_values: usize, fits: bool) {
    match parse_series(text, max_values) {
        Ok(_) => assert!(fits, "{text}"),
        Err(error) => assert!(!fits && error.kind == ParseErrorKind::OverLimit, "{text}: {error}"),
    }
}

#[test]
fn repetitions_are_bounded() {
    check_limit("x 1x9", 10, true);
    check_limit("x 1x10", 10, false);
    check_limit("x 1 2 3", 2, false);
    check_limit("x _x10 _", 10, false);
    check_limit("x 1+1x18446744073709551615", 10, false);
    check_limit("x _x18446744073709551615", 10, false);
    // Count and zero bucket are numbers as well.
    check_limit("x {{buckets:[1 2 3]}}x1", 10, true);
    check_limit("x {{buckets:[1 2 3]}}x2", 10, false);
    check_limit("x {{buckets:[1 2 3]}}+{{sum:1}}x1", 14, true);
    check_limit("x {{buckets:[1 2 3]}}-{{sum:1}}x1", 13, false);
}

#[track_caller]
fn check_labels(text: &str, want: &[(&str, &str)]) {
    let want = Labels::from_pairs(want.iter().copied()).unwrap();
    assert_eq!(parse_series(text, 10).unwrap().labels, want, "{text}");
}

#[test]
fn the_outer_name_is_the_name() {
    check_labels(r#"x{__name__="y",a="b"} 1"#, &[("__name__", "x"), ("a", "b")]);
    check_labels(r#"{__name__="y"} 1"#, &[("__name__", "y")]);
    check_labels("{'it is',`b c`='d'} 1", &[("__name__", "it is"), ("b c", "d")]);
    check_labels("", &[]);
}

/// Which no recording has: Prometheus accepts a label twice, which cannot be stored.
#[test]
fn a_label_may_be_there_once() {
    let error = parse_series(r#"x{a="1",a="2"} 1"#, 10).unwrap_err().to_string();
    assert!(error.starts_with("1:1: parse error: "), "{error}");
}
