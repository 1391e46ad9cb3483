//! Blocks of Prometheus, read and written again by us.

use super::blocks::{collect, decode};
use super::json;
use model::TimeRange;
use std::path::Path;
use tsdb::SeriesSource;
use tsdb::block::{Block, BlockSpec, BlockWriter};
use tsdb::fs::StdFs;

/// Writes all of `block` to a new block below `dir`, chunk files of at most `max_segment_bytes`.
fn rewrite(block: &Block, dir: &Path, max_segment_bytes: u64) -> Block {
    let meta = block.meta();
    let spec = BlockSpec {
        compaction: meta.compaction.clone(),
        max_segment_bytes,
        ..BlockSpec::new(meta.ulid, meta.min_ms, meta.max_ms)
    };
    let mut writer = BlockWriter::create(&StdFs, dir, spec).unwrap();
    writer.add_all(&mut *block.select(&[], TimeRange::ALL).unwrap()).unwrap();
    let written = writer.finish().unwrap().unwrap();
    let block = Block::open(&StdFs, &dir.join(meta.ulid.to_string())).unwrap();
    assert_eq!(*block.meta(), written);
    block
}

#[test]
fn a_block_written_again_has_the_same_bytes() {
    let mut equal = 0;
    for case in json::blocks("a_block_written_again_has_the_same_bytes") {
        let original = Block::open(&StdFs, &case.dir).unwrap();
        // Blocks that were merged, sliced or cleaned keep symbols and gaps that an index made anew has not.
        let plain = [
            "floats/",
            "many/",
            "labels/",
            "negative/",
            "segments/",
            "hist-int/",
            "hist-float/",
            "mixed/",
            "st/",
            "xor2/",
        ];
        if !plain.iter().any(|name| case.name.starts_with(name)) {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let max_segment_bytes = if case.name.starts_with("segments/") { 4096 } else { 512 << 20 };
        let again = rewrite(&original, dir.path(), max_segment_bytes);
        let files = original.segments().len();
        let mut names: Vec<_> = (1..=files).map(|number| format!("chunks/{number:06}")).collect();
        names.extend(["index", "meta.json", "tombstones"].map(String::from));
        for name in names {
            let read = |block: &Block| std::fs::read(block.dir().join(&name)).unwrap();
            assert!(read(&again) == read(&original), "{}: {name} differs", case.name);
        }
        equal += 1;
    }
    assert!(equal == 0 || equal == 10, "{equal} blocks");
}

#[test]
fn every_block_written_again_answers_the_same() {
    let mut blocks = 0;
    for case in json::blocks("every_block_written_again_answers_the_same") {
        let original = Block::open(&StdFs, &case.dir).unwrap();
        let Ok(want) = collect(&original, &[], TimeRange::ALL, false) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let again = collect(&rewrite(&original, dir.path(), 1 << 20), &[], TimeRange::ALL, false).unwrap();
        assert_eq!(again.len(), want.len());
        for (got, want) in again.iter().zip(want.iter()) {
            assert_eq!(got, want, "{}", case.name);
            if got.1.iter().all(|chunk| chunk.encoding == tsdb::Encoding::Xor) {
                assert_eq!(decode(got.1), decode(want.1));
            }
        }
        blocks += 1;
    }
    assert!(blocks == 0 || blocks > 30, "{blocks} blocks");
}
