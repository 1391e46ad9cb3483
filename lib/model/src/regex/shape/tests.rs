use super::{Gap, Sequence, sequences};

/// Sequences as text: `*` and `+` are gaps, commas stand between alternatives.
fn show(sequences: &[Sequence]) -> String {
    let mut all = Vec::new();
    for sequence in sequences {
        let mut text = String::from_utf8_lossy(&sequence.first).into_owned();
        for (gap, literal) in &sequence.rest {
            text.push(if *gap == Gap::Any { '*' } else { '+' });
            text += &String::from_utf8_lossy(literal);
        }
        all.push(text);
    }
    all.join(",")
}

#[track_caller]
fn check(pattern: &str, want: Option<&str>) {
    let hir = crate::regex::parse_matcher(pattern.as_bytes()).unwrap();
    assert_eq!(sequences(&hir).as_deref().map(show).as_deref(), want, "{pattern}");
}

#[test]
fn literals() {
    check("", Some(""));
    check("a\\.b", Some("a.b"));
    check("(a|b)(?:c|d)", Some("ac,ad,bc,bd"));
    check("a?b", Some("ab,b"));
    check("a{2,3}", Some("aa,aaa"));
    check("a{0}", Some(""));
    check("x[a-c]", Some("xa,xb,xc"));
    check("(?i)ab", Some("AB,Ab,aB,ab"));
    check("a||b", Some(",a,b"));
    check("(foo|foo)", Some("foo"));
    check("foo-(a|b|)-é", Some("foo--é,foo-a-é,foo-b-é"));
}

#[test]
fn gaps() {
    check(".*", Some("*"));
    check("(.+)", Some("+"));
    check("a.*", Some("a*"));
    check(".*a", Some("*a"));
    check(".+a.*b", Some("+a*b"));
    check("(?:a|b).*c?", Some("a*,a*c,b*,b*c"));
    check(".*.*", Some("*"));
    check(".*.+", Some("+"));
    check("(?:a|).+?", Some("+,a+"));
    // Two characters at least: how many bytes is not known.
    check(".+.+", None);
    check("..*", None);
    check(".", None);
    check(".{2,}", None);
    check("(?-s:.*)", None);
    check("[^a]*", None);
    check("(?:.*a)?", Some(",*a"));
    check("(?:.*a){2}", Some("*a*a"));
    check("(?:.*a)*", None);
}

#[test]
fn anchors_at_the_edges_say_nothing() {
    check("^a$", Some("a"));
    check("(^a)|b$", Some("a,b"));
    check("^^(?:^a.*)$$", Some("a*"));
    check("\\Aa\\z", Some("a"));
    check("(?m)^a$", Some("a"));
    check("^", Some(""));
    check("a^", None);
    check("$a", None);
    check("a^b", None);
    check("(?:^a)?b", None);
    check("(?:a$)b", None);
    check("(?:^a){2}", None);
    check("\\ba", None);
}

#[test]
fn many_alternatives_stay_few() {
    let of = |pattern: &str| sequences(&crate::regex::parse_matcher(pattern.as_bytes()).unwrap()).map(|all| all.len());
    assert_eq!(of("[a-p][a-p]"), Some(256));
    assert_eq!(of("[a-q][a-p]"), None);
    assert_eq!(of("[a-p]{0,2}"), None);
    // Alternatives that are written out do not multiply, so they may be many.
    let words: Vec<String> = (0..10_000).map(|i| format!("pod-{i}\\.svc")).collect();
    assert_eq!(of(&format!("x-(?:{})-y", words.join("|"))), Some(10_000));
    // But what they come to is bounded.
    assert_eq!(of(&format!("[a-p]{{2}}{}", "x".repeat(20_000))), None);
}
