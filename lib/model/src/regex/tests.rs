use super::Regex;
use crate::{MatchOp, Matcher};
use proptest::prelude::*;

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

#[track_caller]
fn check_expand(pattern: &str, value: &[u8], template: &[u8], want: &[u8]) {
    let regex = regex(pattern);
    let mut out = b"kept ".to_vec();
    regex.captures(value).unwrap().expand(template, &mut out);
    let got = out.strip_prefix(b"kept ").unwrap();
    assert_eq!(String::from_utf8_lossy(got), String::from_utf8_lossy(want), "{regex:?} with {template:?}");
    assert_eq!(got, want, "{regex:?} with {template:?}");
}

#[test]
fn templates_name_groups() {
    let pattern = "(?P<first>[a-z]+)-(?<last>.*)";
    for (template, want) in [
        ("", ""),
        ("plain", "plain"),
        ("$1", "foo"),
        ("$0", "foo-bar\n-x"),
        ("${1}x", "foox"),
        ("$first:$last", "foo:bar\n-x"),
        ("${first}${last}", "foobar\n-x"),
        // The longest name counts, and what is not there is empty.
        ("$1x", ""),
        ("$firstly", ""),
        ("$3|$99999999999999999999|$01|$1_|$é", "||||"),
        // Dollars.
        ("$$1", "$1"),
        ("$", "$"),
        ("a$", "a$"),
        ("$-$1", "$-foo"),
        ("${", "${"),
        ("${1", "${1"),
        ("${}", "${}"),
        ("${1-}", "${1-}"),
        ("$ $1", "$ foo"),
    ] {
        check_expand(pattern, b"foo-bar\n-x", template.as_bytes(), want.as_bytes());
    }
}

#[test]
fn groups_that_took_no_part_are_empty() {
    check_expand("(a)|(b)", b"b", b"[$1][$2]", b"[][b]");
    // Of two groups with one name, the first that took part.
    check_expand("(?P<n>a)|(?P<n>b)", b"b", b"$n", b"b");
    check_expand("(?P<n>a)(?P<n>b)", b"ab", b"$n", b"a");
    check_expand("((a*)b)*", b"abb", b"[$1][$2]", b"[b][]");
    assert!(regex("(a)|b").captures(b"b").unwrap().get(1).is_none());
}

#[test]
fn greed_is_as_written() {
    check_expand("(a*)(a*)", b"aa", b"$1|$2", b"aa|");
    check_expand("(a*?)(a*)", b"aa", b"$1|$2", b"|aa");
    check_expand("(?U)(a*)(a*)", b"aa", b"$1|$2", b"|aa");
    check_expand("(?U)(a*?)(a*)", b"aa", b"$1|$2", b"aa|");
    check_expand("(a|ab)(c|bcd)?(d*)", b"abcd", b"$1|$2|$3", b"a|bcd|");
}

#[test]
fn bytes_that_are_no_utf8_come_back_as_they_were() {
    check_expand("(.)(.*)", b"\xffa\xe6\x97", b"$2,$1", b"a\xe6\x97,\xff");
    check_expand("(?P<n>[^a]+)a.*", b"\xe6\x97a", b"$n", b"\xe6\x97");
    check_expand("(a)", b"a", b"\xff$1\xff", b"\xffa\xff");
    assert!(regex("..").is_match(b"\xe6\x97") && !regex(".").is_match(b"\xe6\x97"));
}

#[test]
fn the_whole_value_counts() {
    assert!(regex("a.c").is_match(b"a\nc"));
    for value in ["", "xabc", "abcx", "abc\n", "\nabc"] {
        assert!(!regex("a.c").is_match(value.as_bytes()), "{value:?}");
        assert!(regex("a.c").captures(value.as_bytes()).is_none(), "{value:?}");
    }
    assert_eq!(regex("a|").pattern(), "a|");
    // What Go makes of an expression that closes the group around it.
    let escaped = regex("a)|(b");
    assert!(escaped.is_match(b"a") && escaped.is_match(b"xb") && !escaped.is_match(b"bx"));
}

#[test]
fn faults_quote_what_was_compiled() {
    let fault = |pattern: &str| Regex::new(pattern).unwrap_err().to_string();
    assert_eq!(fault("("), "error parsing regexp: missing closing ): `^(?s:()$`");
    assert_eq!(fault("a**"), "error parsing regexp: invalid nested repetition operator: `**`");
}

/// Expressions that mean the same to Go and to the `regex` crate.
fn common() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => "[abé]{1,3}",
        1 => Just(".".to_owned()),
        1 => Just(".*".to_owned()),
        1 => Just("[a-c]".to_owned()),
        1 => Just("[^aé]".to_owned()),
        1 => Just("(?i:a)".to_owned()),
        1 => Just("^".to_owned()),
        1 => Just("$".to_owned()),
        1 => Just("(?-u:\\b)".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts.concat()),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|branches| format!("({})", branches.join("|"))),
            (inner, prop::sample::select(&["*", "+", "?", "{2}", "{0,2}", "*?", "{1,}"][..]))
                .prop_map(|(inner, repeat)| format!("(?:{inner}){repeat}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever way a matcher takes to its answer, it is the answer of the `regex` crate.
    #[test]
    fn agrees_with_the_regex_crate(
        pattern in common(),
        values in prop::collection::vec("[abcAé\n]{0,6}", 8),
    ) {
        let peer = regex::bytes::Regex::new(&format!("^(?s:{pattern})$")).unwrap();
        // Word boundaries are ASCII in Go without asking.
        let ours = pattern.replace("(?-u:\\b)", "\\b");
        let matcher = Matcher::new(MatchOp::Regex, "n", &ours).unwrap();
        let compiled = Regex::new(&ours).unwrap();
        for value in values.iter().chain([&String::new()]) {
            let want = peer.is_match(value.as_bytes());
            prop_assert_eq!(matcher.matches(value.as_bytes()), want, "{} on {:?}", matcher, value);
            let captures = compiled.captures(value.as_bytes());
            let groups = |captures: &dyn Fn(usize) -> Option<Vec<u8>>| (0..4).map(captures).collect::<Vec<_>>();
            let got = captures.map(|captures| groups(&|i| captures.get(i).map(<[u8]>::to_vec)));
            let want_groups = peer.captures(value.as_bytes());
            let want_groups = want_groups.map(|captures| groups(&|i| captures.get(i).map(|group| group.as_bytes().to_vec())));
            prop_assert_eq!(got, want_groups, "{} on {:?}", ours, value);
            if want {
                prop_assert!(value.as_bytes().starts_with(matcher.prefix()), "{} on {:?}", matcher, value);
            }
        }
    }

    #[test]
    fn hostile_expressions_do_no_harm(pattern in prop::collection::vec(prop::sample::select(FRAGMENTS), 0..12)) {
        let pattern = pattern.concat();
        let matcher = Matcher::new(MatchOp::Regex, "n", &pattern);
        if let Ok(matcher) = matcher {
            for value in [&b""[..], b"a", b"\xff", "é".as_bytes()] {
                matcher.matches(value);
            }
        }
    }
}

const FRAGMENTS: &[&[u8]] = &[
    b"a",
    b"\xff",
    b"\xe6\x97",
    "é".as_bytes(),
    b"(",
    b")",
    b"(?",
    b"(?i",
    b"(?i)",
    b"(?P<",
    b"(?<n>",
    b">",
    b":",
    b"|",
    b"*",
    b"+?",
    b"{2",
    b",",
    b"}",
    b"{1000}",
    b"[",
    b"[^",
    b"]",
    b"-",
    b"[:",
    b":]",
    b"alpha",
    b"\\",
    b"\\p",
    b"\\p{",
    b"^",
    b"Greek",
    b"\\x",
    b"\\x{",
    b"41",
    b"110000",
    b"d800",
    b"\\Q",
    b"\\E",
    b"\\1",
    b"\\07",
    b"\\d",
    b"\\W",
    b".",
    b"$",
    b"\\b",
];
