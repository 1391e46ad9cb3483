//! What opening finds damaged is set aside, told in metrics, and concerns one tenant alone.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "support/rig.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod rig;

use rig::{NOW_MS, Rig, body, config};
use std::path::{Path, PathBuf};
use testkit::{Loss, SimFs};
use tsdb::fs::Fs;

fn metric(rig: &Rig, name: &str, tenant: &str) -> f64 {
    rig.metric(&format!("{name}{{tenant=\"{tenant}\"}}")).unwrap_or_else(|| panic!("no {name} of {tenant}"))
}

fn wal(tenant: &str) -> PathBuf {
    config().dir.join(tenant).join("wal")
}

/// The disk after two tenants wrote ten samples each, a segment a life.
async fn written() -> SimFs {
    let mut fs = SimFs::new();
    for life in 0..2 {
        let rig = Rig::open(&fs).await;
        for at in 0..5 {
            let samples = [(NOW_MS + life * 100 + at, 1.0)];
            for tenant in ["one", "two"] {
                rig.writes(tenant, &body(&[(&[("__name__", "up")], &samples)]), 1).await;
            }
        }
        fs = fs.crash(Loss::All);
    }
    fs
}

fn segments(fs: &SimFs, dir: &Path) -> Vec<PathBuf> {
    fs.read_dir(dir).unwrap().into_iter().filter(|entry| entry.size_bytes > 0).map(|entry| entry.path).collect()
}

#[tokio::test]
async fn w08_a_damaged_log_is_told_of_its_tenant_and_others_are_as_before() {
    let fs = written().await;
    let first = segments(&fs, &wal("one"))[0].clone();
    let mut bytes = fs.read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs.plant(&first, &bytes).unwrap();
    let rig = Rig::open(&fs).await;
    assert_eq!(metric(&rig, "prometheus_tsdb_wal_corruptions_total", "one"), 1.0);
    assert_eq!(metric(&rig, "gauntlet_damaged_files", "one"), 1.0);
    assert_eq!(metric(&rig, "gauntlet_set_aside_bytes", "one"), bytes.len() as f64);
    for name in ["prometheus_tsdb_wal_corruptions_total", "gauntlet_damaged_files", "gauntlet_set_aside_bytes"] {
        assert_eq!(metric(&rig, name, "two"), 0.0, "{name}");
    }
    let counts: Vec<_> = rig.stored().await.values().map(Vec::len).collect();
    assert!(counts.len() == 2 && counts[0] >= 9 && counts[1] == 10, "{counts:?}");
}

#[tokio::test]
async fn a_segment_that_is_not_there_is_told_and_so_are_samples_without_a_series() {
    let fs = written().await;
    fs.remove_file(&segments(&fs, &wal("one"))[0]).unwrap();
    let rig = Rig::open(&fs).await;
    assert_eq!(metric(&rig, "gauntlet_wal_missing_segments", "one"), 1.0);
    assert_eq!(metric(&rig, "gauntlet_replay_orphan_samples", "one"), 5.0);
    assert_eq!(metric(&rig, "gauntlet_wal_missing_segments", "two"), 0.0);
    assert_eq!(metric(&rig, "gauntlet_replay_orphan_samples", "two"), 0.0);
}
