//! `wal-torn/`: every damaged directory opened as a database, twice.
//!
//! What Prometheus kept of it we have, sample by sample, and often more; nothing is there that was never written. No byte is
//! deleted: what is not in its place any more is in the quarantine. A second opening finds the same, and no damage. In which
//! classes we keep more is stated in `tsdb/docs/recovery.md`; [`OURS`] is that table.

use super::heads::rig;
use super::json;
use model::{Labels, LabelsRef, SampleColumns, TimeRange};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::ChunkSeriesBatch;
use tsdb::chunk;
use tsdb::db::{Db, DbOptions};
use tsdb::fs::Fs;
use tsdb::head::OutOfOrder;

const DIR: &str = "/data";

/// Files by their path below the data directory.
type Files = BTreeMap<String, Vec<u8>>;

/// Values by time, by series as it is told there; of a histogram its sum.
type Samples = BTreeMap<Labels, BTreeMap<i64, u64>>;

/// How ours differs from Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    /// The same samples.
    Same,
    /// More of them.
    More,
    /// Prometheus did not open the directory.
    Opens,
}

/// Variants by the beginning of their names, the first that fits counts. All others keep the same.
const OURS: [(&str, Kept); 21] = [
    // A record that was cut has lost nothing but itself: what it costs Prometheus, too.
    ("last-record-cut", Kept::Same),
    ("middle-segment-cut-at-record-end", Kept::Same),
    ("middle-segment-empty", Kept::Same),
    ("middle-segment-second-page-zeroed", Kept::Same),
    // Damage in the middle: sound records behind it, and the segments behind, stay.
    ("flip-in-", Kept::More),
    ("type-", Kept::More),
    ("snappy-bit-flipped", Kept::More),
    ("zstd-bit-flipped", Kept::More),
    ("first-record-of-log-damaged", Kept::More),
    ("middle-segment-cut-", Kept::More),
    ("long-record-", Kept::More),
    // Segments that are missing: the others are read.
    ("middle-segment-missing", Kept::Opens),
    ("first-segment-missing", Kept::Opens),
    // A checkpoint that is damaged or missing costs no segment.
    ("checkpoint-", Kept::Opens),
    // Head chunks are set aside; the log has their samples.
    ("chunks-head-magic-damaged-", Kept::Opens),
    ("chunks-head-empty-0", Kept::Opens),
    // Behind a damaged record of late samples we read on.
    ("wbl-record-damaged", Kept::More),
    // Late chunks of histograms stay, whatever became of the log that tells of them.
    ("wbl-cut", Kept::More),
    ("wbl-missing", Kept::More),
    ("chunks-head", Kept::Same),
    ("closed-", Kept::Same),
];

/// Damage that nobody can see, and what is no damage: where it begins a log, or a file of head chunks, might have ended.
const UNSEEN: [&str; 15] = [
    "intact",
    "full-intact",
    "closed-intact",
    "last-segment-empty",
    "stray-file-in-wal",
    "cut-at-record-end",
    "tail-zeroed-from-record-start",
    "last-segment-truncated-to-zero",
    "middle-segment-cut-at-record-end",
    "chunks-head-missing",
    "chunks-head-header-only-0",
    "chunks-head-header-only-1",
    // It is cut in the zeros behind its chunks.
    "chunks-head-cut-in-chunk-1",
    // Chunks of series that nobody names are counted among those left out.
    "closed-chunks-head-without-wal-and-wbl",
    "wbl-missing",
];

fn read_files(dir: &Path, below: &str, into: &mut Files) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let name = format!("{below}{}", entry.file_name().display());
        if entry.path().is_dir() {
            read_files(&entry.path(), &format!("{name}/"), into);
        } else {
            into.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

fn damage(files: &mut Files, op: &Value) {
    let name = op["file"].as_str().unwrap();
    let number = |key: &str| usize::try_from(op[key].as_u64().unwrap_or(0)).unwrap();
    let mut content = files.get(name).cloned().unwrap_or_default();
    match op["op"].as_str().unwrap() {
        "truncate" => content.truncate(number("off")),
        "flip" => content[number("off")] ^= 1 << number("bit"),
        "zero" => {
            let end = content.len().min(number("off") + number("len"));
            content[number("off")..end].fill(0);
        }
        "append" => content.extend(json::hex(op["hex"].as_str().unwrap())),
        "create" => content.clear(),
        "delete" => return files.retain(|path, _| path != name && !path.starts_with(&format!("{name}/"))),
        other => panic!("{other}"),
    }
    files.insert(name.to_owned(), content);
}

fn planted(files: &Files) -> SimFs {
    let fs = SimFs::new();
    for (name, content) in files {
        let path = Path::new(DIR).join(name);
        fs.create_dir_all(path.parent().unwrap()).unwrap();
        fs.plant(&path, content).unwrap();
    }
    fs
}

fn files_of(fs: &SimFs, dir: &Path, into: &mut Files) {
    for entry in fs.read_dir(dir).unwrap() {
        if entry.is_dir {
            files_of(fs, &entry.path, into);
        } else {
            let name = entry.path.strip_prefix(DIR).unwrap().to_str().unwrap().to_owned();
            into.insert(name, fs.read(&entry.path).unwrap());
        }
    }
}

fn open(fs: &SimFs) -> Db {
    let out_of_order = OutOfOrder { window_ms: 40 * 60_000, cap: 6 };
    let options = DbOptions { block_range_ms: 3_600_000, out_of_order, ..rig::options() };
    rig::open_on(Arc::new(fs.clone()), Path::new(DIR), options).unwrap()
}

/// Labels as they are told: a long value stands as its checksum.
fn told(labels: LabelsRef<'_>) -> Labels {
    let short = |value: &[u8]| match value.len() {
        0..=1000 => value.to_vec(),
        _ => format!("crc:{:08x}", crc32c::crc32c(value)).into_bytes(),
    };
    Labels::from_pairs(labels.iter().map(|label| (label.name.to_vec(), short(label.value)))).unwrap()
}

fn contents(db: &Db) -> Samples {
    let (mut found, mut batch, mut columns) = (Samples::new(), ChunkSeriesBatch::default(), SampleColumns::default());
    for source in db.sources(TimeRange::ALL) {
        let mut cursor = source.select(&[], TimeRange::ALL).unwrap();
        loop {
            cursor.next_batch(16, false, &mut batch).unwrap();
            if batch.is_empty() {
                break;
            }
            for (labels, chunks) in batch.iter() {
                let samples = found.entry(told(labels)).or_default();
                for each in chunks {
                    columns.clear();
                    chunk::decode(each.encoding, &each.data, &mut columns).unwrap();
                    let pairs = columns.timestamps_ms.iter().zip(&columns.values);
                    samples.extend(pairs.map(|(&at, value)| (at, value.to_bits())));
                }
            }
        }
    }
    found.retain(|_, samples| !samples.is_empty());
    found
}

/// What was written, as recorded of the undamaged directory.
fn written(path: &Path) -> Samples {
    let bits = |text: &Value| u64::from_str_radix(text.as_str().unwrap(), 16).unwrap();
    let value = |sample: &Value| if sample[0] == "f" { bits(&sample[2]) } else { bits(&sample[2]["sum"]) };
    let sample = |sample: &Value| (sample[1].as_i64().unwrap(), value(sample));
    let series = json::lines(path).into_iter();
    series
        .map(|line| (json::labels(&line["l"]), line["samples"].as_array().unwrap().iter().map(sample).collect()))
        .collect()
}

/// The checksum by which samples are told: over time and value, big-endian.
fn sum(samples: &BTreeMap<i64, u64>) -> String {
    let bytes: Vec<u8> =
        samples.iter().flat_map(|(at, bits)| [at.to_be_bytes(), bits.to_be_bytes()].concat()).collect();
    format!("{:08x}", crc32c::crc32c(&bytes))
}

/// What is known of a base.
struct Base {
    files: Files,
    written: Samples,
}

impl Base {
    fn read(root: &Path, name: &str) -> Self {
        let dir = root.join(name);
        let mut files = Files::new();
        match name.ends_with("/data") {
            true => read_files(&dir, "", &mut files),
            false => read_files(&dir.join("wal"), "wal/", &mut files),
        }
        let expected = match name.strip_suffix("/data") {
            Some(head) => {
                let same_as = std::fs::read_to_string(root.join(head).join("expected.jsonl.same-as"));
                same_as.map_or(root.join(head).join("expected.jsonl"), |other| root.join(head).join(other.trim()))
            }
            None => root.join("expected.jsonl"),
        };
        Self { files, written: written(&expected) }
    }
}

/// Whatever stood in a file before stands there still, or it was cut or rewritten and what it held is in the quarantine.
fn check_nothing_is_deleted(name: &str, before: &Files, after: &Files) {
    let set_aside: Vec<&Vec<u8>> =
        after.iter().filter(|(path, _)| path.starts_with("quarantine/")).map(|(_, content)| content).collect();
    // Head chunks of which nothing was sound but the header go when the head is cut to what blocks do not have.
    let header = |content: &[u8]| content[..content.len().min(8)].to_vec();
    for (path, content) in before {
        let now = match after.get(path) {
            Some(now) => now.clone(),
            None if path.starts_with("chunks_head/") && content.iter().skip(8).all(|&byte| byte == 0) => continue,
            None if path.starts_with("chunks_head/") => header(content),
            None => panic!("{name}: {path} is gone"),
        };
        let is_whole = |kept: &&&Vec<u8>| **kept == content;
        let is_rest = |kept: &&&Vec<u8>| content.strip_prefix(now.as_slice()) == Some(kept.as_slice());
        let is_kept = now == *content || set_aside.iter().any(|kept| is_whole(&kept) || is_rest(&kept));
        assert!(is_kept, "{name}: of {path}, which had {} bytes and has {}, some are lost", content.len(), now.len());
    }
}

/// Compares what ours found with what Prometheus kept. `histograms` says whether ours keeps such.
fn compare(name: &str, ours: &Samples, variant: &Value, histograms: bool) -> Kept {
    let mut kept = if variant["error"].is_null() { Kept::Same } else { Kept::Opens };
    for theirs in variant["series"].as_array().into_iter().flatten() {
        let labels = json::labels(&theirs["l"]);
        let name_of = labels.get(b"__name__").unwrap_or_default();
        let is_histogram = [b"th".as_slice(), b"wh", b"wfh"].iter().any(|start| name_of.starts_with(start));
        if is_histogram && !histograms {
            continue;
        }
        let (none, count) = (BTreeMap::new(), theirs["n"].as_u64().unwrap() as usize);
        let found = ours.get(&labels).unwrap_or(&none);
        assert!(found.len() >= count, "{name}: {labels:?} has {}, Prometheus {count}", found.len());
        match found.len() == count {
            true => assert_eq!(sum(found), theirs["crc"].as_str().unwrap(), "{name}: {labels:?}"),
            false if found.len() > count && kept == Kept::Same => kept = Kept::More,
            false => {}
        }
    }
    let total: u64 =
        variant["series"].as_array().into_iter().flatten().map(|theirs| theirs["n"].as_u64().unwrap()).sum();
    let found: usize = ours.values().map(BTreeMap::len).sum();
    if kept == Kept::Same && found as u64 > total { Kept::More } else { kept }
}

fn check(base: &Base, variant: &Value) -> (Kept, bool) {
    let name = variant["name"].as_str().unwrap();
    let mut before = base.files.clone();
    variant["ops"].as_array().unwrap().iter().for_each(|op| damage(&mut before, op));
    let fs = planted(&before);
    let db = open(&fs);
    let ours = contents(&db);
    // A deletion of ten samples of one series was logged in the middle segment: whoever lost it has them.
    let deletion_lost = name == "middle-segment-missing" || name == "middle-segment-empty";
    let not_deleted = db.opened().log.left_out.deletions > 0 || deletion_lost;
    let mut to_compare = ours.clone();
    for (labels, samples) in &mut to_compare {
        let written = base.written.get(labels);
        let is_written = |at: &i64, bits: &u64| written.and_then(|all| all.get(at)) == Some(bits);
        let before = samples.len();
        let mut kept = samples.clone();
        kept.retain(|at, bits| is_written(at, bits));
        let phantoms = before - kept.len();
        assert!(phantoms == 0 || not_deleted && phantoms <= 20, "{name}: {phantoms} of {labels:?} were never written");
        if !deletion_lost {
            *samples = kept;
        }
    }
    let histograms = db.opened().log.left_out.histograms == 0;
    let kept = compare(name, &to_compare, variant, histograms);
    let report = &db.opened().log.report;
    let seen = report.damages_total + db.opened().late_log.report.damages_total > 0
        || !report.missing_segments.is_empty()
        || !report.empty_segments.is_empty()
        || !db.opened().set_aside.is_empty();
    let set_aside = db.opened().set_aside.iter().fold((0, 0), |(files, bytes), one| (files + 1, bytes + one.bytes));
    drop(db);
    let mut after = Files::new();
    files_of(&fs, Path::new(DIR), &mut after);
    check_nothing_is_deleted(name, &before, &after);
    let quarantined = after.iter().filter(|(path, _)| path.starts_with("quarantine/"));
    let quarantined =
        quarantined.fold((0, 0), |(files, bytes), (_, content)| (files + 1, bytes + content.len() as u64));
    assert_eq!(quarantined, set_aside, "{name}");
    let again = open(&fs);
    assert!(contents(&again) == ours, "{name}: a second opening finds something else");
    let damages = again.opened().log.report.damages_total + again.opened().late_log.report.damages_total;
    assert_eq!((again.opened().set_aside.len(), damages), (0, 0), "{name}");
    (kept, seen)
}

#[test]
fn damaged_directories_open_with_what_prometheus_keeps_or_more() {
    let test = "damaged_directories_open_with_what_prometheus_keeps_or_more";
    let Some(root) = testkit::golden(test, "tsdb/wal-torn") else { return };
    let (mut bases, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    let mut wrong = Vec::new();
    for variant in json::lines(&root.join("variants.jsonl")) {
        let base = variant["base"].as_str().unwrap();
        let base = bases.entry(base.to_owned()).or_insert_with(|| Base::read(&root, base));
        let (name, (kept, seen)) = (variant["name"].as_str().unwrap(), check(base, &variant));
        assert_eq!(seen, !UNSEEN.contains(&name), "{name}");
        let stated = OURS.iter().find(|(begin, _)| name.starts_with(begin)).map_or(Kept::Same, |(_, kept)| *kept);
        if kept != stated {
            wrong.push(format!("{name}: {kept:?}, stated {stated:?}"));
        }
        *kinds.entry(kept).or_insert(0) += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(kinds.len() == 3 && kinds.values().sum::<usize>() > 80, "{kinds:?}");
}
