//! `tsdb::verify`: what is sound passes, and each of a table of damages is found, with its file and its place.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "db/rig.rs"]
mod rig;

use model::{ExemplarRef, SeriesRef, TimeRange};
use rig::{Contents, append_range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tsdb::block::{BlockSpec, BlockWriter};
use tsdb::chunk::xor::XorState;
use tsdb::db::{DbOptions, Snapshots};
use tsdb::floor::Floor;
use tsdb::fs::StdFs;
use tsdb::index::IndexReader;
use tsdb::segment::frame_bytes;
use tsdb::snapshot::{LastSample, OpenChunk, Relied, SnapshotDirs, SnapshotSeries, SnapshotWriter};
use tsdb::verify::{Findings, checksums, directory};
use tsdb::wal::{Compression, LogOptions, LogPlace};
use tsdb::{Chunk, Encoding};
use ulid::Ulid;

const NAME: &str = "01KDVDNA0092PGJH2H9E9K2MY0";
/// Of another block.
const OTHER: &str = "01KDVDNA0092PGJH2H9E9K2MY1";

fn chunk(times: std::ops::Range<i64>) -> Chunk {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    let (min_ms, max_ms) = (times.start, times.end - 1);
    times.for_each(|time| state.append(time, time as f64, &mut words));
    Chunk::raw(min_ms, max_ms, Encoding::Xor, state.finish(&words))
}

/// A block of four series, two chunks each.
fn block(dir: &Path) -> PathBuf {
    let spec = BlockSpec::new(NAME.parse::<Ulid>().unwrap(), 0, 1000);
    let mut writer = BlockWriter::create(&StdFs, dir, spec).unwrap();
    for (job, number) in [("a", "1"), ("a", "2"), ("b", "1"), ("b", "3")] {
        let labels = model::Labels::from_pairs([("__name__", "m"), ("job", job), ("n", number)]).unwrap();
        writer.add(labels.as_ref(), &[chunk(0..120), chunk(500..620)]).unwrap();
    }
    writer.finish().unwrap().unwrap();
    dir.join(NAME)
}

fn found(dir: &Path) -> Findings {
    let mut findings = Findings::new(100);
    directory(&StdFs, dir, &mut findings).unwrap();
    findings
}

/// Damages a block, and looks for one fault that contains `want` in a file of that name.
#[track_caller]
fn check(damage: impl FnOnce(&Path), file: &str, want: &str) {
    let dir = tempfile::tempdir().unwrap();
    let block = block(dir.path());
    damage(&block);
    let findings = found(dir.path());
    let faults: Vec<String> = findings.faults().iter().map(ToString::to_string).collect();
    let is_it = |text: &&String| text.contains(want) && text.contains(&format!("{}/{file} at byte ", block.display()));
    assert!(faults.iter().any(|text| is_it(&text)), "{want:?} in {file}: {faults:#?}");
    assert!(!findings.is_sound());
}

fn edit(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    edit(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

fn flip(path: &Path, at: usize) {
    edit(path, |bytes| bytes[at] ^= 1);
}

/// Replaces the content of the section at `at` and gives it its checksum.
fn rewrite_section(bytes: &mut [u8], at: usize, edit: impl FnOnce(&mut [u8])) {
    let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    edit(&mut bytes[at + 4..at + 4 + size]);
    let sum = crc32c::crc32c(&bytes[at + 4..at + 4 + size]);
    bytes[at + 4 + size..at + 8 + size].copy_from_slice(&sum.to_be_bytes());
}

/// Where the list of that label stands.
fn list_of(block: &Path, name: &[u8], value: &[u8]) -> usize {
    let index = IndexReader::open(&StdFs, &block.join("index")).unwrap();
    index.table().row(name, value).unwrap().list as usize
}

fn replace_text(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// Checksums alone notice every bit that is under one: all that the whole check notices, but for what it knows of references.
#[test]
fn checksums_notice_each_flipped_bit() {
    let dir = tempfile::tempdir().unwrap();
    let block = block(dir.path());
    checksums(&StdFs, &block).unwrap();
    for file in ["chunks/000001", "index"] {
        let path = block.join(file);
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(&path, flipped).unwrap();
            let noticed = checksums(&StdFs, &block).map_err(|fault| fault.file).err();
            assert_eq!(noticed.is_some(), !found(dir.path()).is_sound(), "{file} at {at}");
            assert!(noticed.is_none_or(|of| of == path), "{file} at {at}");
        }
        std::fs::write(&path, bytes).unwrap();
    }
}

#[test]
fn checksums_miss_no_chunk_that_is_gone() {
    let check = |damage: &dyn Fn(&Path), file: &str| {
        let dir = tempfile::tempdir().unwrap();
        let block = block(dir.path());
        damage(&block);
        assert_eq!(checksums(&StdFs, &block).unwrap_err().file, block.join(file));
    };
    check(&|block| std::fs::remove_file(block.join("index")).unwrap(), "index");
    check(&|block| std::fs::remove_dir_all(block.join("chunks")).unwrap(), "chunks");
    check(&|block| std::fs::remove_file(block.join("chunks/000001")).unwrap(), "index");
    // Cut where the last chunk begins, so that all that is there is sound.
    check(
        &|block| {
            let chunk = chunk(500..620).data.len();
            let last = frame_bytes(chunk) as usize;
            edit(&block.join("chunks/000001"), |bytes| bytes.truncate(bytes.len() - last));
        },
        "index",
    );
}

#[test]
fn a_sound_block_passes() {
    let dir = tempfile::tempdir().unwrap();
    let block = block(dir.path());
    for dir in [dir.path(), &block] {
        let findings = found(dir);
        assert!(findings.is_sound(), "{:?}", findings.faults());
        assert_eq!(findings.notes(), []);
        let files: Vec<_> = findings
            .files()
            .map(|file| format!("{}: {}", file.path.file_name().unwrap().display(), file.holds))
            .collect();
        let want = [
            "meta.json: level 1, 960 samples",
            "000001: 8 chunks",
            "tombstones: 0 deleted ranges",
            "index: 4 series, 8 chunks",
        ];
        assert_eq!(files, want);
    }
}

#[test]
fn a_meta_file_that_was_forged() {
    let meta =
        |from: &'static str, to: &'static str| move |block: &Path| replace_text(&block.join("meta.json"), from, to);
    let parent = |ulid: &str, min_ms: i64, max_ms: i64| {
        let parents = format!(
            "\"level\": 1,\n\"parents\": [{{\"ulid\": \"{ulid}\", \"minTime\": {min_ms}, \"maxTime\": {max_ms}}}]"
        );
        move |block: &Path| replace_text(&block.join("meta.json"), "\"level\": 1", &parents)
    };
    let end = |to| meta("\"maxTime\": 1000", to);
    check(end("\"maxTime\": 9223372036854775807"), "meta.json", "chunks reach from 0 to 619");
    check(meta("\"minTime\": 0", "\"minTime\": -9223372036854775808"), "meta.json", "chunks reach from 0 to 619");
    check(parent(NAME, 0, 1000), "meta.json", "it says that it was made of itself");
    check(parent(OTHER, 0, 1001), "meta.json", "went into it, and that all lies from 0 to 1000");
    check(parent(OTHER, 500, 0), "meta.json", "from 500 to 0, went into it");
    // A month without a sample at its end is no fault, and parents need not be there any more.
    let dir = tempfile::tempdir().unwrap();
    let block = block(dir.path());
    end("\"maxTime\": 2678400000")(&block);
    parent(OTHER, 0, 2_678_400_000)(&block);
    assert!(found(dir.path()).is_sound(), "{:?}", found(dir.path()).faults());
    // One that is there must be in it.
    let mut writer = BlockWriter::create(&StdFs, dir.path(), BlockSpec::new(OTHER.parse().unwrap(), 0, 1000)).unwrap();
    let labels = model::Labels::from_pairs([("__name__", "other")]).unwrap();
    writer.add(labels.as_ref(), &(0..9).map(|at| chunk(at * 110..(at + 1) * 110)).collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap().unwrap();
    let faults = found(dir.path());
    assert!(faults.faults()[0].to_string().ends_with("but it has 960 samples, that has 990"), "{:?}", faults.faults());
    // Nor is it removed for that.
    drop(rig::open(dir.path()));
    assert!(dir.path().join(OTHER).is_dir());
}

#[test]
fn tombstones_that_are_gone() {
    let told = |block: &Path| {
        replace_text(&block.join("meta.json"), "\"numChunks\": 8", "\"numChunks\": 8, \"numTombstones\": 2")
    };
    let gone = |block: &Path| std::fs::remove_file(block.join("tombstones")).unwrap();
    check(
        |block| (told(block), gone(block)).1,
        "tombstones",
        "it is missing, and meta.json says that it has 2 deleted ranges",
    );
    for (is_told, lost) in [(false, 0), (true, 1)] {
        let dir = tempfile::tempdir().unwrap();
        let block = block(dir.path());
        gone(&block);
        if is_told {
            told(&block);
        }
        assert_eq!(found(dir.path()).is_sound(), !is_told);
        let db = rig::open(dir.path());
        assert_eq!((db.opened().tombstones_lost.len(), db.stats().blocks_without_tombstones), (lost, lost as u64));
        // It is read all the same.
        assert_eq!(rig::contents(&db, TimeRange::ALL).len(), 960);
    }
}

#[test]
fn every_bit_of_an_index_counts() {
    let dir = tempfile::tempdir().unwrap();
    let block = block(dir.path());
    let path = block.join("index");
    let sound = std::fs::read(&path).unwrap();
    let toc = IndexReader::open(&StdFs, &path).unwrap().toc();
    let mut unnoticed = Vec::new();
    for at in 0..sound.len() {
        flip(&path, at);
        if found(dir.path()).is_sound() {
            unnoticed.push(at);
        }
        std::fs::write(&path, &sound).unwrap();
    }
    // Padding: nothing is there, and no checksum is over it. And version 2 becomes 3, which is read as 2.
    let padding = |at: &usize| *at == 4 || sound[*at] == 0 && (*at as u64) < toc.postings_table;
    assert!(unnoticed.iter().all(padding) && unnoticed.len() < 60, "{unnoticed:?}");
}

#[test]
fn every_bit_of_chunks_and_tombstones_counts() {
    let dir = tempfile::tempdir().unwrap();
    let block = block(dir.path());
    for name in ["chunks/000001", "tombstones"] {
        let path = block.join(name);
        let sound = std::fs::read(&path).unwrap();
        for at in (0..sound.len()).filter(|at| name != "chunks/000001" || !(5..8).contains(at)) {
            flip(&path, at);
            assert!(!found(dir.path()).is_sound(), "byte {at} of {name}");
            std::fs::write(&path, &sound).unwrap();
        }
    }
}

#[test]
fn lists_and_series_contradict_each_other() {
    let other_id = |block: &Path, from: (&[u8], &[u8]), to: (&[u8], &[u8])| {
        let (from, to) = (list_of(block, from.0, from.1), list_of(block, to.0, to.1));
        edit(&block.join("index"), |bytes| {
            let id = bytes[from + 8..from + 12].to_vec();
            rewrite_section(bytes, to, |content| content[4..8].copy_from_slice(&id));
        });
    };
    check(
        |block| other_id(block, (b"n", b"2"), (b"n", b"3")),
        "index",
        "list of series with n=\"3\" has 1 series, as many as there are, but not the same",
    );
    check(
        |block| {
            let at = list_of(block, b"n", b"1");
            edit(&block.join("index"), |bytes| {
                // A list of one that was of two: the rest of its section is no part of it.
                let id = bytes[at + 8..at + 12].to_vec();
                bytes[at..at + 8].copy_from_slice(&[0, 0, 0, 8, 0, 0, 0, 1]);
                let sum = crc32c::crc32c(&[&[0, 0, 0, 1], &*id].concat());
                bytes[at + 12..at + 16].copy_from_slice(&sum.to_be_bytes());
            });
        },
        "index",
        "list of series with n=\"1\" has 1, there are 2",
    );
    check(
        |block| {
            let at = IndexReader::open(&StdFs, &block.join("index")).unwrap().toc().postings_table as usize;
            edit(&block.join("index"), |bytes| {
                // The label n="3" becomes n="4".
                rewrite_section(bytes, at, |content| {
                    let row = content.windows(4).rposition(|part| part == b"\x01n\x013").unwrap();
                    content[row + 3] = b'4';
                });
            });
        },
        "index",
        "1 series have n=\"3\", and there is no list of them",
    );
}

#[test]
fn chunks_are_not_where_series_say() {
    check(
        |block| std::fs::remove_file(block.join("chunks/000001")).unwrap(),
        "index",
        "chunk in file 000001, which is not there",
    );
    check(
        |block| edit(&block.join("chunks/000001"), |bytes| bytes.truncate(bytes.len() - 3)),
        "chunks/000001",
        "bytes needed",
    );
    check(
        |block| edit(&block.join("chunks/000001"), |bytes| bytes.extend_from_slice(b"more")),
        "chunks/000001",
        "needed",
    );
    check(
        |block| {
            // The same chunk again, which no series names.
            edit(&block.join("chunks/000001"), |bytes| bytes.extend_from_within(8..bytes.len() / 8));
        },
        "chunks/000001",
        "",
    );
    check(
        |block| std::fs::rename(block.join("chunks/000001"), block.join("chunks/000002")).unwrap(),
        "chunks/000002",
        "is missing",
    );
}

#[test]
fn meta_says_what_is_not_so() {
    for (from, to, want) in [
        ("\"numSamples\": 960", "\"numSamples\": 961", "it says 961 samples, there are 960"),
        ("\"numSeries\": 4", "\"numSeries\": 5", "it says 5 series, there are 4"),
        ("\"numChunks\": 8", "\"numChunks\": 7", "it says 7 chunks, there are 8"),
        ("\"maxTime\": 1000", "\"maxTime\": 619", "chunks reach from 0 to 619"),
        ("\"minTime\": 0", "\"minTime\": 1", "it says all lies from 1 on"),
        ("\"version\": 1", "\"version\": 9", "version 9 is not known"),
        ("\"numSamples\": 960", "\"numSamples\": ", "expected"),
    ] {
        check(|block| replace_text(&block.join("meta.json"), from, to), "meta.json", want);
    }
    check(|block| std::fs::remove_file(block.join("meta.json")).unwrap(), "meta.json", "No such file");
    check(|block| std::fs::remove_file(block.join("index")).unwrap(), "index", "No such file");
}

#[test]
fn deleted_ranges_are_of_series_that_are_there() {
    check(
        |block| {
            let mut bytes = vec![0x01, 0x30, 0xBA, 0x30, 1];
            let stone = [1, 0, 2];
            bytes.extend_from_slice(&stone);
            bytes.extend_from_slice(&crc32c::crc32c(&stone).to_be_bytes());
            std::fs::write(block.join("tombstones"), bytes).unwrap();
        },
        "tombstones",
        "1 of 1 deleted ranges are of series that the block does not have",
    );
}

#[test]
fn faults_are_counted_beyond_those_listed() {
    let dir = tempfile::tempdir().unwrap();
    let block = block(dir.path());
    edit(&block.join("chunks/000001"), |bytes| bytes.iter_mut().skip(40).step_by(50).for_each(|byte| *byte ^= 1));
    let mut findings = Findings::new(2);
    directory(&StdFs, dir.path(), &mut findings).unwrap();
    assert_eq!(findings.faults().len(), 2);
    assert!(findings.faults_total() > 4, "{}", findings.faults_total());
}

/// A data directory with a log and full chunks in files, as a clean end leaves it.
fn data(dir: &Path) {
    let compression = Compression::None; // Several segments of few samples.
    let log = LogOptions { segment_bytes: 32 << 10, compression, ..LogOptions::default() };
    let snapshots = Snapshots { at_end: true, ..Snapshots::NEVER };
    let db = rig::open_on(Arc::new(StdFs), dir, DbOptions { log, snapshots, ..rig::options() }).unwrap();
    append_range(&db, 0, 900_000, &mut Contents::new());
    db.close().unwrap();
}

/// Damages a data directory and looks for a fault.
#[track_caller]
fn check_data(damage: impl FnOnce(&Path), file: &str, want: &str) {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    assert!(found(dir.path()).is_sound(), "{:?}", found(dir.path()).faults());
    damage(dir.path());
    let findings = found(dir.path());
    let faults: Vec<String> = findings.faults().iter().map(ToString::to_string).collect();
    assert!(faults.iter().any(|text| text.contains(want) && text.contains(file)), "{want:?} in {file}: {faults:#?}");
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn logs_and_head_chunks() {
    check_data(|dir| flip(files(&dir.join("wal")).first().unwrap(), 100), "wal/", "the record is lost");
    check_data(
        |dir| {
            let segments = files(&dir.join("wal"));
            assert!(segments.len() > 2, "{segments:?}");
            std::fs::remove_file(&segments[1]).unwrap();
        },
        "wal/",
        "is missing",
    );
    check_data(|dir| flip(files(&dir.join("chunks_head")).first().unwrap(), 60), "chunks_head/", "checksum");
    check_data(|dir| flip(files(&dir.join("chunks_head")).first().unwrap(), 1), "chunks_head/", "magic number");
}

fn snapshot(dir: &Path) -> PathBuf {
    SnapshotDirs::find(&StdFs, dir).unwrap().published.pop().unwrap().path
}

#[test]
fn snapshots() {
    let segment = |dir: &Path| snapshot(dir).join("00000000");
    check_data(|dir| flip(&segment(dir), 100), "chunk_snapshot.", "(the record is lost)");
    check_data(
        |dir| edit(&segment(dir), |bytes| bytes.truncate(bytes.len() / 2)),
        "chunk_snapshot.",
        "the end is missing",
    );
    check_data(|dir| edit(&segment(dir), |bytes| bytes.extend_from_within(..)), "chunk_snapshot.", "comes twice");
    check_data(
        |dir| edit(&segment(dir), |bytes| bytes.extend_from_within(..)),
        "chunk_snapshot.",
        "a series comes behind the deletions",
    );
    check_data(
        |dir| std::fs::rename(segment(dir), snapshot(dir).join("00000001")).unwrap(),
        "chunk_snapshot.",
        "number 0, is missing",
    );
    check_data(|dir| flip(&snapshot(dir).join("beside/00000000"), 9), "beside", "checksum");
    check_data(
        |dir| std::fs::rename(snapshot(dir), dir.join("chunk_snapshot.000999.0000000001")).unwrap(),
        "chunk_snapshot.000999",
        "up to segment 999, which is not there",
    );
}

#[test]
fn floors() {
    let floor = |segment: u32| Floor { at_ms: 7, log: LogPlace { segment, offset_bytes: 0 } }.encode();
    let plant = |dir: &Path, file: Vec<u8>| std::fs::write(dir.join("head_floor"), file).unwrap();
    check_data(|dir| plant(dir, [floor(0), vec![0]].concat()), "head_floor", "something follows the checksum");
    check_data(|dir| plant(dir, floor(0)[..28].to_vec()), "head_floor", "bytes needed");
    check_data(|dir| plant(dir, floor(0).into_iter().map(|byte| byte ^ 1).collect()), "head_floor", "magic number");
    check_data(|dir| plant(dir, floor(999)), "head_floor", "beside a longer log");
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    plant(dir.path(), floor(0));
    let findings = found(dir.path());
    assert!(findings.is_sound(), "{:?}", findings.faults());
    assert!(findings.files().any(|file| file.holds == "the head was cut up to 7 ms"));
}

/// What each record says is looked at, too: here of a snapshot whose checksums are right.
#[test]
fn snapshots_that_say_what_is_not_so() {
    let labels = model::Labels::from_pairs([("__name__", "m")]).unwrap();
    let check = |number: u64, of: (i64, i64), last: f64, stones: u64, want: &str| {
        let dir = tempfile::tempdir().unwrap();
        let place = LogPlace { segment: 0, offset_bytes: 0 };
        let mut writer = SnapshotWriter::create(&StdFs, dir.path(), place, Compression::None, 1 << 20).unwrap();
        let data = chunk(0..10).data;
        let open = OpenChunk {
            min_ms: of.0,
            max_ms: of.1,
            encoding: Encoding::Xor,
            data: &data,
            last: LastSample::Float(last),
            end: None,
        };
        let series = SnapshotSeries { series: SeriesRef(1), labels: labels.as_ref(), open: Some(open) };
        writer.series(&series).unwrap();
        writer.series(&SnapshotSeries { series: SeriesRef(number), open: None, ..series }).unwrap();
        let one = ExemplarRef { labels: labels.as_ref(), timestamp_ms: 1, value: 1.0 };
        writer.exemplar(SeriesRef(stones), one);
        writer.relies_on(&Relied { highest: SeriesRef(2), exemplars: 1, chunk_files: Vec::new() }).unwrap();
        writer.publish().unwrap();
        let faults: Vec<String> = found(dir.path()).faults().iter().map(ToString::to_string).collect();
        assert!(faults.len() == usize::from(!want.is_empty()) && faults.iter().all(|f| f.contains(want)), "{faults:?}");
    };
    check(2, (0, 9), 9.0, 1, "");
    check(1, (0, 9), 9.0, 1, "reference 1 comes twice");
    check(3, (0, 9), 9.0, 1, "a series has a higher reference than 2");
    check(2, (0, 8), 9.0, 1, "series 1: chunk is said to reach from 0 to 8");
    check(2, (0, 9), 8.0, 1, "series 1: the chunk does not end with the last value");
    check(2, (0, 9), 9.0, 7, "1 exemplars are of series that the snapshot does not have");
}

#[test]
fn the_end_of_a_log_may_be_torn() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let last = files(&dir.path().join("wal")).pop().unwrap();
    edit(&last, |bytes| bytes.truncate(bytes.len() - 5));
    let findings = found(dir.path());
    assert!(findings.is_sound(), "{:?}", findings.faults());
    assert!(findings.notes().iter().any(|note| note.fault.contains("torn by a crash")), "{:?}", findings.notes());
}

#[test]
fn neither_block_nor_log() {
    let dir = tempfile::tempdir().unwrap();
    let refused = directory(&StdFs, dir.path(), &mut Findings::new(1)).unwrap_err().to_string();
    assert!(refused.contains("neither a block nor a log"), "{refused}");
}

#[test]
fn a_damaged_symbol_is_one_fault() {
    let dir = tempfile::tempdir().unwrap();
    let block = block(dir.path());
    let at = IndexReader::open(&StdFs, &block.join("index")).unwrap().toc().symbols as usize;
    edit(&block.join("index"), |bytes| bytes[at + 9] ^= 1);
    let findings = found(dir.path());
    let faults: Vec<String> = findings.faults().iter().map(ToString::to_string).collect();
    assert!(faults.iter().all(|fault| !fault.contains("list of series")), "{faults:#?}");
    assert!((1..=3).contains(&faults.len()), "{faults:#?}");
}

#[test]
fn a_number_of_deleted_ranges_that_is_behind_is_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    let path = block(dir.path());
    let before = std::fs::read(path.join("meta.json")).unwrap();
    let all = model::Matcher::new(model::MatchOp::Equal, "job", "a").unwrap();
    let block = tsdb::block::Block::open(&StdFs, &path).unwrap();
    block.delete(&StdFs, &[all], model::TimeRange::new(0, 10).unwrap()).unwrap().unwrap();
    assert!(found(dir.path()).is_sound());
    std::fs::write(path.join("meta.json"), before).unwrap();
    let findings = found(dir.path());
    assert!(findings.is_sound(), "{:?}", findings.faults());
    assert!(findings.notes().iter().any(|note| note.to_string().contains("it says 0 deleted ranges, there are 2")));
}
