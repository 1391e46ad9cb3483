//! What a receiver of Thanos 0.42.4 was recorded to store, and data directories that it left.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "support/rig.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod rig;

use model::{HistogramLayout, HistogramRef, Labels, Numbers, ResetHint, STALE_NAN, Span};
use proto::Rejection;
use rig::{Rig, Sample, Stored, config};
use serde_json::Value;
use std::path::Path;
use testkit::SimFs;
use tsdb::fs::StdFs;

fn unhex(text: &Value) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_str().unwrap_or_default().as_bytes().chunks(2).map(digits).collect()
}

fn list(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

/// A series as recorded, without `without`.
fn series(recorded: &Value, without: &[&str]) -> (Labels, Vec<(i64, Sample)>) {
    let labels = list(&recorded["labels"]).iter().map(|label| (label[0].as_str().unwrap(), label[1].as_str().unwrap()));
    let labels = Labels::from_pairs(labels.filter(|(name, _)| !without.contains(name))).unwrap();
    let sample = |sample: &Value| {
        let at = sample[0].as_i64().unwrap();
        (at, if sample[1].is_object() { histogram(&sample[1]) } else { Sample::float(number(&sample[1])) })
    };
    (labels, list(&recorded["samples"]).iter().map(sample).collect())
}

fn number(text: &Value) -> f64 {
    match text.as_str().unwrap() {
        "StaleNaN" => STALE_NAN,
        "NaN" => f64::from_bits(0x7ff8_0000_0000_0001),
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        other => other.parse().unwrap(),
    }
}

fn histogram(of: &Value) -> Sample {
    let span = |span: &Value| Span {
        offset: i32::try_from(span[0].as_i64().unwrap()).unwrap(),
        length: u32::try_from(span[1].as_i64().unwrap()).unwrap(),
    };
    let spans = |name: &str| list(&of[name]).iter().map(span).collect::<Vec<_>>();
    let numbers = if of["kind"] == "int" { Numbers::Integer } else { Numbers::Float };
    let cell = |of: &Value| match numbers {
        Numbers::Integer => of.as_str().unwrap().parse().unwrap(),
        Numbers::Float => number(of).to_bits(),
    };
    let schema = i32::try_from(of["schema"].as_i64().unwrap()).unwrap();
    let bounds = list(&of["cv"]).iter().map(number).collect();
    let layout = HistogramLayout::new(schema, number(&of["zt"]), spans("ps"), spans("ns"), bounds).unwrap();
    let buckets = list(&of["pb"]).iter().chain(list(&of["nb"]));
    let cells: Vec<u64> = [&of["count"], &of["zc"]].into_iter().chain(buckets).map(cell).collect();
    let hint = ResetHint::from_number(of["hint"].as_u64().unwrap()).unwrap();
    Sample::histogram(HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum: number(&of["sum"]) })
}

/// Whether we store something else, and why.
fn stores_otherwise(case: &str) -> bool {
    match case {
        // More than ten minutes ahead.
        "far-future" | "one-hour-jump-then-old" => true,
        // Unsorted labels are sorted, invalid UTF-8 is refused.
        "labels-unsorted" | "partial-good-and-bad-labels" => true,
        "label-value-invalid-utf8" | "label-name-invalid-utf8" | "metric-name-invalid-utf8" => true,
        // Path, encoding and tenant are the router's business.
        _ if case.starts_with("tenant-odd") => true,
        "s2-block" => true,
        "wrong-path" | "method-get" | "method-put" | "replica-header--1" | "replica-header-abc" => true,
        "replica-header-18446744073709551616" => true,
        // A histogram finer than is kept is made coarser, as in Prometheus; Thanos 0.42 drops it.
        "histogram-schema-9" => true,
        // A body of 2.0 is told by its headers, which the router reads.
        _ => case.starts_with("v2-"),
    }
}

#[tokio::test]
async fn what_a_receiver_stores() {
    let Some(path) = testkit::golden("ingester what_a_receiver_stores", "receive-recorded/http-single.json") else {
        return;
    };
    let recorded: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut looked_at = 0;
    for case in list(&recorded["cases"]) {
        let name = case["name"].as_str().unwrap();
        if stores_otherwise(name) {
            continue;
        }
        let rig = Rig::open(&SimFs::new()).await;
        for step in list(&case["steps"]).iter().filter(|step| step["body_encoding"] == "snappy-block") {
            let body = unhex(&step["plain_hex"]);
            let Ok(_) = proto::count_rows(&body) else { continue };
            let outcome = rig.write("t", &body).await.unwrap();
            let dropped = matches!(name, "out-of-order-in-request" | "same-series-twice-reverse");
            // Thanos kept exemplars, and says nothing of invalid histograms.
            let exemplars = name.starts_with("exemplar-");
            let invalid = outcome.rejections.counts().any(|(why, _)| why == Rejection::InvalidHistogram);
            let conflicts = step["status"] == 409;
            // What has no label has no row, and is told by the router.
            if !dropped && !exemplars && !invalid && name != "labels-none" {
                assert_eq!(!outcome.rejections.is_empty(), conflicts, "{name}: {outcome:?}");
            }
        }
        let want: Stored = list(&case["stored_after"])
            .iter()
            .map(|recorded| series(recorded, &["receive_replica", "tenant_id"]))
            .collect();
        let stored = rig.stored().await.into_iter().map(|(labels, samples)| {
            let mut labels = labels.edit();
            labels.remove(b"replica");
            labels.remove(b"tenant_id");
            (labels.build().unwrap(), samples)
        });
        assert_eq!(stored.collect::<Stored>(), want, "{name}");
        looked_at += 1;
    }
    assert!(looked_at > 55, "{looked_at} cases");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            // Written anew: the recordings are read-only.
            false => std::fs::write(target, std::fs::read(entry.path()).unwrap()).unwrap(),
        }
    }
}

/// Opens what a receiver left, as often as twice; all samples in it are to be as recorded.
async fn open_directory_of_thanos(name: &str) {
    let root = format!("receive-recorded/{name}");
    let Some(recorded) = testkit::golden("ingester open_directory_of_thanos", &root) else { return };
    let expected = std::fs::read_to_string(recorded.with_extension("expected.jsonl")).unwrap();
    let expected = expected.lines().map(|line| series(&serde_json::from_str(line).unwrap(), &[]));
    let expected: Stored = expected.collect();
    assert!(expected.len() >= 9, "{} series", expected.len());
    let temp = tempfile::tempdir().unwrap();
    copy(&recorded, temp.path());
    let mut config = config();
    config.dir = temp.path().to_owned();
    config.external_labels = Labels::from_pairs([("region", "eu"), ("replica", "r0")]).unwrap();
    for _ in 0..2 {
        let rig = Rig::open_with(&StdFs, config.clone()).await;
        assert_eq!(rig.stored().await, expected);
        for tenant in ["default-tenant", "tenant-one", "tenant-two"] {
            for metric in ["gauntlet_damaged_files", "prometheus_tsdb_wal_corruptions_total"] {
                assert_eq!(rig.metric(&format!("{metric}{{tenant=\"{tenant}\"}}")), Some(0.0), "{metric}");
            }
        }
        rig.ingester.close().await;
    }
}

#[tokio::test]
async fn a_directory_after_sigterm() {
    open_directory_of_thanos("datadir-sigterm").await;
}

#[tokio::test]
async fn a_directory_after_sigkill() {
    open_directory_of_thanos("datadir-sigkill").await;
}
