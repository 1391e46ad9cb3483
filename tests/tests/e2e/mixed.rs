//! Fleets in which a Thanos stands in for one of ours. `$THANOS` names its program; without it there is nothing to mix.

use crate::fleet::{answers, write_both};
use crate::write_and_query::now_ms;
use e2e::{Fleet, Programs, Topology};
use std::path::PathBuf;
use tempfile::TempDir;

/// What both tenants' series are answered by `programs`; `None` if there is no Thanos.
async fn answered(test: &str, programs: impl Fn(Programs, PathBuf) -> Programs) -> Option<(TempDir, Fleet)> {
    let Some(thanos) = std::env::var_os("THANOS").map(PathBuf::from) else {
        testkit::skip(test, "thanos", "$THANOS is not set");
        return None;
    };
    let dir = tempfile::tempdir().unwrap();
    let now_ms = now_ms();
    let fleet = Fleet::of(dir.path(), Topology::three(), programs(Programs::default(), thanos)).await;
    write_both(&fleet, now_ms).await;
    let got = answers(&fleet, now_ms).await;
    let lengths: Vec<_> = got.iter().map(Vec::len).collect();
    assert_eq!(lengths, [20, 2, 20, 10, 10], "{got:?}");
    // The samples of an hour, whoever took them and whoever was asked.
    assert!(got[3].iter().all(|series| series["value"][1] == "240"), "{:?}", got[3]);
    Some((dir, fleet))
}

#[tokio::test]
async fn a_thanos_querier_asks_our_ingesters_and_store() {
    let test = "e2e a_thanos_querier_asks_our_ingesters_and_store";
    answered(test, |ours, thanos| Programs { query: thanos, ..ours }).await;
}

#[tokio::test]
async fn a_thanos_router_writes_to_our_ingesters() {
    let test = "e2e a_thanos_router_writes_to_our_ingesters";
    answered(test, |ours, thanos| Programs { router: thanos, ..ours }).await;
}

#[tokio::test]
async fn our_router_and_querier_stand_over_thanos_ingesters() {
    let test = "e2e our_router_and_querier_stand_over_thanos_ingesters";
    answered(test, |ours, thanos| Programs { ingester: thanos, ..ours }).await;
}

#[tokio::test]
async fn a_thanos_store_serves_what_our_ingesters_shipped() {
    let test = "e2e a_thanos_store_serves_what_our_ingesters_shipped";
    let Some((_dir, mut fleet)) = answered(test, |ours, thanos| Programs { store: thanos, ..ours }).await else {
        return;
    };
    let now_ms = now_ms();
    for number in 0..3 {
        fleet.stop(number);
    }
    let count = "count(count_over_time(requests_total[2h]))";
    fleet.until_found("requests_total offset 10m", now_ms, 20).await;
    assert_eq!(fleet.answer(count, now_ms).await[0]["value"][1], "20");
}
