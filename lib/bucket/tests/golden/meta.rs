//! `shipper/meta_{write,read}.jsonl`: exact bytes of `meta.json`, and what is read as one.

use crate::lines;
use serde_json::Value;
use std::path::Path;
use testkit::golden;
use tsdb::block::Meta;

fn decode(text: &str, ulid: &str) -> Result<Meta, String> {
    Meta::decode(text.as_bytes(), &Path::new(ulid).join("meta.json")).map_err(|error| error.to_string())
}

#[test]
fn what_thanos_writes_comes_back_byte_for_byte() {
    let Some(path) = golden("bucket::meta_write", "shipper/meta_write.jsonl") else { return };
    let (mut equal, mut refused) = (0, Vec::new());
    for case in lines(&path) {
        let text = case["meta_json"].as_str().unwrap();
        let ulid = serde_json::from_str::<Value>(text).unwrap()["ulid"].as_str().unwrap().to_owned();
        match decode(text, &ulid) {
            Ok(meta) => {
                assert_eq!(String::from_utf8(meta.encode()).unwrap(), text, "{}", case["name"]);
                equal += 1;
            }
            Err(error) => refused.push((case["name"].as_str().unwrap().to_owned(), error)),
        }
    }
    eprintln!("meta_write.jsonl: {equal} equal, refused: {refused:?}");
    // One without a version is no block's; Thanos does not read it either.
    assert!(refused.iter().all(|(_, error)| error.contains("version 0")), "{refused:?}");
    assert!(equal > 0);
}

/// Texts that Thanos takes and that are refused here: what its JSON reader lets pass by (other cases of names, a name
/// twice, something behind the end), and names of blocks that are none.
fn is_too_lax(text: &str) -> Option<&'static str> {
    let value: Option<Value> = serde_json::from_str(text).ok();
    match value {
        None => Some("something behind the end"),
        Some(value) if value.get("ulid").is_none() || value.get("minTime").is_none() => Some("no name or no times"),
        Some(_) => None,
    }
}

#[test]
fn what_thanos_reads_is_read() {
    let Some(path) = golden("bucket::meta_read", "shipper/meta_read.jsonl") else { return };
    let (mut equal, mut stricter) = (0, Vec::new());
    for case in lines(&path) {
        let (text, parsed) = (case["text"].as_str().unwrap(), case.get("parsed"));
        let ulid = parsed.and_then(|parsed| parsed["ulid"].as_str()).unwrap_or("01HP0000000000000000000001");
        match (decode(text, ulid), parsed) {
            (Ok(meta), Some(parsed)) => {
                let mut ours = meta.clone();
                ours.other.clear();
                let thanos = ours.thanos.get_or_insert_default();
                thanos.other.clear();
                let mut ours: Value = serde_json::from_slice(&ours.encode()).unwrap();
                // Written so where there are none, read so by Go.
                if ours["thanos"]["labels"].is_null() {
                    ours["thanos"]["labels"] = serde_json::json!({});
                }
                assert_eq!(&ours, parsed, "{case}");
                equal += 1;
            }
            (Err(_), None) => equal += 1,
            (Err(error), Some(_)) => match is_too_lax(text) {
                Some(why) => stricter.push(why),
                None => panic!("{case}\n{error}"),
            },
            (Ok(_), None) => panic!("Thanos refuses it: {case}"),
        }
    }
    eprintln!("meta_read.jsonl: {equal} equal, refused here: {stricter:?}");
    assert!(equal > 0);
}
