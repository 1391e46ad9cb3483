//! `head/snapshot-*`: snapshots of Prometheus, read item by item and written again to the byte.

use super::json;
use model::{ExemplarRef, Numbers};
use serde_json::Value;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use testkit::golden;
use tsdb::Encoding;
use tsdb::fs::StdFs;
use tsdb::snapshot::{LastSample, SnapshotDirs, SnapshotItem, SnapshotSeries, SnapshotWriter, read_snapshot};
use tsdb::wal::{Compression, LogPlace, Tombstone};

/// What is recorded of a directory, record by record.
fn recorded(test: &str, head: &str) -> Option<(PathBuf, Vec<Value>)> {
    let dir = golden(test, &format!("tsdb/head/{head}"))?;
    let lines = json::lines(&dir.join("snapshot.jsonl"));
    Some((dir.join("data").join(lines[0]["src"].as_str().unwrap()), lines))
}

const HEADS: [&str; 2] = ["snapshot-closed", "snapshot-stale"];

fn check_series(got: &SnapshotSeries<'_>, line: &Value) {
    assert_eq!((got.series.0, got.labels.to_owned()), (line["ref"].as_u64().unwrap(), json::labels(&line["l"])));
    let want = &line["chunk"];
    let Some(open) = got.open else { return assert!(want.is_null(), "{line}") };
    let told = (open.min_ms, open.max_ms, open.encoding as u64, open.data.to_vec());
    let data = json::hex(want["data"].as_str().unwrap());
    let number = |key: &str| want[key].as_i64().unwrap();
    assert_eq!(told, (number("mint"), number("maxt"), want["enc"].as_u64().unwrap(), data));
    match open.last {
        LastSample::Float(value) => assert_eq!(value.to_bits(), json::float(&line["last"]).to_bits()),
        LastSample::Histogram(got) => {
            let numbers = match open.encoding {
                Encoding::Histogram | Encoding::HistogramSt => Numbers::Integer,
                _ => Numbers::Float,
            };
            json::with_histogram(&line["last"], numbers, |want| assert_eq!(got, want));
        }
    }
}

#[test]
fn snapshots_of_prometheus_are_read_as_recorded() {
    for head in HEADS {
        let test = "snapshots_of_prometheus_are_read_as_recorded";
        let Some((dir, lines)) = recorded(test, head) else { continue };
        let of_type = |number: u64| lines.iter().filter(move |line| line["type"] == number);
        let items = |number: u64| of_type(number).flat_map(|line| line["items"].as_array().unwrap());
        let (mut series, mut exemplars, mut deletions) = (of_type(1), items(3), Vec::new());
        read_snapshot(&StdFs, &dir, |item| match item {
            SnapshotItem::Series(got) => check_series(&got, series.next().unwrap()),
            SnapshotItem::Deletion(Tombstone { series, range }) => {
                deletions.push((series.0, range.min_ms(), range.max_ms()));
            }
            SnapshotItem::Exemplar(series, ExemplarRef { labels, timestamp_ms, value }) => {
                let want = exemplars.next().unwrap();
                assert_eq!((series.0, timestamp_ms), (want[0].as_u64().unwrap(), want[1].as_i64().unwrap()));
                assert_eq!(
                    (value.to_bits(), labels.to_owned()),
                    (json::float(&want[2]).to_bits(), json::labels(&want[3]))
                );
            }
        })
        .unwrap();
        assert_eq!((series.next(), exemplars.next()), (None, None), "{head}");
        // Prometheus takes them out of a map.
        let number = |item: &Value, at: usize| item[at].as_i64().unwrap();
        let mut want: Vec<_> =
            items(2).map(|item| (item[0].as_u64().unwrap(), number(item, 1), number(item, 2))).collect();
        want.sort_unstable();
        deletions.sort_unstable();
        assert_eq!(deletions, want, "{head}");
        assert!(!want.is_empty() && items(3).count() > 20, "{head}");
    }
}

#[test]
fn a_snapshot_of_prometheus_is_written_again_to_the_byte() {
    for head in HEADS {
        let test = "a_snapshot_of_prometheus_is_written_again_to_the_byte";
        let Some((dir, _)) = recorded(test, head) else { continue };
        let copy = tempfile::tempdir().unwrap();
        let place = LogPlace { segment: 2, offset_bytes: 32_768 };
        let writer = SnapshotWriter::create(&StdFs, copy.path(), place, Compression::Snappy, 128 << 20).unwrap();
        let writer = RefCell::new(writer);
        read_snapshot(&StdFs, &dir, |item| match item {
            SnapshotItem::Series(series) => writer.borrow_mut().series(&series).unwrap(),
            SnapshotItem::Deletion(deletion) => writer.borrow_mut().deletion(deletion),
            SnapshotItem::Exemplar(series, exemplar) => writer.borrow_mut().exemplar(series, exemplar),
        })
        .unwrap();
        writer.into_inner().publish().unwrap();
        let found = SnapshotDirs::find(&StdFs, copy.path()).unwrap().published.remove(0);
        assert_eq!((found.place, found.path.file_name()), (place, dir.file_name()));
        let segment = |dir: &Path| std::fs::read(dir.join("00000000")).unwrap();
        let (ours, theirs) = (segment(&found.path), segment(&dir));
        // Prometheus fills up the last page when it closes.
        let (written, padding) = theirs.split_at(ours.len());
        assert!(ours == written && padding.iter().all(|byte| *byte == 0), "{head}");
    }
}
