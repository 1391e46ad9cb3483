//! `head/`: data directories as Prometheus left them, opened by us.

#[path = "../db/rig.rs"]
pub(crate) mod rig;

use super::json;
use model::{Labels, SampleColumns, TimeRange};
use rig::{Batch, Contents, NO_LIMITS, contents, names};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tsdb::db::{Db, DbOptions};
use tsdb::fs::StdFs;
use tsdb::head::{AppendScratch, Exemplar, OutOfOrder};
use tsdb::{ChunkSeriesBatch, chunk};

const HOUR_MS: i64 = 3_600_000;
/// As in `dirs.json`.
const MAX_EXEMPLARS: usize = 60;

fn open(dir: &Path) -> Db {
    let out_of_order = OutOfOrder { window_ms: 40 * 60_000, cap: 6 };
    let options = DbOptions { block_range_ms: HOUR_MS, out_of_order, max_exemplars: MAX_EXEMPLARS, ..rig::options() };
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
        to.insert((labels.clone(), sample[1].as_i64().unwrap()), sample);
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

/// Histograms that a database answers with.
fn histograms(db: &Db) -> Histograms {
    let (mut found, mut batch) = (Histograms::new(), ChunkSeriesBatch::default());
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
            }
        }
    }
    found
}

/// All that are recorded, and no others: in order or late, of blocks, chunks and logs.
fn check_histograms(dir: &Path, name: &str, db: &Db) {
    let (want, got) = (expected_histograms(dir), histograms(db));
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
        let got = contents(&db, TimeRange::ALL);
        let missing: Vec<_> = want.keys().filter(|key| !got.contains_key(key)).collect();
        assert!(missing.is_empty(), "{name}, life {life}: {missing:?}");
        assert!(got.len() > 1900, "{name}: {}", got.len());
        for (key, bits) in &got {
            assert_eq!(want.get(key), Some(bits), "{name}, life {life}: {key:?}");
        }
        assert!(db.opened().head.late_samples > 0 && db.opened().late_log.left_out.mmap_markers == 0, "{name}");
        // A snapshot, which is not read, keeps what a replay drops.
        if !name.starts_with("snapshot-") {
            check_exemplars(&dir, name, &db);
        }
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
    // Of those with start timestamps, records and chunks are of kinds that are not read yet.
    for name in ["none-killed", "none-closed", "snappy-killed", "zstd-killed", "snapshot-closed", "snapshot-stale"] {
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
