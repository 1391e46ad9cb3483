//! Writes through an ingester on a simulated disk, and what is read back.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "writes/flood.rs"]
mod flood;
#[path = "support/rig.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod rig;
#[path = "writes/ship.rs"]
mod ship;
#[path = "writes/statistics.rs"]
mod statistics;

use futures::TryStreamExt;
use model::{MatchOp, Matcher, STALE_NAN, TenantId, TimeRange};
use proto::{Rejection, WriteError};
use rig::{NOW_MS, Pairs, Rig, body, config, dir, external, one, tenant};
use service::{Probes, Tasks};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use storeapi::{MetadataRequest, MetricSaid, SeriesBatch, SeriesFrame, SeriesRequest, Store};
use testkit::{Fault, Loss, SimFs};
use tsdb::fs::Fs;

const T: i64 = NOW_MS;
const UP: Pairs<'_> = &[("__name__", "up"), ("instance", "a"), ("job", "node")];

#[tokio::test]
async fn what_was_written_is_read_back_bit_by_bit() {
    let rig = Rig::open(&SimFs::new()).await;
    let samples = [
        (T, 1.0),
        (T + 1, -0.0),
        (T + 2, f64::INFINITY),
        (T + 3, f64::from_bits(0x7ff8_dead_beef_0001)),
        (T + 4, STALE_NAN),
    ];
    rig.writes("default-tenant", &body(&[(UP, &samples)]), 5).await;
    assert_eq!(rig.stored().await, one("default-tenant", UP, &samples));
}

#[tokio::test]
async fn a_repeat_is_accepted_and_stored_once() {
    let rig = Rig::open(&SimFs::new()).await;
    let request = body(&[(UP, &[(T, 1.0)]), (&[("__name__", "m")], &[(T, f64::NAN)])]);
    for _ in 0..3 {
        rig.writes("default-tenant", &request, 2).await;
    }
    assert_eq!(rig.stored().await.values().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test]
async fn labels_in_any_order_are_one_series() {
    let rig = Rig::open(&SimFs::new()).await;
    let orders: [Pairs<'_>; 3] = [UP, &[UP[2], UP[0], UP[1]], &[UP[1], UP[2], UP[0]]];
    for (step, labels) in (0..12).zip(orders.iter().cycle()) {
        rig.writes("default-tenant", &body(&[(labels, &[(T + step, 1.0)])]), 1).await;
    }
    let samples: Vec<_> = (0..12).map(|step| (T + step, 1.0)).collect();
    assert_eq!(rig.stored().await, one("default-tenant", UP, &samples));
    assert_eq!(rig.metric(r#"gauntlet_wire_cache_entries{tenant="default-tenant"}"#), Some(2.0));
    assert_eq!(rig.metric(r#"prometheus_tsdb_head_series{tenant="default-tenant"}"#), Some(1.0));
}

/// What senders say of a metric is told by the store, of each tenant's under its own labels.
#[tokio::test]
async fn what_is_said_of_metrics_is_told() {
    let field = |number: u8, message: &[u8]| [&[number << 3 | 2, message.len() as u8][..], message].concat();
    let said = |name: &str, kind: u8, help: &str| {
        let label = field(1, &[field(1, b"__name__"), field(2, name.as_bytes())].concat());
        let sample = field(2, &[&[0x09][..], &1f64.to_le_bytes(), &[0x10], &varint(T as u64)].concat());
        let said = field(15, &[&[0x08, kind][..], &field(4, help.as_bytes()), &field(5, b"s")].concat());
        field(1, &[label, sample, said].concat())
    };
    let rig = Rig::open(&SimFs::new()).await;
    rig.writes("a", &[said("m_bucket", 3, "of a"), said("m_sum", 3, "of a")].concat(), 2).await;
    rig.writes("b", &said("m", 3, "of b"), 1).await;
    let told = async |external: &[Matcher]| {
        let request = MetadataRequest { external: external.into(), ..MetadataRequest::default() };
        let answer = rig.app.store().metadata(request).await.unwrap();
        let text = |one: &MetricSaid| format!("{} {} {}", one.kind.as_str(), one.help, one.unit);
        let said = |(metric, said): (String, Vec<MetricSaid>)| (metric, said.iter().map(text).collect::<Vec<_>>());
        answer.metrics.into_iter().map(said).collect::<Vec<_>>()
    };
    let want = |said: &[&str]| vec![("m".to_owned(), said.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>())];
    assert_eq!(told(&[]).await, want(&["histogram of a s", "histogram of b s"]));
    let only_b = Matcher::new(MatchOp::Equal, "tenant_id", "b").unwrap();
    assert_eq!(told(&[only_b]).await, want(&["histogram of b s"]));
    assert!(rig.app.store().info().metadata);
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

#[tokio::test]
async fn the_valid_part_is_stored_and_the_rest_told() {
    let rig = Rig::open(&SimFs::new()).await;
    rig.writes("default-tenant", &body(&[(UP, &[(T, 1.0)])]), 1).await;
    let ahead: &[(i64, f64)] = &[(T + 600_000, 1.0), (T + 600_001, 1.0)];
    let request = body(&[
        (UP, &[(T - 1, 1.0), (T, 2.0), (T + 1, 1.0)]),
        (&[("__name__", "m"), ("__name__", "n")], &[(T, 1.0)]),
        (&[("__name__", "ahead")], ahead),
    ]);
    let outcome = rig.write("default-tenant", &request).await.unwrap();
    assert_eq!(outcome.samples_accepted, 2);
    let counts: Vec<_> = outcome.rejections.counts().collect();
    assert_eq!(
        counts,
        [
            (Rejection::OutOfOrder, 1),
            (Rejection::DuplicateTimestamp, 1),
            (Rejection::TooFarInFuture, 1),
            (Rejection::InvalidLabels, 1)
        ]
    );
    let mut want = one("default-tenant", UP, &[(T, 1.0), (T + 1, 1.0)]);
    want.extend(one("default-tenant", &[("__name__", "ahead")], &ahead[..1]));
    assert_eq!(rig.stored().await, want);
    for (series, value) in [
        (r#"prometheus_tsdb_head_samples_appended_total{tenant="default-tenant",type="float"}"#, 3.0),
        (r#"prometheus_tsdb_out_of_order_samples_total{tenant="default-tenant",type="float"}"#, 1.0),
        (r#"prometheus_tsdb_out_of_bound_samples_total{tenant="default-tenant",type="float"}"#, 1.0),
        (r#"prometheus_tsdb_head_series_created_total{tenant="default-tenant"}"#, 2.0),
    ] {
        assert_eq!(rig.metric(series), Some(value), "{series}");
    }
}

#[tokio::test]
async fn nothing_accepted_proves_nothing() {
    let rig = Rig::open(&SimFs::new()).await;
    let outcome = rig.write("default-tenant", &body(&[(UP, &[(i64::MAX, 1.0)])])).await.unwrap();
    assert!(outcome.durable.is_none());
    assert_eq!(outcome.rejections.total(), 1);
}

#[tokio::test]
async fn tenants_are_apart() {
    let fs = SimFs::new();
    let rig = Rig::open(&fs).await;
    rig.writes("a", &body(&[(UP, &[(T, 1.0)])]), 1).await;
    rig.writes("b c", &body(&[(UP, &[(T, 2.0)])]), 1).await;
    let mut want = one("a", UP, &[(T, 1.0)]);
    want.extend(one("b c", UP, &[(T, 2.0)]));
    assert_eq!(rig.stored().await, want);
    let names = |fs: &SimFs| fs.read_dir(&dir()).unwrap().into_iter().map(|entry| entry.name).collect::<Vec<_>>();
    assert_eq!(names(&fs), ["a", "b c", "default-tenant"]);
    let matcher = model::Matcher::new(model::MatchOp::Equal, "tenant_id", "a").unwrap();
    assert_eq!(rig.select(&[matcher]).await, one("a", UP, &[(T, 1.0)]));
}

#[tokio::test]
async fn a_hundred_first_writes_open_each_tenant_once() {
    let rig = Rig::open(&SimFs::new()).await;
    let names: Vec<String> = (0..20).map(|number| format!("t{number}")).collect();
    let request = body(&[(UP, &[(T, 1.0)])]);
    let writes = names.iter().cycle().take(100).map(|name| rig.write(name, &request));
    let outcomes = futures::future::join_all(writes).await;
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|outcome| outcome.samples_accepted == 1)));
    assert_eq!(rig.stored().await.len(), 20);
}

#[tokio::test]
async fn there_are_only_so_many_tenants() {
    let mut config = config();
    config.max_tenants = 2;
    let rig = Rig::open_with(&SimFs::new(), config).await;
    let request = body(&[(UP, &[(T, 1.0)])]);
    rig.writes("a", &request, 1).await;
    let refused = rig.write("b", &request).await.unwrap_err();
    assert!(matches!(refused, WriteError::TenantLimit { limit: 2 }), "{refused}");
    rig.writes("a", &request, 1).await;
    rig.writes("default-tenant", &request, 1).await;
}

#[tokio::test]
async fn there_are_only_so_many_series() {
    let mut config = config();
    config.max_series = 1;
    let rig = Rig::open_with(&SimFs::new(), config).await;
    rig.writes("default-tenant", &body(&[(UP, &[(T, 1.0)])]), 1).await;
    let request = body(&[(&[("__name__", "m")], &[(T, 1.0)]), (UP, &[(T + 1, 1.0)])]);
    let refused = rig.write("default-tenant", &request).await.unwrap_err();
    assert!(matches!(refused, WriteError::SeriesLimit { limit: 1 }), "{refused}");
    // What is known is stored, and stays so when the whole is sent again.
    assert_eq!(rig.stored().await, one("default-tenant", UP, &[(T, 1.0), (T + 1, 1.0)]));
}

#[tokio::test]
async fn malformed_labels_refuse_the_request() {
    let rig = Rig::open(&SimFs::new()).await;
    let refused = rig.write("default-tenant", &[0x0a, 6, 0x0a, 2, 0x08, 1, 0x12, 0]).await.unwrap_err();
    assert_eq!(refused.to_string(), "series 0 at byte 4: wrong wire type for the field");
}

// === the life of an ingester ===

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let fs = SimFs::new();
    let rig = Rig::open(&fs).await;
    rig.writes("default-tenant", &body(&[(UP, &[(T, 1.0)])]), 1).await;
    rig.writes("a", &body(&[(UP, &[(T, 2.0), (T + 1, 3.0)])]), 2).await;
    let rig = Rig::open(&fs.crash(Loss::All)).await;
    let mut want = one("default-tenant", UP, &[(T, 1.0)]);
    want.extend(one("a", UP, &[(T, 2.0), (T + 1, 3.0)]));
    assert_eq!(rig.stored().await, want);
    rig.writes("a", &body(&[(UP, &[(T + 1, 3.0), (T + 2, 4.0)])]), 2).await;
}

#[tokio::test]
async fn directories_that_are_no_tenants_are_left_alone() {
    let fs = SimFs::new();
    fs.create_dir_all(&dir().join("lost+found")).unwrap();
    fs.create_dir_all(&dir().join("a\\b")).unwrap();
    drop(fs.create_new(&dir().join("file")).unwrap());
    dir().ancestors().for_each(|dir| fs.sync_dir(dir).unwrap());
    let rig = Rig::open(&fs).await;
    assert_eq!(rig.metric(r#"prometheus_tsdb_head_series{tenant="default-tenant"}"#), Some(0.0));
    assert_eq!(rig.metric(r#"prometheus_tsdb_head_series{tenant="lost+found"}"#), None);
    // But one who calls himself so gets his data back.
    rig.writes("lost+found", &body(&[(UP, &[(T, 1.0)])]), 1).await;
    rig.ingester.close().await;
    let rig = Rig::open(&fs.crash(Loss::All)).await;
    assert_eq!(rig.stored().await, one("lost+found", UP, &[(T, 1.0)]));
}

#[tokio::test]
async fn a_directory_in_use_is_not_opened() {
    let fs = SimFs::new();
    let _rig = Rig::open(&fs).await;
    let second = Rig::closed(&fs, config());
    let refused = second.ingester.open().await.unwrap_err().to_string();
    assert!(refused.contains("/data/receive/default-tenant/lock: another process"), "{refused}");
    let refused = second.write("default-tenant", &body(&[(UP, &[(T, 1.0)])])).await.unwrap_err();
    assert!(matches!(refused, WriteError::NotReady(_)), "{refused}");
}

#[tokio::test]
async fn before_it_is_open_and_after_it_is_closed_nothing_is_taken() {
    let rig = Rig::closed(&SimFs::new(), config());
    let request = body(&[(UP, &[(T, 1.0)])]);
    let refused = rig.write("default-tenant", &request).await.unwrap_err();
    assert!(matches!(&refused, WriteError::NotReady(why) if why.starts_with("opening tenants")), "{refused}");
    rig.ingester.open().await.unwrap();
    rig.writes("default-tenant", &request, 1).await;
    rig.ingester.close().await;
    for name in ["default-tenant", "another"] {
        let refused = rig.write(name, &request).await.unwrap_err();
        assert!(matches!(&refused, WriteError::NotReady(why) if why == "shutting down"), "{refused}");
    }
}

#[tokio::test]
async fn a_log_that_fails_is_told_and_an_equal_retry_succeeds() {
    let fs = SimFs::new();
    let rig = Rig::open(&fs).await;
    let request = body(&[(UP, &[(T, 1.0)])]);
    rig.writes("default-tenant", &request, 1).await;
    let next = body(&[(UP, &[(T + 1, 2.0)])]);
    fs.fail(Fault {
        step: testkit::Step::SyncData,
        path_part: "wal".into(),
        skip: 0,
        times: 1,
        error: io::ErrorKind::Other,
        written_bytes: 0,
    });
    let refused = rig.write("default-tenant", &next).await.unwrap_err();
    assert!(matches!(refused, WriteError::LogFailed(_)), "{refused}");
    rig.writes("default-tenant", &next, 1).await;
    let rig = Rig::open(&fs.crash(Loss::All)).await;
    assert_eq!(rig.stored().await, one("default-tenant", UP, &[(T, 1.0), (T + 1, 2.0)]));
}

/// Runs the task of `rig` while `story` goes on, until it is told to stop; returns who failed.
async fn run<Story: Future<Output = ()>>(rig: Rig, probes: &Probes, story: Story) -> Vec<String> {
    let mut tasks = Tasks::new(probes.clone());
    rig.app.start(&mut tasks, probes.part("ingester"));
    let done = tokio::sync::Notify::new();
    let told = async || {
        done.notified().await;
        "told"
    };
    let story = async {
        story.await;
        done.notify_one();
        std::future::pending().await
    };
    let failures = tokio::select! {
        failures = tasks.run(told, Duration::from_secs(10)) => failures,
        () = story => Vec::new(),
    };
    failures.iter().map(ToString::to_string).collect()
}

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    for _ in 0..1000 {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not in five seconds: {what}");
}

#[tokio::test]
async fn the_task_opens_watches_the_disk_and_closes() {
    let fs = SimFs::new();
    let rig = Rig::closed(&fs, config());
    let probes = Probes::new("receive", &rig.registry);
    let (ingester, store) = (Arc::clone(&rig.ingester), rig.app.store());
    let request = rig.batch(&body(&[(UP, &[(T, 1.0)])]));
    let id: TenantId = tenant("default-tenant");
    let write = async || proto::WriteTarget::write(&*ingester, &id, request.clone()).await;
    let failures = run(rig, &probes, async {
        until("ready", async || probes.not_ready_because().is_none()).await;
        write().await.unwrap();
        fs.set_capacity_bytes(Some(0));
        until("refused", async || matches!(write().await, Err(WriteError::DiskFull { floor_bytes: 1000 }))).await;
        // Reads go on.
        assert!(store.info().time_range.is_some());
        fs.set_capacity_bytes(None);
        until("taken again", async || write().await.is_ok()).await;
    });
    assert_eq!(failures.await, [""; 0]);
    assert!(matches!(write().await, Err(WriteError::NotReady(_))));
    // Whoever had a part in it is gone, and the lock is free again.
    drop((ingester, store));
    drop(fs.lock(Path::new("/data/receive/default-tenant/lock")).unwrap());
}

#[tokio::test]
async fn a_start_that_fails_ends_the_task_with_the_cause() {
    let fs = SimFs::new();
    let _first = Rig::open(&fs).await;
    let rig = Rig::closed(&fs, config());
    let probes = Probes::new("receive", &rig.registry);
    let failures = run(rig, &probes, tokio::time::sleep(Duration::from_secs(5))).await;
    assert!(
        failures.len() == 1 && failures[0].contains("/data/receive/default-tenant/lock: another process"),
        "{failures:?}"
    );
}

#[tokio::test]
async fn upkeep_cuts_blocks_and_the_answers_stay() {
    let fs = SimFs::new();
    let rig = Rig::open(&fs).await;
    let step_ms = 600_000;
    let samples: Vec<_> = (-36..=0).map(|step| (T + step * step_ms, step as f64)).collect();
    for sample in &samples {
        rig.writes("default-tenant", &body(&[(UP, &[*sample])]), 1).await;
    }
    let before = rig.stored().await;
    assert_eq!(before, one("default-tenant", UP, &samples));
    rig.ingester.maintain().await;
    assert!(rig.metric(r#"prometheus_tsdb_blocks_loaded{tenant="default-tenant"}"#) >= Some(1.0));
    assert!(rig.metric(r#"prometheus_tsdb_compactions_total{tenant="default-tenant"}"#) >= Some(1.0));
    assert_eq!(rig.metric(r#"prometheus_tsdb_compactions_failed_total{tenant="default-tenant"}"#), Some(0.0));
    assert_eq!(rig.stored().await, before);
    let rig = Rig::open(&fs.crash(Loss::All)).await;
    assert_eq!(rig.stored().await, before);
}

/// A body that says on which thread it was dropped.
struct Traced(Vec<u8>, Arc<parking_lot::Mutex<Option<std::thread::ThreadId>>>);

impl AsRef<[u8]> for Traced {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        *self.1.lock() = Some(std::thread::current().id());
    }
}

/// Many series, or a large body, would hold up everything else on the thread.
#[tokio::test]
async fn large_batches_are_appended_on_another_thread() {
    let rig = Rig::open(&SimFs::new()).await;
    // A field that nobody knows makes up the size.
    let of_size = |series: usize, bytes: usize| {
        let names: Vec<_> = (0..series).map(|number| format!("m{number}")).collect();
        let labels: Vec<_> = names.iter().map(|name| [("__name__", name.as_str())]).collect();
        let mut request = body(&labels.iter().map(|labels| (&labels[..], &[(T, 1.0)][..])).collect::<Vec<_>>());
        if let Some(rest @ 5..) = bytes.checked_sub(request.len()) {
            request.push(0x7a);
            let size = rest - 5;
            request
                .extend([0, 7, 14, 21].map(|shift| (size >> shift) as u8 & 0x7f | if shift < 21 { 0x80 } else { 0 }));
            request.resize(bytes, 0);
        }
        request
    };
    for (series, bytes, elsewhere) in
        [(1, 0, false), (4096, 0, false), (4097, 0, true), (1, 1 << 20, false), (1, (1 << 20) + 1, true)]
    {
        let request = of_size(series, bytes);
        assert!(bytes == 0 || request.len() == bytes);
        let (mut batch, dropped) = (rig.batch(&request), Arc::default());
        batch.body = bytes::Bytes::from_owner(Traced(request, Arc::clone(&dropped)));
        proto::WriteTarget::write(&*rig.ingester, &tenant("default-tenant"), batch).await.unwrap();
        let dropped = dropped.lock().unwrap();
        assert_eq!(dropped != std::thread::current().id(), elsewhere, "{series} series, {bytes} bytes");
    }
}

#[tokio::test]
async fn instant_selectors_are_answered_by_the_heads_alone_where_no_block_has_a_part() {
    let fs = SimFs::new();
    let rig = Rig::open(&fs).await;
    let step_ms = 600_000;
    for step in -36..=0 {
        rig.writes("one", &body(&[(UP, &[(T + step * step_ms, step as f64)])]), 1).await;
    }
    rig.writes("two", &body(&[(UP, &[(T - 1, 7.0)])]), 1).await;
    rig.ingester.maintain().await;
    let newest = async |lookback_ms| {
        let mut request = SeriesRequest::new(&[][..], TimeRange::new(T - lookback_ms, T).unwrap());
        request.hints.newest_only = true;
        let frames: Vec<_> = rig.app.store().series(request).try_collect().await.unwrap();
        let [SeriesFrame::Series(SeriesBatch::Columns(batch))] = frames.as_slice() else { return None };
        let sample = |at: usize| (batch.samples().timestamps_ms[at], batch.samples().values[at]);
        Some(batch.iter().map(|(labels, range)| (labels.to_owned(), sample(range.start))).collect::<Vec<_>>())
    };
    let expected = [(external("one", UP), (T, 0.0)), (external("two", UP), (T - 1, 7.0))];
    assert_eq!(newest(300_000).await.as_deref(), Some(&expected[..]));
    assert_eq!(newest(36 * step_ms).await, None, "a block may hold the newest sample of a series");
}
