use super::{MatchOp, Matcher};

fn matcher(op: &str, value: impl AsRef<[u8]>) -> Matcher {
    named("n", op, value)
}

fn named(name: impl Into<Vec<u8>>, op: &str, value: impl AsRef<[u8]>) -> Matcher {
    let ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
    let op = ops.into_iter().find(|have| have.to_string() == op).unwrap();
    Matcher::new(op, name, value).unwrap()
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
    assert_eq!(matcher.inverse().inverse(), matcher);
    assert_eq!(matcher.matches_empty(), matcher.matches(b""));
}

#[test]
fn compares() {
    check("=", "a", &["a"], &["", "b", "aa", "A"]);
    check("=", "", &[""], &["a"]);
    check("!=", "a", &["", "b"], &["a"]);
    check("=~", "a|b", &["a", "b"], &["", "ab", "a|b"]);
    check("!~", "a|b", &["", "ab"], &["a", "b"]);
    check("=~", "", &[""], &["a"]);
    check("=~", "a{2}|.", &["aa", "b", "\n"], &["", "ab"]);
}

#[test]
fn literals_with_gaps() {
    check("=~", "ab.*ba", &["abba", "ab-ba"], &["aba", "ab", "xabba", "abbax"]);
    check("=~", "ab.+ba", &["ab-ba", "abébba"], &["abba", "aba"]);
    check("=~", ".*aa.*aa.*", &["aaaa", "xaa\naay"], &["aaa", "aa"]);
    check("=~", ".*aa.+aa", &["aaxaa", "aaaaa"], &["aaaa", "aaxaab"]);
    check("=~", ".+a.+", &["xay", "aaa"], &["a", "xa", "ay", "aa"]);
    check("=~", "a.*|.*b|c", &["a", "ax", "xb", "b", "c"], &["", "ca", "bc", "xc"]);
    check("=~", ".*(a|b).*", &["a", "xbx"], &["", "x"]);
}

#[test]
fn sets_of_any_size() {
    for count in [1, 8, 9, 300] {
        let words: Vec<String> = (0..count).map(|i| format!("pod-{i}")).collect();
        let matcher = matcher("=~", words.join("|"));
        assert_eq!(matcher.set_values().unwrap().len(), count);
        for word in &words {
            assert!(matcher.matches(word.as_bytes()), "{word} of {count}");
            assert!(!matcher.matches(format!("{word}x").as_bytes()), "{word}x of {count}");
        }
        assert!(!matcher.matches(b"") && !matcher.matches(b"pod-") && !matcher.matches(b"xod-1"));
    }
}

#[track_caller]
fn check_lookup(op: &str, value: &str, set: Option<&[&str]>, prefix: &str) {
    let matcher = matcher(op, value);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let got: Option<Vec<String>> = matcher.set_values().map(|set| set.iter().map(|value| text(value)).collect());
    assert_eq!(got, set.map(|set| set.iter().map(|&value| value.to_owned()).collect()), "{matcher}");
    assert_eq!(text(matcher.prefix()), prefix, "{matcher}");
}

#[test]
fn tells_an_index_what_to_look_up() {
    check_lookup("=", "a", Some(&["a"]), "a");
    check_lookup("=~", "b|a|b|", Some(&["", "a", "b"]), "");
    check_lookup("=~", "pod-(b|a)", Some(&["pod-a", "pod-b"]), "pod-");
    check_lookup("=~", "pod-.*", None, "pod-");
    check_lookup("=~", "pod-a.*|pod-b", None, "pod-");
    check_lookup("=~", "pod-[0-9]+", None, "pod-");
    check_lookup("=~", "^(?:pod-[0-9]+|pool.?)", None, "po");
    check_lookup("=~", "(?i)pod.*", None, "");
    check_lookup("=~", "[^a]", None, "");
    // A negative matcher tells nothing; its inverse does.
    check_lookup("!=", "a", None, "");
    check_lookup("!~", "a|b", None, "");
    assert_eq!(matcher("!~", "pod-a|pod-b").inverse().prefix(), b"pod-");
    // Bytes that are no UTF-8 match U+FFFD in an expression, so it may be no prefix.
    let stray = matcher("=~", "\\x{fffd}[a-z]+");
    assert!(stray.prefix().is_empty() && stray.matches(b"\xffa") && stray.matches("\u{fffd}a".as_bytes()));
}

#[test]
fn tells_when_nothing_needs_looking_up() {
    let got = |op: &str, value: &str| {
        let matcher = matcher(op, value);
        (matcher.matches_all(), matcher.matches_any_present())
    };
    for value in [".*", "^.*$", "(.*)", ".+|", ".*|a", "(?:.+)?", ".*.*"] {
        assert_eq!(got("=~", value), (true, false), "{value}");
        assert_eq!(got("!~", value), (false, false), "{value}");
    }
    for value in [".+", ".+|a", ".*.+"] {
        assert_eq!(got("=~", value), (false, true), "{value}");
        assert_eq!(got("!~", value), (false, false), "{value}");
    }
    assert_eq!(got("!=", ""), (false, true));
    assert_eq!(got("!~", ""), (false, true));
    assert_eq!(got("=", ""), (false, false));
    assert_eq!(got("=~", ""), (false, false));
    assert_eq!(got("!=", "a"), (false, false));
    // Nothing matches it, so everything passes.
    assert_eq!(got("!~", "[^\\x{0}-\\x{10ffff}]"), (true, false));
}

#[test]
fn values_need_not_be_utf8() {
    let equal = matcher("=", b"\xff");
    assert!(equal.matches(b"\xff") && !equal.matches("\u{fffd}".as_bytes()));
    let words = matcher("=~", b"a\xff|b");
    assert!(words.matches(b"a\xff") && words.matches(b"b") && !words.matches(b"a"));
    // A character more than a word is parsed, and then it must be.
    let err = Matcher::new(MatchOp::Regex, "n", b"a\xff+").unwrap_err();
    assert_eq!(err.to_string(), "error parsing regexp: invalid UTF-8: `\u{fffd}+`");
    check("=~", "[^a]{2}", &["éé", "b\n"], &["a", "é"]);
    assert!(matcher("=~", "[^a]{2}").matches(b"\xe6\x97") && !matcher("=~", "[^a]").matches(b"\xe6\x97"));
    assert!(matcher("=~", "a[^x]b").matches(b"a\xffb"));
}

#[test]
fn gaps_end_at_characters() {
    check("=~", ".*[^a]b?", &["é", "aé", "éb", "日本"], &["", "a", "éa"]);
    check("=~", ".+.", &["éa", "aé", "日本"], &["", "é", "日"]);
    check("=~", "(.+|b)[^x]", &["éa", "by"], &["é", "b", "éx"]);
    // No word has an end inside a character, wherever there is a place between two bytes.
    check("=~", "a.*\\B.*b", &["ab", "aééb"], &["a-b", "aéb"]);
}

#[test]
fn large_automata_work_too() {
    // Too large for a table made at once.
    let matcher = matcher("=~", "x(\\pL{2,40}|[^b]{1,500})");
    let yes = ["xab", "xñandú", "x1", "x\n\n"];
    let no = ["", "x", "xb1", "y1", "xab1"];
    assert!(yes.iter().all(|value| matcher.matches(value.as_bytes())));
    assert!(!no.iter().any(|value| matcher.matches(value.as_bytes())));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let matcher = matcher.clone();
            std::thread::spawn(move || (0..1000).all(|i| matcher.matches(format!("x{i}").as_bytes())))
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn prints_as_prometheus_does() {
    let print = |name: &[u8], op: &str, value: &[u8]| named(name, op, value).to_string();
    assert_eq!(print(b"job", "=", b"node"), r#"job="node""#);
    assert_eq!(print(b"__name__", "!=", b""), r#"__name__!="""#);
    assert_eq!(print(b"a1", "=~", br#"a\.b"c"#), r#"a1=~"a\\.b\"c""#);
    assert_eq!(print(b"x", "!~", "é\n\u{1}".as_bytes()), r#"x!~"é\n\x01""#);
    assert_eq!(print(b"1a", "=", b"\xff"), r#""1a"="\xff""#);
    assert_eq!(print(b"a:b", "=", b""), r#""a:b"="""#);
    assert_eq!(print("über".as_bytes(), "=", b""), r#""über"="""#);
    assert_eq!(print(b"", "=", b"x"), r#"""="x""#);
    assert_eq!(format!("{:?}", matcher("=", "x")), r#"n="x""#);
}

#[test]
fn equal_if_written_alike() {
    let all = [matcher("=", "a"), matcher("!=", "a"), matcher("=~", "a"), matcher("=", "b"), named("m", "=", "a")];
    for (i, left) in all.iter().enumerate() {
        for (j, right) in all.iter().enumerate() {
            assert_eq!(left == right, i == j, "{left} against {right}");
        }
    }
}
