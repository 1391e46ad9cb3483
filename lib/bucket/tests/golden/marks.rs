//! `shipper/marks.jsonl`: exact bytes of marks, and what is read as one.

use crate::lines;
use bucket::{DeletionMark, Mark, NoCompactMark, NoDownsampleMark};
use serde_json::Value;
use testkit::golden;

/// Whether texts are read as Thanos reads them; what it writes comes back as it was.
fn check<M: Mark>(case: &Value) -> bool {
    if let Some(bytes) = case.get("bytes").and_then(Value::as_str) {
        let mark = M::decode(bytes.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(mark.encode()).unwrap(), bytes);
        assert_eq!(case["object"].as_str().unwrap(), format!("{}/{}", mark.id(), M::NAME));
        return true;
    }
    let Some(text) = case.get("text").and_then(Value::as_str) else { return false };
    match (M::decode(text.as_bytes()), case.get("parsed")) {
        (Ok(mark), Some(parsed)) => assert_eq!(&serde_json::to_value(&mark).unwrap(), parsed, "{case}"),
        (Err(_), None) => {}
        (mark, _) => {
            panic!("{case}\n{:?}", mark.map(|mark| String::from_utf8(mark.encode())).map_err(|error| error.to_string()))
        }
    }
    true
}

#[test]
fn marks_are_read_and_written() {
    let Some(path) = golden("bucket::marks_are_read_and_written", "shipper/marks.jsonl") else { return };
    let mut checked = 0;
    for case in lines(&path) {
        let name = case.get("read").or_else(|| case.get("object")).and_then(Value::as_str).unwrap_or_default();
        checked += match name.rsplit('/').next().unwrap_or_default() {
            DeletionMark::NAME => usize::from(check::<DeletionMark>(&case)),
            NoCompactMark::NAME => usize::from(check::<NoCompactMark>(&case)),
            NoDownsampleMark::NAME => usize::from(check::<NoDownsampleMark>(&case)),
            _ => 0,
        };
    }
    eprintln!("marks.jsonl: {checked} equal");
    assert!(checked > 0);
}
