use super::*;

#[track_caller]
fn check(pattern: &str, tenant: &str, want: Option<bool>) {
    assert_eq!(matches(pattern, tenant).ok(), want, "{pattern} {tenant}");
}

#[test]
fn stars_stop_at_slashes_and_give_back() {
    check("prod-*", "prod-", Some(true));
    check("prod-*", "prod", Some(false));
    check("*-eu-*", "a-b-eu-c-eu-d", Some(true));
    check("*", "a/b", Some(false));
    check("*/*", "a/b", Some(true));
    check("a*b", "aXbY", Some(false));
    check("*?", "日", Some(true));
    check("", "", Some(true));
    check("**a", "ba", Some(true));
}

#[test]
fn classes_and_escapes() {
    check("[a-c]x", "bx", Some(true));
    check("[^a-c]x", "bx", Some(false));
    check("[^a-c]x", "/x", Some(true));
    check("dev[[]1]", "dev[1]", Some(true));
    check(r"a\*", "a*", Some(true));
    check(r"[\]]", "]", Some(true));
    check("[z-a]", "m", Some(false));
}

#[test]
fn malformed_patterns_are_told_whatever_the_name() {
    for pattern in ["[", "[]a]", "[a", "[a-", "[-]", "a\\", "[^]", "x[", "[a\\"] {
        check(pattern, "a", None);
        check(pattern, "", None);
    }
}
