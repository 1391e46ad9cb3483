use super::{Flags, parse};
use crate::{MatchOp, Matcher};

#[track_caller]
fn check_fault(pattern: &[u8], want: &str) {
    let got = parse(pattern, Flags::default()).map(|parsed| parsed.hir).map_err(|err| err.to_string());
    let want = format!("error parsing regexp: {want}");
    assert_eq!(got.as_ref().err(), Some(&want), "{:?}: {got:?}", String::from_utf8_lossy(pattern));
}

/// Faults that recordings do not have; each was put to Go 1.26.
#[test]
fn faults_are_named_as_go_does() {
    check_fault(b"a\xffb", "invalid UTF-8: `\u{fffd}b`");
    check_fault(b"(?P<\xff>a)", "invalid UTF-8: `\u{fffd}`");
    check_fault(b"\\Qa\xff\\Eb", "invalid UTF-8: `\u{fffd}`");
    check_fault(b"(?", "invalid or unsupported Perl syntax: `(?`");
    check_fault(b"(?P<", "invalid or unsupported Perl syntax: `(?P`");
    check_fault(b"(?-:a)", "invalid or unsupported Perl syntax: `(?-:`");
    check_fault(b"\\p", "invalid character class range: `\\p`");
    check_fault(b"[a--c]", "invalid character class range: `a--`");
}

#[test]
fn spots_of_faults() {
    check_fault(b"ab(c(d)", "missing closing ): `ab(c(d)`");
    check_fault(b"ab)c", "unexpected ): `ab)c`");
    check_fault(b"x[a-z", "missing closing ]: `[a-z`");
    check_fault(b"x[", "missing closing ]: `[`");
    check_fault(b"x[]", "missing closing ]: `[]`");
    check_fault(b"[a-\\d]", "invalid escape sequence: `\\d`");
    check_fault(b"a|*b", "missing argument to repetition operator: `*`");
    check_fault(b"(*?b)", "missing argument to repetition operator: `*?`");
    check_fault(b"x*+y", "invalid nested repetition operator: `*+`");
    check_fault(b"x{2}?*", "invalid nested repetition operator: `{2}?*`");
    check_fault(b"x{1001}?y", "invalid repeat count: `{1001}`");
    check_fault(b"x{0,99999999999}", "invalid repeat count: `{0,99999999999}`");
    check_fault(b"(x{500}){3}?y", "invalid repeat count: `{3}?`");
    check_fault(b"(?i-)", "invalid or unsupported Perl syntax: `(?i-)`");
    check_fault(b"(?i--s)", "invalid or unsupported Perl syntax: `(?i--`");
    check_fault(b"(?Pn>a)", "invalid or unsupported Perl syntax: `(?P`");
    check_fault(b"(?<a b>c)", "invalid named capture: `(?<a b>`");
    check_fault(b"\\x{110000}", "invalid escape sequence: `\\x{110000`");
    check_fault(b"\\x{}", "invalid escape sequence: `\\x{}`");
    check_fault(b"\\xg0", "invalid escape sequence: `\\xg0`");
    check_fault(b"\\x4", "invalid escape sequence: `\\x4`");
    check_fault("\\é".as_bytes(), "invalid escape sequence: `\\é`");
    check_fault(b"a\\", "trailing backslash at end of expression: ``");
    check_fault(b"\\p{Greek", "invalid character class range: `\\p{Greek`");
    check_fault(b"\\p{Grek}", "invalid character class range: `\\p{Grek}`");
    check_fault(b"\\p{isGreek}", "invalid character class range: `\\p{isGreek}`");
    check_fault(b"\\p{Alphabetic}", "invalid character class range: `\\p{Alphabetic}`");
    check_fault(b"\\p{L&}", "invalid character class range: `\\p{L&}`");
}

#[track_caller]
fn check(pattern: &str, yes: &[&str], no: &[&str]) {
    let matcher = Matcher::new(MatchOp::Regex, "n", pattern).unwrap();
    for (values, want) in [(yes, true), (no, false)] {
        for value in values {
            assert_eq!(matcher.matches(value.as_bytes()), want, "{matcher} on {value:?}");
        }
    }
}

#[test]
fn where_go_and_the_regex_crate_part() {
    check("\\d\\w\\s", &["1a ", "9_\t"], &["٣a ", "1é ", "1a\u{a0}", "1a\x0b"]);
    check("[[:space:]]", &["\x0b"], &["\u{a0}"]);
    check("[a&&b]", &["a", "&", "b"], &["c"]);
    check("[[a]b]", &["[b]", "ab]"], &["a", "b"]);
    check("[+--a]", &["+", ",", "-", "a"], &["b"]);
    check("\\<a\\>", &["<a>"], &["a"]);
    check("a{,2}", &["a{,2}"], &["a", "aa"]);
    check("a{02}", &["a{02}"], &["aa"]);
    check("a{2,1", &["a{2,1"], &["a"]);
    check("\\Qa.b*\\E+", &["a.b*", "a.b**"], &["a.b*a.b*", "a.b"]);
    check("\\101\\60\\0", &["A0\0"], &["A0"]);
    check("(?s-i:a.)", &["a\n"], &[]);
    check("[]a]", &["]", "a"], &["[]a]"]);
    check("[^]a]", &["b"], &["]", "a"]);
    check("[a-]", &["a", "-"], &["b"]);
}

#[test]
fn flags_end_with_their_group() {
    check("a(?i)b|c", &["ab", "aB", "C"], &["Ab"]);
    check("(a(?i)b)c", &["aBc"], &["aBC"]);
    check("(?i:a)b", &["Ab"], &["AB"]);
    check("(?i)a(?-i)b(?i:c)", &["Abc", "AbC"], &["ABc"]);
    check("(?-s).|(?s:.)x", &["a", "\nx"], &["\n"]);
    check("(?m)a$\n^b", &["a\nb"], &["a", "ab"]);
    check("a$\n^b", &[], &["a\nb"]);
}

#[test]
fn case_is_folded_as_unicode_does() {
    check("(?i)k", &["k", "K", "\u{212a}"], &["x"]);
    check("(?i)[^k]", &["x"], &["k", "K", "\u{212a}"]);
    check("(?i)\\w", &["s", "ſ"], &["é"]);
    check("(?i)\\W", &["é"], &["s", "ſ"]);
    check("(?i)[[:^upper:]]", &["1"], &["a", "A"]);
    check("(?i)\\p{Lu}", &["a", "É", "é"], &["1"]);
    check("(?i)\\P{Lu}", &["1"], &["a", "é"]);
    check("(?i)[ß-à]", &["ẞ", "À"], &["SS"]);
}

#[test]
fn names_of_classes() {
    for name in [
        "L",
        "Lu",
        "Letter",
        "lowercase_letter",
        "Cased Letter",
        "LC",
        "Greek",
        "old-italic",
        "Old_Italic",
        "Thai",
        "Miao",
        "Any",
    ] {
        for pattern in [format!("\\p{{{name}}}"), format!("[^\\P{{{name}}}]"), format!("\\P{{^{name}}}")] {
            assert!(Matcher::new(MatchOp::Regex, "n", &pattern).is_ok(), "{pattern}");
        }
    }
    check("\\p{Greek}", &["α"], &["a"]);
    check("\\p{^Greek}\\P{Greek}", &["ab"], &["aα"]);
    check("\\p{Cs}|\\x{d800}|x", &["x"], &["\u{e000}", ""]);
    check("[\\x{d7ff}-\\x{dfff}]", &["\u{d7ff}"], &["\u{e000}"]);
}

/// As much as an expression may ask for, on a small stack; and each limit, one step too far.
#[test]
fn limits() {
    let nested = |open: &str, close: &str, count: usize| [&open.repeat(count), "a", &close.repeat(count)].concat();
    let small = std::thread::Builder::new().stack_size(1 << 20);
    let run = small.spawn(move || {
        for (open, close, height) in
            [("(", ")", 1), ("(", ")*", 2), ("(?:b", ")?", 2), ("(?:b|", "c)", 2), ("(b|c", ")+", 4)]
        {
            let most = 255 / height;
            let pattern = nested(open, close, most);
            assert!(Matcher::new(MatchOp::Regex, "n", &pattern).is_ok(), "{pattern}");
            let pattern = nested(open, close, most + 2);
            let err = Matcher::new(MatchOp::Regex, "n", &pattern).unwrap_err().to_string();
            assert_eq!(err, format!("error parsing regexp: expression nests too deeply: `{pattern}`"));
        }
        // Groups that leave no trace may nest as they like.
        assert!(Matcher::new(MatchOp::Regex, "n", nested("(?:", ")", 20_000)).is_ok());
    });
    run.unwrap().join().unwrap();
    let too_large = [
        "(".repeat(200_000),
        ".".repeat(200_000),
        "\\p{Greek}|".repeat(20_000),
        format!("[{}]", "\\pL".repeat(1000)),
        "(?i)".to_owned() + &"[\\x{0}-\\x{10ffff}]".repeat(100),
        "\\pL{1000}".to_owned(),
        "(a{10}b{10}c{10}[xyz]{10}){100}".repeat(20),
        "x.".repeat(1 << 20),
    ];
    for pattern in too_large {
        let err = Matcher::new(MatchOp::Regex, "n", &pattern).unwrap_err().to_string();
        let start = &pattern[..20.min(pattern.len())];
        assert!(err.starts_with("error parsing regexp: expression too large"), "{start}…: {:.80}", err);
    }
}
