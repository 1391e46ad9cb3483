use super::{MatchOp, Matcher};

fn matcher(op: &str, value: &str) -> Matcher {
    let op = match op {
        "=" => MatchOp::Equal,
        "!=" => MatchOp::NotEqual,
        "=~" => MatchOp::Regex,
        _ => MatchOp::NotRegex,
    };
    Matcher::new(op, "n", value).unwrap()
}

#[track_caller]
fn check(op: &str, value: &str, passes: &[&str], fails: &[&str]) {
    let matcher = matcher(op, value);
    for (values, want) in [(passes, true), (fails, false)] {
        for value in values {
            assert_eq!(matcher.matches(value.as_bytes()), want, "{matcher} on {value:?}");
            assert_eq!(matcher.inverse().matches(value.as_bytes()), !want, "inverse of {matcher} on {value:?}");
        }
    }
}

#[test]
fn compares() {
    check("=", "a", &["a"], &["", "b", "aa", "A"]);
    check("=", "", &[""], &["a"]);
    check("!=", "a", &["", "b"], &["a"]);
    check("=~", "a|b", &["a", "b"], &["", "ab", "a|b"]);
    check("!~", "a|b", &["", "ab"], &["a", "b"]);
}
