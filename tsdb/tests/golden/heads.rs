//! `head/`: data directories as Prometheus left them, opened by us.

#[path = "../db/rig.rs"]
pub(crate) mod rig;

use super::json;
use model::{Labels, SampleColumns, SeriesRef, TimeRange};
use rig::{Batch, Contents, NO_LIMITS, contents, names};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tsdb::SeriesSource;
use tsdb::block::Block;
use tsdb::db::{Db, DbOptions, Snapshots};
use tsdb::fs::StdFs;
use tsdb::head::{AppendScratch, Exemplar, OutOfOrder};
use tsdb::head_chunks::walk_file;
use tsdb::wal::{Decoded, decode_record, read_segment};
use tsdb::{ChunkSeriesBatch, chunk};

const HOUR_MS: i64 = 3_600_000;
/// As in `dirs.json`.
const MAX_EXEMPLARS: usize = 60;

fn open(dir: &Path) -> Db {
    let out_of_order = OutOfOrder { window_ms: 40 * 60_000, cap: 6 };
    let snapshots = Snapshots { at_end: true, ..Snapshots::NEVER };
    let options =
        DbOptions { block_range_ms: HOUR_MS, out_of_order, max_exemplars: MAX_EXEMPLARS, snapshots, ..rig::options() };
    rig::open_on(Arc::new(StdFs), dir, options).unwrap()
}

pub(crate) fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            // Not `fs::copy`: recordings may be read-only.
            std::fs::write(to, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// What is recorded under `name`, or the recording it equals.
fn recorded(dir: &Path, name: &str) -> Vec<Value> {
    let same_as = dir.join(format!("{name}.same-as"));
    let path = std::fs::read_to_string(same_as).map_or(dir.join(name), |other| dir.join(other.trim()));
    json::lines(&path)
}

/// Float samples that are recorded.
fn expected(dir: &Path) -> Contents {
    let mut samples = Contents::new();
    for line in recorded(dir, "expected.jsonl") {
        let labels = json::labels(&line["l"]);
        let floats = line["samples"].as_array().unwrap().iter().filter_map(json::float_sample);
        samples.extend(floats.map(|(timestamp_ms, bits)| ((labels.clone(), timestamp_ms), bits)));
    }
    samples
}

/// By series and time, by meaning.
type Histograms = BTreeMap<(Labels, i64), Value>;

fn add_histograms(labels: &Labels, columns: &SampleColumns, to: &mut Histograms) {
    for sample in json::by_meaning(columns).into_iter().filter(|sample| sample[0] != "f") {
        // When its counter began is looked at by itself.
        to.insert((labels.clone(), sample[1].as_i64().unwrap()), json!(sample.as_array().unwrap()[..3]));
    }
}

/// Histograms that are recorded.
fn expected_histograms(dir: &Path) -> Histograms {
    let mut histograms = Histograms::new();
    for line in recorded(dir, "expected.jsonl") {
        add_histograms(&json::labels(&line["l"]), &json::columns(&line["samples"]), &mut histograms);
    }
    histograms
}

/// When counters began, where that is known.
type Starts = BTreeMap<(Labels, i64), i64>;

fn add_starts(labels: &Labels, columns: &SampleColumns, to: &mut Starts) {
    for (at, &timestamp_ms) in columns.timestamps_ms.iter().enumerate().filter(|(at, _)| columns.start_ms(*at) != 0) {
        to.insert((labels.clone(), timestamp_ms), columns.start_ms(at));
    }
}

/// Histograms that a database answers with, and when the counters behind all samples began.
fn histograms(db: &Db) -> (Histograms, Starts) {
    let (mut found, mut starts, mut batch) = (Histograms::new(), Starts::new(), ChunkSeriesBatch::default());
    for source in db.sources(TimeRange::ALL) {
        let mut cursor = source.select(&[], TimeRange::ALL).unwrap();
        loop {
            cursor.next_batch(3, false, &mut batch).unwrap();
            if batch.is_empty() {
                break;
            }
            for (labels, chunks) in batch.iter() {
                let mut columns = SampleColumns::default();
                chunks.iter().for_each(|each| chunk::decode(each.encoding, &each.data, &mut columns).unwrap());
                add_histograms(&labels.to_owned(), &columns, &mut found);
                add_starts(&labels.to_owned(), &columns, &mut starts);
            }
        }
    }
    (found, starts)
}

/// Samples in chunk files that say when their counters began.
fn with_start_in_files(dir: &Path) -> BTreeSet<(SeriesRef, i64)> {
    let mut times = BTreeSet::new();
    for file in std::fs::read_dir(dir.join("data/chunks_head")).unwrap().map(Result::unwrap) {
        let fault = walk_file(&std::fs::read(file.path()).unwrap(), &mut |_, frame| {
            let mut columns = SampleColumns::default();
            chunk::decode(frame.encoding, frame.data, &mut columns).unwrap();
            let known = (0..columns.len()).filter(|&at| columns.start_ms(at) != 0);
            times.extend(known.map(|at| (frame.series, columns.timestamps_ms[at])));
        });
        assert_eq!(fault, None);
    }
    times
}

/// What blocks and chunk files say of counters' beginnings is there; what the log alone says is counted.
fn check_starts(dir: &Path, name: &str, db: &Db, got: &Starts) {
    let mut want = Starts::new();
    for line in recorded(dir, "expected.jsonl") {
        add_starts(&json::labels(&line["l"]), &json::columns(&line["samples"]), &mut want);
    }
    for (key, start) in got {
        assert_eq!(want.get(key), Some(start), "{name}: {key:?}");
    }
    let in_files = with_start_in_files(dir);
    let blocks = std::fs::read_dir(dir.join("data")).unwrap().map(|entry| entry.unwrap().path());
    let blocks = blocks.filter_map(|path| Block::open(&StdFs, &path).ok());
    let whole = blocks.filter(|block| !block.meta().compaction.is_partial());
    let in_blocks: Vec<_> = whole.filter_map(|block| block.time_range()).collect();
    let changed = changed_series(dir, db);
    let mut references = BTreeMap::new();
    db.head().for_each_series(|reference, labels| {
        references.insert(labels.to_owned(), reference);
    });
    let lost: Vec<_> = want.keys().filter(|key| !got.contains_key(key)).collect();
    for (labels, at_ms) in &lost {
        let in_file = !changed.contains(labels) && in_files.contains(&(references[labels], *at_ms));
        let in_block = in_blocks.iter().any(|block| block.contains(*at_ms));
        assert!(!in_file && !in_block, "{name}: {labels:?} at {at_ms}");
    }
    // In chunk files that were closed, most of them.
    assert!(name != "st-closed" || got.len() * 3 > want.len() * 2, "{} of {}", got.len(), want.len());
    let counted = db.opened().head.starts_left_out;
    // Samples that a snapshot has were left without theirs before, and counted then.
    let is_replayed = db.opened().snapshot.is_none();
    assert!(!is_replayed || want.is_empty() == (counted == 0), "{name}: {counted} are left out");
}

/// Series whose chunks are encoded anew when they are read: joined with late samples, or freed from what was deleted.
fn changed_series(dir: &Path, db: &Db) -> BTreeSet<Labels> {
    let mut references = BTreeSet::new();
    let files = |name: &str| std::fs::read_dir(dir.join("data").join(name)).unwrap().map(|file| file.unwrap().path());
    for file in files("chunks_head") {
        walk_file(&std::fs::read(file).unwrap(), &mut |_, frame| {
            references.extend(frame.out_of_order.then_some(frame.series));
        });
    }
    let mut decoded = Decoded::default();
    for segment in files("wbl").chain(files("wal")).filter(|path| path.is_file() && path.extension().is_none()) {
        read_segment(&StdFs, &segment, |_, record| {
            decode_record(record, &mut decoded).unwrap();
        })
        .unwrap();
        if segment.parent().unwrap().ends_with("wbl") {
            references.extend(decoded.samples.iter().map(|sample| sample.series));
            references.extend(decoded.histograms.iter().map(|histogram| histogram.series));
        }
        references.extend(decoded.tombstones.iter().map(|stone| stone.series));
        decoded.clear();
    }
    let mut series = BTreeSet::new();
    db.head().for_each_series(|reference, labels| {
        series.extend(references.contains(&reference).then(|| labels.to_owned()));
    });
    series
}

/// All that are recorded, and no others: in order or late, of blocks, chunks and logs.
fn check_histograms(dir: &Path, name: &str, db: &Db) {
    let (want, (got, starts)) = (expected_histograms(dir), histograms(db));
    check_starts(dir, name, db, &starts);
    assert!(got.len() > 300, "{name}: {}", got.len());
    let missing: Vec<_> = want.keys().filter(|key| !got.contains_key(key)).collect();
    assert!(missing.is_empty(), "{name}: {missing:?} of {}", want.len());
    for (key, sample) in &got {
        assert_eq!(want.get(key), Some(sample), "{name}: {key:?}");
    }
    let left_out = (db.opened().log.left_out.histograms, db.opened().late_log.left_out.histograms);
    assert_eq!(left_out, (0, 0), "{name}");
}

fn check(root: &Path, name: &str) {
    let dir = root.join(name);
    let want = expected(&dir);
    let copy = tempfile::tempdir().unwrap();
    copy_tree(&dir.join("data"), copy.path());
    for life in 0..2 {
        let db = open(copy.path());
        assert!(db.opened().set_aside.is_empty(), "{name}: {:?}", db.opened().set_aside);
        let missing = [&db.opened().log, &db.opened().late_log].map(|log| &log.report.missing_segments);
        assert!(missing.iter().all(|segments| segments.is_empty()), "{name}: {missing:?}");
        let got = contents(&db, TimeRange::ALL);
        let missing: Vec<_> = want.keys().filter(|key| !got.contains_key(key)).collect();
        assert!(missing.is_empty(), "{name}, life {life}: {missing:?}");
        assert!(got.len() > 1900, "{name}: {}", got.len());
        for (key, bits) in &got {
            assert_eq!(want.get(key), Some(bits), "{name}, life {life}: {key:?}");
        }
        assert!(db.opened().head.late_samples > 0 && db.opened().late_log.left_out.mmap_markers == 0, "{name}");
        check_exemplars(&dir, name, &db);
        // The first life ends with a snapshot of ours.
        let has_snapshot = life > 0 || name.starts_with("snapshot-");
        assert_eq!(db.opened().snapshot.is_some(), has_snapshot, "{name}, life {life}");
        check_histograms(&dir, name, &db);
        check_metadata(&dir, name, &db);
        let left_out = &db.opened().log.left_out;
        assert_eq!(left_out.deletions, 0, "{name}: {left_out:?}");
        if life == 0 {
            db.close().unwrap();
        }
    }
}

fn check_exemplars(dir: &Path, name: &str, db: &Db) {
    let want: BTreeMap<Labels, Vec<(i64, u64, Labels)>> = recorded(dir, "exemplars.jsonl")
        .iter()
        .map(|line| {
            let one = |exemplar: &Value| {
                let bits = u64::from_str_radix(exemplar[1].as_str().unwrap(), 16).unwrap();
                (exemplar[0].as_i64().unwrap(), bits, json::labels(&exemplar[2]))
            };
            (json::labels(&line["l"]), line["exemplars"].as_array().unwrap().iter().map(one).collect())
        })
        .collect();
    let got = db.head().exemplars(&[Vec::new()], TimeRange::ALL);
    let one = |e: &Exemplar| (e.timestamp_ms, e.value.to_bits(), e.labels.clone());
    let got: BTreeMap<_, Vec<_>> =
        got.iter().map(|series| (series.labels.clone(), series.exemplars.iter().map(one).collect())).collect();
    assert_eq!(got, want, "{name}");
}

fn check_metadata(dir: &Path, name: &str, db: &Db) {
    let text = |field: &Value| field.as_str().unwrap().as_bytes().to_vec();
    let want: BTreeMap<Labels, (u64, Vec<u8>, Vec<u8>)> = recorded(dir, "metadata.jsonl")
        .iter()
        .map(|line| {
            (json::labels(&line["l"]), (line["type"].as_u64().unwrap(), text(&line["unit"]), text(&line["help"])))
        })
        .collect();
    let mut got = BTreeMap::new();
    db.head().for_each_metadata(|_, labels, said| {
        got.insert(labels.to_owned(), (said.kind as u64, said.unit.to_vec(), said.help.to_vec()));
    });
    for (labels, said) in &got {
        assert_eq!(want.get(labels), Some(said), "{name}: {labels:?}");
    }
}

#[test]
fn data_directories_of_prometheus_open_and_open_again() {
    let Some(root) = testkit::golden("data_directories_of_prometheus_open_and_open_again", "tsdb/head") else { return };
    let plain = ["none-killed", "none-closed", "snappy-killed", "zstd-killed", "snapshot-closed", "snapshot-stale"];
    for name in plain.into_iter().chain(["st-killed", "st-closed"]) {
        check(&root, name);
    }
}

#[test]
fn a_data_directory_of_prometheus_goes_on_with_us() {
    let Some(root) = testkit::golden("a_data_directory_of_prometheus_goes_on_with_us", "tsdb/head") else { return };
    let copy = tempfile::tempdir().unwrap();
    copy_tree(&root.join("snappy-killed/data"), copy.path());
    let db = open(copy.path());
    let mut expected = contents(&db, TimeRange::ALL);
    let labels: BTreeSet<Labels> = expected.keys().map(|(labels, _)| labels.clone()).collect();
    for at_ms in (1_700_013_900_000..1_700_013_900_000 + 2 * HOUR_MS).step_by(30_000) {
        let series = labels.iter().map(|labels| (labels.clone(), vec![(at_ms, at_ms as f64)])).collect();
        let batch = Batch { names: names(), series };
        let (appended, commit) = db.append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
        assert_eq!(appended.refused_total, 0);
        let _durable = commit.wait().unwrap();
        batch.add_to(&mut expected);
    }
    rig::check(&db, &expected);
    // Of the samples in order, and of those that came late.
    let (late, in_order): (Vec<_>, Vec<_>) =
        db.maintain().unwrap().into_iter().partition(|cut| cut.meta.as_ref().unwrap().compaction.is_partial());
    assert!(in_order.len() == 2 && !late.is_empty(), "{in_order:?} {late:?}");
    assert!(db.head().late_range().is_none());
    rig::check(&db, &expected);
    drop(db);
    rig::check(&open(copy.path()), &expected);
}
