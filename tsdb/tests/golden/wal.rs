//! `head/` and `wal-torn/`: logs of Prometheus, whole and damaged, read record by record and replayed.

use super::json;
use model::{ExemplarRef, Labels, LabelsRef, MetadataRef, SampleColumns, SeriesRef, TimeRange};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use testkit::{ModelHead, golden};
use tsdb::fs::{Fs, StdFs};
use tsdb::head::Part;
use tsdb::wal::{
    Decoded, LoggedSample, RecordKind, Records, ReplayProgress, ReplayTarget, Replayed, Run, SampleRun, Tombstone,
    decode_record, read_segment, replay, salvage,
};

const HEADS: [&str; 8] = [
    "none-killed",
    "none-closed",
    "snappy-killed",
    "zstd-killed",
    "snapshot-closed",
    "snapshot-stale",
    "st-killed",
    "st-closed",
];

/// The segments of a directory below `data`, in order.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = StdFs.read_dir(dir).unwrap();
    let is_segment = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    entries.into_iter().filter(|entry| !entry.is_dir && is_segment(&entry.name)).map(|entry| entry.path).collect()
}

/// A record as it is recorded: what is always told of it.
#[derive(Debug, PartialEq)]
struct Told {
    kind: u64,
    size: u64,
    crc: String,
    items: u64,
}

fn tell(record: &[u8]) -> (Told, Decoded) {
    let mut decoded = Decoded::default();
    let kind = decode_record(record, &mut decoded).unwrap().unwrap();
    let out = &decoded.left_out;
    let kept = decoded.series_len() + decoded.samples.len() + decoded.histograms.len() + decoded.exemplars_len();
    let others = decoded.tombstones.len() + decoded.metadata_len() + decoded.markers.len();
    let items = (kept + others) as u64 + out.histograms + out.exemplars;
    let crc = format!("{:08x}", crc32c::crc32c(record));
    (Told { kind: kind as u64, size: record.len() as u64, crc, items }, decoded)
}

/// The items of a record, in the notation of the recordings.
fn items(kind: u64, decoded: &Decoded) -> Vec<Value> {
    let with_start = |mut item: Vec<Value>, start_ms: i64| {
        item.extend((kind >= RecordKind::SamplesV2 as u64).then(|| json!(start_ms)));
        Value::Array(item)
    };
    let mut items: Vec<_> = decoded.series().map(|logged| json!([logged.series.0, pairs(logged.labels)])).collect();
    for run in decoded.runs() {
        match run {
            Run::Samples(run) => items.extend(run.samples.iter().enumerate().map(|(at, sample)| {
                let LoggedSample { series, timestamp_ms, value } = *sample;
                with_start(vec![json!(series.0), json!(timestamp_ms), bits(value)], run.start_ms(at))
            })),
            Run::Packed(_) => panic!("samples are read"),
            Run::Histograms(run) => items.extend(run.iter().map(|(entry, histogram)| {
                let mut columns = SampleColumns::default();
                columns.push_histogram(entry.timestamp_ms, histogram);
                let histogram = json::notation(&columns)[0][2].take();
                with_start(vec![json!(entry.series.0), json!(entry.timestamp_ms), histogram], entry.start_ms)
            })),
            Run::Deletions(run) => {
                items.extend(run.iter().map(|s| json!([s.series.0, s.range.min_ms(), s.range.max_ms()])));
            }
            Run::Markers(run) => items.extend(run.iter().map(|marker| {
                let (file, offset) = (marker.chunk.0 >> 32, marker.chunk.0 & 0xffff_ffff);
                json!([marker.series.0, file, offset])
            })),
        }
    }
    items.extend(decoded.exemplars().map(|(series, ExemplarRef { labels, timestamp_ms, value })| {
        json!([series.0, timestamp_ms, bits(value), pairs(labels)])
    }));
    items.extend(decoded.metadata().map(|(series, MetadataRef { kind, unit, help })| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        json!([series.0, kind as u8, text(unit), text(help)])
    }));
    items
}

fn pairs(labels: LabelsRef<'_>) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    labels.iter().map(|label| (text(label.name), Value::String(text(label.value)))).collect()
}

fn bits(value: f64) -> Value {
    json!(format!("{:016x}", value.to_bits()))
}

/// Calls `check` with each record of the recorded heads, and what is recorded of it.
fn every_record(test: &str, mut check: impl FnMut(&[u8], &Value, &Path)) -> BTreeMap<u64, usize> {
    let mut kinds = BTreeMap::new();
    for head in HEADS {
        let Some(dir) = golden(test, &format!("tsdb/head/{head}")) else { continue };
        let mut recorded = json::lines(&dir.join("records.jsonl")).into_iter();
        let sources = ["wal/checkpoint.00000002", "wal", "wbl"].map(|source| dir.join("data").join(source));
        for segment in sources.iter().filter(|source| source.exists()).flat_map(|source| segments(source)) {
            let report = read_segment(&StdFs, &segment, |_, record| {
                let line = recorded.next().unwrap();
                check(record, &line, &segment);
                *kinds.entry(line["type"].as_u64().unwrap()).or_insert(0) += 1;
            });
            assert!(report.unwrap().damages.iter().all(|damage| damage.tail), "{}", segment.display());
        }
        assert_eq!(recorded.next(), None, "{head}: more records than were read");
    }
    kinds
}

#[test]
fn every_record_is_read_as_recorded() {
    let (mut items_checked, mut items_read) = (BTreeMap::new(), 0);
    let kinds = every_record("every_record_is_read_as_recorded", |record, line, segment| {
        let (told, decoded) = tell(record);
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        let number = |key: &str| line[key].as_u64().unwrap();
        let want = Told { kind: number("type"), size: number("len"), crc: text("crc"), items: number("n") };
        assert_eq!(told, want, "{}", segment.display());
        items_read += want.items;
        if let Some(want) = line["items"].as_array() {
            assert_eq!(&items(told.kind, &decoded), want, "{}", segment.display());
            *items_checked.entry(told.kind).or_insert(0) += want.len();
        }
    });
    assert!(kinds.is_empty() || kinds.keys().copied().eq(1..=13), "{kinds:?}");
    assert!(kinds.is_empty() || items_checked.keys().copied().eq(1..=13), "{items_checked:?}");
    eprintln!("records of each type: {kinds:?}; {items_read} items; compared one by one: {items_checked:?}");
}

/// The records that we log for what a record says.
fn logged_again(decoded: &Decoded) -> Vec<Vec<u8>> {
    let mut records = Records::default();
    decoded.series().for_each(|logged| records.series(logged.series, logged.labels));
    decoded.exemplars().for_each(|(series, exemplar)| records.exemplar(series, exemplar));
    decoded.metadata().for_each(|(series, metadata)| records.metadata(series, metadata));
    for run in decoded.runs() {
        match run {
            Run::Samples(run) => run.samples.iter().for_each(|s| records.sample(s.series, s.timestamp_ms, s.value)),
            Run::Packed(_) => panic!("samples are read"),
            Run::Histograms(run) => {
                run.iter().for_each(|(entry, row)| records.histogram(entry.series, entry.timestamp_ms, row));
            }
            Run::Deletions(run) => run.iter().for_each(|stone| records.deletion(stone.series, stone.range)),
            Run::Markers(run) => run.iter().for_each(|marker| records.marker(marker.series, marker.chunk)),
        }
    }
    records.to_records()
}

#[test]
fn every_record_of_the_first_versions_is_written_again_to_the_byte() {
    let test = "every_record_of_the_first_versions_is_written_again_to_the_byte";
    let (mut equal, mut other_base) = (BTreeMap::new(), BTreeMap::new());
    every_record(test, |record, line, segment| {
        let (told, decoded) = tell(record);
        let again = logged_again(&decoded);
        if told.kind > RecordKind::CustomFloatHistograms as u64 {
            return;
        }
        assert_eq!(again.len(), 1, "{}", segment.display());
        if again[0] == record {
            *equal.entry(told.kind).or_insert(0) += 1;
            return;
        }
        // The differences of the first item are not 0: see formats of the log.
        assert!((7..=10).contains(&told.kind) && record[17..19] != [0, 0], "{} {line}", segment.display());
        assert_eq!(items(told.kind, &tell(&again[0]).1), items(told.kind, &decoded), "{}", segment.display());
        *other_base.entry(told.kind).or_insert(0) += 1;
    });
    assert!(equal.is_empty() || equal.keys().copied().eq(1..=10), "{equal:?}");
    eprintln!("equal: {equal:?}; equal but for the base: {other_base:?}");
}

/// Bits of values by time.
type Samples = BTreeMap<i64, u64>;

fn replayed(dir: &Path, threads: usize) -> (Vec<(Labels, Samples)>, Replayed) {
    let (head, replayed) = replayed_head(dir, threads);
    (series(head), replayed)
}

fn replayed_head(dir: &Path, threads: usize) -> (ModelHead, Replayed) {
    let head = ModelHead::default();
    let threads = NonZeroUsize::new(threads).unwrap();
    let replayed = replay(&StdFs, dir, &head, threads, &ReplayProgress::default()).unwrap();
    (head, replayed)
}

fn series(head: ModelHead) -> Vec<(Labels, Samples)> {
    head.into_series().into_iter().map(|series| (series.labels, series.samples)).collect()
}

/// What the recorded items come to.
fn from_items(lines: &[Value]) -> ModelHead {
    let head = ModelHead::default();
    for line in lines.iter().filter(|line| line["src"] != "wbl") {
        for item in line["items"].as_array().unwrap() {
            let series = SeriesRef(item[0].as_u64().unwrap());
            let number = |at: usize| item[at].as_i64().unwrap();
            match line["type"].as_u64().unwrap() {
                1 => head.series(series, json::labels(&item[1]).as_ref(), &mut ()),
                2 | 11 => {
                    let value = f64::from_bits(u64::from_str_radix(item[2].as_str().unwrap(), 16).unwrap());
                    let sample = LoggedSample { series, timestamp_ms: number(1), value };
                    let run = SampleRun { samples: &[sample], starts_ms: &[] };
                    head.samples(run, Part::WHOLE, &mut ());
                }
                3 => {
                    let range = TimeRange::new(number(1), number(2)).unwrap();
                    head.deletions(&[Tombstone { series, range }], Part::WHOLE, &mut ());
                }
                _ => {}
            }
        }
    }
    head
}

#[test]
fn a_log_of_prometheus_is_replayed_to_its_samples() {
    for (head, equal) in [("none-killed", &HEADS[..5]), ("st-killed", &HEADS[6..])] {
        let Some(dir) = golden("a_log_of_prometheus_is_replayed_to_its_samples", &format!("tsdb/head/{head}")) else {
            continue;
        };
        let want = from_items(&json::lines(&dir.join("records.jsonl")));
        let (orphans, want) = (want.orphans(), series(want));
        assert!(want.iter().map(|(_, samples)| samples.len()).sum::<usize>() > 900);
        for other in equal.iter().filter(|other| !other.starts_with("snapshot")) {
            let (head, report) = replayed_head(&dir.join("..").join(other).join("data/wal"), 2);
            assert_eq!((report.checkpoint, head.orphans()), (Some(2), orphans), "{other}");
            assert!(series(head) == want, "{other}");
            assert!(!report.report.may_have_lost() && report.left_out.histograms > 100, "{other}: {report:?}");
        }
    }
}

/// A copy of `base` with the damage of a variant.
fn damaged(base: &Path, ops: &Value) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&base.join("wal"), &dir.path().join("wal"));
    for op in ops.as_array().unwrap() {
        let path = dir.path().join(op["file"].as_str().unwrap());
        let offset = usize::try_from(op["off"].as_u64().unwrap_or(0)).unwrap();
        let mut content = std::fs::read(&path).unwrap_or_default();
        match op["op"].as_str().unwrap() {
            "truncate" => content.truncate(offset),
            "flip" => content[offset] ^= 1 << op["bit"].as_u64().unwrap_or(0),
            "zero" => {
                let end = content.len().min(offset + usize::try_from(op["len"].as_u64().unwrap()).unwrap());
                content[offset..end].fill(0);
            }
            "append" => content.extend(json::hex(op["hex"].as_str().unwrap())),
            "create" => content.clear(),
            "delete" => {
                if path.is_dir() {
                    std::fs::remove_dir_all(&path).unwrap();
                } else {
                    std::fs::remove_file(&path).unwrap();
                }
                continue;
            }
            other => panic!("{other}"),
        }
        std::fs::write(&path, content).unwrap();
    }
    dir
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in StdFs.read_dir(from).unwrap() {
        let to = to.join(&entry.name);
        if entry.is_dir {
            copy(&entry.path, &to);
        } else {
            // Not `fs::copy`: the recordings are read-only.
            std::fs::write(&to, std::fs::read(&entry.path).unwrap()).unwrap();
        }
    }
}

/// Labels as they are told of torn logs: a long value stands as its checksum.
fn told_labels(labels: LabelsRef<'_>) -> Labels {
    let short = |value: &[u8]| match value.len() {
        0..=1000 => value.to_vec(),
        _ => format!("crc:{:08x}", crc32c::crc32c(value)).into_bytes(),
    };
    Labels::from_pairs(labels.iter().map(|label| (label.name.to_vec(), short(label.value)))).unwrap()
}

/// Series that have a float sample, told by their labels.
fn told(series: Vec<(Labels, Samples)>) -> BTreeMap<Labels, Samples> {
    let with_samples = series.into_iter().filter(|(_, samples)| !samples.is_empty());
    with_samples.map(|(labels, samples)| (told_labels(labels.as_ref()), samples)).collect()
}

/// What the undamaged log comes to.
fn whole(root: &Path) -> BTreeMap<Labels, Samples> {
    let floats = |line: &Value| line["samples"].as_array().unwrap().iter().filter_map(json::float_sample).collect();
    let lines = json::lines(&root.join("expected.jsonl"));
    let series = lines.iter().map(|line| (json::labels(&line["l"]), floats(line)));
    series.filter(|(_, samples): &(_, Samples)| !samples.is_empty()).collect()
}

/// How many samples a variant may cost; `None`: no more than it costs Prometheus.
fn may_cost(name: &str) -> Option<usize> {
    match name {
        // One record of samples, and one of a series that has a single sample.
        _ if name.starts_with("flip-in-") => Some(14),
        _ if name.starts_with("long-record-second-fragment-zeroed") => Some(1),
        // Two records, of which one is of histograms.
        _ if name.starts_with("tail-zero") => Some(28),
        "last-segment-truncated-to-zero" | "first-record-of-log-damaged" => None,
        _ if name.starts_with("middle-segment") || name.starts_with("first-segment") => None,
        _ if name.starts_with("long-record-cut") => None,
        _ => Some(0),
    }
}

/// Damage that nobody can see: where it begins, a log might have ended.
const UNSEEN: [&str; 4] = [
    "cut-at-record-end",
    "tail-zeroed-from-record-start",
    "last-segment-truncated-to-zero",
    "middle-segment-cut-at-record-end",
];

/// Damage that is no damage.
const HARMLESS: [&str; 4] = ["intact", "last-segment-empty", "two-empty-segments", "stray-file-in-wal"];

fn check_variant(name: &str, variant: &Value, whole: &BTreeMap<Labels, Samples>, root: &Path) {
    let dir = damaged(&root.join(variant["base"].as_str().unwrap()), &variant["ops"]);
    let log = dir.path().join("wal");
    let (series, report) = replayed(&log, 2);
    check_salvage(name, &log, &series, &report);
    let ours = told(series);
    for (labels, samples) in &ours {
        let written = |(at, bits): (&i64, &u64)| whole.get(labels).and_then(|all| all.get(at)) == Some(bits);
        let phantoms = samples.iter().filter(|&sample| !written(sample)).count();
        // A deletion of ten samples of one series was logged in the middle segment.
        let deletion_lost = name == "middle-segment-missing" || name == "middle-segment-empty";
        assert_eq!(phantoms, if deletion_lost && labels.get(b"i") == Some(b"3") { 10 } else { 0 }, "{name} {labels:?}");
    }
    for theirs in variant["series"].as_array().into_iter().flatten() {
        let labels = json::labels(&theirs["l"]);
        if whole.contains_key(&labels) {
            let kept = ours.get(&labels).map_or(0, BTreeMap::len) as u64;
            assert!(kept >= theirs["n"].as_u64().unwrap(), "{name}: {labels:?} has {kept}, Prometheus {}", theirs["n"]);
        }
    }
    let count = |series: &BTreeMap<_, BTreeMap<_, _>>| series.values().map(BTreeMap::len).sum::<usize>();
    if let Some(cost) = may_cost(name) {
        assert!(count(whole) <= count(&ours) + cost, "{name}: {} of {}", count(&ours), count(whole));
    }
    let report = &report.report;
    let seen = report.damages_total > 0 || !report.missing_segments.is_empty() || !report.empty_segments.is_empty();
    let expected = !UNSEEN.contains(&name) && !HARMLESS.contains(&name) || name == "two-empty-segments";
    assert_eq!(seen, expected, "{name}: {report:?}");
}

/// Once what is damaged was set aside, the log reads as before, without a fault.
fn check_salvage(name: &str, log: &Path, series: &[(Labels, Samples)], before: &Replayed) {
    let quarantine = log.with_file_name("quarantine");
    let salvaged = salvage(&StdFs, &quarantine, &before.report).unwrap();
    assert!(salvaged.iter().all(|salvaged| salvaged.set_aside.exists()), "{name}");
    assert_eq!(salvaged.is_empty(), before.report.damages.is_empty(), "{name}");
    let (again, after) = replayed(log, 2);
    assert!(again == series, "{name}");
    assert_eq!((after.report.damages_total, after.samples), (0, before.samples), "{name}");
}

#[test]
fn torn_logs_keep_more_than_prometheus_keeps() {
    let Some(root) = golden("torn_logs_keep_more_than_prometheus_keeps", "tsdb/wal-torn") else { return };
    let whole = whole(&root);
    let mut seen = 0;
    for variant in json::lines(&root.join("variants.jsonl")) {
        if variant["base"].as_str().unwrap().starts_with("base") {
            check_variant(variant["name"].as_str().unwrap(), &variant, &whole, &root);
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn a_damaged_checkpoint_of_prometheus_costs_no_segment() {
    let Some(root) = golden("a_damaged_checkpoint_of_prometheus_costs_no_segment", "tsdb/wal-torn") else { return };
    let mut seen = 0;
    for variant in json::lines(&root.join("variants.jsonl")) {
        let (name, base) = (variant["name"].as_str().unwrap(), root.join(variant["base"].as_str().unwrap()));
        if !name.starts_with("checkpoint") {
            continue;
        }
        let dir = damaged(&base, &variant["ops"]);
        let (intact_head, intact) = replayed_head(&base.join("wal"), 2);
        let (head, now) = replayed_head(&dir.path().join("wal"), 2);
        assert_eq!(now.samples, intact.samples, "{name}");
        assert!(now.report.may_have_lost() || now.report.damages_total == 1, "{name}: {:?}", now.report);
        assert!(head.orphans() > intact_head.orphans(), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 3);
}
