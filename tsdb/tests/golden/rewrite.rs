//! Blocks of Prometheus, read and written again by us.

use super::blocks::{collect, decode};
use super::json;
use model::{SampleColumns, TimeRange};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use tsdb::block::{Block, BlockSpec, BlockWriter};
use tsdb::fs::StdFs;
use tsdb::{SeriesSource, chunk};

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

/// What the program says of all samples in a data directory.
fn dump(promtool: &OsStr, dir: &Path) -> String {
    std::fs::create_dir_all(dir.join("wal")).unwrap();
    let sandbox = tempfile::tempdir().unwrap();
    let sandbox = format!("--sandbox-dir-root={}", sandbox.path().display());
    let output = Command::new(promtool).args(["tsdb", "dump", &sandbox]).arg(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_newer_promtool_reads_what_was_encoded_anew() {
    let test = "a_newer_promtool_reads_what_was_encoded_anew";
    let Some(promtool) = std::env::var_os("PROMTOOL") else {
        return testkit::skip(test, "$PROMTOOL", "not set: Debian's does not know all histograms");
    };
    let mut samples = 0;
    for case in json::blocks(test) {
        let kinds = ["hist-int/", "hist-float/", "mixed/", "floats/", "stale-series/"];
        if !kinds.iter().any(|kind| case.name.starts_with(kind)) {
            continue;
        }
        let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let original = Block::open(&StdFs, &case.dir).unwrap();
        rewrite(&original, theirs.path(), 512 << 20);
        let spec = BlockSpec::new(original.meta().ulid, original.meta().min_ms, original.meta().max_ms);
        let mut writer = BlockWriter::create(&StdFs, ours.path(), spec).unwrap();
        for (labels, chunks) in collect(&original, &[], TimeRange::ALL, false).unwrap().iter() {
            let mut columns = SampleColumns::default();
            chunks.iter().for_each(|each| chunk::decode(each.encoding, &each.data, &mut columns).unwrap());
            writer.add(labels, &chunk::encode(&columns)).unwrap();
        }
        writer.finish().unwrap().unwrap();
        let (want, got) = (dump(&promtool, theirs.path()), dump(&promtool, ours.path()));
        assert!(want == got, "{}: {:?}", case.name, want.lines().zip(got.lines()).find(|(want, got)| want != got));
        samples += want.lines().count();
    }
    assert!(samples == 0 || samples > 1000, "{samples} samples");
}
