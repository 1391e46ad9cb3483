//! What a block holds, and what a writer refuses.

use crate::sample::{Selected, Series, chunk, chunks, labels, open, select, spec, write};
use model::{MatchOp, Matcher, TimeRange};
use std::path::Path;
use testkit::{Fault, SimFs, Step};
use tsdb::block::{BlockSpec, BlockWriteError, BlockWriter, Thanos, parse_name};
use tsdb::fs::Fs;
use tsdb::index::SeriesEntry;
use tsdb::{Chunk, ChunkSeriesBatch, Encoding, SeriesSource};

const DIR: &str = "/data";

fn sim_fs() -> SimFs {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new(DIR)).unwrap();
    fs
}

fn series(of: &[(&str, &[i64])]) -> Series {
    let samples = |times: &[i64]| times.iter().map(|&time| (time, time as u64 * 3)).collect();
    of.iter().map(|(name, times)| (labels(&[("__name__", name)]), samples(times))).collect()
}

#[test]
fn samples_outside_the_range_are_left_out_to_the_millisecond() {
    let fs = sim_fs();
    let all = series(&[
        ("across", &[8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]),
        ("after", &[20, 21, 22]),
        ("before", &[7, 8, 9]),
        ("edge", &[0, 1, 2, 3, 10]),
        ("gap", &[8, 9, 20, 21]),
        ("last", &[19]),
    ]);
    let spec = BlockSpec { min_ms: 10, max_ms: 20, ..spec(&all) };
    let meta = write(&fs, Path::new(DIR), spec, &all).unwrap();
    let block = open(&fs, Path::new(DIR)).unwrap();
    let want = series(&[("across", &[10, 11, 12, 13, 14, 15, 16, 17, 18, 19]), ("edge", &[10]), ("last", &[19])]);
    let found = select(&block, &[], TimeRange::ALL).unwrap();
    assert_eq!(found, want.into_iter().collect::<Vec<_>>());
    assert_eq!(block.time_range(), TimeRange::new(10, 19));
    let stats = meta.stats;
    assert_eq!((stats.num_samples, stats.num_float_samples, stats.num_series, stats.num_chunks), (12, 12, 3, 5));
    // Chunks tell where their samples really are.
    let mut entry = SeriesEntry::default();
    let mut chunks = Vec::new();
    for id in block.index().all_postings().unwrap().iter() {
        block.index().series(id, &mut entry).unwrap();
        chunks.append(&mut entry.chunks);
    }
    assert_eq!(chunks.len(), 5);
    assert!(chunks.iter().all(|chunk| chunk.min_ms >= 10 && chunk.max_ms < 20));
}

#[test]
fn a_block_without_samples_is_not_written() {
    let fs = sim_fs();
    let all = series(&[("before", &[7, 8, 9])]);
    let spec = BlockSpec { min_ms: 10, max_ms: 20, ..spec(&all) };
    assert_eq!(write(&fs, Path::new(DIR), spec, &all), None);
    assert_eq!(fs.read_dir(Path::new(DIR)).unwrap(), []);
}

#[test]
fn the_thanos_section_lists_the_files() {
    let fs = sim_fs();
    let all = series(&[("x", &[1, 2, 3])]);
    let thanos = Thanos { version: 1, source: "receive".into(), ..Thanos::default() };
    let spec = BlockSpec { thanos: Some(thanos), ..spec(&all) };
    write(&fs, Path::new(DIR), spec, &all);
    let block = open(&fs, Path::new(DIR)).unwrap();
    let listed = &block.meta().thanos.as_ref().unwrap().files;
    assert_eq!(
        listed.iter().map(|file| file.rel_path.as_str()).collect::<Vec<_>>(),
        ["chunks/000001", "index", "meta.json"]
    );
    for file in &listed[..2] {
        let size = fs.read(&block.dir().join(&file.rel_path)).unwrap().len() as u64;
        assert_eq!(file.size_bytes, size);
    }
}

#[track_caller]
fn check_refused(adds: &[(&str, Vec<Chunk>)], want: &str) {
    let fs = sim_fs();
    let spec = BlockSpec { min_ms: 10, max_ms: 100, ..spec(&Series::new()) };
    let mut writer = BlockWriter::create(&fs, Path::new(DIR), spec).unwrap();
    let added: Result<(), BlockWriteError> =
        adds.iter().try_for_each(|(name, chunks)| writer.add(labels(&[("n", name)]).as_ref(), chunks));
    let error = added.unwrap_err().to_string();
    assert!(error.contains(want), "{error}");
    drop(writer);
    assert_eq!(fs.read_dir(Path::new(DIR)).unwrap(), [], "what was begun is gone");
}

#[test]
fn series_and_chunks_must_be_in_order() {
    let at = |times: &[i64]| chunk(&times.iter().map(|&time| (time, 0)).collect::<Vec<_>>());
    check_refused(&[("b", vec![at(&[10])]), ("a", vec![at(&[10])])], "series {n=\"a\"} does not come after");
    check_refused(&[("a", vec![at(&[10])]), ("a", vec![at(&[10])])], "series {n=\"a\"} does not come after");
    check_refused(&[("a", vec![at(&[10, 12]), at(&[11])])], "chunks of series {n=\"a\"} overlap");
    let garbage = Chunk { data: vec![0, 9, 1].into(), ..at(&[9, 10]) };
    check_refused(&[("a", vec![garbage])], "series {n=\"a\"}: chunk ends in sample 0 of 9");
    let histogram = Chunk { encoding: Encoding::Histogram, ..at(&[9, 10]) };
    check_refused(&[("a", vec![histogram])], "series {n=\"a\"}: chunk ends in sample 1 of 2");
}

fn try_write(fs: &SimFs, all: &Series) -> Result<(), BlockWriteError> {
    let mut writer = BlockWriter::create(fs, Path::new(DIR), spec(all))?;
    for (labels, samples) in all {
        writer.add(labels.as_ref(), &chunks(samples, 5))?;
    }
    writer.finish().map(drop)
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let all = series(&[("x", &[1, 2, 3])]);
    for step in [Step::Create, Step::Append, Step::SyncData, Step::SyncFile, Step::SyncDir, Step::Rename] {
        for skip in 0..4 {
            let fs = sim_fs();
            let fault = Fault {
                step,
                path_part: "/".into(),
                skip,
                times: 1,
                error: std::io::ErrorKind::Other,
                written_bytes: 1,
            };
            fs.fail(fault);
            let finished = try_write(&fs, &all);
            let left = fs.read_dir(Path::new(DIR)).unwrap();
            let published = left.iter().all(|entry| parse_name(&entry.name).is_some());
            assert!(
                published && (finished.is_ok() || left.is_empty() || step == Step::SyncDir),
                "{step:?} {skip}: {left:?}"
            );
        }
    }
}

/// Writes the tombstones of the block: number of the series, first and last time.
fn delete(fs: &SimFs, stones: &[(usize, i64, i64)]) {
    let block = open(fs, Path::new(DIR)).unwrap();
    let ids: Vec<_> = block.index().all_postings().unwrap().iter().collect();
    let mut body = Vec::new();
    for &(series, min_ms, max_ms) in stones {
        tsdb::cursor::push_uvarint(&mut body, u64::from(ids[series]));
        tsdb::cursor::push_varint(&mut body, min_ms);
        tsdb::cursor::push_varint(&mut body, max_ms);
    }
    let mut file = vec![0x01, 0x30, 0xBA, 0x30, 1];
    file.extend_from_slice(&body);
    file.extend(crc32c::crc32c(&body).to_be_bytes());
    fs.plant(&block.dir().join("tombstones"), &file).unwrap();
}

/// Deletes from the block of `all` and returns what is left.
fn after_deleting(all: &Series, stones: &[(usize, i64, i64)]) -> Vec<Selected> {
    let fs = sim_fs();
    write(&fs, Path::new(DIR), spec(all), all);
    delete(&fs, stones);
    let block = open(&fs, Path::new(DIR)).unwrap();
    assert!(block.tombstones_fault().is_none());
    let found = select(&block, &[], TimeRange::ALL).unwrap();
    // Asked by label, the same.
    let matcher = Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap();
    assert_eq!(select(&block, &[matcher], TimeRange::ALL).unwrap(), found);
    found
}

#[test]
fn deleted_ranges_are_left_out() {
    let all = series(&[("a", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]), ("b", &[1, 2, 3]), ("c", &[1, 2, 3])]);
    let left = after_deleting(&all, &[(0, 2, 2), (0, 5, 7), (0, 10, 90), (1, 1, 2), (1, 3, 3), (2, 4, 9)]);
    let want = series(&[("a", &[1, 3, 4, 8, 9]), ("c", &[1, 2, 3])]);
    assert_eq!(left, want.into_iter().collect::<Vec<_>>());
}

#[test]
fn series_without_a_sample_left_are_not_listed_either() {
    let fs = sim_fs();
    let all = series(&[("a", &[1, 2, 3]), ("b", &[1, 2, 3]), ("c", &[1, 2, 3, 4, 5, 6])]);
    write(&fs, Path::new(DIR), spec(&all), &all);
    delete(&fs, &[(0, 0, 9), (1, 2, 9), (2, 1, 5)]);
    let block = open(&fs, Path::new(DIR)).unwrap();
    let mut cursor = block.select(&[], TimeRange::ALL).unwrap();
    let mut batch = ChunkSeriesBatch::default();
    cursor.next_batch(10, true, &mut batch).unwrap();
    let names: Vec<_> = batch.iter().map(|(labels, chunks)| (labels.to_owned(), chunks.len())).collect();
    assert_eq!(names, [(labels(&[("__name__", "b")]), 0), (labels(&[("__name__", "c")]), 0)]);
}

#[test]
fn a_chunk_that_says_too_wide_a_range_is_written_with_its_own() {
    let fs = sim_fs();
    let mut writer =
        BlockWriter::create(&fs, Path::new(DIR), BlockSpec { min_ms: 10, max_ms: 20, ..spec(&Series::new()) }).unwrap();
    let wide = Chunk { min_ms: 5, max_ms: 25, ..chunk(&[(12, 1), (13, 2)]) };
    writer.add(labels(&[("n", "a")]).as_ref(), &[wide]).unwrap();
    writer.finish().unwrap();
    let block = open(&fs, Path::new(DIR)).unwrap();
    let mut entry = SeriesEntry::default();
    block.index().series(block.index().all_postings().unwrap().iter().next().unwrap(), &mut entry).unwrap();
    assert_eq!((entry.chunks[0].min_ms, entry.chunks[0].max_ms), (12, 13));
}

#[test]
fn a_damaged_tombstones_file_is_told_and_the_block_is_readable() {
    let fs = sim_fs();
    let all = series(&[("x", &[1, 2, 3])]);
    write(&fs, Path::new(DIR), spec(&all), &all);
    let path = open(&fs, Path::new(DIR)).unwrap().dir().join("tombstones");
    fs.plant(&path, &[0x01, 0x30, 0xBA, 0x30, 1, 7, 0, 0, 0, 0]).unwrap();
    let block = open(&fs, Path::new(DIR)).unwrap();
    assert!(block.tombstones_fault().unwrap().to_string().contains("tombstones at byte 6: checksum"));
    assert_eq!(select(&block, &[], TimeRange::ALL).unwrap().len(), 1);
    fs.remove_file(&path).unwrap();
    assert!(open(&fs, Path::new(DIR)).unwrap().tombstones_fault().is_none());
}

#[test]
fn only_the_names_that_are_written_are_names_of_blocks() {
    assert!(parse_name("01KDVDNA0092PGJH2H9E9K2MY0").is_some());
    for name in [
        "01kdvdna0092pgjh2h9e9k2my0",
        "01KDVDNA0092PGJH2H9E9K2MY",
        "wal",
        "01KDVDNA0092PGJH2H9E9K2MY0.tmp-for-creation",
    ] {
        assert_eq!(parse_name(name), None);
    }
}
