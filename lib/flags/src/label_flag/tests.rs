use super::*;

fn check(text: &str, want: Option<(&str, &str)>) {
    let got = text.parse::<LabelFlag>().ok();
    assert_eq!(got.as_ref().map(|label| (label.name.as_str(), label.value.as_str())), want, "{text}");
}

#[test]
fn labels_are_quoted_as_in_go() {
    check(r#"a="b""#, Some(("a", "b")));
    check(r#"a="=b=""#, Some(("a", "=b=")));
    check(r#"a="x\n\"\\\x41\101\u00e9""#, Some(("a", "x\n\"\\AAé")));
    check("a=`raw\\`", Some(("a", "raw\\")));
    check("a='x'", Some(("a", "x")));
    for none in ["a", "a=b", "a=", r#"="x""#, r#"a="x"#, "a='xy'", r#"a="\q""#, r#"a="\x4""#, r#"a="\'""#, "a=\"x\"y"] {
        check(none, None);
    }
}
