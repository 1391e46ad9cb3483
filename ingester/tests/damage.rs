//! What opening finds damaged is set aside, told in metrics, and concerns one tenant alone.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "support/rig.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod rig;

use futures::StreamExt;
use model::{MatchOp, Matcher, TimeRange};
use proto::WriteError;
use rig::{NOW_MS, Rig, body, config};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storeapi::{LabelsRequest, PartialResponse, SeriesFrame, SeriesRequest, Store, StoreError};
use testkit::{Fault, Loss, SimFs, Step};
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

/// No directory with `path_part` in its path can be synced any more, as opening needs.
fn refuse(fs: &SimFs, path_part: &str) {
    let (path_part, error) = (path_part.to_owned(), ErrorKind::PermissionDenied);
    fs.fail(Fault { step: Step::SyncDir, path_part, skip: 0, times: u32::MAX, error, written_bytes: 0 });
}

/// What is said besides series when samples of `tenant` are asked for; or the error.
async fn warnings(rig: &Rig, tenant: &str, partial: PartialResponse) -> Result<Vec<String>, StoreError> {
    let matchers = [Matcher::new(MatchOp::Equal, "tenant_id", tenant).unwrap()];
    let mut frames =
        rig.app.store().series(SeriesRequest { partial, ..SeriesRequest::new(&matchers[..], TimeRange::ALL) });
    let mut warnings = Vec::new();
    while let Some(frame) = frames.next().await {
        warnings.extend(match frame? {
            SeriesFrame::Warning(text) => Some(text),
            SeriesFrame::Series(_) => None,
        });
    }
    Ok(warnings)
}

#[tokio::test]
async fn w08_a_tenant_that_cannot_be_opened_keeps_no_other_and_comes_back() {
    let fs = written().await;
    refuse(&fs, "/receive/one");
    let rig = Rig::open(&fs).await;
    let request = body(&[(&[("__name__", "up")], &[(NOW_MS + 1000, 1.0)])]);
    rig.writes("two", &request, 1).await;
    let told = |refused: &WriteError| matches!(refused, WriteError::NotReady(why) if why.contains("/receive/one: "));
    let refused = rig.write("one", &request).await.unwrap_err();
    assert!(told(&refused), "{refused}");
    assert_eq!(
        (metric(&rig, "gauntlet_tenant_not_open", "one"), metric(&rig, "gauntlet_tenant_not_open", "two")),
        (1.0, 0.0)
    );

    // Answers that it has no part in are whole; others say what they lack, or are none.
    let (warn, abort) = (PartialResponse::Warn, PartialResponse::Abort);
    assert_eq!(warnings(&rig, "two", abort).await, Ok(Vec::new()));
    let said = warnings(&rig, "one", warn).await.unwrap();
    assert!(said.len() == 1 && said[0].starts_with("tenant one is missing: /data/receive/one: "), "{said:?}");
    assert!(matches!(warnings(&rig, "one", abort).await, Err(StoreError::Unavailable { .. })));
    let names = LabelsRequest::new(Arc::default(), TimeRange::ALL);
    assert_eq!(rig.app.store().label_names(names.clone()).await.unwrap().warnings, said);
    assert_eq!(rig.app.store().label_values(b"job".to_vec(), names).await.unwrap().warnings, said);
    let advertised =
        rig.app.store().info().label_sets.iter().filter(|set| set.get(b"tenant_id") == Some(b"one")).count();
    assert_eq!(advertised, 1, "who does not ask is not told");
    assert!(rig.ingester.back_up(&rig::tenant("one"), true).await.is_err());

    // Not with every write: its log may be long.
    fs.heal();
    assert!(told(&rig.write("one", &request).await.unwrap_err()));
    rig.clock.set(NOW_MS + 5_000);
    rig.ingester.maintain().await;
    assert_eq!(metric(&rig, "gauntlet_tenant_not_open", "one"), 0.0);
    assert_eq!(warnings(&rig, "one", abort).await, Ok(Vec::new()));
    rig.writes("one", &request, 1).await;
    assert_eq!(rig.stored().await.values().map(Vec::len).collect::<Vec<_>>(), [11, 11]);
}

#[tokio::test]
async fn where_no_tenant_can_be_opened_there_is_no_start() {
    let fs = written().await;
    refuse(&fs, "/receive");
    let rig = Rig::closed(&fs, config());
    let refused = rig.ingester.open().await.unwrap_err().to_string();
    assert!(refused.contains("/data/receive/") && refused.contains("permission denied"), "{refused}");
}
