use super::*;
use model::LabelsRef;

const LIMITS: LabelLimits = LabelLimits { name_bytes: 10, value_bytes: 300, labels: 3 };

fn pack(labels: &[(&str, &str)]) -> Result<String, InvalidLabelSet> {
    let labels = labels.iter().map(|(name, value)| Ok(Label { name: name.as_bytes(), value: value.as_bytes() }));
    let mut packed = b"before".to_vec();
    let range = pack_labels(labels, &LIMITS, &mut Vec::new(), &mut packed)?;
    assert_eq!((range.start, range.end), (6, packed.len()));
    Ok(format!("{:?}", LabelsRef::from_packed(&packed[range]).unwrap()))
}

#[track_caller]
fn check(labels: &[(&str, &str)], want: Result<&str, &str>) {
    let got = pack(labels).map_err(|refused| refused.to_string());
    assert_eq!(got.as_deref().map_err(String::as_str), want);
}

#[test]
fn labels_are_sorted_and_packed() {
    check(&[("a", "1"), ("b", "2")], Ok(r#"{a="1", b="2"}"#));
    check(&[("b", "2"), ("__name__", "up"), ("a", "1")], Ok(r#"{__name__="up", a="1", b="2"}"#));
    check(&[("é", "日本"), ("a b", "\0\n")], Ok("{a b=\"\\0\\n\", é=\"日本\"}"));
    let long = "v".repeat(300);
    let want = format!("{{a={long:?}, b={:?}, c={:?}}}", &long[..254], &long[..255]);
    check(&[("a", &long), ("b", &long[..254]), ("c", &long[..255])], Ok(&want));
}

#[test]
fn what_is_no_label_set_is_told() {
    check(&[], Err("there is no label"));
    check(&[("", "x"), ("a", "1")], Err("a label name is empty"));
    check(&[("a", "")], Err("label \"a\" has an empty value"));
    check(&[("a", "1"), ("b", "2"), ("a", "1")], Err("label name \"a\" occurs more than once"));
    check(&[("a", "1"), ("a", "1")], Err("label name \"a\" occurs more than once"));
    check(&[("elevenbytes", "1")], Err("label name \"elevenbytes\" has 11 bytes, 10 are allowed"));
    check(&[("a", &"v".repeat(301))], Err("the value of label \"a\" has 301 bytes, 300 are allowed"));
    check(&[("a", "1"), ("b", "1"), ("c", "1"), ("", ""), ("c", "1")], Err("there are 5 labels, 3 are allowed"));
}

#[test]
fn only_utf8_is_text() {
    let refused = |name: &'static [u8], value: &'static [u8]| {
        let mut packed = Vec::new();
        let refused = pack_labels([Ok(Label { name, value })].into_iter(), &LIMITS, &mut Vec::new(), &mut packed);
        assert!(packed.is_empty());
        refused.unwrap_err().to_string()
    };
    assert_eq!(refused(b"a\xff\"", b"1"), r#"label name "a\xff\"" is not valid UTF-8"#);
    assert_eq!(refused(b"a", b"\xc3("), r#"the value of label "a" is not valid UTF-8"#);
}

#[test]
fn a_fault_on_the_wire_is_handed_on() {
    let fault = Malformed { series: 3, at: 99, what: "a group" };
    let labels = [Ok(Label { name: b"a", value: b"1" }), Err(fault)];
    let refused = pack_labels(labels.into_iter(), &LIMITS, &mut Vec::new(), &mut Vec::new());
    assert_eq!(refused, Err(InvalidLabelSet::Malformed(fault)));
}

#[test]
fn excerpts_are_short_and_escaped() {
    assert_eq!(Excerpt::of(b"a\n\"\x1b").to_string(), r#""a\n\"\x1b""#);
    for hostile in [vec![0x1b; 1 << 20], vec![0xff; 200], "日".repeat(200).into_bytes(), vec![b'x'; 159]] {
        let shown = Excerpt::of(&hostile).to_string();
        assert!(shown.len() <= Excerpt::MAX_BYTES, "{} bytes", shown.len());
        assert!(shown.ends_with("…\""), "{shown}");
    }
    assert_eq!(Excerpt::of(&[b'x'; 156]).to_string().len(), 158);
}
