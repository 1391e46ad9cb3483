//! `compactor/*.jsonl`: which blocks the filters keep.

use crate::lines;
use bucket::fetcher::{Metas, filters};
use bucket::{DeletionMark, Mark};
use flags::GoDuration;
use model::TimeRange;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use testkit::golden;
use tsdb::block::Meta;
use ulid::Ulid;

fn metas(case: &Value) -> Metas {
    let metas = case["metas"].as_array().unwrap().iter().map(|block| {
        let id = block["id"].as_str().unwrap();
        let sources = block.get("sources").cloned().unwrap_or_else(|| json!([id]));
        let mut thanos = json!({
            "labels": block["labels"], "source": block["source"], "downsample": {"resolution": block["res"]},
        });
        if let Some(time) = block.get("upload_time") {
            thanos["upload_time"] = time.clone();
        }
        let text = json!({
            "ulid": id, "minTime": block["mint"], "maxTime": block["maxt"], "version": 1, "thanos": thanos,
            "compaction": {"level": block["level"], "sources": sources},
        });
        let meta = Meta::decode(text.to_string().as_bytes(), &Path::new(id).join("meta.json")).unwrap();
        (meta.ulid, Arc::new(meta))
    });
    metas.collect()
}

fn ids(list: &Value) -> Vec<Ulid> {
    let mut ids: Vec<Ulid> =
        list.as_array().into_iter().flatten().map(|id| id.as_str().unwrap().parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

fn duration(text: &Value) -> Duration {
    GoDuration::parse_flag(text.as_str().unwrap()).unwrap().as_std().unwrap()
}

#[test]
fn duplicates() {
    let Some(path) = golden("bucket::duplicates", "compactor/duplicates.jsonl") else { return };
    for case in lines(&path) {
        let mut left = metas(&case);
        let gone = filters::duplicates(&mut left);
        assert_eq!(left.keys().copied().collect::<Vec<_>>(), ids(&case["kept"]), "{case}");
        assert_eq!(gone, ids(&case["duplicates"]), "{case}");
    }
}

#[test]
fn time_partition() {
    let Some(path) = golden("bucket::time_partition", "compactor/time_partition.jsonl") else { return };
    for case in lines(&path) {
        let mut left = metas(&case);
        let (min_ms, max_ms) = (case["min_ms"].as_i64().unwrap(), case["max_ms"].as_i64().unwrap());
        match TimeRange::new(min_ms, max_ms) {
            Some(within) => drop(filters::time_partition(&mut left, within)),
            None => left.clear(),
        }
        assert_eq!(left.into_keys().collect::<Vec<_>>(), ids(&case["kept"]), "{case}");
    }
}

/// A block of the future without a time of upload is not let through here: Thanos' subtraction runs over there.
#[test]
fn consistency_delay() {
    let Some(path) = golden("bucket::consistency_delay", "compactor/consistency_delay.jsonl") else { return };
    let (mut equal, mut of_the_future) = (0, 0);
    for case in lines(&path) {
        let mut left = metas(&case);
        let now_ms = case["now"].as_i64().unwrap();
        filters::consistency_delay(&mut left, now_ms, duration(&case["delay"]));
        let kept = ids(&case["kept"]);
        for (id, meta) in metas(&case) {
            let is_odd =
                id.timestamp_ms() > now_ms.cast_unsigned() && !meta.thanos.as_ref().unwrap().upload_time.is_set();
            match (left.contains_key(&id), kept.contains(&id)) {
                (ours, theirs) if ours == theirs => equal += 1,
                (false, true) if is_odd => of_the_future += 1,
                (ours, theirs) => panic!("{id}: {ours}, not {theirs}, in {case}"),
            }
        }
    }
    eprintln!("consistency_delay.jsonl: {equal} equal, {of_the_future} of the future that Thanos lets through");
}

/// A mark of another version stops all of Thanos; here it does nothing.
#[test]
fn deletion_marks() {
    let Some(path) = golden("bucket::deletion_marks", "compactor/deletion_marks.jsonl") else { return };
    let (mut equal, mut stops) = (0, 0);
    for case in lines(&path) {
        let id: Ulid = case["id"].as_str().unwrap().parse().unwrap();
        let mark = DeletionMark::decode(case["mark"].as_str().unwrap().as_bytes());
        if case.get("error").is_some() {
            assert!(mark.is_err(), "{case}");
            stops += 1;
            continue;
        }
        assert_eq!(mark.is_ok(), case["known_as_marked"].as_bool().unwrap(), "{case}");
        let marks: BTreeMap<Ulid, DeletionMark> = mark.into_iter().map(|mark| (id, mark)).collect();
        let block = json!({"id": id.to_string(), "labels": {"a": "b"}, "source": "sidecar", "res": 0, "mint": 0,
            "maxt": 1, "level": 1});
        let mut left = metas(&json!({"metas": [block]}));
        filters::deletion_marks(&mut left, &marks, case["now"].as_i64().unwrap(), duration(&case["delay"]));
        assert_eq!(left.contains_key(&id), case["kept"].as_bool().unwrap(), "{case}");
        equal += 1;
    }
    eprintln!("deletion_marks.jsonl: {equal} equal, {stops} stop Thanos' sync");
}
