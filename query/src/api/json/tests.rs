use super::*;

#[test]
fn strings_are_escaped_as_go_does() {
    for (string, expected) in [
        (b"plain" as &[u8], r#""plain""#),
        (b"a\"b\\c\nd\t\r", r#""a\"b\\c\nd\t\r""#),
        (b"<&>", r#""\u003c\u0026\u003e""#),
        (b"\x01\x08\x0c\x7f", "\"\\u0001\\b\\f\x7f\""),
        ("zürich東\u{2028}".as_bytes(), "\"zürich東\\u2028\""),
        (b"a\xffb", "\"a\u{fffd}b\""),
    ] {
        let mut out = Vec::new();
        push_string(string, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn samples_and_label_sets() {
    let labels = model::Labels::from_pairs([("b", "2"), ("__name__", "up")]).unwrap();
    let mut out = Vec::new();
    push_labels(labels.as_ref(), &mut out);
    push_sample(1_500, -0.5, &mut out);
    push_list([1, 2], &mut out, |item, out| out.push(b'0' + item));
    assert_eq!(String::from_utf8(out).unwrap(), r#"{"__name__":"up","b":"2"}[1.500,"-0.5"][1,2]"#);
}
