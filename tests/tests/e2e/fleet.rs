//! The fleet as separate processes: it goes on while one is down, ships what it holds, and answers the same before and after.

use crate::write_and_query::now_ms;
use e2e::{Fleet, Process, Series, Topology, binary, client};
use serde_json::Value;
use std::process::Command;

/// Ten series that count up, a sample each 15 s for `minutes` until `end_ms`.
pub(crate) fn counters(name: &str, end_ms: i64, minutes: i64) -> Vec<Series> {
    let steps = minutes * 4;
    (0..10_i32)
        .map(|number| {
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            let samples: Vec<_> =
                (0..=steps).map(|step| (end_ms - (steps - step) * 15_000, f64::from(number) + step as f64)).collect();
            Series::new(name, &[("instance", &format!("i{number}"))], &samples)
        })
        .collect()
}

/// What a querier of two tenants is asked: plain, by tenant, over a range.
pub(crate) async fn answers(fleet: &Fleet, now_ms: i64) -> Vec<Vec<Value>> {
    let mut answers = Vec::new();
    for expression in [
        "requests_total",
        "sum by (tenant_id) (requests_total)",
        "sum by (tenant_id, instance) (rate(requests_total[5m]))",
        "count_over_time(requests_total{tenant_id=\"a\"}[1h])",
        "requests_total{tenant_id=\"b\"} offset 20m",
    ] {
        answers.push(fleet.answer(expression, now_ms).await);
    }
    answers
}

pub(crate) async fn write_both(fleet: &Fleet, now_ms: i64) {
    for tenant in ["a", "b"] {
        let written = fleet.write(tenant, &counters("requests_total", now_ms, 60)).await;
        assert_eq!(written.status, 200, "{written:?}");
    }
    fleet.until_found("requests_total", now_ms, 20).await;
}

#[tokio::test]
async fn one_ingester_down_stops_neither_writes_nor_queries_two_down_stop_writes() {
    let dir = tempfile::tempdir().unwrap();
    let now_ms = now_ms();
    let mut fleet = Fleet::start(dir.path(), Topology::three()).await;
    write_both(&fleet, now_ms).await;
    let before = answers(&fleet, now_ms).await;
    assert_eq!(before[0].len(), 20, "ten series of each tenant, once: {:?}", before[0]);
    assert_eq!(before[0][0]["metric"]["tenant_id"], "a");
    assert_eq!(before[0][0]["metric"]["replica"], Value::Null, "replicas became one");

    fleet.kill(1);
    let written = fleet.write("a", &[Series::new("later", &[], &[(now_ms, 7.0)])]).await;
    assert_eq!(written.status, 200, "two of three are a quorum: {written:?}");
    assert_eq!(answers(&fleet, now_ms).await, before);
    assert_eq!(fleet.answer("later", now_ms).await[0]["value"][1], "7");

    fleet.kill(2);
    let refused = fleet.write("a", &[Series::new("never", &[], &[(now_ms, 7.0)])]).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(!refused.header("retry-after").is_empty(), "{refused:?}");

    fleet.start_ingester(1).await;
    // The router leaves a node that it did not reach alone for a while.
    fleet.until_written("a", &[Series::new("again", &[], &[(now_ms, 7.0)])]).await;
}

#[tokio::test]
async fn an_answer_from_the_bucket_equals_the_one_before_shipping() {
    let dir = tempfile::tempdir().unwrap();
    let now_ms = now_ms();
    let mut fleet = Fleet::start(dir.path(), Topology::three()).await;
    write_both(&fleet, now_ms).await;
    let before = answers(&fleet, now_ms).await;

    // All of it goes to the bucket, then newer samples into heads.
    for number in 0..3 {
        fleet.stop(number);
    }
    let shipped = fleet.blocks().len();
    assert!(shipped >= 6, "a block of each tenant of each ingester: {shipped}");
    Fleet::until(&fleet.store, "thanos_bucket_store_blocks_loaded", |loaded| loaded >= shipped as f64).await;
    std::fs::remove_dir_all(dir.path().join("ingester-0")).unwrap();
    std::fs::remove_dir_all(dir.path().join("ingester-1")).unwrap();
    std::fs::remove_dir_all(dir.path().join("ingester-2")).unwrap();
    for number in 0..3 {
        fleet.start_ingester(number).await;
    }
    fleet.until_the_querier_knows(4).await;
    assert_eq!(answers(&fleet, now_ms).await, before, "from the bucket alone");

    let later_ms = now_ms + 60_000;
    let newer = Series::new("requests_total", &[("instance", "i0")], &[(later_ms, 300.0)]);
    fleet.until_written("a", &[newer]).await;
    fleet.until_found("requests_total == 300", later_ms, 1).await;
    let spans = fleet.answer("count_over_time(requests_total{tenant_id=\"a\",instance=\"i0\"}[2h])", later_ms).await;
    assert_eq!(spans[0]["value"][1], "242", "241 from the bucket and one from heads: {spans:?}");
}

#[tokio::test]
async fn blocks_that_are_shipped_pass_promtool() {
    if !crate::prometheus::is_there("promtool") {
        return testkit::skip("e2e blocks_that_are_shipped_pass_promtool", "promtool", "not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let mut fleet = Fleet::start(dir.path(), Topology { ingesters: 1, replication: 1, ..Topology::three() }).await;
    write_both(&fleet, now_ms()).await;
    fleet.stop(0);
    let blocks = fleet.blocks();
    assert!(blocks.len() >= 2, "{blocks:?}");
    for block in blocks {
        let meta: Value = serde_json::from_slice(&std::fs::read(block.join("meta.json")).unwrap()).unwrap();
        let labels = &meta["thanos"]["labels"];
        assert_eq!(labels["replica"], "ingester-0", "{meta}");
        assert!(labels["tenant_id"] == "a" || labels["tenant_id"] == "b", "{meta}");
        assert_eq!(meta["thanos"]["source"], "receive", "{meta}");
        let name = block.file_name().unwrap();
        let analyzed =
            Command::new("promtool").args(["tsdb", "analyze"]).arg(fleet.bucket()).arg(name).output().unwrap();
        let told = String::from_utf8_lossy(&analyzed.stdout);
        assert!(analyzed.status.success() && told.contains("\nSeries: 10\n"), "{analyzed:?}");
    }
}

#[tokio::test]
async fn names_of_tenants_that_leave_their_directory_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = Fleet::start(dir.path(), Topology { ingesters: 1, replication: 1, ..Topology::three() }).await;
    let long = "x".repeat(300);
    for tenant in ["..", ".", "a/b", "/", "a/../b", long.as_str()] {
        let refused = fleet.write(tenant, &[Series::new("up", &[], &[(now_ms(), 1.0)])]).await;
        assert_eq!(refused.status, 400, "{tenant:?}: {refused:?}");
        let ingester = fleet.ingesters[0].as_ref().unwrap();
        let body = e2e::body(&[Series::new("up", &[], &[(now_ms(), 1.0)])]);
        let straight = ingester.write_request("/api/v1/receive", body).header("thanos-tenant", tenant);
        let refused = ingester.send(straight).await;
        assert_eq!(refused.status, 400, "{tenant:?}: {refused:?}");
    }
}

#[tokio::test]
async fn the_demo_tells_its_addresses_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command.args(["tools", "demo"]).arg(format!("--dir={}", dir.path().display()));
    let mut process = Process::start_and_hear_all(&mut command);
    let query = process.hear(|line| line.trim().strip_prefix("query")?.split_whitespace().next().map(str::to_owned));
    let ready = client().get(format!("{query}/-/ready"));
    assert_eq!(ready.send().await.unwrap().status(), 200);
    process.signal(rustix::process::Signal::INT);
    assert_eq!(process.ended().code(), Some(0));
    let gone = client().get(format!("{query}/-/ready")).send().await;
    assert!(gone.is_err(), "{gone:?}");
}
