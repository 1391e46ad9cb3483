use super::{beyond, normal};
use crate::parse_selector;
use model::Matcher;

fn matchers(text: &str) -> Vec<Matcher> {
    parse_selector(text, &crate::ParseOptions::default()).unwrap()
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(format!("{:?}", normal(&matchers(text))), want, "{text}");
}

#[test]
fn what_means_the_same_is_alike() {
    check(r#"{b="1",a!="2",__name__="x",b="1"}"#, r#"[__name__="x", a!="2", b="1"]"#);
    check(r#"x{a=~"1",b!~"2",c=~"1|2",d=~""}"#, r#"[__name__="x", a="1", b!="2", c=~"1|2", d=""]"#);
    check(r#"x{a=~"1",a="1"}"#, r#"[__name__="x", a="1"]"#);
    check(r#"x{a=~"a\\.b",b=~"(?i)a",c=~"a|a"}"#, r#"[__name__="x", a="a.b", b=~"(?i)a", c="a"]"#);
}

#[test]
fn what_all_pass_goes() {
    check(r#"x{a=~".*",b=~".+",c!~""}"#, r#"[__name__="x", b=~".+", c!=""]"#);
    // Nothing passes it.
    check(r#"x{a!~".*"}"#, r#"[__name__="x", a!~".*"]"#);
    let all = [Matcher::new(model::MatchOp::Regex, "a", ".*").unwrap()];
    assert_eq!(normal(&all), all);
}

#[test]
fn what_is_asked_for_beyond_is_told() {
    let told = |narrow: &str, wide: &str| beyond(&matchers(narrow), &matchers(wide));
    assert_eq!(told(r#"x{a="1"}"#, "x"), Some(matchers(r#"{a="1"}"#)));
    assert_eq!(told("x", "x"), Some(Vec::new()));
    assert_eq!(told("x", r#"x{a="1"}"#), None);
    assert_eq!(told("x", "y"), None);
}
