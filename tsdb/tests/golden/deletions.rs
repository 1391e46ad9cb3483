//! The deletions and the cleaning of a recorded block, done by us: what comes of them is what Prometheus made.

use super::blocks::{check_samples, check_tombstones, collect, decode_all};
use super::heads::{copy_tree, rig};
use super::json::{self, Case};
use model::{MatchOp, Matcher, TimeRange};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tsdb::block::{Block, Tombstones};
use tsdb::db::{CleanedBlock, DbOptions};
use tsdb::fs::StdFs;

/// The block of a case of that name; none, and said so, if there are no recordings.
fn case(test: &str, name: &str) -> Option<Case> {
    json::blocks(test).into_iter().find(|case| case.name.split('/').next() == Some(name))
}

/// A selector of one matcher, `name=~"value"`.
fn matcher(text: &str) -> Matcher {
    let (name, value) = text.split_once("=~").unwrap();
    Matcher::new(MatchOp::Regex, name, value.trim_matches('"')).unwrap()
}

#[test]
fn what_was_deleted_by_prometheus_we_delete_alike() {
    let Some(case) = case("what_was_deleted_by_prometheus_we_delete_alike", "tombstones") else { return };
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join(case.dir.file_name().unwrap());
    copy_tree(&case.dir, &dir);
    std::fs::write(dir.join("tombstones"), Tombstones::default().encode()).unwrap();
    let cases = std::fs::read(case.dir.parent().unwrap().with_file_name("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    let facts = &cases.iter().find(|case| case["name"] == "tombstones").unwrap()["facts"];
    let mut block = Block::open(&StdFs, &dir).unwrap();
    for deletion in facts["deletes"].as_array().unwrap() {
        let [min_ms, max_ms] = [&deletion[0], &deletion[1]].map(|end| end.as_i64().unwrap());
        let range = TimeRange::new(min_ms, max_ms).unwrap();
        block = block.delete(&StdFs, &[matcher(deletion[2].as_str().unwrap())], range).unwrap().unwrap_or(block);
    }
    check_tombstones(&block, &case.postings()["tombstones"]);
    check_tombstones(&Block::open(&StdFs, &dir).unwrap(), &case.postings()["tombstones"]);
    let read = |dir: &Path, name: &str| std::fs::read(dir.join(name)).unwrap();
    assert_eq!(read(&dir, "meta.json"), read(&case.dir, "meta.json"));
    // Stones come in another order.
    assert_eq!(read(&dir, "tombstones").len(), read(&case.dir, "tombstones").len());
}

#[test]
fn a_block_that_we_clean_holds_what_prometheus_left() {
    let test = "a_block_that_we_clean_holds_what_prometheus_left";
    let (Some(before), Some(after)) = (case(test, "tombstones"), case(test, "tombstones-cleaned")) else { return };
    let root = tempfile::tempdir().unwrap();
    copy_tree(&before.dir, &root.path().join(before.dir.file_name().unwrap()));
    let options = DbOptions { block_range_ms: 2 * 3_600_000, ..rig::options() };
    let db = rig::open_on(Arc::new(StdFs), root.path(), options).unwrap();
    let [CleanedBlock { to: Some(to), .. }] = db.clean_tombstones().unwrap()[..] else { panic!("nothing was cleaned") };
    let (block, want) = (root.path().join(to.to_string()), Block::open(&StdFs, &after.dir).unwrap());
    let block = Block::open(&StdFs, &block).unwrap();
    let (meta, want) = (block.meta(), want.meta());
    assert_eq!((meta.min_ms, meta.max_ms, meta.compaction.level), (want.min_ms, want.max_ms, want.compaction.level));
    assert_eq!(meta.compaction.parents, want.compaction.parents);
    assert_eq!(meta.stats, want.stats);
    let (all, recorded) = (collect(&block, &[], TimeRange::ALL, false).unwrap(), after.series());
    assert_eq!(all.len(), recorded.len());
    for ((labels, chunks), want) in all.iter().zip(&recorded) {
        assert!(want.is(labels));
        check_samples(&decode_all(chunks), &want.line["samples"], true, &after.name);
    }
}
