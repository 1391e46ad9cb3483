use super::*;
use crate::thanos::{LabelNamesResponse, LabelValuesResponse};
use prost::Message;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn both_answers_are_read_as_they_were_written() {
    let hints = Some(prost_types::Any { type_url: "x".to_owned(), value: vec![1] });
    let names = LabelNamesResponse { names: texts(&["a", "", "ü"]), warnings: texts(&["w"]), hints: hints.clone() };
    let values = LabelValuesResponse { values: names.names.clone(), warnings: names.warnings.clone(), hints };
    for message in [names.encode_to_vec(), values.encode_to_vec()] {
        let parts: Result<Vec<_>, _> = LabelsParts::new(&message).collect();
        let [a, empty, u] = ["a", "", "ü"].map(LabelsPart::String);
        assert_eq!(parts, Ok(vec![a, empty, u, LabelsPart::Warning("w")]));
    }
    assert_eq!(LabelsParts::new(&[]).next(), None);
}

#[test]
fn a_fault_is_told_with_its_byte_and_ends_it() {
    for (message, expected) in [
        (&b"\x0a\x01a\x0a\x05b"[..], "byte 4: truncated field"),
        (b"\x0a\x01a\x0a\x01\xff", "byte 5: text that is not UTF-8"),
        (b"\x0a\x01a\x08\x01", "byte 3: wrong wire type for the field"),
        (b"\x0a\x01a\x1b", "byte 3: a group"),
    ] {
        let mut parts = LabelsParts::new(message);
        assert_eq!(parts.next(), Some(Ok(LabelsPart::String("a"))));
        assert_eq!(parts.next().unwrap().unwrap_err().to_string(), expected);
        assert_eq!(parts.next(), None);
    }
}
